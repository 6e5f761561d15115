#!/usr/bin/env bash
# Events reach the database and are found there: by secret, principal, action, outcome and time, page by page; by those
# who may; and losing the database loses none.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

bring_up
journal="$dir/audit"

search() { coffer audit search --output json "$@" 2>/dev/null; }
count_of() { search "$@" | grep -c . || true; }
field() { /usr/bin/python3 -c 'import json,sys
value = json.loads(sys.stdin.readline())
for part in sys.argv[1].split("."):
    value = value[int(part)] if isinstance(value, list) else value[part]
print(value)' "$1"; }
has() { [ "$(count_of "$@")" -ge 1 ]; }
has_count() { [ "$(count_of "${@:2}")" -eq "$1" ]; }

# ---- what is found ------------------------------------------------------------------------------------------------

printf 'value-one' | coffer put app/a >/dev/null
coffer get app/a >/dev/null
coffer get-secret-value --secret-id app/missing >/dev/null 2>&1 || true
coffer batch-get-secret-value --secret-id-list app/a app/other >/dev/null
coffer iam create-user --user-name bob >/dev/null
last_is_there() { search --action CreateUser | holds '"bob"'; }  # the appliance makes users of its own
wait_until "the events are in the database" last_is_there
expect_equal "a change is found by its secret" 1 "$(count_of --secret app/a --action CreateSecret)"
expect_equal "with who made it" arn:aws:iam::111122223333:user/admin \
  "$(search --secret app/a --action CreateSecret | field userIdentity.arn)"
expect_equal "a read by a pattern, of any case, and one of a batch" 2 "$(count_of --secret 'app/*' --action getsecretvalue --outcome success)"
expect_equal "a failure by its error, in a batch as well" 2 "$(count_of --outcome ResourceNotFoundException --action GetSecretValue)"
expect_equal "of any case" 2 "$(count_of --outcome resourcenotfoundexception --action GetSecretValue)"
expect_equal "what succeeded as well" 1 "$(count_of --secret app/a --action CreateSecret --outcome Success)"
expect_refused "an outcome that no event has" "--outcome" coffer audit search --outcome error
expect_refused "a search that finds nothing says so" "no event matches" coffer audit search --until 2020-01-01
code=0
coffer audit search --until 2020-01-01 2>/dev/null || code=$?
expect_equal "with the exit code of coffer-audit search" 1 "$code"
expect_equal "a batch by each of its secrets" 1 "$(count_of --secret app/other --action BatchGetSecretValue)"
expect_equal "and by the other" 1 "$(count_of --secret app/a --action BatchGetSecretValue)"
expect_equal "a secret of a batch by its own event" 1 "$(count_of --secret app/other --action GetSecretValue)"
expect_equal "nothing before the beginning" 0 "$(count_of --until 2020-01-01)"
expect_contains "a table says so as well" "app/a" "$(coffer audit search --secret app/a)"
id=$(search --action CreateSecret | field eventID)
expect_equal "one event whole" "$(grep -h "$id" "$journal"/journal-*.log | cut -d' ' -f4-)" "$(coffer audit show "$id" --output json)"
expect_contains "or as a list of its members" "eventID" "$(coffer audit show "$id")"
expect_refused "one that is not there" "no such event" coffer audit show 00000000-0000-4000-8000-000000000000
expect_refused "nor one" "UUID" coffer audit show xyzzy
expect_refused "a wrong time" "--since" coffer audit search --since yesterday
expect_refused "a wrong verb" "did you mean 'search'" coffer audit serach

# ---- pages ----------------------------------------------------------------------------------------------------------

for i in $(seq 1 60); do coffer get-secret-value --secret-id "page/$i" >/dev/null 2>&1 || true; done
wait_until "all of them are there" has_count 60 --secret 'page/*' --limit 1000
expect_equal "each once, over two pages" 60 "$(search --secret 'page/*' --limit 1000 | sort -u | grep -c .)"
expect_equal "the newest first" page/60 "$(search --secret 'page/*' --limit 1 | field requestParameters.secretId)"

# ---- who may --------------------------------------------------------------------------------------------------------

appliance client bob >/dev/null
coffer iam add-user-identity --user-name bob --identity Kind=spiffe,Value=spiffe://coffer.local/bob >/dev/null
bob() { COFFER_CERT_FILE="$state/tls/bob.crt" COFFER_KEY_FILE="$state/tls/bob.key" "$@"; }
expect_refused "who may not is refused" "cloudtrail:LookupEvents" bob coffer audit search
coffer iam put-user-policy --user-name bob --policy-name audit --policy-document \
  '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cloudtrail:LookupEvents","Resource":"*"}]}' >/dev/null
allowed() { bob coffer audit search --output json; }
wait_until "who may is answered" allowed
coffer iam put-user-policy --user-name bob --policy-name read --policy-document \
  '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:BatchGetSecretValue","Resource":"*"}]}' >/dev/null
batch_allowed() { bob coffer batch-get-secret-value --secret-id-list app/a; }
wait_until "a batch of which nothing may be read is answered" batch_allowed
wait_until "its denials are found" has --action GetSecretValue --secret app/a --principal bob --outcome denied
wait_until "looking is on record as well" has --action LookupEvents --principal bob --outcome denied

# ---- following ------------------------------------------------------------------------------------------------------

coffer audit tail --interval 0.5 --lines 0 --output json >"$work/tail.out" &
background+=("$!")
sleep 1
followed() { coffer get-secret-value --secret-id follow/me 2>/dev/null; grep -q follow/me "$work/tail.out"; }
wait_until "tail shows what comes" followed
kill "${background[0]}"
background=()
expect_equal "and each event once" "" "$(/usr/bin/python3 -c 'import json,sys,collections
ids = collections.Counter(json.loads(line)["eventID"] for line in open(sys.argv[1]))
print("".join(i for i, n in ids.items() if n > 1), end="")' "$work/tail.out")"

# ---- nothing is lost, nothing is twice ------------------------------------------------------------------------------

wait_until "checkpoints come too" test -n "$(sql 'SELECT 1 FROM audit_checkpoints LIMIT 1')"
before=$(sql 'SELECT count(*) FROM audit_events WHERE part = 0')
appliance down >/dev/null
rm -f "$state/audit/database.position"
appliance up >/dev/null
journaled() { [ "$(cat "$journal"/journal-*.log | cut -c1 | grep -ci e)" -le "$(sql 'SELECT count(*) FROM audit_events WHERE part = 0')" ]; }
wait_until "everything delivered again, and what was left" journaled
expect_equal "no event is there twice" 0 \
  "$(sql 'SELECT count(*) - count(DISTINCT event_id) FROM audit_events WHERE part = 0')"
[ "$(sql 'SELECT count(*) FROM audit_events WHERE part = 0')" -ge "$before" ] || fail "events are gone"
if sql 'SELECT event FROM audit_events' | holds -F value-one; then fail "a secret value is in the database"; fi
what "no secret value is in the table"
sql "CREATE TABLE audit_events_20200101 (LIKE audit_events INCLUDING DEFAULTS);
     ALTER TABLE audit_events ATTACH PARTITION audit_events_20200101 FOR VALUES FROM ('20200101 00:00:00+00') TO ('20200102 00:00:00+00')" >/dev/null
appliance restart --build "$build" >/dev/null
gone() { [ -z "$(sql "SELECT 1 FROM pg_class WHERE relname = 'audit_events_20200101'")" ]; }
wait_until "old days are dropped" gone
