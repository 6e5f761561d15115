#!/usr/bin/env bash
# A master key is rotated over some thousand versions, under load, while the daemon is killed three times. Afterwards
# everything is under the new generation, every value is read as it was written, and the old generation leaves the token.
#
#   key_rotation_test.sh --build DIR [--token KIND] [versions]
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"
# shellcheck source=nodes.sh
. "$(dirname "$0")/nodes.sh"
# shellcheck source=token_support.sh
. "$(dirname "$0")/token_support.sh"

versions=${1:-3000}
under() { sql "SELECT count(*) FROM secret_versions WHERE key_generation = $1"; }
describe() { coffer key describe --output json | tr -d '\n'; }
rewrapped() { sql "SELECT coalesce(sum(done), 0) FROM rewrap_slices"; }

bring_up
expect_contains "one generation to begin with" coffer/master/default/1 "$(keys_in_token coffer/master/)"
key_id=$(coffer iam create-access-key --user-name admin --output json | sed -n 's/.*"AccessKeyId": "\([A-Z0-9]*\)".*/\1/p')
start_load
while [ "$(under 1)" -lt "$versions" ]; do
  wait_until "there are $versions versions" load_goes_on
  sleep 0.5
done
what "$(under 1) versions are under generation 1"

# So slow that it can be killed on the way.
appliance down >/dev/null
printf '\n[master_keys]\nrewrap_per_second = %d\nrewrap_batch = 32\n' $((versions / 20)) >>"$state/etc/cofferd.toml"
appliance up >/dev/null
wait_until "writes go on" load_goes_on

# A second node has to hear of what the first one does.
add_node second
start_node second
on_second() { on_node second "$@"; }

expect_contains "a rotation makes a generation" "generation 2 writes from now on" "$(coffer key rotate)"
expect_contains "the token holds it" coffer/master/default/2 "$(keys_in_token coffer/master/)"
printf 'new' | coffer put rotation/new >/dev/null
expect_equal "new writes use it at once" 2 "$(sql "SELECT key_generation FROM secret_versions v JOIN secrets s
  ON s.id = v.secret_id WHERE s.name = 'rotation/new'")"
expect_equal "the other node reads what is under the new generation" new "$(on_second get rotation/new)"
hears() { on_second key list --output json | tr -d '\n ' | grep -q '"Generation":2,"CreationDate":[^}]*"InToken":true'; }
wait_until "the other node knows the new generation" hears
printf 'other' | on_second put rotation/second >/dev/null
expect_equal "and writes under it" 2 "$(sql "SELECT key_generation FROM secret_versions v JOIN secrets s
  ON s.id = v.secret_id WHERE s.name = 'rotation/second'")"
for kill in 1 2 3; do
  before=$(rewrapped)
  goes_on() { [ "$(rewrapped)" -gt "$before" ]; }
  wait_until "the wrapping anew goes on before kill $kill" goes_on
  [ "$(under 1)" -gt 0 ] || fail "everything was wrapped anew before kill $kill; give more versions"
  kill -KILL "$(daemon_pid)"
  left=$(under 1)
  appliance up >"$work/up.log" || { cat "$work/up.log"; fail "the daemon did not come back after kill $kill"; }
  what "killed with $left versions under the old generation"
done
done_with_it() { describe | grep -q '"State": "Done"'; }
while ! done_with_it; do
  before=$(rewrapped)
  is_done_or_goes_on() { done_with_it || [ "$(rewrapped)" -gt "$before" ]; }
  wait_until "the wrapping anew is done" is_done_or_goes_on
done
expect_equal "nothing is under the old generation" 0 "$(under 1)"
expect_equal "the access key's secret is under the new one as well" 2 \
  "$(sql "SELECT document::jsonb->'access_keys'->0->>'generation' FROM iam_entities WHERE kind = 'user' AND name = 'admin'")"
expect_contains "every data key opens" "all open" "$(coffer key verify --values)"

expect_refused "the old generation stays while no newer backup is proven" "no proven backup" coffer key retire
expect_refused "nor is an older one enough" "older than the end" coffer key retire --backup-proven 1d
sleep 1.1 # times of backups are seconds
expect_contains "with a proven backup it goes" "generation 1 was destroyed" \
  "$(coffer key retire --backup-proven "$(date -u +%Y-%m-%dT%H:%M:%SZ)")"
expect_equal "the token holds one key fewer" coffer/master/default/2 "$(keys_in_token coffer/master/)"
expect_contains "every data key opens without it" "all open" "$(coffer key verify --values)"
expect_equal "the other node reads without it" new "$(on_second get rotation/new)"
expect_contains "and finds every data key" "all open" "$(on_second key verify)"
wait_until "writes go on" load_goes_on
stop_node second
stop_load

appliance down >/dev/null
appliance up >/dev/null
expect_equal "and after a restart values are read" new "$(coffer get rotation/new)"
audit="$build/bin/coffer-audit"
for journal in "$dir/audit" "$state/second/audit"; do
  expect_contains "a node's journal is whole" "GOOD" "$("$audit" verify "$journal" --public-key "$dir/audit-public.pem")"
done
# A node that stops leaves nothing behind that is not in its journal.
recorded() {
  local journal
  for journal in "$dir/audit" "$state/second/audit"; do
    if "$audit" search "$journal" --action "$1" --output json | holds "\"eventName\":\"$1\""; then return 0; fi
  done
  return 1
}
for event in RotateKeyOnDemand EndRewrap RewrapAccessKeys RetireKeyGenerations; do
  recorded "$event" || fail "the event $event is in the journal of neither node"
done
what "what was done is in the journals"

# A data key that was altered is named, and nothing else.
sql "UPDATE secret_versions SET wrapped_key = set_byte(wrapped_key, 3, get_byte(wrapped_key, 3) # 1)
  WHERE secret_id = (SELECT id FROM secrets WHERE name = 'rotation/new')" >/dev/null
expect_refused "verify names what does not open" "secret:rotation/new" coffer key verify
coffer key create other >/dev/null
expect_contains "a second key" coffer/master/other/1 "$(keys_in_token coffer/master/)"
expect_refused "the default key is not deleted" "is the default key" coffer key schedule-deletion default
expect_contains "another one is, in some days" "destroyed on" "$(coffer key schedule-deletion other --days 7)"
cannot_write() { ! printf x | coffer create-secret --name rotation/other --kms-key-id alias/other --secret-string file:///dev/stdin; }
wait_until "nothing can be encrypted under it" cannot_write
coffer key cancel-deletion other >/dev/null
[ -n "$key_id" ] || fail "no access key was made"
