#!/usr/bin/env bash
# The life of a secret through the command, as a person goes through it.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

bring_up

printf 's3cret' | coffer put demo/a >/dev/null
expect_equal "a value written is the value read" s3cret "$(coffer get demo/a)"

json=$(coffer get-secret-value --secret-id demo/a)
members=$(/usr/bin/python3 -c '
import json, sys
value = json.load(sys.stdin)
print(",".join(sorted(value)), value["Name"], value["SecretString"], value["VersionStages"])' <<<"$json")
expect_equal "GetSecretValue has AWS's members" \
  "ARN,CreatedDate,Name,SecretString,VersionId,VersionStages demo/a s3cret ['AWSCURRENT']" "$members"

printf 'second' | coffer put demo/a >/dev/null
expect_equal "an update is what is read" second "$(coffer get demo/a)"
previous=$(coffer get-secret-value --secret-id demo/a --version-stage AWSPREVIOUS)
expect_contains "the previous version is kept" '"s3cret"' "$previous"

head -c 65536 /dev/urandom >"$work/binary"
coffer create-secret --name demo/binary --secret-binary "fileb://$work/binary" >/dev/null
coffer get demo/binary >"$work/binary.read"
cmp "$work/binary" "$work/binary.read" || fail "65,536 random bytes came back changed"
what "65,536 random bytes come back identical"

head -c 65537 /dev/urandom >"$work/too-long"
expect_refused "65,537 bytes are refused, with the field's name" secretBinary \
  coffer create-secret --name demo/too-long --secret-binary "fileb://$work/too-long"
expect_refused "and nothing is stored" ResourceNotFoundException coffer describe-secret --secret-id demo/too-long

printf '{"username":"app","password":"pw-1"}' | coffer put demo/db >/dev/null
expect_equal "one field of a JSON secret" pw-1 "$(coffer get demo/db --field password)"
# shellcheck disable=SC2016  # $username is for the child
expect_equal "fields as environment variables of a command" app \
  "$(coffer exec --secret demo/db -- sh -c 'printf %s "$username"')"

coffer rm demo/a >/dev/null
expect_refused "a deleted secret is not read" InvalidRequestException coffer get demo/a
coffer restore demo/a >/dev/null
expect_equal "a restored secret is whole" second "$(coffer get demo/a)"

expect_refused "an unknown secret" ResourceNotFoundException coffer get demo/none
expect_contains "the list" demo/db "$(coffer ls)"

appliance down
appliance up
take_environment
expect_equal "after a restart everything is there" second "$(coffer get demo/a)"
coffer get demo/binary | cmp - "$work/binary" || fail "the binary value changed over a restart"
what "binary values too"

coffer get-secret-value --secret-id demo/a --version-stage AWSPREVIOUS >/dev/null
expect_equal "up of a running appliance changes nothing" "$(daemon_pid)" "$(appliance up >/dev/null && daemon_pid)"

# What an operator does: another client, a changed configuration, the token looked at.
pid=$(daemon_pid)
expect_contains "a certificate for another client" spiffe://coffer.local/billing "$(appliance client billing)"
as_billing() { COFFER_CERT_FILE="$state/tls/billing.crt" COFFER_KEY_FILE="$state/tls/billing.key" coffer "$@"; }
expect_refused "which is refused as long as it is no user" AccessDeniedException as_billing get demo/a
coffer iam create-user --user-name billing >/dev/null
coffer iam add-user-identity --user-name billing --identity Kind=spiffe,Value=spiffe://coffer.local/billing >/dev/null
coffer iam attach-user-policy --user-name billing --policy-arn arn:aws:iam::aws:policy/SecretsManagerReadWrite
expect_equal "and let in at once when it is one" second "$(as_billing get demo/a)"
as_owner sed -i 's|^\[health\]|[log]\nlevel = "debug"\n&|' "$state/etc/cofferd.toml"
expect_contains "up says that a changed configuration wants a restart" "appliance.sh restart" "$(appliance up)"
expect_equal "and leaves the daemon as it is" "$pid" "$(daemon_pid)"
appliance restart >/dev/null
expect_equal "after a restart the client is still let in" second "$(as_billing get demo/a)"
[ "$pid" != "$(daemon_pid)" ] || fail "restart left the old daemon"
pid=$(daemon_pid)
as_owner cp "$state/etc/cofferd.toml" "$state/etc/cofferd.toml.good"
as_owner sed -i 's|^account|acount|' "$state/etc/cofferd.toml"
expect_refused "restart refuses a configuration with mistakes" acount appliance restart
expect_equal "and the daemon goes on" "$pid" "$(daemon_pid)"
as_owner mv "$state/etc/cofferd.toml.good" "$state/etc/cofferd.toml"
expect_contains "check looks at the appliance's token" "find token" "$(appliance check)"
expect_refused "no second certificate of a name" "revoke it first" appliance client billing
appliance revoke billing >/dev/null
billing_is_revoked() { ! as_billing get demo/a; }
wait_until "a revoked client is refused" billing_is_revoked
expect_refused "and not revoked twice" "revoked already" appliance revoke billing
appliance client billing >/dev/null
expect_equal "with a new certificate it is let in" second "$(as_billing get demo/a)"

# The administrator's certificate, and names that are no client's.
expect_refused "the administrator is not revoked unasked" "nothing was revoked" appliance revoke admin
coffer ls >/dev/null || fail "the administrator was locked out"
for name in ca server; do
  expect_refused "no certificate for a client '$name'" "the appliance's own" appliance client "$name"
  expect_refused "nor is '$name' revoked" "the appliance's own" appliance revoke "$name"
done
expect_contains "the administrator is revoked when that is meant" "appliance.sh client admin" "$(appliance revoke admin --yes)"
admin_is_revoked() { ! coffer ls; }
wait_until "and refused from then on" admin_is_revoked
expect_contains "env says so" "client admin" "$(appliance env 2>&1 >/dev/null)"
appliance client admin >/dev/null
expect_equal "a new certificate for the administrator is let in" second "$(coffer get demo/a)"

# Where no init collects dead processes: PostgreSQL's is killed, and stays as a zombie.
appliance down
/usr/bin/python3 -c '
import ctypes, signal, subprocess, sys
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
subprocess.run(sys.argv[1:], check=True)
signal.pause()' "$root/deploy/appliance.sh" up --dir "$dir" >/dev/null &
background+=($!)
appliance_is_up() { appliance status; }
wait_until "an appliance whose dead processes nobody collects is up" appliance_is_up
postgres=$(as_owner head -n 1 "$state/postgresql/postmaster.pid")
kill -KILL "$postgres"
postgres_is_a_zombie() { [ "$(sed 's/.*) //; s/ .*//' "/proc/$postgres/stat")" = Z ]; }
wait_until "PostgreSQL is killed and a zombie" postgres_is_a_zombie
expect_contains "status says that it is stopped" "postgresql  stopped" "$(appliance status || true)"
appliance up >/dev/null
coffer_answers() { coffer ls; }
wait_until "up starts it again" coffer_answers
expect_equal "and everything is there" second "$(coffer get demo/a)"
