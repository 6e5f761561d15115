#!/usr/bin/env bash
# What a listener confines: the networks that may connect, and the policy that limits everybody who comes through it,
# administrators included.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

bring_up
printf 'value' | coffer put confinement/a >/dev/null
put() { printf 'other' | coffer put confinement/a; }
restart() { appliance down >/dev/null; appliance up --build "$build" >/dev/null; take_environment; }

policy="$state/etc/listener.json"
write_policy() { cat >"$policy"; chmod 644 "$policy"; }
logged() { grep -c "$1" "$state/log/cofferd.log" || true; }
reload() {
  local before
  before=$(logged "$1")
  kill -HUP "$(daemon_pid)"
  wait_until "the daemon read its files again" more_lines_than "$before" "$1"
}
more_lines_than() { [ "$(logged "$2")" -gt "$1" ]; }
in_force="listener's policy was reloaded"

# ---- a policy that allows only reads ---------------------------------------------------------------------------

write_policy <<'POLICY'
{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Resource":"*",
  "Action":["secretsmanager:GetSecretValue","secretsmanager:DescribeSecret"]}}
POLICY
sed -i "/^\[\[listener\]\]/a policy = \"$policy\"" "$state/etc/cofferd.toml"
restart
listener=$(coffer whoami --output json | sed -n 's/.*"[Ll]istener": *"\([^"]*\)".*/\1/p')
expect_equal "a read is allowed" value "$(coffer get confinement/a)"
# The words of AWS, IAM User Guide, "Troubleshoot access denied error messages": implicit denial by a VPC endpoint policy.
expect_refused "an administrator's put is refused" \
  "because no VPC endpoint policy allows the secretsmanager:PutSecretValue action" put
expect_refused "so are IAM's operations" "because no VPC endpoint policy allows the iam:ListUsers action" coffer iam list-users

# ---- conditions on where a request comes from ------------------------------------------------------------------

write_policy <<POLICY
{"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Principal":"*","Action":"*","Resource":"*",
   "Condition":{"StringEquals":{"aws:SourceVpce":"$listener","coffer:Protocol":"native"},
                "IpAddress":{"aws:SourceIp":"127.0.0.0/8"},
                "StringLike":{"aws:UserAgent":"*coffer*","coffer:CertificateIssuer":"*CN=*"}}},
  {"Sid":"nodeletions","Effect":"Deny","Principal":"*","Action":"secretsmanager:DeleteSecret","Resource":"*"}]}
POLICY
reload "$in_force"
expect_equal "conditions that hold: a read" value "$(coffer get confinement/a)"
put >/dev/null
what "and a write"
coffer iam list-users >/dev/null
what "and IAM's operations"
expect_refused "a Deny of the listener" "with an explicit deny in a VPC endpoint policy" coffer rm confinement/a

deny_when() {
  write_policy <<POLICY
{"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"},
  {"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":$1}]}
POLICY
  reload "$in_force"
}
for condition in '{"StringEquals":{"aws:SourceVpce":"'"$listener"'"}}' '{"IpAddress":{"aws:SourceIp":"127.0.0.1/32"}}' \
  '{"StringLike":{"aws:UserAgent":"*coffer*"}}' '{"StringEquals":{"coffer:Protocol":"native"}}' \
  '{"StringLike":{"coffer:CertificateIssuer":"*CN=*"}}'; do
  deny_when "$condition"
  expect_refused "denied when $condition" "explicit deny in a VPC endpoint policy" coffer get confinement/a
  expect_refused "IAM as well" "explicit deny in a VPC endpoint policy" coffer iam list-users
done
deny_when '{"StringEquals":{"aws:SourceVpce":"another"}}'
expect_equal "not through another listener's name" other "$(coffer get confinement/a)"
deny_when '{"NotIpAddress":{"aws:SourceIp":"127.0.0.0/8"}}'
expect_equal "not from an address inside" other "$(coffer get confinement/a)"

# ---- a policy that is stored, for all nodes, besides the file's ------------------------------------------------

write_policy <<'POLICY'
{"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"},
  {"Sid":"nodeletions","Effect":"Deny","Principal":"*","Action":"secretsmanager:DeleteSecret","Resource":"*"}]}
POLICY
reload "$in_force"
stored() { printf '%s' "$1" >"$work/stored.json"; coffer iam put-listener-policy --listener-name "$listener" --policy-document "file://$work/stored.json"; }
allow_only() { printf '{"Version":"2012-10-17","Statement":[{"Sid":"only","Effect":"Allow","Principal":"*","Action":[%s],"Resource":"*"}]}' "$1"; }
expect_refused "one that would lock out who puts it is refused" "would lock you out" \
  stored "$(allow_only '"secretsmanager:*"')"
stored "$(allow_only '"secretsmanager:*","iam:*","coffer:*"')"
expect_equal "what both allow" other "$(coffer get confinement/a)"
expect_refused "what the file denies" "with an explicit deny in a VPC endpoint policy" coffer rm confinement/a
stored "$(allow_only '"secretsmanager:DescribeSecret","secretsmanager:DeleteSecret","iam:*","coffer:*"')"
expect_refused "what the stored one does not allow" "because no VPC endpoint policy allows the secretsmanager:GetSecretValue action" \
  coffer get confinement/a
expect_contains "simulate says which decided" "the VPC endpoint policy listener/$listener does not allow it" \
  "$(coffer iam simulate --principal admin --action GetSecretValue --listener "$listener")"
expect_contains "and asks none where no listener is named" "allowed" \
  "$(coffer iam simulate --principal admin --action GetSecretValue)"
who() { coffer iam who-can "$1" confinement/a --listener "$listener" 2>&1; }
expect_contains "who-can asks them" "Nobody can" "$(who GetSecretValue)"
expect_contains "each of them" "Nobody can" "$(who DeleteSecret)"
expect_contains "and finds who may" "user/admin" "$(who DescribeSecret)"
expect_contains "list-listeners shows both" '"HasPolicy": true' "$(coffer iam list-listeners)"
coffer iam export "$work/access" >/dev/null
expect_contains "it is exported" "secretsmanager:DescribeSecret" "$(cat "$work/access/listeners/$listener.json")"
restart
expect_refused "a start finds it" "VPC endpoint policy" coffer get confinement/a

program=$build
[ "$(id -u)" -ne 0 ] || program="$dir/program"
cofferd() { as_owner env SOFTHSM2_CONF="$state/token/softhsm2.conf" "$program/bin/cofferd" "$@" --config "$state/etc/cofferd.toml"; }
psql -X -q "$conninfo" -c "DELETE FROM iam_entities WHERE kind = 'listener'" >/dev/null
is_closed() { { coffer iam list-listeners 2>&1 || true; } | grep -q "is gone from the database"; }
wait_until "one that somebody deleted closes the listener" is_closed
what "one that somebody deleted closes the listener"
expect_contains "the machine's command opens it" "No policy is stored for listener $listener" \
  "$(cofferd remove-listener-policy --listener-name "$listener")"
is_open() { coffer get confinement/a; }
wait_until "and it serves again" is_open
expect_contains "apply brings it back" "+ create listener $listener" "$(coffer iam apply -f "$work/access")"
coffer iam delete-listener-policy --listener-name "$listener"
expect_equal "and it is removed" other "$(coffer get confinement/a)"

# ---- a malformed policy ----------------------------------------------------------------------------------------

printf '{\n"Statement": {"Effect": "allow"}\n}\n' | write_policy
reload "listener's policy was not reloaded"
expect_contains "the log has the place" "(line 2, column" "$(grep "was not reloaded" "$state/log/cofferd.log")"
expect_equal "the old one stays in force" other "$(coffer get confinement/a)"
expect_refused "check-config names it" "malformed" "$program/bin/cofferd" check-config "$state/etc/cofferd.toml"
appliance down >/dev/null
expect_refused "and at a start it is refused" "" appliance up --build "$build"

# ---- networks --------------------------------------------------------------------------------------------------

sed -i '/^policy = /d' "$state/etc/cofferd.toml"
sed -i '/^\[\[listener\]\]/a allowed_networks = ["10.0.0.0/8", "127.0.0.1"]' "$state/etc/cofferd.toml"
appliance up --build "$build" >/dev/null
take_environment
expect_equal "a caller from an allowed network" other "$(coffer get confinement/a)"
