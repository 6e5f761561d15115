#!/usr/bin/env bash
# Events go to an HTTPS collector, on one connection; one that answers without end costs the daemon neither memory nor
# events.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

bring_up
collector="$work/collector"
mkdir "$collector"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -keyout "$collector/server.key" -out "$work/collector.crt" 2>/dev/null
chmod 644 "$work/collector.crt"
/usr/bin/python3 "$(dirname "$0")/collector.py" "$work/collector.crt" "$collector/server.key" "$collector" >"$work/collector.log" 2>&1 &
background+=("$!")
wait_until "the collector listens" test -s "$collector/port"
mode() { printf '%s' "$1" >"$collector/mode.new"; mv "$collector/mode.new" "$collector/mode"; }

cat >>"$state/etc/cofferd.toml" <<CONFIG

[audit.https]
host = "localhost"
port = $(cat "$collector/port")
path = "/v1/audit"
ca = "$work/collector.crt"
io_timeout = "1m"
CONFIG
appliance restart >/dev/null

created() { grep -c "\"eventName\":\"CreateSecret\".*\"name\":\"$1\"" "$collector/events"; }
for name in sink/a sink/b sink/c; do
  printf 'value' | coffer put "$name" >/dev/null
  wait_until "an event arrives" created "$name"
done
what "events arrive while they are made"
expect_equal "on one connection" 1 "$(wc -l <"$collector/connections")"

memory_kib() { sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB$/\1/p' "/proc/$(daemon_pid)/status"; }
before=$(memory_kib)
mode endless
printf 'value' | coffer put sink/d >/dev/null
answered() { [ "$(wc -l <"$collector/endless")" -ge 3 ]; }
wait_until "answers that do not end are left, again and again" answered
what "answers that do not end are left, again and again"
[ $(($(memory_kib) - before)) -lt $((64 * 1024)) ] || fail "they are held: $before KiB at most before, $(memory_kib) KiB since"
what "and not held"
expect_equal "the daemon goes on meanwhile" value "$(coffer get sink/d)"
noted() { grep -q 'https.*read the answer: a chunk' "$state/log/cofferd.log"; }
wait_until "the log says why" noted
what "the log says why"

mode ''
wait_until "the collector gets what it has missed" created sink/d
for name in sink/a sink/b sink/c sink/d; do expect_equal "$name's event is there once" 1 "$(created "$name")"; done
