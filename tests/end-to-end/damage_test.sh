#!/usr/bin/env bash
# Somebody with write access to the database changes it by hand: the secret is refused, it is logged and
# counted, and other secrets are served.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

bring_up

for name in ciphertext label date description whole; do printf 'value of %s' "$name" | coffer put "damage/$name" >/dev/null; done
printf 'newer' | coffer put damage/label >/dev/null

integrity_failures() { metric coffer_integrity_failures_total; }

# refused_after NAME SQL: reads NAME first, so that the cache has it; the change must be noticed all the same
# after a restart, when the row is read again.
refused_after() {
  local name=$1 statement=$2 before
  coffer get "$name" >/dev/null
  sql "$statement"
  appliance down >/dev/null
  appliance up >/dev/null
  take_environment
  before=$(integrity_failures)
  expect_refused "$name: refused" "integrity" coffer get "$name"
  [ "$(integrity_failures)" -gt "$before" ] || fail "$name: the failure was not counted"
  what "$name: counted"
  expect_equal "others are served" "value of whole" "$(coffer get damage/whole)"
}
