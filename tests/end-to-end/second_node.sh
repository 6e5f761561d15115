# shellcheck shell=bash disable=SC2154
# Sourced by the end-to-end tests that want a second node on the appliance's database and token, after bring_up.

# make_second_node: its configuration and folders, as the appliance has it now.
make_second_node() {
  second_port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  as_owner mkdir -m 700 "$state/second" "$state/second/audit" "$state/second/state"
  awk -v port="$second_port" -v folder="$state/second" '
    /^\[/ { section = $0; listeners += section == "[[listener]]"
      skip = section == "[health]" || (section == "[[listener]]" && listeners > 1) }
    skip { next }
    section == "[node]" && /^name/ { print "name = \"second\""; next }
    section == "[[listener]]" && /^port/ { print "port = " port; next }
    section == "[audit]" && /^directory/ { print "directory = \"" folder "/audit\""; next }
    section == "[audit]" && /^state_directory/ { print "state_directory = \"" folder "/state\""; next }
    { print }' "$state/etc/cofferd.toml" >"$work/second.toml"
}
on_second() { COFFER_ENDPOINT="127.0.0.1:$second_port" coffer "$@"; }
second_answers() { on_second key list; }
# start_second: and waits until it answers. It ends with the test.
start_second() {
  # shellcheck disable=SC2016  # for the inner shell
  as_owner bash -c 'echo "$$" >"$1/pid"; exec env $(cat "$2") "$3" run --config "$4"' start "$state/second" \
    "$state/etc/environment" "$build/bin/cofferd" "$work/second.toml" >>"$work/second.log" 2>&1 &
  wait_until "the second node answers" second_answers
  background+=("$(cat "$state/second/pid")")
}
second_ended() { ! process_runs "$(cat "$state/second/pid")"; }
stop_second() {
  kill -TERM "$(cat "$state/second/pid")"
  wait_until "the second node stops" second_ended
}
