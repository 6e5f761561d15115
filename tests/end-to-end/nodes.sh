# shellcheck shell=bash disable=SC2154
# Sourced by tests with several nodes, behind support.sh and after bring_up: more cofferd on the same database and token, each
# with a port, a journal and a state of its own.

declare -A node_port=()

# add_node NAME: the appliance's configuration as it is now, for a node of its own. start_node begins it.
add_node() {
  local folder="$state/$1"
  node_port[$1]=$(free_port)
  as_owner mkdir -m 700 "$folder" "$folder/audit" "$folder/state"
  awk -v name="$1" -v port="${node_port[$1]}" -v folder="$folder" '
    /^\[/ { section = $0; listeners += section == "[[listener]]"
      skip = section == "[health]" || (section == "[[listener]]" && listeners > 1) }
    skip { next }
    section == "[node]" && /^name/ { print "name = \"" name "\""; next }
    section == "[[listener]]" && /^port/ { print "port = " port; next }
    section == "[audit]" && /^directory/ { print "directory = \"" folder "/audit\""; next }
    section == "[audit]" && /^state_directory/ { print "state_directory = \"" folder "/state\""; next }
    { print }' "$state/etc/cofferd.toml" >"$work/$1.toml"
}
start_node() {
  # shellcheck disable=SC2016  # for the inner shell
  as_owner bash -c 'echo "$$" >"$1/pid"; exec env $(cat "$2") "$3" run --config "$4"' start "$state/$1" \
    "$state/etc/environment" "$build/bin/cofferd" "$work/$1.toml" >>"$work/$1.log" 2>&1 &
  node_answers() { on_node "$1" key list; }
  wait_until "the node $1 answers" node_answers "$1"
  background+=("$(cat "$state/$1/pid")")
}
stop_node() { # NAME [SIGNAL]
  local pid
  pid=$(cat "$state/$1/pid")
  kill "-${2:-TERM}" "$pid"
  node_ended() { ! process_runs "$1"; }
  wait_until "the node $1 stops" node_ended "$pid"
}
on_node() { COFFER_ENDPOINT="127.0.0.1:${node_port[$1]}" coffer "${@:2}"; }
