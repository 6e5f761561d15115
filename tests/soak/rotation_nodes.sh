#!/usr/bin/env bash
# Three nodes on one database, and 10,000 secrets that are due at the same time: each is rotated once.
#
#   rotation_nodes.sh --build DIR [--token KIND] [secrets]
# shellcheck source=../end-to-end/support.sh
. "$(dirname "$0")/../end-to-end/support.sh"
# shellcheck source=../end-to-end/rotation_support.sh
. "$(dirname "$0")/../end-to-end/rotation_support.sh"
# shellcheck source=../end-to-end/nodes.sh
. "$(dirname "$0")/../end-to-end/nodes.sh"

secrets=${1:-10000}
bring_up
add_functions <<CONF

[[rotation_function]]
name = "random"
kind = "random"
CONF
appliance restart >/dev/null
take_environment
for node in second third; do
  add_node "$node"
  start_node "$node"
done

# While everything is paused, they all become due.
coffer rotation pause --all 2>/dev/null
coffer iam put-user-policy --user-name demo --policy-name all --policy-document \
  '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"}]}'
/usr/bin/python3 "$(dirname "$0")/make_due.py" "$secrets" "$functions:random"
expect_equal "so many are due" "$secrets" "$(sql 'SELECT count(*) FROM rotations WHERE due <= now()')"
begun=$(date +%s%N)
coffer rotation resume --all 2>/dev/null
left() { sql 'SELECT count(*) FROM rotations WHERE version_id IS NOT NULL OR due <= now()'; }
while [ "$(left)" != 0 ]; do
  before=$(left)
  sleep 2
  goes_on() { local now; now=$(left); [ "$now" = 0 ] || [ "$now" -lt "$before" ]; }
  wait_until "the rotations go on; $before are left" goes_on
done
what "$secrets rotations in $((($(date +%s%N) - begun) / 1000000)) ms"
expect_equal "none failed" 0 "$(sql 'SELECT count(*) FROM rotations WHERE failed OR last_error IS NOT NULL')"
expect_equal "each has one rotation in its history" "$secrets|1|1" \
  "$(sql "SELECT count(*), min(n), max(n) FROM (SELECT count(*) AS n FROM rotation_runs WHERE outcome = 'Succeeded' GROUP BY secret_id) r")"
expect_equal "each has two versions" "$secrets|2|2" \
  "$(sql 'SELECT count(*), min(n), max(n) FROM (SELECT count(*) AS n FROM secret_versions GROUP BY secret_id) v')"
stop_node second
stop_node third
appliance down >/dev/null
total=0
for journal in "$dir/audit" "$state/second/audit" "$state/third/audit"; do
  expect_contains "a journal is whole" GOOD "$("$build/bin/coffer-audit" verify "$journal" --public-key "$dir/audit-public.pem")"
  n=$(cat "$journal"/journal-*.log | grep -c '"eventName":"RotationSucceeded"' || true)
  [ "$n" -gt 0 ] || fail "a node rotated nothing"
  what "a node rotated $n"
  total=$((total + n))
done
expect_equal "the journals have each rotation once" "$secrets" "$total"
