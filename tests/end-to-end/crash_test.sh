#!/usr/bin/env bash
# The daemon is killed at random instants under load and started again; every write that was acknowledged must be
# there, whole, and every other one whole or absent.
#
#   crash_test.sh --build DIR [--token KIND] [times]
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

times=${1:-50}
bring_up
start_load
for ((i = 1; i <= times; i++)); do
  wait_until "writes go on after crash $((i - 1))" load_goes_on
  sleep "0.$((RANDOM % 10))$((RANDOM % 10))"
  kill -KILL "$(daemon_pid)"
  appliance up >"$work/up.log" || { cat "$work/up.log"; fail "the daemon did not come back after crash $i"; }
  [ $((i % 10)) -ne 0 ] || what "$i crashes, $(acknowledged) writes acknowledged"
done
wait_until "writes go on at the end" load_goes_on
stop_load

# What was done is on record: the events of this node's last changes may still be in the outbox.
audit="$build/bin/coffer-audit"
expect_contains "the journal is whole, and every change in the database has exactly one event" \
  "has the seal that its last event left" \
  "$("$audit" verify "$dir/audit" --public-key "$dir/audit-public.pem" --against-database "$conninfo")"
"$audit" search "$dir/audit" --output json >"$work/events"
/usr/bin/python3 - "$work/answers" "$work/events" <<'CHECK' || fail "an answer has no event, or too many"
import collections, json, sys
writes, reads = collections.Counter(), collections.Counter()
for line in open(sys.argv[2]):
    event = json.loads(line)
    if "errorCode" in event:
        continue
    if event["eventName"] in ("CreateSecret", "PutSecretValue"):
        done = event.get("responseElements") or {}
        if "seals" in event["additionalEventData"]:
            writes[(done["name"], done["versionId"])] += 1
    elif event["eventName"] == "GetSecretValue":
        reads[event["requestParameters"]["secretId"]] += 1
read_answers, wrong = collections.Counter(), 0
for line in open(sys.argv[1]):
    words = line.split()
    if words[0] == "read":
        read_answers[words[1]] += 1
    elif writes[(words[1], words[2])] != 1:
        wrong += 1
        print("write", words[1], words[2], "has", writes[(words[1], words[2])], "events")
for key, events in writes.items():
    if events != 1:
        wrong += 1
        print("change", key, "has", events, "events")
for name, answers in read_answers.items():
    if reads[name] < answers:
        wrong += 1
        print("reads of", name, "answered:", answers, "events:", reads[name])
print(f"  - {sum(writes.values())} changes and {sum(read_answers.values())} answered reads have their events")
sys.exit(1 if wrong else 0)
CHECK
