# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by appliance.sh: a PostgreSQL cluster of the appliance's own. It listens on a Unix socket in a
# folder that only the appliance's user can enter, and on no network address. Commits are durable: the
# settings that trade safety for speed stay as PostgreSQL ships them (fsync, synchronous_commit and
# full_page_writes on).

postgres_data() { printf '%s/postgresql' "$state"; }
postgres_socket() { printf '%s/run' "$state"; }
postgres_conninfo() { printf 'host=%s user=coffer dbname=coffer' "$(postgres_socket)"; }

# sockaddr_un holds 107 characters (unix(7)).
check_socket_length() {
  local socket
  socket="$(postgres_socket)/.s.PGSQL.5432"
  [ ${#socket} -le 107 ] || fail "the folder's path is too long: PostgreSQL's socket $socket" \
    "would have ${#socket} characters, and a Unix socket's path can have 107; give a shorter one with --dir"
}

make_postgres() {
  [ -e "$(postgres_data)/.made" ] && return
  step "making a private PostgreSQL cluster in $(postgres_data)"
  rm -rf "$(postgres_data)"
  "$pg/initdb" --pgdata="$(postgres_data)" --username=coffer --auth-local=peer --auth-host=reject \
    --encoding=UTF8 --locale=C.UTF-8 --data-checksums >"$log/initdb.log" 2>&1 ||
    fail "initdb failed; $log/initdb.log says:" "$(tail -n 3 "$log/initdb.log")"
  cat >>"$(postgres_data)/postgresql.conf" <<CONF

# Coffer's appliance
listen_addresses = ''
unix_socket_directories = '$(postgres_socket)'
unix_socket_permissions = 0700
max_connections = 60
shared_buffers = 64MB
log_destination = stderr
logging_collector = off
CONF
  # Who may come in through the socket: the user that the appliance runs as, and root, for psql by hand.
  cat >"$(postgres_data)/pg_hba.conf" <<CONF
local all coffer peer map=appliance
CONF
  cat >"$(postgres_data)/pg_ident.conf" <<CONF
appliance $(id -un) coffer
appliance root coffer
CONF
  touch "$(postgres_data)/.made"
}

# The pid of this appliance's PostgreSQL, if it runs. `pg_ctl status` would take a zombie for it.
postgres_pid() { running_pid "$(postgres_data)/postmaster.pid" "$(postgres_data)"; }

postgres_is_running() { postgres_pid >/dev/null; }

# The server processes that a postmaster leaves behind when it is killed end by themselves.
postgres_is_empty() {
  local process
  for process in /proc/[0-9]*; do
    [ "$(readlink "$process/cwd" 2>/dev/null)" != "$(postgres_data)" ] || return 1
  done
}

# After kill -9 the lock files stay. PostgreSQL removes them when there is no process of that pid, and refuses to start
# when there is: also when that is a zombie, or another program by now.
remove_stale_locks() {
  local pid tries
  { IFS= read -r pid <"$(postgres_data)/postmaster.pid"; } 2>/dev/null && [ -e "/proc/$pid" ] || return 0
  for tries in {1..200}; do
    postgres_is_empty && break
    sleep 0.05
  done
  postgres_is_empty || fail "PostgreSQL was killed, and processes of it still work in $(postgres_data)" \
    "wait for them to end, or end them"
  step "PostgreSQL was killed (pid $pid); removing the lock files that it left"
  rm -f "$(postgres_data)/postmaster.pid" "$(postgres_socket)/.s.PGSQL.5432.lock"
}

start_postgres() {
  local before
  postgres_is_running && return
  remove_stale_locks
  step "starting PostgreSQL"
  before=$(file_size "$log/postgresql.log")
  "$pg/pg_ctl" start -w -t 60 -D "$(postgres_data)" -l "$log/postgresql.log" >/dev/null 2>&1 9>&- ||
    fail "PostgreSQL did not start; $log/postgresql.log says:" "$(lines_since "$log/postgresql.log" "$before" 5)"
}

make_database() {
  local exists
  exists=$(psql -X -q -A -t "host=$(postgres_socket) user=coffer dbname=postgres" \
    -c "SELECT 1 FROM pg_database WHERE datname = 'coffer'")
  [ "$exists" = 1 ] && return
  step "creating the database"
  psql -X -q "host=$(postgres_socket) user=coffer dbname=postgres" -c 'CREATE DATABASE coffer'
}

stop_postgres() {
  postgres_is_running || return 0
  step "stopping PostgreSQL"
  "$pg/pg_ctl" stop -w -t 60 -m fast -D "$(postgres_data)" >/dev/null
}
