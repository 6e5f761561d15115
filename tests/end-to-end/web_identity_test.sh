#!/usr/bin/env bash
# AssumeRoleWithWebIdentity, as pods and builds use it: a token of an identity provider for the credentials of a role,
# through both doors. Keys from a file, and keys from an address that rotate and go away.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

[ -x /usr/bin/aws ] || skip "Debian's awscli is not installed (deploy/install-packages.sh --tests)"
/usr/bin/python3 -c 'import boto3' 2>/dev/null || skip "Debian's python3-boto3 is not installed (deploy/install-packages.sh --tests)"

bring_up
clients="$root/tests/clients"
account=111122223333
export AWS_PAGER='' AWS_EC2_METADATA_DISABLED=true
printf 'value' | coffer put web/a >/dev/null
printf 'other' | coffer put web/b >/dev/null

# ---- identity providers ------------------------------------------------------------------------------------------

cluster=https://kubernetes.default.svc.cluster.local
builds=https://ci.example/realms/builds
keys="$work/keys"
mkdir -m 755 "$keys"
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/cluster.pem" 2>/dev/null
for key in first second stranger; do
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/$key.pem" 2>/dev/null
done
make_token() { /usr/bin/python3 "$clients/web_token.py" token "$@"; }
make_keys() { /usr/bin/python3 "$clients/web_token.py" keys "${@:2}" >"$1.new" && chmod 644 "$1.new" && mv "$1.new" "$1"; }

make_keys "$keys/cluster.json" "$work/cluster.pem=node"
make_keys "$keys/builds.json" "$work/first.pem=one"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=keys -addext subjectAltName=DNS:localhost \
  -keyout "$work/server.key" -out "$keys/server.crt" 2>/dev/null
chmod 644 "$keys/server.crt"
/usr/bin/python3 "$clients/jwks_server.py" "$keys/server.crt" "$work/server.key" "$keys/builds.json" "$work/port" "$work/count" &
server=$!
background+=("$server")
wait_until "the provider's server is there" test -s "$work/port"

cat >>"$state/etc/cofferd.toml" <<CONFIG

[[oidc_provider]]
issuer = "$cluster"
audiences = ["sts.amazonaws.com", "coffer"]
jwks_file = "$keys/cluster.json"

[[oidc_provider]]
issuer = "$builds"
audiences = "coffer"
jwks_url = "https://localhost:$(cat "$work/port")/keys?all=1"
ca_file = "$keys/server.crt"

[[oidc_provider]]
issuer = "https://away.example"
audiences = "coffer"
jwks_url = "https://localhost:1/keys"
timeout = "1s"
CONFIG
appliance restart >/dev/null

now=$(date +%s)
claims() { # ISSUER SUBJECT AUDIENCE EXPIRES
  printf '{"iss":"%s","sub":"%s","aud":%s,"iat":%s,"nbf":%s,"exp":%s}' "$1" "$2" "$3" "$now" "$now" "$4"
}
later=$((now + 3600))
pod=system:serviceaccount:shop:web
good=$(make_token "$work/cluster.pem" node "$(claims "$cluster" "$pod" '["sts.amazonaws.com"]' $later)")

# ---- roles that trust them ---------------------------------------------------------------------------------------

trust() { # PROVIDER CONDITION
  printf '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::%s:oidc-provider/%s"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":%s}]}' \
    "$account" "$1" "$2"
}
read_web='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:*:*:secret:web/*"}]}'
make_role() { # NAME TRUST
  coffer iam create-role --role-name "$1" --assume-role-policy-document "$2" >/dev/null
  coffer iam put-role-policy --role-name "$1" --policy-name read --policy-document "$read_web"
}
name=${cluster#https://}
make_role shop "$(trust "$name" "{\"StringEquals\":{\"$name:sub\":\"$pod\",\"$name:aud\":\"sts.amazonaws.com\"}}")"
name=${builds#https://}
make_role builder "$(trust "$name" "{\"StringLike\":{\"$name:sub\":\"job-*\"}}")"
role=arn:aws:iam::$account:role/shop
builder=arn:aws:iam::$account:role/builder

sts() { env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY /usr/bin/aws --endpoint-url "$AWS_ENDPOINT_URL" sts "$@"; }
by_aws() { sts assume-role-with-web-identity --role-session-name tester --role-arn "${2:-$role}" --web-identity-token "$1" "${@:3}"; }
by_coffer() { printf '%s' "$1" | coffer sts assume-role-with-web-identity --role-session-name tester --role-arn "${2:-$role}" --web-identity-token - "${@:3}"; }

# ---- both doors ----------------------------------------------------------------------------------------------------

made=$(by_aws "$good")
expect_contains "a session of the role" "arn:aws:sts::$account:assumed-role/shop/tester" "$made"
expect_contains "the provider's ARN" "arn:aws:iam::$account:oidc-provider/${cluster#https://}" "$made"
expect_contains "the token's subject" "\"SubjectFromWebIdentityToken\": \"$pod\"" "$made"
expect_contains "the token's audience" '"Audience": "sts.amazonaws.com"' "$made"
printf '%s' "$good" >"$work/token"
pod_environment() { env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_CONFIG_FILE=/dev/null \
  AWS_ROLE_ARN="$role" AWS_WEB_IDENTITY_TOKEN_FILE="$work/token" "$@"; }
expect_equal "boto3 with the two variables of a pod" "boto3 read value" \
  "$(pod_environment /usr/bin/python3 "$clients/boto3_web_identity.py" web/a)"

coffer sts assume-role-with-web-identity --role-session-name tester --role-arn "$role" --web-identity-token "file://$work/token" \
  >"$work/session.json"
expect_contains "over the native protocol" "assumed-role/shop/tester" "$(cat "$work/session.json")"
expect_equal "the session reads" value "$(coffer --session "$work/session.json" get web/a)"
expect_refused "and may nothing else" "assumed-role/shop/tester is not authorized to perform: secretsmanager:DescribeSecret" \
  coffer --session "$work/session.json" describe-secret --secret-id web/a

# A certificate that no user and no role has.
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=pod -keyout "$work/pod.key" -out "$work/pod.csr" 2>/dev/null
COFFER_CLIENT_SAN="URI:spiffe://coffer.local/pod" openssl ca -batch -notext -config "$state/tls/ca.cnf" -extensions client \
  -in "$work/pod.csr" -out "$work/pod.crt" 2>/dev/null
as_pod() { COFFER_CERT_FILE="$work/pod.crt" COFFER_KEY_FILE="$work/pod.key" "$@"; }
expect_refused "a certificate of nobody may nothing" "no user or role has the certificate identity" as_pod coffer get web/a
as_pod by_coffer "$good" >"$work/pod.json"
expect_equal "but with a token it becomes a session" value "$(as_pod coffer --session "$work/pod.json" get web/a)"
expect_refused "that another certificate cannot show" "for another certificate's owner" coffer --session "$work/pod.json" get web/a

# ---- limits of the session -----------------------------------------------------------------------------------------

expect_refused "longer than the role allows" "(ValidationError) when calling the AssumeRoleWithWebIdentity operation: The requested DurationSeconds exceeds the MaxSessionDuration" \
  by_aws "$good" "$role" --duration-seconds 7200
by_coffer "$good" "$role" --policy '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:*:*:secret:web/a-*"}]}' >"$work/limited.json"
expect_equal "what the session policy leaves" value "$(coffer --session "$work/limited.json" get web/a)"
expect_refused "what it takes away" "no session policy allows" coffer --session "$work/limited.json" get web/b
coffer iam revoke-sessions --role-name shop >/dev/null
expect_refused "revoked" "the sessions of role 'shop' that were issued before" coffer --session "$work/session.json" get web/a

# ---- tokens that are refused -----------------------------------------------------------------------------------------

refused_by_aws() { # WHAT CODE WORDS TOKEN [ROLE]
  expect_refused "$1" "An error occurred ($2) when calling the AssumeRoleWithWebIdentity operation: $3" by_aws "${@:4}"
}
denied="Not authorized to perform sts:AssumeRoleWithWebIdentity"
refused_by_aws "another pod" AccessDenied "$denied" \
  "$(make_token "$work/cluster.pem" node "$(claims "$cluster" system:serviceaccount:shop:other '"sts.amazonaws.com"' $later)")"
refused_by_aws "an audience that the role does not take" AccessDenied "$denied" \
  "$(make_token "$work/cluster.pem" node "$(claims "$cluster" "$pod" '"coffer"' $later)")"
refused_by_aws "a role that there is not" AccessDenied "$denied" "$good" "arn:aws:iam::$account:role/none"
refused_by_aws "another provider's role" AccessDenied "$denied" "$good" "$builder"
refused_by_aws "an audience of nobody here" InvalidIdentityToken "Incorrect token audience" \
  "$(make_token "$work/cluster.pem" node "$(claims "$cluster" "$pod" '"elsewhere"' $later)")"
refused_by_aws "an issuer that is no provider" InvalidIdentityToken "No OpenIDConnect provider found in your account for https://other.example" \
  "$(make_token "$work/cluster.pem" node "$(claims https://other.example "$pod" '"coffer"' $later)")"
refused_by_aws "one provider's key with another's name" InvalidIdentityToken "Couldn't retrieve verification key" \
  "$(make_token "$work/cluster.pem" node "$(claims "$builds" job-7 '"coffer"' $later)")" "$builder"
refused_by_aws "expired" ExpiredTokenException "Token expired: current date/time" \
  "$(make_token "$work/cluster.pem" node "$(claims "$cluster" "$pod" '"sts.amazonaws.com"' $((now - 1)))")"
refused_by_aws "not yet" IDPRejectedClaim "The token is not valid yet" \
  "$(make_token "$work/cluster.pem" node "{\"iss\":\"$cluster\",\"sub\":\"$pod\",\"aud\":\"coffer\",\"nbf\":$later,\"exp\":$((later + 60))}")"
IFS=. read -r header body signature <<<"$good"
other=$(make_token "$work/cluster.pem" node "$(claims "$cluster" system:serviceaccount:kube-system:admin '"sts.amazonaws.com"' $later)")
refused_by_aws "tampered with" InvalidIdentityToken "The token's signature" "$header.$(cut -d. -f2 <<<"$other").$signature"
none=$(printf '{"alg":"none","kid":"node"}' | base64 -w0 | tr '+/' '-_' | tr -d '=')
refused_by_aws "alg none" InvalidIdentityToken "The token's signature algorithm is not taken" "$none.$body.$signature"
refused_by_aws "alg none without a signature" InvalidIdentityToken "The token's signature algorithm is not taken" "$none.$body."
refused_by_aws "a key that is not there" InvalidIdentityToken "Couldn't retrieve verification key" \
  "$(make_token "$work/stranger.pem" stranger "$(claims "$cluster" "$pod" '"sts.amazonaws.com"' $later)")"
refused_by_aws "a stranger's key under a known name" InvalidIdentityToken "Couldn't retrieve verification key" \
  "$(make_token "$work/stranger.pem" node "$(claims "$cluster" "$pod" '"sts.amazonaws.com"' $later)")"
refused_by_aws "no token" InvalidIdentityToken "The ID Token provided is not a valid JWT" abcdef
expect_refused "keys that could not be fetched yet, which SDKs try again" \
  "(IDPCommunicationError) when calling the AssumeRoleWithWebIdentity operation (reached max retries: 2): The keys of the identity provider https://away.example could not be fetched yet" \
  by_aws "$(make_token "$work/first.pem" one "$(claims https://away.example job-7 '"coffer"' $later)")" "$builder"
expect_refused "the same words through the native door" "Incorrect token audience" \
  by_coffer "$(make_token "$work/cluster.pem" node "$(claims "$cluster" "$pod" '"elsewhere"' $later)")"
expect_refused "ProviderId is for others" "ProviderId is for OAuth 2.0 access tokens" by_aws "$good" "$role" --provider-id www.example
expect_refused "other operations are signed" "Unable to locate credentials" sts get-caller-identity
expect_contains "or refused" "<Code>MissingAuthenticationToken</Code>" \
  "$(curl -s --cacert "$AWS_CA_BUNDLE" -d 'Action=GetCallerIdentity&Version=2011-06-15' "$AWS_ENDPOINT_URL")"
expect_contains "a wrong signature is not overlooked" "<Code>IncompleteSignature</Code>" \
  "$(curl -s --cacert "$AWS_CA_BUNDLE" -H 'Authorization: AWS4-HMAC-SHA256 x' --data-urlencode "WebIdentityToken=$good" \
    -d "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=$role&RoleSessionName=tester" "$AWS_ENDPOINT_URL")"

# ---- keys that are fetched -------------------------------------------------------------------------------------------

job() { make_token "$work/$1.pem" "$2" "$(claims "$builds" job-7 '"coffer"' $later)"; }
first=$(job first one)
second=$(job second two)
expect_contains "a token of the fetched key" "assumed-role/builder/tester" "$(by_aws "$first" "$builder")"
expect_refused "the next key is not known yet" "Couldn't retrieve verification key" by_aws "$second" "$builder"
asked=$(cat "$work/count")
for _ in {1..20}; do by_coffer "$second" "$builder" >/dev/null 2>&1 || true; done
[ $(($(cat "$work/count") - asked)) -lt 10 ] || fail "each unknown key made the daemon fetch"
what "many tokens with unknown keys are few fetches"
make_keys "$keys/builds.json" "$work/first.pem=one" "$work/second.pem=two"
wait_until "the next key is found because a token names it" by_coffer "$second" "$builder"
what "the next key is found because a token names it"
make_keys "$keys/builds.json" "$work/second.pem=two"
kill -HUP "$(daemon_pid)"
taken_back() { ! by_coffer "$first" "$builder" 2>/dev/null; }
wait_until "a key that the provider took back is not taken any more" taken_back
what "a key that the provider took back is not taken any more"
kill "$server"
failures() { http_get "$metrics_port" /metrics | grep 'coffer_identity_provider_fetches_total{issuer="https://ci.example/realms/builds",outcome="failed"}' | awk '$2 > 0 { found = 1 } END { exit !found }'; }
kill -HUP "$(daemon_pid)"
wait_until "the address is away" failures
expect_contains "the last good keys stay" "assumed-role/builder/tester" "$(by_aws "$second" "$builder")"
expect_contains "how many there are" 'coffer_identity_provider_keys{issuer="https://kubernetes.default.svc.cluster.local"} 1' \
  "$(http_get "$metrics_port" /metrics)"

# ---- a key file that changes -----------------------------------------------------------------------------------------

make_keys "$keys/cluster.json" "$work/stranger.pem=new"
kill -HUP "$(daemon_pid)"
renewed=$(make_token "$work/stranger.pem" new "$(claims "$cluster" "$pod" '"sts.amazonaws.com"' $later)")
wait_until "SIGHUP reads the key file again" by_coffer "$renewed"
expect_refused "the old key is gone" "Couldn't retrieve verification key" by_aws "$good"
printf '{}' >"$keys/cluster.json"
kill -HUP "$(daemon_pid)"
noted() { grep -q "could not be read again" "$state/log/cofferd.log"; }
wait_until "a broken key file is complained about" noted
expect_contains "and changes nothing" "assumed-role/shop/tester" "$(by_aws "$renewed")"

# ---- a listener's policy still holds ---------------------------------------------------------------------------------

coffer iam put-listener-policy --listener-name aws --policy-document \
  '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"secretsmanager:*","Resource":"*"}]}' >/dev/null
refused_by_aws "not through this listener" AccessDenied "$denied" "$renewed"
expect_contains "through the other" "assumed-role/shop/tester" "$(by_coffer "$renewed")"
coffer iam delete-listener-policy --listener-name aws >/dev/null

# ---- what is on record -------------------------------------------------------------------------------------------------

events() { coffer audit search --action AssumeRoleWithWebIdentity --output json; }
events_are_there() { events | holds WebIdentityUser; }
wait_until "the events can be searched" events_are_there
found=$(events)
expect_contains "the event says who" "\"userName\":\"$pod\"" "$found"
expect_contains "and who vouches for it" "\"identityProvider\":\"arn:aws:iam::$account:oidc-provider/${cluster#https://}\"" "$found"
refusals() { coffer audit search --action RefuseRequests --output json | holds InvalidIdentityToken; }
wait_until "strangers' refusals are told in few events" refusals
what "strangers' refusals are told in few events"
journal() { as_owner cat "$dir"/audit/* | tr -d '\0'; }
for token in "$good" "$signature" "$first" "$second"; do
  case "$(journal) $(as_owner cat "$state/log/cofferd.log")" in *"$token"*) fail "a token is in the journal or the log" ;; esac
done
what "and nothing has a token"
expect_contains "lint knows the providers" UNKNOWN_IDENTITY_PROVIDER "$(
  coffer iam create-role --role-name lost --assume-role-policy-document "$(trust nowhere.example '{"StringEquals":{"nowhere.example:sub":"a"}}')" >/dev/null
  coffer iam lint 2>&1 || true)"
