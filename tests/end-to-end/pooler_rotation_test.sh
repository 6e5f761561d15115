#!/usr/bin/env bash
# PostgreSQL users behind PgBouncer: with passwords that it asks the server for, rotations work through it, whichever
# connection each transaction gets; with a list of its own, the status says what is wrong.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"
# shellcheck source=rotation_support.sh
. "$(dirname "$0")/rotation_support.sh"

command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] || { echo "skipped: pgbouncer is not installed"; exit 77; }

bring_up

# shellcheck source=target_server.sh
. "$(dirname "$0")/target_server.sh"
add_functions < <(target_functions)
appliance restart >/dev/null
take_environment

# start_pooler NAME SETTINGS [PORT]: sets pooler_port, and target_pid.
start_pooler() {
  local name=$1
  pooler_port=${3:-$(free_port)}
  cat >"$target/$name.ini" <<CONF
[databases]
* = host=localhost port=$target_port
[pgbouncer]
listen_addr = localhost
listen_port = $pooler_port
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $target/$name.users
client_tls_sslmode = require
client_tls_key_file = $target/server.key
client_tls_cert_file = $target/server.crt
$2
CONF
  start_as_owner "$target/$name.log" /usr/sbin/pgbouncer "$target/$name.ini"
  wait_until "the pooler listens" port_is_taken "$pooler_port"
}
behind_pooler() { db_secret "$@" | sed "s/$target_port/$pooler_port/"; }
# login_at PORT SECRET: as login_of, at that port.
login_at() {
  local fields
  mapfile -t fields < <(fields_of "$2" username password)
  PGUSER=${fields[0]} PGPASSWORD=${fields[1]} psql -X -q -A -t \
    "host=localhost port=$1 dbname=postgres sslmode=verify-full sslrootcert=$target/server.crt" -c 'SELECT session_user'
}

# ---- passwords of the server's ------------------------------------------------------------------------------------------

as_admin -c "CREATE ROLE pooler LOGIN PASSWORD 'Pool3r-pass'; GRANT SELECT ON pg_authid TO pooler;
  CREATE ROLE one LOGIN PASSWORD 'old-1'; CREATE ROLE app LOGIN PASSWORD 'old-2';
  ALTER ROLE app SET search_path = public, pg_catalog; ALTER ROLE app SET statement_timeout = '7s'"
printf '"pooler" "Pool3r-pass"\n' >"$target/asks.users"
asks="auth_user = pooler
pool_mode = transaction
default_pool_size = 2"
start_pooler asks "$asks"
asks_pid=$target_pid
behind_pooler one old-1 | coffer put db/one >/dev/null
expect_contains "a check through a pooler finds nothing in the way" "the server takes the login" \
  "$(coffer rotation check db/one --function "$functions:one-user")"
rotate db/one one-user >/dev/null
wait_until "one user is rotated through it" is_rotated db/one
expect_equal "and logs in there" one "$(login_at "$pooler_port" db/one)"
expect_equal "and at the server" one "$(login_at "$target_port" db/one)"
expect_contains "once more" "db/one is rotated" "$(coffer rotation force db/one --wait 2>&1)"
expect_equal "it logs in" one "$(login_at "$pooler_port" db/one)"

behind_pooler root_admin Adm1n-pass | coffer put target/admin >/dev/null
behind_pooler app old-2 | coffer put db/two >/dev/null
rotate db/two two-users >/dev/null
wait_until "of two users the second has its turn" is_rotated db/two
expect_equal "and logs in" app_clone "$(login_at "$pooler_port" db/two)"
coffer rotation force db/two --wait 2>/dev/null
expect_equal "and the first one its own" app "$(login_at "$pooler_port" db/two)"
coffer rotation force db/two --wait 2>/dev/null
expect_equal "and the second again" app_clone "$(login_at "$pooler_port" db/two)"
expect_equal "with what is set for the first" "search_path=public, pg_catalog statement_timeout=7s" \
  "$(as_admin -c "SELECT string_agg(c, ' ' ORDER BY c) FROM pg_db_role_setting, unnest(setconfig) c WHERE setrole = 'app_clone'::regrole AND c NOT LIKE 'role=%'")"
# The next try begins with a login that the pooler refuses: a password that is not set yet, a user that is not made yet.
as_admin -c "CREATE ROLE late LOGIN PASSWORD 'old-6'; CREATE ROLE later LOGIN PASSWORD 'old-7'"
behind_pooler late old-6 | coffer put db/late >/dev/null
behind_pooler later old-7 | coffer put db/later >/dev/null
kill "$asks_pid"
wait "$asks_pid" || true
rotate db/late two-users >/dev/null
rotate db/later one-user >/dev/null
wait_until "while the pooler is away two users fail" has_failed db/late
wait_until "and one" has_failed db/later
start_pooler asks "$asks" "$pooler_port"
coffer rotation retry db/late --wait 2>/dev/null || true
coffer rotation retry db/later --wait 2>/dev/null || true
wait_until "with it they go on" is_complete db/late
expect_equal "of two users the second logs in" late_clone "$(login_at "$pooler_port" db/late)"
wait_until "and so does the one" is_complete db/later
expect_equal "which logs in" later "$(login_at "$pooler_port" db/later)"

as_admin -c "CREATE ROLE brief LOGIN PASSWORD 'old-5'"
for_transactions=$pooler_port
cp "$target/asks.users" "$target/brief.users"
start_pooler brief "auth_user = pooler
pool_mode = statement"
behind_pooler brief old-5 | coffer put db/brief >/dev/null
rotate db/brief one-user >/dev/null
wait_until "with a connection for each statement as well" is_rotated db/brief
expect_equal "it logs in" brief "$(login_at "$for_transactions" db/brief)"
if holds "unsupported startup parameter" <"$target/asks.log"; then fail "the pooler refuses a parameter"; fi
what "the pooler refuses nothing that is sent"

# ---- passwords of its own -----------------------------------------------------------------------------------------------

as_admin -c "CREATE ROLE listed LOGIN PASSWORD 'old-3'; CREATE ROLE unlisted LOGIN PASSWORD 'old-4'"
printf '"listed" "old-3"\n' >"$target/list.users"
start_pooler list "pool_mode = session"
behind_pooler listed old-3 | coffer put db/listed >/dev/null
rotate db/listed one-user >/dev/null
wait_until "with a list of its own it does not know the new password" has_failed db/listed
expect_contains "which is said" "A pooler with a list of passwords of its own" "$(coffer rotation status db/listed)"
printf '"listed" "%s"\n' "$(labelled_field_of db/listed AWSPENDING password)" >"$target/list.users"
kill -HUP "$target_pid"
coffer rotation retry db/listed --wait 2>/dev/null || true
wait_until "and the rotation is finished when it does" is_complete db/listed
expect_equal "with a login" listed "$(login_at "$pooler_port" db/listed)"
