#!/usr/bin/env bash
# The token refuses the PIN: the daemon tries it once (the shim counts), ends with a status of its own, and the
# unit that is shipped does not start it again by itself. With the right PIN it starts.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

bring_up
appliance down >/dev/null

stats="$work/shim/stats"
load_shim "COFFER_SHIM_STATS=$stats"
program="$dir/program/bin/cofferd" # of root's appliances
[ -x "$program" ] || program="$build/bin/cofferd"

# What a service manager sees of one start.
start_by_hand() {
  local -a variables
  mapfile -t variables <"$state/etc/environment"
  as_owner env "${variables[@]}" "$program" run --config "$state/etc/cofferd.toml" >"$work/start.out" 2>&1
}
logins_tried() {
  local at
  at=$(LC_ALL=C grep -obUaP 'C_Login\x00' "$stats" | tr -d '\0' | head -n 1)
  od -An -v -tu8 -j "$((${at%%:*} + 56))" -N 8 "$stats" | tr -d ' '
}

pin_file="$state/token/pin"
right=$(cat "$pin_file")
printf 'not the PIN\n' >"$pin_file"

for start in first second; do
  code=0
  start_by_hand || code=$?
  expect_equal "the $start start with a wrong PIN ends with the status for that" 79 "$code"
  expect_equal "it has tried the PIN once" 1 "$(logins_tried)"
  expect_contains "it says what was wrong" "refused the PIN in" "$(cat "$work/start.out")"
  case "$(cat "$work/start.out")" in *'not the PIN'*) fail "the PIN is in the log" ;; esac
done
prevented=$(sed -n 's/^RestartPreventExitStatus=//p' "$root/deploy/cofferd.service")
expect_contains "the unit is not started again after that status" " 79 " " $prevented "

printf '%s\n' "$right" >"$pin_file"
appliance up >/dev/null
take_environment
expect_equal "with the right PIN it starts" 200 "$(http_get "$metrics_port" /readyz | head -n 1)"
