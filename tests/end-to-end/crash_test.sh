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
