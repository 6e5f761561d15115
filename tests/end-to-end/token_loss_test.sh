#!/usr/bin/env bash
# The token is power-cycled under load (tests/hsm-shim between daemon and token): every request succeeds or gets
# an error that may be retried, the daemon is not restarted, and service comes back.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

bring_up
appliance down >/dev/null

control="$work/shim/control"
load_shim "COFFER_SHIM_CONTROL=$control"
rules() { printf '%s\n' "$@" >"$control.new"; mv "$control.new" "$control"; }
rules '# forward everything'

appliance up
take_environment
daemon=$(daemon_pid)
start_load

event=0
for fault in 'power-cycle N' 'power-cycle N down 300ms' 'power-cycle N down 1s CKR_TOKEN_NOT_PRESENT' \
  'power-cycle N until-initialize' 'forget-login N' 'power-cycle N'; do
  wait_until "writes go on" load_goes_on
  event=$((event + 1))
  begun=$EPOCHREALTIME
  rules "${fault/ N/ $event}"
  # Twice, since the first may have been on its way when the fault came.
  seen=$(acknowledged)
  wait_until "writes go on after $fault" load_goes_on
  wait_until "writes go on after $fault" load_goes_on
  what "$fault: writes were acknowledged $(awk "BEGIN { printf \"%.1f\", $EPOCHREALTIME - $begun }") s after it"
done

rules 'fail C_Encrypt CKR_DEVICE_ERROR every 50' 'fail C_Decrypt CKR_SESSION_HANDLE_INVALID every 50'
for _ in 1 2 3; do wait_until "writes go on with calls failing now and then" load_goes_on; done
what "writes go on with every 50th call failing"
rules '# forward everything'
stop_load
expect_equal "the daemon was never restarted" "$daemon" "$(daemon_pid)"
process_runs "$daemon" || fail "the daemon is gone"
