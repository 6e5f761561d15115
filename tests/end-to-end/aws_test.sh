#!/usr/bin/env bash
# The AWS endpoint with real clients: Debian's AWS CLI and boto3, as they are.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

[ -x /usr/bin/aws ] || skip "Debian's awscli is not installed (deploy/install-packages.sh --tests)"
/usr/bin/python3 -c 'import boto3' 2>/dev/null || skip "Debian's python3-boto3 is not installed (deploy/install-packages.sh --tests)"

bring_up
clients="$root/tests/clients"
export AWS_PAGER='' AWS_EC2_METADATA_DISABLED=true
sm() { /usr/bin/aws --endpoint-url "$AWS_ENDPOINT_URL_SECRETS_MANAGER" secretsmanager "$@"; }
sts() { /usr/bin/aws --endpoint-url "$AWS_ENDPOINT_URL_STS" sts "$@"; }

# ---- the AWS CLI ---------------------------------------------------------------------------------------------

expect_contains "create" '"Name": "aws/a"' "$(sm create-secret --name aws/a --secret-string s3cret)"
expect_equal "read" s3cret "$(sm get-secret-value --secret-id aws/a --query SecretString --output text)"
expect_equal "what AWS's clients wrote, coffer reads" s3cret "$(coffer get aws/a)"
printf 'second' | coffer put aws/a >/dev/null
expect_equal "and the reverse" second "$(sm get-secret-value --secret-id aws/a --query SecretString --output text)"
expect_equal "the version before" s3cret \
  "$(sm get-secret-value --secret-id aws/a --version-stage AWSPREVIOUS --query SecretString --output text)"
expect_contains "list" aws/a "$(sm list-secrets --filters Key=name,Values=aws/ --query 'SecretList[].Name' --output text)"
expect_refused "not found, in AWS's words" \
  "An error occurred (ResourceNotFoundException) when calling the GetSecretValue operation: Secrets Manager can't find the specified secret." \
  sm get-secret-value --secret-id aws/none
expect_contains "who one is" "arn:aws:iam::111122223333:user/demo" "$(sts get-caller-identity)"

# A secret's life. Debian 12's AWS CLI is older than the batch read; boto3_life.py asks for one by a signed request.
arn=$(sm create-secret --name life/a --description first --secret-string one --tags Key=team,Value=a --query ARN --output text)
second=$(sm put-secret-value --secret-id life/a --secret-string two --query VersionId --output text)
expect_equal "a new version" two "$(sm get-secret-value --secret-id "$arn" --query SecretString --output text)"
first=$(sm get-secret-value --secret-id life/a --version-stage AWSPREVIOUS --query VersionId --output text)
sm update-secret-version-stage --secret-id life/a --version-stage blue --move-to-version-id "$first" >/dev/null
expect_equal "a label of one's own" one "$(sm get-secret-value --secret-id life/a --version-stage blue --query SecretString --output text)"
sm update-secret-version-stage --secret-id life/a --version-stage AWSCURRENT --move-to-version-id "$first" \
  --remove-from-version-id "$second" >/dev/null
expect_equal "AWSCURRENT goes back" one "$(sm get-secret-value --secret-id life/a --query SecretString --output text)"
expect_equal "the labels of the versions" "AWSCURRENT,blue AWSPREVIOUS" \
  "$(sm list-secret-version-ids --secret-id life/a --query "Versions[].join(',', sort(VersionStages))" --output text | tr '\t' '\n' | sort | paste -sd ' ')"
if sm batch-get-secret-value --generate-cli-skeleton >/dev/null 2>&1; then
  expect_equal "several at once" one \
    "$(sm batch-get-secret-value --secret-id-list life/a life/none --query 'SecretValues[].SecretString' --output text)"
else
  what "(this AWS CLI has no batch-get-secret-value)"
fi
for number in 1 2 3; do sm create-secret --name "life/list-$number" --secret-string "$number" >/dev/null; done
sm tag-resource --secret-id life/list-2 --tags Key=tier,Value=gold
expect_equal "a list, page by page" "life/list-1 life/list-2 life/list-3" \
  "$(sm list-secrets --filters Key=name,Values=life/list- --page-size 1 --query 'SecretList[].Name' --output text | paste -sd '\t' | tr '\t' ' ')"
page=$(sm list-secrets --filters Key=name,Values=life/list- --page-size 2 --max-items 2 \
  --query '[SecretList[-1].Name, NextToken]' | tr -d '[]",' | tr '\n' ' ')
read -r last next <<<"$page"
expect_equal "two at most" life/list-2 "$last"
expect_equal "and from there on" life/list-3 \
  "$(sm list-secrets --filters Key=name,Values=life/list- --starting-token "$next" --query 'SecretList[].Name' --output text)"
expect_equal "filters together" life/list-2 \
  "$(sm list-secrets --filters Key=name,Values=life/ Key=tag-key,Values=tier --query 'SecretList[].Name' --output text)"
expect_equal "a filter's opposite" life/a \
  "$(sm list-secrets --filters Key=name,Values=life/ Key=name,Values='!life/list' --query 'SecretList[].Name' --output text)"
policy='{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"secretsmanager:GetSecretValue","Resource":"*"}]}'
sm put-resource-policy --secret-id life/a --resource-policy "$policy" >/dev/null
expect_equal "a policy comes back as it was" "$policy" "$(sm get-resource-policy --secret-id life/a --query ResourcePolicy --output text)"
expect_refused "and is in force" "with an explicit deny in a resource-based policy" sm get-secret-value --secret-id life/a
expect_equal "a public one is found" False \
  "$(sm validate-resource-policy --resource-policy "${policy/Deny/Allow}" --query PolicyValidationPassed --output text)"
sm delete-resource-policy --secret-id life/a >/dev/null
expect_equal "and gone" None "$(sm get-resource-policy --secret-id life/a --query ResourcePolicy --output text)"
sm tag-resource --secret-id life/a --tags Key=tier,Value=1 Key=team,Value=b
sm untag-resource --secret-id life/a --tag-keys team
sm update-secret --secret-id life/a --description second >/dev/null
expect_equal "tags and a description" "second tier 1" \
  "$(sm describe-secret --secret-id life/a --query '[Description, Tags[0].Key, Tags[0].Value]' --output text | tr '\t' ' ')"
sm delete-secret --secret-id life/a --recovery-window-in-days 7 >/dev/null
expect_refused "marked for deletion" "You can't perform this operation on the secret because it was marked for deletion." \
  sm get-secret-value --secret-id life/a
sm restore-secret --secret-id life/a >/dev/null
expect_equal "restored" one "$(sm get-secret-value --secret-id life/a --query SecretString --output text)"
sm delete-secret --secret-id life/a --force-delete-without-recovery >/dev/null
expect_refused "deleted for good" "(ResourceNotFoundException)" sm describe-secret --secret-id life/a
expect_equal "a password" 20 "$(sm get-random-password --password-length 20 --query 'length(RandomPassword)' --output text)"

# ---- boto3 -----------------------------------------------------------------------------------------------------

life=$(/usr/bin/python3 "$clients/boto3_life.py" boto3)
expect_contains "$life" "took a secret through its life" "$life"
coffer iam create-role --role-name app --assume-role-policy-document \
  '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/demo"},"Action":"sts:AssumeRole"}]}' >/dev/null
coffer iam attach-role-policy --role-name app --policy-arn arn:aws:iam::aws:policy/SecretsManagerReadWrite
expect_contains "a role" "assumed a role" \
  "$(/usr/bin/python3 "$clients/boto3_role.py" arn:aws:iam::111122223333:role/app aws/a)"

# ---- what is refused -------------------------------------------------------------------------------------------

expect_refused "a wrong key" "(InvalidSignatureException) when calling the GetSecretValue operation: The request signature we calculated does not match" \
  env AWS_SECRET_ACCESS_KEY=wrong /usr/bin/aws --endpoint-url "$AWS_ENDPOINT_URL" secretsmanager get-secret-value --secret-id aws/a
expect_refused "an unknown access key" "(UnrecognizedClientException) when calling the GetSecretValue operation: The security token included in the request is invalid." \
  env AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE /usr/bin/aws --endpoint-url "$AWS_ENDPOINT_URL" secretsmanager get-secret-value --secret-id aws/a
expect_refused "another region" "Credential should be scoped to a valid region, not 'eu-west-1'" \
  sm --region eu-west-1 get-secret-value --secret-id aws/a

same_words() { sed -n 's/.*\(User: .*\)/\1/p' <<<"$1"; }
journal() { as_owner cat "$dir"/audit/* | tr -d '\0'; }
coffer iam detach-user-policy --user-name demo --policy-arn arn:aws:iam::aws:policy/SecretsManagerReadWrite
through_aws=$(sm get-secret-value --secret-id aws/a 2>&1 || true)
expect_contains "without rights" \
  "(AccessDeniedException) when calling the GetSecretValue operation: User: arn:aws:iam::111122223333:user/demo is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:us-east-1:111122223333:secret:aws/a-" \
  "$through_aws"
coffer iam add-user-identity --user-name demo --identity Kind=spiffe,Value=spiffe://coffer.local/demo >/dev/null
appliance client demo >/dev/null
through_coffer=$(COFFER_CERT_FILE="$state/tls/demo.crt" COFFER_KEY_FILE="$state/tls/demo.key" coffer get aws/a 2>&1 || true)
expect_contains "both doors say the same" "$(same_words "$through_aws")" "$through_coffer"
coffer iam attach-user-policy --user-name demo --policy-arn arn:aws:iam::aws:policy/SecretsManagerReadWrite
printf '[default]\ncredential_process = env COFFER_CERT_FILE=%s COFFER_KEY_FILE=%s coffer aws-credentials\n' \
  "$state/tls/demo.crt" "$state/tls/demo.key" >"$work/aws-config"
expect_equal "an SDK without a key, by the certificate" second \
  "$(env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY AWS_CONFIG_FILE="$work/aws-config" AWS_SHARED_CREDENTIALS_FILE=/dev/null \
    /usr/bin/aws --endpoint-url "$AWS_ENDPOINT_URL" secretsmanager get-secret-value --secret-id aws/a --query SecretString --output text)"
printf '[default]\ncredential_process = coffer aws-credentials --role-arn arn:aws:iam::111122223333:role/app\n' >"$work/aws-config"
coffer iam update-assume-role-policy --role-name app --policy-document \
  '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111122223333:user/demo","arn:aws:iam::111122223333:user/admin"]},"Action":"sts:AssumeRole"}]}'
expect_contains "or as a role" "assumed-role/app/coffer" \
  "$(env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY AWS_CONFIG_FILE="$work/aws-config" AWS_SHARED_CREDENTIALS_FILE=/dev/null \
    /usr/bin/aws --endpoint-url "$AWS_ENDPOINT_URL" sts get-caller-identity)"
session=$(/usr/bin/aws --endpoint-url "$AWS_ENDPOINT_URL" sts assume-role --role-arn arn:aws:iam::111122223333:role/app \
  --role-session-name job-7 --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text)
read -r session_key session_secret session_token <<<"$session"
in_session() {
  env AWS_ACCESS_KEY_ID="$session_key" AWS_SECRET_ACCESS_KEY="$session_secret" AWS_SESSION_TOKEN="$session_token$1" \
    /usr/bin/aws --endpoint-url "$AWS_ENDPOINT_URL" "${@:2}"
}
expect_contains "a session" "assumed-role/app/job-7" "$(in_session "" sts get-caller-identity)"
for more in A B / - =; do
  expect_refused "its token with $more appended" "(InvalidClientTokenId)" in_session "$more" sts get-caller-identity
done
coffer iam revoke-sessions --role-name app >/dev/null
expect_refused "that was revoked" \
  "User: arn:aws:sts::111122223333:assumed-role/app/job-7 is not authorized to perform: secretsmanager:GetSecretValue because the sessions of role 'app'" \
  in_session "" secretsmanager get-secret-value --secret-id aws/a
revoked=$(journal | grep -a '"eventName":"GetSecretValue"' | grep -a "were revoked" | tail -1)
expect_contains "its event says whose it is" '"userIdentity":{"type":"AssumedRole","principalId":"AROA' "$revoked"
expect_contains "with its ARN" '"arn":"arn:aws:sts::111122223333:assumed-role/app/job-7"' "$revoked"
expect_contains "and its key" "\"accessKeyId\":\"$session_key\"" "$revoked"
expect_contains "and its role" '"sessionIssuer":{"type":"Role"' "$revoked"
expect_refused "a second factor" "MultiFactorAuthentication failed, unable to validate MFA code." \
  /usr/bin/aws --endpoint-url "$AWS_ENDPOINT_URL" sts get-session-token \
  --serial-number arn:aws:iam::111122223333:mfa/demo --token-code 123456
expect_equal "with them again" second "$(sm get-secret-value --secret-id aws/a --query SecretString --output text)"

expect_contains "the event names the access key" "\"accessKeyId\":\"$AWS_ACCESS_KEY_ID\"" \
  "$(journal)"
expect_contains "and the listener" '"listener":"aws"' "$(journal)"
case "$(journal) $(as_owner cat "$state/log/cofferd.log")" in
  *"$AWS_SECRET_ACCESS_KEY"*) fail "the secret access key is in the journal or the log" ;;
esac
what "and nothing has the secret access key"

# ---- a policy on the listener ------------------------------------------------------------------------------------

coffer iam put-user-policy --user-name demo --policy-name native-only --policy-document \
  '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"secretsmanager:*","Resource":"*","Condition":{"StringEquals":{"coffer:Protocol":"aws"}}}]}'
expect_refused "a policy may speak of the protocol" "with an explicit deny" sm get-secret-value --secret-id aws/a
coffer iam delete-user-policy --user-name demo --policy-name native-only

# ---- a key that is turned off --------------------------------------------------------------------------------------

coffer iam update-access-key --user-name demo --access-key-id "$AWS_ACCESS_KEY_ID" --status Inactive
expect_refused "an inactive key" "(UnrecognizedClientException)" sm get-secret-value --secret-id aws/a
coffer iam update-access-key --user-name demo --access-key-id "$AWS_ACCESS_KEY_ID" --status Active
expect_equal "and active again" second "$(sm get-secret-value --secret-id aws/a --query SecretString --output text)"

appliance down >/dev/null
appliance up --build "$build" >/dev/null
take_environment
expect_equal "after a restart" second "$(sm get-secret-value --secret-id aws/a --query SecretString --output text)"
