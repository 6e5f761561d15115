# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by appliance.sh: coffer-runner, for rotation functions that are programs. Only where `up --runner` asked for
# it once: its configuration is the sign.

runner_config() { printf '%s/etc/runner.toml' "$state"; }
runner_log() { printf '%s/runner.log' "$log"; }
runner_pid_file() { printf '%s/run/runner.pid' "$state"; }
runner_socket() { printf '%s/runner/runner.sock' "$state"; }
has_runner() { [ -e "$(runner_config)" ]; }

# The pid of this appliance's runner, if it runs.
runner_pid() { running_pid "$(runner_pid_file)" "$(runner_config)"; }

# Here programs run as the daemon's own user: fit for trying things out. A machine that matters gives the runner a user
# of its own (docs/coffer-runner.md).
write_runner_configuration() {
  step "writing $(runner_config)"
  cat >"$(runner_config).new" <<CONF
# coffer-runner's configuration. All keys: docs/coffer-runner.md. After a change: deploy/appliance.sh restart
socket = "$(runner_socket)"
allowed_users = ["$(id -u)"]
lambda_runner = "$state/etc/lambda_runner.py"

# [[program]]
# name = "rotate-app"
# command = ["/usr/local/lib/coffer-programs/rotate-app"]
# network = "none"
CONF
  mv "$(runner_config).new" "$(runner_config)"
}

# set_in_rotation KEY VALUE: unless [rotation] has the key, whatever it says.
set_in_rotation() {
  awk -v key="$1" '/^[ \t]*\[/ { within = /^[ \t]*\[rotation\]/ } within && $0 ~ "^[ \t]*" key "[ \t]*=" { found = 1 }
    END { exit !found }' "$(config_file)" && return
  sed -i "/^[ \t]*\[rotation\]/a $1 = \"$2\"" "$(config_file)"
}

# Where the daemon finds the runner, and handlers the AWS listener.
add_runner_to_configuration() {
  grep -q '^[[:blank:]]*\[rotation\]' "$(config_file)" || printf '\n[rotation]\n' >>"$(config_file)"
  set_in_rotation aws_ca_file "$(pki)/ca.crt"
  set_in_rotation aws_endpoint "https://localhost:$aws_port"
  set_in_rotation runner "$(runner_socket)"
}

prepare_runner() {
  has_runner || [ -n "$with_runner" ] || return 0
  has_runner || write_runner_configuration
  # A copy: nobody else may be able to write it, or the folders on the way to it, whatever the user's umask.
  chmod go-w "$state/etc"
  [ ! -O "$dir" ] || chmod go-w "$dir"
  install -m 644 "$build/share/lambda_runner.py" "$state/etc/lambda_runner.py"
  add_runner_to_configuration
}

start_runner() {
  local pid tries before
  has_runner || return 0
  if pid=$(runner_pid); then
    step "coffer-runner runs already, pid $pid"
    return
  fi
  step "starting coffer-runner"
  mkdir -p "$state/runner"
  chmod 750 "$state/runner"
  before=$(file_size "$(runner_log)")
  setsid "$bin/coffer-runner" run --config "$(runner_config)" >>"$(runner_log)" 2>&1 </dev/null 9>&- &
  pid=$!
  echo "$pid" >"$(runner_pid_file)"
  for tries in {1..600}; do
    lines_since "$(runner_log)" "$before" 5 | grep -q 'listens at' && return
    process_lives "$pid" || fail "coffer-runner ended; $(runner_log) says:" "$(lines_since "$(runner_log)" "$before" 5)"
    sleep 0.05
  done
  fail "coffer-runner runs but does not listen after 30 seconds; more in $(runner_log)"
}

stop_runner() {
  local pid tries
  pid=$(runner_pid) || return 0
  step "stopping coffer-runner, pid $pid, with its programs"
  kill -TERM "$pid"
  for tries in {1..300}; do
    process_lives "$pid" || { rm -f "$(runner_pid_file)"; return; }
    sleep 0.05
  done
  kill -KILL "$pid"
  rm -f "$(runner_pid_file)"
}

# Before a restart: a mistake must not stop what runs.
check_runner_configuration() {
  local output
  has_runner || return 0
  output=$("$bin/coffer-runner" check-config "$(runner_config)" 2>&1) ||
    fail "the runner's configuration has mistakes:" "$output" "${@}"
}
