#!/usr/bin/env bash
# A whole Coffer on this machine, for one person: a token, a private PostgreSQL, certificates, a
# configuration and the daemon, all in one folder and on the loopback interface only.
#
#   deploy/appliance.sh up            make what is missing and start what does not run
#   deploy/appliance.sh restart       the daemon anew, with its configuration and program as they are now
#   deploy/appliance.sh status        what runs, on which ports; exit code 3 when not all of it does
#   deploy/appliance.sh env           lines to eval: eval "$(deploy/appliance.sh env)"
#   deploy/appliance.sh client NAME   a certificate for another client, spiffe://coffer.local/NAME
#   deploy/appliance.sh revoke NAME   take that certificate back, at once
#   deploy/appliance.sh check         what the token can do: coffer-hsm check on it
#   deploy/appliance.sh down          stop; everything stays
#   deploy/appliance.sh destroy       stop and delete, keys and secrets included
#
#   --dir DIR       the appliance's folder. Default: $COFFER_APPLIANCE_DIR; else /var/lib/coffer-appliance for
#                   root, $XDG_STATE_HOME/coffer-appliance (~/.local/state/coffer-appliance) for others
#   --token KIND    softhsm2 (default) or nss: which token in software holds the master keys. Only at the
#                   first `up`
#   --build DIR     the build folder to take cofferd, coffer-hsm and coffer from. Default: that of the last
#                   `up`; at the first build/release
#   --runner        at `up`: also run coffer-runner, for rotation functions that are programs; from then on it is
#                   started at every `up`. Its configuration is DIR/state/etc/runner.toml
#   --yes           destroy, or revoke the administrator's certificate (admin), without asking
#
# Called by root, everything runs as the system user `coffer` (made if there is none): PostgreSQL and cofferd
# refuse to run as root. The programs are then copied to DIR/program, which that user cannot write.
# shellcheck disable=SC2034,SC2154  # the parts that are sourced use and set them
set -euo pipefail

program_name=appliance.sh
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
# shellcheck source=/dev/null
for part in common token postgres pki daemon runner; do . "$here/lib/$part.sh"; done

usage() { sed -n '2,/^set -euo/{/^set/d;/^# shellcheck/d;s/^# \{0,1\}//p}' "$0"; }

# ---- what was asked ------------------------------------------------------------------------------------

action='' dir='' asked_token='' asked_build='' sure='' client='' with_runner=''
while [ $# -gt 0 ]; do
  case "$1" in
    up|restart|down|status|env|client|revoke|check|destroy)
      [ -z "$action" ] || fail "'$action' and '$1' cannot both be done"
      action=$1 ;;
    --dir|--token|--build)
      [ $# -ge 2 ] && [ -n "$2" ] || fail "$1 needs a value (try --help)"
      case "$1" in --dir) dir=$2 ;; --token) asked_token=$2 ;; --build) asked_build=$2 ;; esac
      shift ;;
    --yes) sure=yes ;;
    --runner) with_runner=yes ;;
    -h|--help) usage; exit 0 ;;
    *)
      case "$action" in client|revoke) ;; *) fail "'$1' is not known here (try --help)" ;; esac
      [ -z "$client" ] || fail "'$1' is not known here (try --help)"
      client=$1 ;;
  esac
  shift
done
[ -n "$action" ] || { usage >&2; exit 2; }
[[ ! "$action" =~ ^(client|revoke)$ ]] || [[ "$client" =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$ ]] ||
  fail "$action wants a NAME of 1 to 64 of A-Z a-z 0-9 . _ -, a letter or digit first, not '$client'"
case "$action $client" in
  "client ca"|"client server"|"revoke ca"|"revoke server")
    fail "'$client' is the appliance's own certificate, and no client's; give another NAME" ;;
esac
case "$asked_token" in ''|softhsm2|nss) ;; *) fail "--token is softhsm2 or nss, not '$asked_token'" ;; esac

default_dir() {
  if [ -n "${COFFER_APPLIANCE_DIR:-}" ]; then printf '%s' "$COFFER_APPLIANCE_DIR"
  elif [ "$(id -u)" -eq 0 ]; then printf /var/lib/coffer-appliance
  else printf '%s/coffer-appliance' "${XDG_STATE_HOME:-$HOME/.local/state}"; fi
}
dir=$(realpath -m -- "${dir:-$(default_dir)}")
case "$dir" in *[\'\"\|\&\\\ ]*) fail "the folder's path may not hold blanks, quotes, |, & or backslashes: $dir" ;; esac
state="$dir/state"
log="$state/log"

# ---- settings: chosen at the first `up`, kept in state/settings ------------------------------------------

token='' port='' metrics_port='' aws_port='' build=''
load_settings() {
  local key value
  [ -e "$state/settings" ] || return 0
  while IFS='=' read -r key value; do
    case "$key" in token) token=$value ;; port) port=$value ;; metrics_port) metrics_port=$value ;; aws_port) aws_port=$value ;; build) build=$value ;; esac
  done <"$state/settings"
}
save_settings() {
  printf 'token=%s\nport=%s\nmetrics_port=%s\naws_port=%s\nbuild=%s\n' \
    "$token" "$port" "$metrics_port" "$aws_port" "$build" >"$state/settings.new"
  mv "$state/settings.new" "$state/settings"
}
settle() {
  [ -z "$token" ] || [ -z "$asked_token" ] || [ "$token" = "$asked_token" ] ||
    fail "the appliance in $dir has a $token token, and keys cannot move to another" \
      "use another folder (--dir), or delete this one with all its secrets: deploy/appliance.sh destroy --dir $dir"
  token=${token:-${asked_token:-softhsm2}}
}

# Where the programs are: as asked, as at the last `up`, or the default.
choose_build() {
  if [ -n "$asked_build" ]; then build=$(realpath -m -- "$asked_build")
  elif [ -z "$build" ] && [ "$(id -u)" -eq 0 ] && [ ! -x "$root/build/release/bin/cofferd" ] && [ -x "$dir/program/bin/cofferd" ]; then
    build="$dir/program"
  elif [ -z "$build" ]; then build="$root/build/release"; fi
  bin="$build/bin"
}

check_build() {
  local program
  for program in "${programs[@]}"; do
    [ -x "$bin/$program" ] || fail "$bin/$program is not there" \
      "build first: cmake --preset release -DCOFFER_TESTS=OFF -DCOFFER_BENCH=OFF && cmake --build --preset release" \
      "or name another build folder with --build"
  done
  [ -e "$build/share/lambda_runner.py" ] || fail "$build/share/lambda_runner.py is not there" \
    "a build folder has it beside bin; name a whole one with --build"
}

# Whether this user may look at all, before anything is said to be missing.
may_enter() {
  local closed
  closed=$(closed_folder "$state")
  [ -z "$closed" ] || fail "no permission: $(id -un) cannot enter $closed, which belongs to $(stat -c %U "$closed")" \
    "run this as that user, or with sudo"
}

must_exist() {
  may_enter
  [ ! -e "$state/settings" ] || return 0
  echo "appliance.sh: there is no appliance in $dir (make one: deploy/appliance.sh up)" >&2
  [ "$(id -u)" -eq 0 ] || [ ! -d /var/lib/coffer-appliance/state ] ||
    echo "    there is one of root's in /var/lib/coffer-appliance: sudo deploy/appliance.sh $action" >&2
  exit 4
}

# ---- root: prepare the folder, then do it all as the user coffer -----------------------------------------

appliance_user=coffer

make_user() {
  getent passwd "$appliance_user" >/dev/null && return
  step "making the system user '$appliance_user'"
  useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$appliance_user"
}

as_user() {
  setpriv --reuid "$appliance_user" --regid "$appliance_user" --clear-groups --no-new-privs -- \
    env -i PATH="$PATH" HOME="$state" LANG=C.UTF-8 TERM="${TERM:-dumb}" "$@"
}

# Only what differs is copied: an `up` of a running appliance must not replace its program needlessly.
copy_program() {
  local file target
  [ "$build" != "$dir/program" ] || return 0
  install -d -m 755 "$dir/program" "$dir/program/bin" "$dir/program/deploy" "$dir/program/deploy/lib" "$dir/program/hsm-config"
  for file in "${programs[@]/#/bin/}"; do
    cmp -s "$build/$file" "$dir/program/$file" || install -m 755 "$build/$file" "$dir/program/$file"
  done
  cmp -s "$build/share/lambda_runner.py" "$dir/program/share/lambda_runner.py" ||
    install -D -m 644 "$build/share/lambda_runner.py" "$dir/program/share/lambda_runner.py"
  (cd "$root" && printf '%s\n' deploy/appliance.sh deploy/appliance.toml.in deploy/lib/*.sh hsm-config/*.toml) |
    while IFS= read -r file; do
      target="$dir/program/$file"
      cmp -s "$root/$file" "$target" || install -m 755 "$root/$file" "$target"
    done
}

prepare_as_root() {
  local closed
  make_user
  closed=$(closed_folder "$(dirname "$dir")" as_user)
  [ -z "$closed" ] || fail "the user '$appliance_user' cannot enter $closed, so it cannot reach $dir" \
    "choose a folder that every user can reach: --dir /var/lib/NAME"
  mkdir -p "$dir"
  chown root:root "$dir"
  chmod 755 "$dir"
  [ -d "$state" ] || install -d -m 700 -o "$appliance_user" -g "$appliance_user" "$state"
  refuse_a_lost_journal
  [ -d "$(audit_directory)" ] || install -d -m 700 -o "$appliance_user" -g "$appliance_user" "$(audit_directory)"
  copy_program
  # More locked memory than the usual 8 MiB, for the heap of keys; where that is refused the daemon says so.
  ulimit -l unlimited 2>/dev/null || true
}

as_user_again() {
  local -a arguments=("$action" ${client:+"$client"} --dir "$dir" --build "$dir/program")
  [ -z "$asked_token" ] || arguments+=(--token "$asked_token")
  [ -z "$with_runner" ] || arguments+=(--runner)
  [ -z "$sure" ] || arguments+=(--yes)
  cd /
  as_user bash "$dir/program/deploy/appliance.sh" "${arguments[@]}"
}

keep_audit_key() {
  [ -e "$(audit_public_key)" ] || install -m 644 "$(audit_public_key_of_user)" "$(audit_public_key)"
}

# ---- the audit journal ---------------------------------------------------------------------------------

audit_directory() { printf '%s/audit' "$dir"; }

# A journal that was there and is gone is somebody's mistake, or worse: a new one in its place would hide that.
refuse_a_lost_journal() {
  [ -d "$(audit_directory)" ] || [ ! -d "$state/audit" ] ||
    fail "the audit journal's folder is gone: $(audit_directory)" "move it back, or mount it" \
      "when it is lost, make an empty one, which leaves a gap that coffer-audit verify reports:" \
      "    install -d -m 700 -o $(stat -c %U "$state") -g $(stat -c %G "$state") $(audit_directory)"
}

make_audit_directory() {
  refuse_a_lost_journal
  [ -d "$(audit_directory)" ] || install -d -m 700 "$(audit_directory)"
  mkdir -p "$state/audit"
}

# ---- the actions --------------------------------------------------------------------------------------

up() {
  local tool
  for tool in openssl psql certutil flock setsid; do need "$tool"; done
  pg=$(postgresql_programs)
  load_settings
  choose_build
  check_build
  check_socket_length
  may_enter
  mkdir -p "$state" "$log" "$state/run" "$state/etc" 2>/dev/null || fail "the folder $dir cannot be made; name another with --dir"
  chmod 700 "$state" "$state/run"
  exec 9>"$state/lock"
  flock -n 9 || fail "another appliance.sh is at work on $dir; wait for it"
  settle
  save_settings
  write_environment
  export_environment
  make_token
  write_profile
  make_keys
  export_audit_key
  make_audit_directory
  make_postgres
  start_postgres
  make_database
  make_pki
  renew_revocation_list
  daemon_pid >/dev/null || choose_ports
  write_configuration
  prepare_runner
  start_runner
  migrate_database
  bootstrap_administrator
  start_daemon
  make_demo_user
}

restart() {
  must_exist
  load_settings
  choose_build
  check_build
  check_configuration "the daemon was left as it is"
  check_runner_configuration "the runner and the daemon were left as they are"
  stop_daemon
  stop_runner
  up
}

make_client() {
  must_exist
  load_settings
  client_certificate "$client"
  if [ "$client" = "$administrator_name" ]; then
    printf '%s\n' "A new certificate for the administrator, the one that env gives:" "" \
      "    eval \"\$(deploy/appliance.sh env --dir $dir)\""
    return
  fi
  printf '%s\n' "A certificate for spiffe://coffer.local/$client. To be that client:" "" \
    "    export COFFER_CERT_FILE=$(pki)/$client.crt COFFER_KEY_FILE=$(pki)/$client.key" "" \
    "It is refused until it is a user with rights. As the administrator:" "" \
    "    coffer iam create-user --user-name $client" \
    "    coffer iam add-user-identity --user-name $client --identity Kind=spiffe,Value=spiffe://coffer.local/$client" \
    "    coffer iam attach-user-policy --user-name $client --policy-arn arn:aws:iam::aws:policy/SecretsManagerReadWrite" "" \
    "To take the certificate back:" "" \
    "    deploy/appliance.sh revoke $client --dir $dir"
}

# Whoever has that key is the administrator, so it must be possible; but nobody else can let anybody in.
confirm_revoking_administrator() {
  local answer=''
  [ -z "$sure" ] || return 0
  printf '%s\n' "'$client' is the administrator's certificate, which env gives. Without it nobody can give rights, until" \
    "deploy/appliance.sh client $client --dir $dir makes another." >&2
  printf 'Revoke it? [y/N] ' >&2
  read -r answer || echo >&2
  case "$answer" in y|Y|yes) ;; *) fail "nothing was revoked (--yes revokes without asking; another client: revoke NAME)" ;; esac
}

revoke_client() {
  local pid
  must_exist
  load_settings
  [ "$client" != "$administrator_name" ] || confirm_revoking_administrator
  revoke_certificate "$client"
  renew_revocation_list
  step "revoked $(pki)/$client.crt"
  [ "$client" != "$administrator_name" ] || step "a new one: deploy/appliance.sh client $client --dir $dir"
  ! pid=$(daemon_pid) || kill -HUP "$pid"
}

check() {
  must_exist
  load_settings
  choose_build
  check_build
  export_environment
  check_token
}

down() {
  must_exist
  load_settings
  pg=$(postgresql_programs)
  stop_daemon
  stop_runner
  stop_postgres
  step "stopped"
}

status() {
  local pid all_well=yes
  must_exist
  load_settings
  pg=$(postgresql_programs)
  printf '%-11s %s, token %s, user %s\n' appliance "$dir" "$token" "$(stat -c %U "$state")"
  printf '%-11s %s, public key %s\n' audit "$(audit_directory)" "$(audit_public_key)"
  if pid=$(postgres_pid); then
    printf '%-11s pid %s, psql "%s"\n' postgresql "$pid" "$(postgres_conninfo)"
  else
    printf '%-11s stopped\n' postgresql; all_well=no
  fi
  if pid=$(daemon_pid); then
    printf '%-11s pid %s, 127.0.0.1:%s, log %s\n' cofferd "$pid" "$port" "$(daemon_log)"
    [ -z "$aws_port" ] || printf '%-11s https://localhost:%s, user %s\n' aws "$aws_port" "$demo_user"
    printf '%-11s http://127.0.0.1:%s/metrics\n' metrics "$metrics_port"
    if daemon_is_ready; then printf '%-11s yes\n' ready; else
      printf '%-11s no: %s\n' ready "$(why_not_ready)"; all_well=no
    fi
  else
    printf '%-11s stopped\n' cofferd; all_well=no
  fi
  if has_runner; then
    if pid=$(runner_pid); then printf '%-11s pid %s, log %s\n' runner "$pid" "$(runner_log)"; else
      printf '%-11s stopped\n' runner; all_well=no
    fi
  fi
  [ "$all_well" = yes ] || exit 3
}

# For the AWS CLI and SDKs, as the demo user. An SDK that is too old for the variables of one service knows the
# general one, or wants --endpoint-url.
print_aws_environment() {
  local name value region
  [ -e "$(demo_access_key)" ] && [ -n "$aws_port" ] || return 0
  region=$(sed -n 's/^region = "\(.*\)"$/\1/p' "$(config_file)")
  for name in AWS_ENDPOINT_URL_SECRETS_MANAGER AWS_ENDPOINT_URL_STS AWS_ENDPOINT_URL; do
    printf 'export %s=%q\n' "$name" "https://localhost:$aws_port"
  done
  printf 'export AWS_CA_BUNDLE=%q\n' "$(pki)/ca.crt"
  printf 'export AWS_DEFAULT_REGION=%q AWS_REGION=%q\n' "$region" "$region"
  while IFS='=' read -r name value; do
    case "$name" in
      AccessKeyId) printf 'export AWS_ACCESS_KEY_ID=%q\n' "$value" ;;
      SecretAccessKey) printf 'export AWS_SECRET_ACCESS_KEY=%q\n' "$value" ;;
    esac
  done <"$(demo_access_key)"
  printf 'unset AWS_SESSION_TOKEN AWS_PROFILE\n'
}

print_environment() {
  must_exist
  load_settings
  choose_build
  ! is_revoked "$administrator_name" || printf '%s\n' "appliance.sh: the administrator's certificate is revoked, and refused" \
    "    make another: deploy/appliance.sh client $administrator_name --dir $dir" >&2
  printf 'export COFFER_ENDPOINT=%q\n' "127.0.0.1:$port"
  printf 'export COFFER_SERVER_NAME=%q\n' localhost
  printf 'export COFFER_CA_FILE=%q\n' "$(pki)/ca.crt"
  printf 'export COFFER_CERT_FILE=%q\n' "$(pki)/admin.crt"
  printf 'export COFFER_KEY_FILE=%q\n' "$(pki)/admin.key"
  print_aws_environment
  # shellcheck disable=SC2016  # $PATH is for the shell that evaluates this line
  [ "$(id -u)" -ne 0 ] || bin="$dir/program/bin"
  printf 'case ":$PATH:" in *:%q:*) ;; *) export PATH=%q:"$PATH" ;; esac\n' "$bin" "$bin"
}

destroy() {
  local answer
  must_exist
  if [ -z "$sure" ]; then
    printf 'Delete %s with its master keys and every secret in it? There is no way back. [y/N] ' "$dir" >&2
    read -r answer || answer=''
    case "$answer" in y|Y|yes) ;; *) fail "nothing was deleted" ;; esac
  fi
  if [ "$(id -u)" -eq 0 ]; then action=down as_user_again; else down; fi
  rm -rf -- "$state" "$(audit_directory)" "$(audit_public_key)" "$dir/program"
  rmdir -- "$dir" 2>/dev/null || true
  step "deleted $dir"
}

# Root reads no settings for `up`: the file belongs to the user that the daemon runs as.
if [ "$(id -u)" -eq 0 ]; then
  case "$action" in
    restart) must_exist ;;&
    up|restart) choose_build; check_build; check_socket_length; prepare_as_root; as_user_again; keep_audit_key ;;
    down|status|client|revoke|check) must_exist; as_user_again ;;
    env) print_environment ;;
    destroy) destroy ;;
  esac
else
  case "$action" in
    client) make_client ;;
    revoke) revoke_client ;;
    env) print_environment ;;
    *) "$action" ;;
  esac
fi
