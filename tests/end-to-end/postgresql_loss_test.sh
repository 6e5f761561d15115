#!/usr/bin/env bash
# PostgreSQL is stopped, killed and started again under load: every request succeeds or gets an error that may be
# retried, the daemon is not restarted, nothing acknowledged is lost.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

bring_up
pg=$(postgresql_programs)
daemon=$(daemon_pid)
postgres() { as_owner "$pg/pg_ctl" "$1" -w -D "$state/postgresql" "${@:2}" >/dev/null; }
# When the server last began to take connections, by its own log, in seconds since the epoch.
accepts_since() {
  date +%s.%3N --date "$(sed -n 's/^\([0-9-]* [0-9:.]* [A-Z]*\) .*ready to accept connections.*/\1/p' "$state/log/postgresql.log" | tail -n 1)"
}

start_load
for mode in fast immediate fast; do
  wait_until "writes go on" load_goes_on
  postgres stop -m "$mode"
  is_not_ready() { [ "$(http_get "$metrics_port" /readyz | head -n 1)" = 503 ]; }
  wait_until "the daemon says that it is not ready" is_not_ready
  expect_equal "it lives" 200 "$(http_get "$metrics_port" /healthz | head -n 1)"
  sleep 1
  postgres start -l "$state/log/postgresql.log"
  seen=$(acknowledged)
  wait_until "writes go on after stop -m $mode" load_goes_on
  # Within a tenth of a second or two: that is how often the load reports, and how often it is looked at.
  what "stop -m $mode: the next write was acknowledged $(awk "BEGIN { printf \"%.1f\", $EPOCHREALTIME - $(accepts_since) }") s after the server took connections again"
done
stop_load
expect_equal "the daemon was never restarted" "$daemon" "$(daemon_pid)"
process_runs "$daemon" || fail "the daemon is gone"
