# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by appliance.sh: the daemon's configuration, the process, and whether it is ready.

config_file() { printf '%s/etc/cofferd.toml' "$state"; }
daemon_log() { printf '%s/cofferd.log' "$log"; }
daemon_pid_file() { printf '%s/run/cofferd.pid' "$state"; }

# The pid of this appliance's daemon, if it runs.
daemon_pid() { running_pid "$(daemon_pid_file)" "$(config_file)"; }

# Not a zombie either: in a container without an init nobody collects those.
process_lives() {
  local line
  { IFS= read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
  line=${line##*) }
  [ "${line%% *}" != Z ]
}

daemon_is_ready() { local answer; answer=$(http_get "$metrics_port" /readyz 2>/dev/null) && [ "${answer%%$'\n'*}" = 200 ]; }

why_not_ready() { http_get "$metrics_port" /readyz 2>/dev/null | tail -n +2 || true; }

replace_port() { sed -i "s/^port = $1\$/port = $2/; s|^\(aws_endpoint = \"https://localhost:\)$1\"\$|\1$2\"|" "$(config_file)"; }

# Ports are chosen once and kept, so that a configuration or a script that names them stays right. A port
# that somebody else took meanwhile is replaced.
choose_ports() {
  local name
  for name in port metrics_port aws_port; do
    local -n chosen=$name
    if [ -z "$chosen" ]; then chosen=$(unused_port); else replace_if_taken "$name"; fi
  done
  save_settings
}

# A free one that is none of this appliance's.
unused_port() {
  local candidate
  while candidate=$(free_port); do
    case " $port $metrics_port $aws_port " in *" $candidate "*) ;; *) printf '%s' "$candidate"; return ;; esac
  done
}

replace_if_taken() {
  local -n kept=$1
  local old=$kept
  [ -e "$(config_file)" ] && port_is_taken "$old" || return 0
  kept=$(unused_port)
  step "port $old is taken by another program; using $kept"
  replace_port "$old" "$kept"
}

# Configurations of before there were users said who may do everything.
drop_administrators() { sed -i '/^\[access\]$/,/^administrators = \[.*\]$/d' "$(config_file)"; }

# Configurations of before there was a journal do not say where it is to be.
add_audit() {
  grep -q '^\[audit\]$' "$(config_file)" ||
    sed -n '/^\[audit\]$/,$p' "$root/deploy/appliance.toml.in" | { echo; fill_in; } >>"$(config_file)"
}

# Configurations of before AWS's clients could connect have no listener for them.
add_aws_listener() {
  grep -q '^protocol = "aws"$' "$(config_file)" && return
  sed -n '/^# What the AWS CLI/,/^crl/p' "$root/deploy/appliance.toml.in" | { echo; fill_in; } >>"$(config_file)"
}

bring_up_to_date() {
  drop_administrators
  add_audit
  [ -z "$aws_port" ] || add_aws_listener
}

fill_in() {
  sed -e "s|@MODULE@|$(token_module)|" -e "s|@TOKEN_URI@|$(token_uri)|" -e "s|@STATE@|$state|g" -e "s|@TOKEN@|$token|" \
    -e "s|@PORT@|$port|" -e "s|@METRICS_PORT@|$metrics_port|" -e "s|@AWS_PORT@|$aws_port|" -e "s|@AUDIT@|$(audit_directory)|"
}

write_configuration() {
  if [ -e "$(config_file)" ]; then
    bring_up_to_date
    return
  fi
  step "writing $(config_file)"
  fill_in <"$root/deploy/appliance.toml.in" >"$(config_file).new"
  mv "$(config_file).new" "$(config_file)"
}

migrate_database() {
  local output
  output=$("$bin/cofferd" migrate --config "$(config_file)" 2>&1) || fail "cofferd migrate failed:" "$output"
  step "database schema: ${output##*$'\n'}"
}

# The first user, once: whose certificate is pki/admin.crt.
bootstrap_administrator() {
  local output
  [ -e "$state/etc/bootstrapped" ] && return
  if output=$("$bin/cofferd" bootstrap --config "$(config_file)" --identity "$administrator" 2>&1); then
    step "first user: ${output##*$'\n'}"
  else
    case "$output" in *"there are principals already"*) ;; *) fail "cofferd bootstrap failed:" "$output" ;; esac
  fi
  : >"$state/etc/bootstrapped"
}

# A user for trying AWS's clients out, with an access key that `env` gives away: once.
demo_access_key() { printf '%s/etc/demo-access-key' "$state"; }
demo_user=demo

coffer_as_administrator() {
  COFFER_ENDPOINT="127.0.0.1:$port" COFFER_SERVER_NAME=localhost COFFER_CA_FILE="$(pki)/ca.crt" \
    COFFER_CERT_FILE="$(pki)/admin.crt" COFFER_KEY_FILE="$(pki)/admin.key" "$bin/coffer" "$@"
}

# The key goes from the command's output into a file, over no command line. $1 is that file.
create_demo_user() {
  local answer
  coffer_as_administrator iam get-user --user-name "$demo_user" >/dev/null 2>&1 ||
    coffer_as_administrator iam create-user --user-name "$demo_user" >/dev/null
  coffer_as_administrator iam attach-user-policy --user-name "$demo_user" \
    --policy-arn arn:aws:iam::aws:policy/SecretsManagerReadWrite >/dev/null
  answer=$(coffer_as_administrator iam create-access-key --user-name "$demo_user" --output json)
  sed -n 's/^ *"\(AccessKeyId\|SecretAccessKey\)": "\(.*\)",\{0,1\}$/\1=\2/p' <<<"$answer" >"$1"
  [ "$(wc -l <"$1")" -eq 2 ]
}

make_demo_user() {
  [ -e "$(demo_access_key)" ] || [ -z "$aws_port" ] && return
  step "making the user '$demo_user' with an access key, for AWS's clients"
  (set -e; umask 077; create_demo_user "$(demo_access_key).new") 2>"$log/demo.log" &
  wait $! || fail "the user could not be made; $log/demo.log says:" "$(tail -n 3 "$log/demo.log")"
  mv "$(demo_access_key).new" "$(demo_access_key)"
}

# What the daemon reads only at its start, with digests; compared at the next `up`.
started_with() { printf '%s/run/started' "$state"; }
digests() { sha256sum -- "$(config_file)" "$state/etc/profile.toml" "$(environment_file)" "$bin/cofferd"; }

say_what_wants_a_restart() {
  local changed
  [ -e "$(started_with)" ] || return 0
  changed=$(digests | { diff "$(started_with)" - || true; } | sed -n 's/^> [0-9a-f]*  //p')
  [ -z "$changed" ] || step "not what it was started with, and read only at a start: ${changed//$'\n'/, }" \
    "(to take it: deploy/appliance.sh restart --dir $dir)"
}

# Before a restart: a mistake must not stop what runs.
check_configuration() {
  local output
  bring_up_to_date
  output=$("$bin/cofferd" check-config "$(config_file)" 2>&1) || fail "the configuration has mistakes:" "$output" "${@}"
}

start_daemon() {
  local pid tries before=0
  if pid=$(daemon_pid); then
    step "cofferd runs already, pid $pid"
    say_what_wants_a_restart
    kill -HUP "$pid" # the revocation list is new
  else
    step "starting cofferd"
    before=$(file_size "$(daemon_log)")
    digests >"$(started_with)"
    # 9 is the lock of this script: the daemon must not keep it.
    setsid "$bin/cofferd" run --config "$(config_file)" >>"$(daemon_log)" 2>&1 </dev/null 9>&- &
    pid=$!
    echo "$pid" >"$(daemon_pid_file)"
  fi
  for tries in {1..600}; do
    daemon_is_ready && { step "cofferd is ready, pid $pid, on 127.0.0.1:$port${aws_port:+, for AWS clients on https://localhost:$aws_port}"; return; }
    case $(why_not_ready) in
      *'"principals":'*) fail "cofferd runs and refuses everybody: $(why_not_ready)" "more in $(daemon_log)" ;;
    esac
    process_lives "$pid" || fail "cofferd ended; $(daemon_log) says:" "$(lines_since "$(daemon_log)" "$before" 5)"
    sleep 0.05
  done
  fail "cofferd runs but is not ready after 30 seconds: $(why_not_ready)" "more in $(daemon_log)"
}

stop_daemon() {
  local pid tries
  pid=$(daemon_pid) || return 0
  step "stopping cofferd, pid $pid (it answers what it has begun)"
  kill -TERM "$pid"
  for tries in {1..600}; do
    process_lives "$pid" || { rm -f "$(daemon_pid_file)"; return; }
    sleep 0.05
  done
  step "cofferd still runs after 30 seconds; killing it"
  kill -KILL "$pid"
  rm -f "$(daemon_pid_file)"
}
