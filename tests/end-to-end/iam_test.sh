#!/usr/bin/env bash
# Who may do what, as people manage it: users, policies, files; and what becomes of it when somebody changes the tables
# by hand.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

bring_up
printf 'value' | coffer put iam/a >/dev/null

# issue NAME SUBJECT: NAME.key and NAME.crt of spiffe://coffer.local/NAME, signed by the appliance's authority.
issue() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$2" \
    -keyout "$work/$1.key" -out "$work/$1.csr" 2>/dev/null
  COFFER_CLIENT_SAN="URI:spiffe://coffer.local/$1" openssl ca -batch -notext -config "$state/tls/ca.cnf" -extensions client \
    -in "$work/$1.csr" -out "$work/$1.crt" 2>/dev/null
}
with() { COFFER_CERT_FILE="$work/$1.crt" COFFER_KEY_FILE="$work/$1.key" "${@:2}"; }
iam() { coffer iam "$@"; }

# ---- the first administrator --------------------------------------------------------------------------------

expect_contains "the first user is the administrator" user/admin "$(coffer whoami)"
program=$build
[ "$(id -u)" -ne 0 ] || program="$dir/program"
again() {
  as_owner env SOFTHSM2_CONF="$state/token/softhsm2.conf" "$program/bin/cofferd" bootstrap \
    --config "$state/etc/cofferd.toml" --identity spiffe://coffer.local/x
}
expect_refused "bootstrap works once" "there are principals already" again

# ---- a user without rights, and with --------------------------------------------------------------------------

issue alice /CN=alice
expect_refused "a certificate of nobody" "no user or role has the certificate identity spiffe 'spiffe://coffer.local/alice'" \
  with alice coffer get iam/a
iam create-user --user-name alice >/dev/null
iam add-user-identity --user-name alice --identity Kind=spiffe,Value=spiffe://coffer.local/alice >/dev/null
expect_refused "a user without rights is told what it lacks" \
  "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:us-east-1:111122223333:secret:iam/a-" \
  with alice coffer get iam/a
expect_refused "and may not help itself" "iam:AttachUserPolicy" \
  with alice coffer iam attach-user-policy --user-name alice --policy-arn arn:aws:iam::aws:policy/AdministratorAccess
cat >"$work/read.json" <<'POLICY'
{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:*:*:secret:iam/*"}]}
POLICY
policy=$(iam create-policy --policy-name read --policy-document "file://$work/read.json" --output text | grep -o 'arn:aws:iam::[0-9]*:policy/read')
iam attach-user-policy --user-name alice --policy-arn "$policy"
expect_equal "after attach-user-policy it is allowed" value "$(with alice coffer get iam/a)"
expect_contains "who-can says so" "user/alice" "$(iam who-can GetSecretValue iam/a)"
expect_contains "simulate says why" "allow" "$(iam simulate --principal alice --action GetSecretValue --resource iam/a)"
cat >"$work/home.json" <<'POLICY'
{"Version":"2012-10-17","Statement":[{"Sid":"Home","Effect":"Allow","Action":"secretsmanager:DescribeSecret","Resource":"*",
  "Condition":{"IpAddress":{"aws:SourceIp":"127.0.0.1"}}}]}
POLICY
iam put-user-policy --user-name alice --policy-name home --policy-document "file://$work/home.json"
expect_contains "who-can says on what it depends" "depends on: aws:SourceIp IpAddress 127.0.0.1" \
  "$(iam who-can DescribeSecret iam/a)"
expect_contains "simulate says what was not said" "the key aws:SourceIp is not in the question" \
  "$(iam simulate --principal alice --action DescribeSecret --resource iam/a)"
expect_refused "a key that does not exist" "did you mean aws:SourceIp?" \
  iam who-can DescribeSecret iam/a --context aws:SourceIpp=127.0.0.1
iam delete-user-policy --user-name alice --policy-name home
iam create-role --role-name trusting --assume-role-policy-document \
  '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/alice"},"Action":"sts:AssumeRole"}]}' >/dev/null
with alice coffer sts assume-role --role-arn arn:aws:iam::111122223333:role/trusting --role-session-name s1 >/dev/null
what "alice may assume a role that trusts her"
expect_contains "who-can says that too" "user/alice" "$(iam who-can sts:AssumeRole role/trusting)"
expect_contains "and what-can" "sts:AssumeRole" "$(iam what-can alice --resource role/trusting)"
expect_contains "and simulate" "allowed" "$(iam simulate --principal alice --action sts:AssumeRole --resource role/trusting)"
iam delete-role --role-name trusting
iam disable-user --user-name alice
expect_refused "disabled" "user 'alice' is disabled" with alice coffer get iam/a
iam enable-user --user-name alice

# ---- two principals for one certificate ------------------------------------------------------------------------

iam create-role --role-name app --assume-role-policy-document \
  '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}]}' >/dev/null
expect_refused "a pattern that matches one's own certificate is refused" "would lock you out" \
  iam add-role-identity --role-name app --identity Kind=subject,Value='CN=a*'
iam add-role-identity --role-name app --identity Kind=subject,Value='CN=al*' >/dev/null
expect_refused "a certificate of two principals: both are named" "matches role 'app' and user 'alice'" with alice coffer get iam/a
iam remove-role-identity --role-name app --identity Kind=subject,Value='CN=al*' >/dev/null

# ---- files ------------------------------------------------------------------------------------------------------

iam export "$work/access" >/dev/null
expect_equal "what was exported changes nothing" "Nothing to change." "$(iam apply -f "$work/access" --prune)"
mkdir "$work/access/more"
cat >"$work/access/more/ops.toml" <<'TOML'
GroupName = "ops"
AttachedPolicies = ["arn:aws:iam::aws:policy/IAMReadOnlyAccess"]
[[InlinePolicies]]
PolicyName = "list"
[InlinePolicies.PolicyDocument]
Version = "2012-10-17"
[[InlinePolicies.PolicyDocument.Statement]]
Effect = "Allow"
Action = "secretsmanager:ListSecrets"
Resource = "*"
TOML
expect_contains "a dry run shows the difference" "+ create group ops" "$(iam apply -f "$work/access" --dry-run)"
expect_refused "and changes nothing" NoSuchEntity iam get-group --group-name ops
expect_contains "apply brings it into force" "1 change is in force" "$(iam apply -f "$work/access")"
expect_contains "with its policy" "secretsmanager:ListSecrets" "$(iam get-group-policy --group-name ops --policy-name list)"
rm -r "$work/access/more"
expect_contains "prune deletes what is not there any more" "- delete group ops" "$(iam apply -f "$work/access" --prune)"

mkdir "$work/more"
cat >"$work/more/zed.json" <<'JSON'
{"UserName":"zed","InlinePolicies":[{"PolicyName":"p","PolicyDocument":{"Version":"2012-10-17",
 "Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Effect":"Allow"}]}}]}
JSON
expect_refused "a Deny that an Allow would replace is refused with its place" "zed.json: line 2, column 60" iam apply -f "$work/more"
expect_refused "and nothing is in force" NoSuchEntity iam get-user --user-name zed
sed -i 's/,"Effect":"Allow"//; s/Deny/deny/' "$work/more/zed.json"
expect_refused "what the daemon refuses has its place in the file" "zed.json:2:25: user 'zed': inline policy 'p': Invalid effect" \
  iam apply -f "$work/more"
sed -i 's/deny/Allow/' "$work/more/zed.json"
expect_contains "what a new user may do is shown" '+ {"Effect":"Allow","Action":"*","Resource":"*"}' "$(iam apply -f "$work/more" --dry-run)"
iam apply -f "$work/more" >/dev/null
journal_tells() {
  coffer audit search --action ApplyAccessConfiguration --outcome success --output json |
    grep '"entity":"user zed"' | grep -qF '"policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\"'
}
wait_until "the journal tells who was given what" journal_tells
iam delete-user-policy --user-name zed --policy-name p
iam delete-user --user-name zed

# ---- policies of secrets ----------------------------------------------------------------------------------------

put_partner() { coffer put-resource-policy --secret-id iam/a --resource-policy "$partner" >/dev/null; }
shown_partner() { coffer get-resource-policy --secret-id iam/a; }
identify_alicia() { iam add-user-identity --user-name "$1" --identity Kind=spiffe,Value=spiffe://coffer.local/alicia >/dev/null; }
issue alicia /CN=alicia
partner='{"Version":"2012-10-17","Statement":[{"Sid":"Partner",
  "Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/alicia"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}'
expect_refused "a policy may not name who is not there" "There is no arn:aws:iam::111122223333:user/alicia: make the user or role first." put_partner
iam create-user --user-name alicia >/dev/null
identify_alicia alicia
put_partner
expect_equal "it means that user" value "$(with alicia coffer get iam/a)"
expect_equal "nothing is found then" "" "$(iam lint 2>/dev/null)"
iam update-user --user-name alicia --new-user-name alina
expect_equal "under another name as well" value "$(with alicia coffer get iam/a)"
expect_contains "which the policy shows" "user/alina" "$(shown_partner)"
expect_contains "and who-can" "user/alina" "$(iam who-can GetSecretValue iam/a)"
iam update-user --user-name alina --new-user-name alicia
expect_equal "who deletes the user is not warned" "" "$(iam delete-user --user-name alicia 2>&1)"
expect_contains "who makes another of the name is told" "Warning: policies mean the user/alicia before this one: the resource policy of secret iam/a; " \
  "$(iam create-user --user-name alicia 2>&1 >/dev/null)"
identify_alicia alicia
expect_refused "to whom the policy gives nothing" AccessDeniedException with alicia coffer get iam/a
expect_contains "it shows the id of the one who is gone" '"AIDA' "$(shown_partner | tr -d '\\')"
found=$(iam lint)
expect_contains "lint reads the policies of secrets, and names who is gone" \
  ":2:39: WARNING UNKNOWN_PRINCIPAL in Partner: Who was arn:aws:iam::111122223333:user/alicia when the policy was put, AIDA" "$found"
expect_contains "and names the secret" "arn:aws:secretsmanager:us-east-1:111122223333:secret:iam/a-" "$found"
meant=$(sql "SELECT policy_principals::text FROM secrets WHERE name = 'iam/a'")
sql "UPDATE secrets SET policy_principals = NULL WHERE name = 'iam/a'" >/dev/null
expect_contains "whom a policy means cannot be altered by hand" "secret 'iam/a': ERROR NOT_BELIEVED: " "$(iam lint)"
is_refused() { case "$(with alicia coffer get iam/a 2>&1)" in *"failed its integrity check"*) ;; *) return 1 ;; esac }
wait_until "nor gives it anybody anything then" is_refused
sql "UPDATE secrets SET policy_principals = '$meant' WHERE name = 'iam/a'" >/dev/null
iam delete-user --user-name alicia 2>/dev/null
sql "UPDATE secrets SET resource_policy = replace(resource_policy, 'alicia', 'alice') WHERE name = 'iam/a'" >/dev/null
expect_contains "and names a secret that was altered" "secret 'iam/a': ERROR NOT_BELIEVED: " "$(iam lint)"
sql "UPDATE secrets SET resource_policy = replace(resource_policy, 'alice', 'alicia') WHERE name = 'iam/a'" >/dev/null
coffer delete-resource-policy --secret-id iam/a >/dev/null
expect_equal "nothing is found without it" "" "$(iam lint 2>/dev/null)"

# ---- psql -------------------------------------------------------------------------------------------------------

is_denied() { ! with alice coffer get iam/a; }
failures() { metric coffer_integrity_failures_total; }
before=$(failures)
sql "CREATE TABLE yesterday AS SELECT * FROM iam_entities" >/dev/null
iam detach-user-policy --user-name alice --policy-arn "$policy"
sql "DELETE FROM iam_entities WHERE name = 'alice'; INSERT INTO iam_entities SELECT * FROM yesterday WHERE name = 'alice'" >/dev/null
wait_until "yesterday's row is found" grep -q "user 'alice' was altered in the database" "$state/log/cofferd.log"
expect_refused "and grants nothing" AccessDeniedException with alice coffer get iam/a
expect_contains "lint names it" "NOT_BELIEVED" "$(iam lint)"
[ "$(failures)" -gt "$before" ] || fail "the metric did not move"
what "a metric says so"
iam delete-user --user-name alice
expect_contains "an administrator puts it right" "+ create user alice" "$(iam apply -f "$work/access")"
expect_equal "and it is allowed again" value "$(with alice coffer get iam/a)"

sql "DELETE FROM iam_entities WHERE kind = 'policy' AND name = 'read'" >/dev/null
wait_until "a policy's row that is gone refuses who refers to it" is_denied
expect_refused "with the reason" "is gone from the database" with alice coffer get iam/a
expect_contains "apply repairs it" "~ repair policy read" "$(iam apply -f "$work/access")"
expect_equal "and it is allowed again" value "$(with alice coffer get iam/a)"

issue mallory /CN=mallory
sql "INSERT INTO iam_entities SELECT kind, 'mallory', revision, replace(document, 'admin', 'mallory'), seal FROM iam_entities WHERE name = 'admin'" >/dev/null
wait_until "an inserted user is found" grep -q "user 'mallory' was inserted into the database" "$state/log/cofferd.log"
expect_refused "and is nobody" "no user or role" with mallory coffer get iam/a
sql "DELETE FROM iam_entities WHERE name = 'mallory'" >/dev/null

sql "UPDATE iam_manifest SET entries = '[]'" >/dev/null
wait_until "a broken manifest is found" grep -q "the list of users, groups, roles and policies is not believed" "$state/log/cofferd.log"
expect_equal "what was in force stays" value "$(with alice coffer get iam/a)"
expect_refused "nothing can be changed" IntegrityFailureException iam create-user --user-name eve
appliance down >/dev/null
expect_refused "after a restart the daemon is not ready" "refuses everybody" appliance up --build "$build"
take_environment
expect_refused "after a restart nobody is believed" "cannot be believed" coffer get iam/a
