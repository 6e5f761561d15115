#!/usr/bin/env bash
# The AWS endpoint with the AWS SDK for JavaScript v3, as it comes from npm (tests/clients/javascript). It is installed
# in the build folder and stays there for the next time.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

for program in node npm; do
  command -v "$program" >/dev/null || skip "$program is not installed (deploy/install-packages.sh --tests)"
done

# Modules are looked for beside the program that imports them, so the programs go to the modules.
mkdir -p "$build/javascript"
programs=$(cd "$build/javascript" && pwd)
cp "$root"/tests/clients/javascript/* "$programs"
npm_here() {
  (cd "$programs" && npm "$@" --cache "$programs/npm-cache" --ignore-scripts --no-audit --no-fund --no-update-notifier \
    --fetch-retries 1 --fetch-timeout 60000 2>&1)
}
if ! cmp -s "$programs/package-lock.json" "$programs/installed"; then
  answer=$(npm_here ci) || { sleep 2; answer=$(npm_here ci); } || {
    if pong=$(npm_here ping); then fail "npm ci failed, though the registry can be reached:" "$answer"; fi
    why=$(sed -n 's/^npm \(error\|ERR!\) code //p' <<<"$pong")
    skip "the registry of npm, where the SDK is from, cannot be reached (${why:-no code})"
  }
  cp "$programs/package-lock.json" "$programs/installed"
fi

bring_up
printf 'value' | coffer put javascript/a >/dev/null
coffer iam create-role --role-name app --assume-role-policy-document \
  '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/demo"},"Action":"sts:AssumeRole"}]}' >/dev/null
coffer iam attach-role-policy --role-name app --policy-arn arn:aws:iam::aws:policy/SecretsManagerReadWrite

# What docs/aws-clients.md says that this SDK reads, and nothing else of the environment or of the caller's files.
plain() {
  env -u AWS_ENDPOINT_URL -u AWS_CA_BUNDLE -u AWS_DEFAULT_REGION -u AWS_REGION -u NODE_EXTRA_CA_CERTS \
    AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null "$@"
}
region=$AWS_DEFAULT_REGION
authority=$AWS_CA_BUNDLE
life() { plain "$@" node --no-warnings "$programs/life.js" javascript; }

expect_contains "a secret's life" "took a secret through its life" \
  "$(life AWS_REGION="$region" NODE_EXTRA_CA_CERTS="$authority")"
expect_contains "a role" "assumed a role" \
  "$(plain AWS_REGION="$region" NODE_EXTRA_CA_CERTS="$authority" \
    node --no-warnings "$programs/role.js" arn:aws:iam::111122223333:role/app javascript/a)"
expect_refused "the authority is not that of AWS_CA_BUNDLE" "self-signed certificate in certificate chain" \
  life AWS_REGION="$region" AWS_CA_BUNDLE="$authority"
expect_refused "nor the region that of AWS_DEFAULT_REGION" "Region is missing" \
  life AWS_DEFAULT_REGION="$region" NODE_EXTRA_CA_CERTS="$authority"
expect_refused "another region" "Credential should be scoped to a valid region, not 'eu-west-1'" \
  life AWS_REGION=eu-west-1 NODE_EXTRA_CA_CERTS="$authority"

printf '[profile app]\nregion = %s\nservices = coffer\ncredential_process = coffer aws-credentials --role-arn %s\n' \
  "$region" arn:aws:iam::111122223333:role/app >"$work/aws-config"
printf '[services coffer]\nsecrets_manager =\n  endpoint_url = %s\nsts =\n  endpoint_url = %s\n' \
  "$AWS_ENDPOINT_URL_SECRETS_MANAGER" "$AWS_ENDPOINT_URL_STS" >>"$work/aws-config"
coffer iam update-assume-role-policy --role-name app --policy-document \
  '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/admin"},"Action":"sts:AssumeRole"}]}'
expect_contains "a profile with a client certificate in place of keys" "assumed-role/app/coffer" "$(
  unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_ENDPOINT_URL_STS
  cd "$programs"
  plain AWS_CONFIG_FILE="$work/aws-config" AWS_PROFILE=app NODE_EXTRA_CA_CERTS="$authority" \
    node --no-warnings --input-type=module \
    --eval 'import { STS } from "@aws-sdk/client-sts"; console.log((await new STS().getCallerIdentity({})).Arn);')"

# The token of an identity provider, as pods have it: the two variables, and no key.
issuer=https://kubernetes.default.svc.cluster.local
web_token() { /usr/bin/python3 "$root/tests/clients/web_token.py" "$@"; }
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/cluster.pem" 2>/dev/null
web_token keys "$work/cluster.pem=node" >"$work/cluster.json"
chmod 644 "$work/cluster.json"
printf '\n[[oidc_provider]]\nissuer = "%s"\naudiences = "sts.amazonaws.com"\njwks_file = "%s"\n' "$issuer" "$work/cluster.json" \
  >>"$state/etc/cofferd.toml"
appliance restart >/dev/null
coffer iam update-assume-role-policy --role-name app --policy-document \
  "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Federated\":\"arn:aws:iam::111122223333:oidc-provider/${issuer#https://}\"},\"Action\":\"sts:AssumeRoleWithWebIdentity\",\"Condition\":{\"StringEquals\":{\"${issuer#https://}:sub\":\"system:serviceaccount:shop:web\"}}}]}"
web_token token "$work/cluster.pem" node \
  "{\"iss\":\"$issuer\",\"sub\":\"system:serviceaccount:shop:web\",\"aud\":[\"sts.amazonaws.com\"],\"exp\":$(($(date +%s) + 3600))}" >"$work/token"
expect_contains "a pod's token" "value arn:aws:sts::111122223333:assumed-role/app/" "$(
  cd "$programs"
  plain env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY AWS_REGION="$region" NODE_EXTRA_CA_CERTS="$authority" \
    AWS_ROLE_ARN=arn:aws:iam::111122223333:role/app AWS_WEB_IDENTITY_TOKEN_FILE="$work/token" \
    node --no-warnings --input-type=module --eval '
      import { SecretsManager } from "@aws-sdk/client-secrets-manager";
      import { STS } from "@aws-sdk/client-sts";
      const read = await new SecretsManager().getSecretValue({ SecretId: "javascript/a" });
      console.log(read.SecretString, (await new STS().getCallerIdentity({})).Arn);')"
