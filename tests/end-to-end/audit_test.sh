#!/usr/bin/env bash
# What was done is on record: events of reads, changes and refusals; a journal that was altered and a database that was
# put back are found; without a journal nothing is answered.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

bring_up
audit="$build/bin/coffer-audit"
journal="$dir/audit"
key="$dir/audit-public.pem"

events() { "$audit" search "$journal" "$@" --output json; }
count_of() { events "$@" | wc -l; }
verify() { "$audit" verify "$journal" --public-key "$key" "$@"; }
verify_database() { "$audit" verify "$journal" --public-key "$key" --against-database "$conninfo" "$@"; }
field() { /usr/bin/python3 -c 'import json,sys
value = json.loads(sys.stdin.readline())
for part in sys.argv[1].split("."):
    value = value[int(part)] if isinstance(value, list) else value[part]
print(value)' "$1"; }

# ---- what events say --------------------------------------------------------------------------------------------

value=audited-value-5b1c
printf '%s' "$value" | coffer put audit/a >/dev/null
coffer get audit/a >/dev/null
coffer get-secret-value --secret-id audit/missing >/dev/null 2>&1 || true
made=$(events --action CreateSecret --secret audit/a)
expect_equal "one event for one change" 1 "$(printf '%s\n' "$made" | wc -l)"
expect_equal "it says who" arn:aws:iam::111122223333:user/admin "$(field userIdentity.arn <<<"$made")"
expect_equal "and what became of it" audit/a "$(field responseElements.name <<<"$made")"
expect_equal "and the row that it made" "$(sql "SELECT id || ' ' || encode(seal, 'hex') FROM secrets WHERE name = 'audit/a'")" \
  "$(field additionalEventData.seals.0.key <<<"$made") $(field additionalEventData.seals.0.seal <<<"$made")"
read_event=$(events --action GetSecretValue --secret audit/a)
expect_equal "a read is on record" True "$(field readOnly <<<"$read_event")"
expect_contains "with the statement that allowed it" AdministratorAccess "$(field additionalEventData.statement <<<"$read_event")"
expect_equal "and the generation of the master key" 1 "$(field additionalEventData.masterKeyGeneration <<<"$read_event")"
expect_equal "and the listener" local "$(field additionalEventData.listener <<<"$read_event")"
expect_equal "a failure has its error" ResourceNotFoundException \
  "$(events --action GetSecretValue --secret audit/missing | field errorCode)"
if grep -rqF -- "$value" "$journal"; then fail "a secret value is in the journal"; fi
what "no secret value is in the journal"

kill -HUP "$(daemon_pid)"
reload_is_recorded() { events --action ReloadFiles | holds '"done":true'; }
wait_until "a reload is on record" reload_is_recorded
what "a reload is on record"

appliance client eve >/dev/null
eve() { COFFER_CERT_FILE="$state/tls/eve.crt" COFFER_KEY_FILE="$state/tls/eve.key" "$@"; }
expect_refused "a stranger is refused" "no user or role" eve coffer get audit/a
refusal=$(events --outcome denied)
expect_equal "and the refusal is on record" AccessDenied "$(field errorCode <<<"$refusal")"
expect_equal "with the name on the certificate" spiffe://coffer.local/eve "$(field userIdentity.principalId <<<"$refusal")"

coffer iam create-user --user-name bob >/dev/null
expect_equal "changes of users are on record" iam.amazonaws.com "$(events --action CreateUser | field eventSource)"
expect_contains "and the first user's making" bootstrap "$(events --action BootstrapAdministrator)"

# ---- the proof --------------------------------------------------------------------------------------------------

expect_contains "the journal verifies while it is written" GOOD "$(verify)"
expect_contains "and the database is as it was left last" "has the seal that its last event left" "$(verify_database)"

# A whole consistent state put back: each row's seal is right.
keep() { # SCHEMA: the tables as they are now
  local table
  sql "CREATE SCHEMA $1" >/dev/null
  for table in secrets secret_versions staging_labels iam_entities iam_manifest; do
    sql "CREATE TABLE $1.$table AS TABLE $table" >/dev/null
  done
}
keep yesterday
printf 'newer' | coffer put audit/a >/dev/null
coffer iam delete-user --user-name bob >/dev/null
keep today
appliance down >/dev/null
appliance up >/dev/null
put_back() { # SCHEMA TABLES...: as they were, children last
  local statements='' table
  for table in "${@:2}"; do statements="DELETE FROM $table; $statements"; done
  for table in "${@:2}"; do statements="$statements INSERT INTO $table SELECT * FROM $1.$table;"; done
  sql "BEGIN; $statements COMMIT" >/dev/null
}
put_back yesterday secrets secret_versions staging_labels
expect_refused "a secret that was put back is found" "was put back to an earlier state: it has revision 0, the last that was made is 1 ('audit/a')" \
  verify_database
# It is changed after that, as life goes on: its events and its changes agree no more.
printf 'newest' | coffer put audit/a >/dev/null
verify_database --output json >"$work/found.json" || true
printf 'newest of all' | coffer put audit/a >/dev/null
expect_refused "which is found as long as nobody says that it is known" "has 4 events for its 3 changes" verify_database
expect_contains "and not told again then" "but for what is known" "$(verify_database --known "$work/found.json")"
put_back yesterday iam_entities iam_manifest
expect_refused "and so are users" "iam_manifest manifest was put back to an earlier state" verify_database
# The daemon believes no such users, when it starts again.
put_back today iam_entities iam_manifest

# ---- what was turned away --------------------------------------------------------------------------------------------

# A certificate of another authority, many times: one event with a count.
openssl req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=mallory -days 2 \
  -keyout "$work/mallory.key" -out "$work/mallory.crt" 2>/dev/null
for _ in 1 2 3 4 5; do
  COFFER_CERT_FILE="$work/mallory.crt" COFFER_KEY_FILE="$work/mallory.key" coffer --timeout 3 get audit/a >/dev/null 2>&1 || true
done
turned_away() { "$audit" search "$journal" --action RefuseHandshakes --output json; }
is_recorded() { turned_away | holds '"count":'; }
wait_until "handshakes that were refused have an event" is_recorded
what "handshakes that were refused have an event"
expect_contains "with the certificate's fingerprint" \
  "$(openssl x509 -in "$work/mallory.crt" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr 'A-F' 'a-f')" "$(turned_away)"
[ "$(turned_away | grep -c RefuseHandshakes)" -le 2 ] || fail "as few events as intervals" "$(turned_away)"
what "and not one for each"

# ---- a journal that was altered -----------------------------------------------------------------------------------

appliance down >/dev/null
cp -a "$journal" "$work/copy"
segment=$(find "$work/copy" -name 'journal-*.log' | sort | head -n 1)
"$audit" verify "$work/copy" --public-key "$key" >/dev/null
sed -i '0,/"eventName":"./s//"eventName":"X/' "$segment"  # checkpoints stand between events
expect_refused "an event that was changed is named" "changed" "$audit" verify "$work/copy" --public-key "$key"

# ---- no audit, no answer --------------------------------------------------------------------------------------------

appliance up >/dev/null
mv "$journal" "$state/away"
expect_refused "without the journal's folder nothing is answered" "it cannot be recorded" coffer --timeout 3 get audit/a
expect_contains "the daemon is not ready, and says why" "audit" "$(http_get "$metrics_port" /readyz)"
expect_refused "up makes no other in its place" "move it back" appliance up
mv "$state/away" "$journal"
wait_until "the folder is back" coffer get audit/a
verify >/dev/null
what "and it goes on where it was"
