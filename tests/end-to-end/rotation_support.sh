# shellcheck shell=bash disable=SC2154,SC2034
# Sourced by the tests of rotation functions, behind support.sh: what is asked of a secret that rotates, a proxy that loses
# connections, and clients that log in all the while.

functions=arn:aws:lambda:us-east-1:111122223333:function

# add_functions: the rotation functions on standard input, with retries that a test can wait for.
add_functions() {
  cat >>"$state/etc/cofferd.toml" <<CONF

[rotation]
workers = 3
attempts = 3
retry_after = "1s"
retry_at_most = "1s"
lease = "10s"
CONF
  cat >>"$state/etc/cofferd.toml"
}

# start_as_owner LOG COMMAND...: in the background, as as_owner; sets target_pid, which is the command's own.
start_as_owner() {
  if [ "$(id -u)" -eq 0 ]; then
    setpriv --reuid coffer --regid coffer --clear-groups -- "${@:2}" >>"$1" 2>&1 &
  else
    "${@:2}" >>"$1" 2>&1 &
  fi
  target_pid=$!
  background+=("$target_pid")
}
stop_target() {
  kill "$target_pid"
  wait "$target_pid" || true
}

rotate() { # SECRET FUNCTION [RULES]
  coffer rotate-secret --secret-id "$1" --rotation-lambda-arn "$functions:$2" --rotation-rules "${3:-AutomaticallyAfterDays=30}"
}
described() { coffer describe-secret --secret-id "$1" | /usr/bin/python3 -c 'import json,sys; print(json.load(sys.stdin).get(sys.argv[1]))' "$2"; }
labels_of() { coffer describe-secret --secret-id "$1" | /usr/bin/python3 -c '
import json,sys
print(*sorted(label for labels in json.load(sys.stdin)["VersionIdsToStages"].values() for label in labels))'; }
field_of() { coffer get "$1" --field "$2"; }
# fields_of SECRET FIELD...: of one version, a line each, whatever rotates in between.
fields_of() {
  coffer get "$1" | /usr/bin/python3 -c 'import json,sys; fields = json.load(sys.stdin); print(*(fields[f] for f in sys.argv[1:]), sep="\n")' "${@:2}"
}
labelled_field_of() { # SECRET LABEL FIELD
  coffer get-secret-value --secret-id "$1" --version-stage "$2" --output json |
    /usr/bin/python3 -c 'import json,sys; print(json.loads(json.load(sys.stdin)["SecretString"])[sys.argv[1]], end="")' "$3"
}

is_rotated() { [ "$(described "$1" LastRotatedDate)" != None ] && [ "$(labels_of "$1")" = "AWSCURRENT AWSPREVIOUS" ]; }
is_complete() { [ "$(labels_of "$1")" = "AWSCURRENT AWSPREVIOUS" ]; }
# No rotation is under way, nor one that waits to be begun or gone on with, which the labels do not show.
is_idle() { coffer rotation status "$1" | grep -q '^state *Idle'; }
has_failed() { coffer rotation status "$1" | grep -q '^state *Failed'; }

# A secret that must not rotate with this function: it fails, with these words in its status.
expect_failure() { # WHAT SECRET FUNCTION WORDS
  rotate "$2" "$3" >/dev/null
  wait_until "$1" has_failed "$2"
  expect_contains "$1" "$4" "$(coffer rotation status "$2")"
}

# expect_untold SECRET: what failed in setSecret has told the target nothing, so that it may be given up.
expect_untold() {
  expect_equal "$1: it failed in setSecret" setSecret "$(coffer rotation status "$1" --output json | /usr/bin/python3 -c 'import json,sys; print(json.load(sys.stdin)["Rotation"]["Step"])')"
  expect_equal "$1: the target was told nothing" f "$(sql "SELECT told FROM rotations r JOIN secrets s ON s.id = r.secret_id WHERE s.name = '$1'")"
  wait_until "$1: it can be given up, between two tries" coffer rotation abandon "$1"
}

# ---- a proxy that loses connections --------------------------------------------------------------------------------

# start_proxy TARGET_PORT: sets proxy_port. lose_connection N BYTES: the Nth connection from now loses what the server says
# after so many bytes; what was said to the server has reached it. lose_connections N: that one and all that come after are
# lost from their beginning. lose_nothing takes that back.
start_proxy() {
  proxy_port=$(free_port)
  : >"$work/proxy.mode"
  /usr/bin/python3 "$root/tests/end-to-end/losing_proxy.py" "$proxy_port" "$1" "$work/proxy.mode" 2>"$work/proxy.log" &
  background+=($!)
  wait_until "the proxy listens" port_is_taken "$proxy_port"
}
lose_connection() { printf '%s %s\n' "$1" "$2" >"$work/proxy.mode"; }
lose_connections() { printf '%s+ 0\n' "$1" >"$work/proxy.mode"; }
lose_nothing() { : >"$work/proxy.mode"; }

# A server that takes connections and never says a word; sets silent_port.
start_silent_server() {
  silent_port=$(free_port)
  /usr/bin/python3 -c '
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
kept = []
while True: kept.append(server.accept())' "$silent_port" &
  background+=($!)
  wait_until "the silent server listens" port_is_taken "$silent_port"
}

# ---- what a rotation leaves behind -----------------------------------------------------------------------------------

is_abandoned() { coffer rotation history "$1" | holds Abandoned; }
# leave_behind SECRET N: a rotation whose Nth connection, and every later one, is lost, which is testSecret's; ended by a value
# that somebody puts: that of AWSCURRENT, with another note. Sets left_version.
leave_behind() {
  lose_connections "$2"
  coffer rotation force "$1" 2>/dev/null
  wait_until "a rotation of $1 is cut off behind setSecret" has_failed "$1"
  left_version=$(version_of "$1" AWSPENDING)
  coffer get "$1" | /usr/bin/python3 -c 'import json,sys; print(json.dumps(json.load(sys.stdin) | {"note": "by hand"}))' |
    coffer put "$1" >/dev/null
  wait_until "and ended by a value that is put" is_left "$1"
  lose_nothing
}
version_of() { coffer get-secret-value --secret-id "$1" --version-stage "$2" --output json | /usr/bin/python3 -c 'import json,sys; print(json.load(sys.stdin)["VersionId"])'; }
is_left() { coffer rotation status "$1" | grep -q "^left behind .*version $left_version"; }
left_of() { coffer rotation status "$1" --output json | /usr/bin/python3 -c 'import json,sys; print(*json.load(sys.stdin)["Rotation"].get("LeftBehindVersionIds", []))'; }
# The next rotation finds what is left behind, and ends with a login that works.
expect_mended() { # SECRET
  expect_equal "$1: the version is named" "$left_version" "$(left_of "$1")"
  coffer rotation retry "$1" --wait 2>/dev/null || fail "$1: the next rotation is not finished" "$(coffer rotation status "$1")"
  expect_equal "$1: the next rotation is finished, and nothing is left" "" "$(left_of "$1")"
  expect_equal "$1: what was put is kept" "by hand" "$(field_of "$1" note)"
  [ "$(version_of "$1" AWSCURRENT)" != "$left_version" ] || fail "AWSCURRENT is what was left behind"
}

# ---- clients -------------------------------------------------------------------------------------------------------

# start_logins COMMAND...: runs it again and again until stop_logins, which fails when it failed once.
start_logins() {
  : >"$work/logins"
  ( while [ ! -e "$work/logins.stop" ]; do
      if "$@" >>"$work/logins.out" 2>&1; then echo ok; else echo failed; fi >>"$work/logins"
    done ) &
  logins_pid=$!
  background+=("$logins_pid")
}
logins() { grep -c ok "$work/logins" || true; }
stop_logins() { # WHAT
  : >"$work/logins.stop"
  wait "$logins_pid" || true
  rm -f "$work/logins.stop"
  grep -q ok "$work/logins" || fail "no client logged in" "$(tail -n 5 "$work/logins.out")"
  if grep -q failed "$work/logins"; then fail "$1: a login failed" "$(tail -n 5 "$work/logins.out")"; fi
  what "$1 ($(logins) logins)"
}

# ---- values that must not show -------------------------------------------------------------------------------------

# remember SECRET FIELD: what it is now is looked for by expect_no_values.
remember() { field_of "$1" "$2" >>"$work/values"; }
expect_no_values() { # WHAT FILE...
  [ -s "$work/values" ] || fail "no value was remembered"
  if grep -qaFf "$work/values" "${@:2}"; then fail "$1: a value shows" "$(grep -caFf "$work/values" "${@:2}")"; fi
  what "$1"
}
expect_nothing_told() { # SECRET
  coffer rotation status "$1" >"$work/told"
  coffer rotation history "$1" >>"$work/told"
  expect_no_values "nor in the status, the log of the daemon, or the journal" "$work/told" "$state/log/cofferd.log" "$dir"/audit/journal-*.log
}
