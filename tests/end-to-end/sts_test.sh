#!/usr/bin/env bash
# Roles as they are assumed: a session does what the role may and its session policy leaves, until it is revoked. And
# access keys, as people manage them.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

bring_up
printf 'value' | coffer put sts/a >/dev/null
printf 'other' | coffer put sts/b >/dev/null
account=111122223333
role="arn:aws:iam::$account:role/reader"

# issue NAME: NAME.key and NAME.crt of spiffe://coffer.local/NAME, signed by the appliance's authority; and the user.
issue() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \
    -keyout "$work/$1.key" -out "$work/$1.csr" 2>/dev/null
  COFFER_CLIENT_SAN="URI:spiffe://coffer.local/$1" openssl ca -batch -notext -config "$state/tls/ca.cnf" -extensions client \
    -in "$work/$1.csr" -out "$work/$1.crt" 2>/dev/null
  coffer iam create-user --user-name "$1" >/dev/null
  coffer iam add-user-identity --user-name "$1" --identity "Kind=spiffe,Value=spiffe://coffer.local/$1" >/dev/null
}
with() { COFFER_CERT_FILE="$work/$1.crt" COFFER_KEY_FILE="$work/$1.key" "${@:2}"; }
as_reader() { with alice env COFFER_ROLE="$role" "$@"; }
field() { sed -n "s/^ *\"$1\": \"\(.*\)\",\{0,1\}$/\1/p"; }

issue alice
issue bob

# ---- a role is assumed ---------------------------------------------------------------------------------------

coffer iam create-role --role-name reader --assume-role-policy-document \
  "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::$account:user/alice\"},\"Action\":\"sts:AssumeRole\"}]}" >/dev/null
coffer iam put-role-policy --role-name reader --policy-name read --policy-document \
  '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:*:*:secret:sts/*"}]}'
expect_refused "alice herself may not read" "secretsmanager:GetSecretValue" with alice coffer get sts/a
expect_equal "as the role she may" value "$(as_reader coffer get sts/a)"
expect_equal "and with the option" value "$(with alice coffer --role "$role" get sts/a)"
expect_contains "she is its session then" "arn:aws:sts::$account:assumed-role/reader/coffer" \
  "$(as_reader coffer sts get-caller-identity)"
expect_contains "and herself without" "arn:aws:iam::$account:user/alice" "$(with alice coffer sts get-caller-identity)"
expect_refused "bob is not trusted" "no role trust policy allows the sts:AssumeRole action" \
  with bob coffer --role "$role" get sts/a
expect_refused "what the role may not" "assumed-role/reader/coffer is not authorized to perform: secretsmanager:DescribeSecret" \
  as_reader coffer describe-secret --secret-id sts/a
expect_refused "longer than the role allows" "exceeds the MaxSessionDuration" \
  with alice coffer sts assume-role --role-arn "$role" --role-session-name long --duration-seconds 7200

# ---- temporary credentials -------------------------------------------------------------------------------------

credentials=$(with alice coffer sts assume-role --role-arn "$role" --role-session-name build-7)
expect_contains "the session's ARN" "assumed-role/reader/build-7" "$credentials"
secret=$(field SecretAccessKey <<<"$credentials")
expect_equal "a secret of forty characters" 40 "${#secret}"
secret_token=$(field SessionToken <<<"$credentials")
tables=$(sql "SELECT string_agg(t::text, '') FROM iam_entities t")
[ "${tables/"$secret"/}" = "$tables" ] || fail "the secret is in the database"
[ "${tables/"$secret_token"/}" = "$tables" ] || fail "the token is in the database"
what "nothing of them is stored"

# ---- a session policy, revoking ----------------------------------------------------------------------------------

with alice coffer sts assume-role --role-arn "$role" --role-session-name limited --policy \
  '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:*:*:secret:sts/a-*"}]}' \
  >"$work/limited.json"
in_session_of_app_as_bob() { with bob coffer --session "$work/app.json" get sts/a; }
in_session() { with "$1" coffer --session "$work/limited.json" "${@:2}"; }
expect_equal "what the session policy leaves" value "$(in_session alice get sts/a)"
expect_refused "what it takes away" "assumed-role/reader/limited is not authorized to perform: secretsmanager:GetSecretValue" \
  in_session alice get sts/b
expect_refused "because of it" "no session policy allows" in_session alice get sts/b
expect_refused "over another certificate" "for another certificate's owner" in_session bob get sts/a
coffer iam revoke-sessions --role-name reader >/dev/null
expect_refused "revoked" \
  "User: arn:aws:sts::$account:assumed-role/reader/limited is not authorized to perform: secretsmanager:GetSecretValue because the sessions of role 'reader' that were issued before" \
  in_session alice get sts/a
expect_equal "a session that is begun later is good" value "$(as_reader coffer get sts/a)"

# ---- a disabled role ------------------------------------------------------------------------

coffer iam disable-role --role-name reader
expect_refused "disabled" "role 'reader' is disabled" as_reader coffer get sts/a
coffer iam enable-role --role-name reader
expect_equal "and enabled" value "$(as_reader coffer get sts/a)"

# ---- what is on record -------------------------------------------------------------------------------------------

events_are_there() { coffer audit search --action AssumeRole --output json | holds build-7; }
wait_until "the events can be searched" events_are_there
events=$(coffer audit search --action AssumeRole --output json)
[ "${events/"$secret"/}" = "$events" ] || fail "the secret is in an event"
[ "${events/"$secret_token"/}" = "$events" ] || fail "the token is in an event"
expect_contains "the event is of STS" sts.amazonaws.com "$events"
events=$(coffer audit search --action GetSecretValue --output json)
expect_contains "reads by a session name its role" '"sessionIssuer"' "$events"
expect_contains "and are AssumedRole's" '"AssumedRole"' "$events"

# ---- credentials of a role that a certificate is mapped to -----------------------------------------------------

openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=app" \
  -keyout "$work/app.key" -out "$work/app.csr" 2>/dev/null
COFFER_CLIENT_SAN="URI:spiffe://coffer.local/app" openssl ca -batch -notext -config "$state/tls/ca.cnf" -extensions client \
  -in "$work/app.csr" -out "$work/app.crt" 2>/dev/null
coffer iam add-role-identity --role-name reader --identity "Kind=spiffe,Value=spiffe://coffer.local/app" >/dev/null
expect_contains "the role is had by the certificate" "assumed-role/reader/app" "$(with app coffer sts get-caller-identity)"
with app coffer sts get-session-token >"$work/app.json"
expect_contains "and in a session of it" "assumed-role/reader/app" \
  "$(with app coffer --session "$work/app.json" sts get-caller-identity)"
expect_equal "which may what the role may" value "$(with app coffer --session "$work/app.json" get sts/a)"
expect_refused "but begin no other" "with session credentials" with app coffer --session "$work/app.json" sts get-session-token
expect_refused "over another certificate" "for another certificate's owner" in_session_of_app_as_bob
expect_contains "as the SDKs expect it" '"AccessKeyId": "ASIA' "$(with app coffer aws-credentials)"

# ---- access keys ---------------------------------------------------------------------------------------------------

key=$(coffer iam create-access-key --user-name alice)
id=$(field AccessKeyId <<<"$key")
secret=$(field SecretAccessKey <<<"$key")
expect_contains "an id of AWS's form" AKIA "$id"
expect_equal "its secret has forty characters" 40 "${#secret}"
expect_contains "it is listed" "$id" "$(coffer iam list-access-keys --user-name alice)"
listed=$(coffer iam list-access-keys --user-name alice)
[ "${listed/"$secret"/}" = "$listed" ] || fail "the secret is listed"
tables=$(sql "SELECT string_agg(t::text, '') FROM iam_entities t")
[ "${tables/"$secret"/}" = "$tables" ] || fail "the secret is in the database"
what "its secret is shown this once, and not stored in the clear"
coffer iam create-access-key --user-name alice >/dev/null
expect_refused "two a user" "AccessKeysPerUser: 2" coffer iam create-access-key --user-name alice
coffer iam update-access-key --user-name alice --access-key-id "$id" --status Inactive
expect_contains "inactive" Inactive "$(coffer iam list-access-keys --user-name alice)"
expect_contains "never used" N/A "$(coffer iam get-access-key-last-used --access-key-id "$id")"
expect_refused "a user with keys is not deleted" "must delete access keys first" coffer iam delete-user --user-name alice
coffer iam delete-access-key --user-name alice --access-key-id "$id"
expect_refused "deleted" "cannot be found" coffer iam delete-access-key --user-name alice --access-key-id "$id"
if grep -qF "$secret" "$state/log/cofferd.log"; then fail "the secret is in the log"; fi
what "no secret in the log"
