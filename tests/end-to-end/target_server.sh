# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by tests of rotations, behind rotation_support.sh and after bring_up: a PostgreSQL server of somebody else's, with passwords and TLS, whose
# users' passwords are rotated.

pg=$(postgresql_programs)
target="$work/target"
install -d -m 755 "$target"
[ "$(id -u)" -ne 0 ] || chown coffer:coffer "$target"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -keyout "$target/server.key" -out "$target/server.crt" 2>/dev/null
chmod 600 "$target/server.key"
chmod 644 "$target/server.crt"
[ "$(id -u)" -ne 0 ] || chown coffer:coffer "$target/server.key" "$target/server.crt"
target_port=$(free_port)
printf 'Adm1n-pass' >"$target/pw"
chmod 644 "$target/pw"
as_owner "$pg/initdb" -D "$target/data" -U root_admin --pwfile="$target/pw" --auth=scram-sha-256 -E UTF8 --no-sync >/dev/null
cat >>"$target/data/postgresql.conf" <<CONF
listen_addresses = 'localhost'
port = $target_port
unix_socket_directories = '$target'
ssl = on
ssl_cert_file = '$target/server.crt'
ssl_key_file = '$target/server.key'
fsync = off
log_statement = all
CONF
target_server() { as_owner "$pg/pg_ctl" "$1" -w -D "$target/data" "${@:2}" >/dev/null; }
at_end+=('target_server stop -m immediate')
target_server start -l "$target/log"
as_admin() { PGPASSWORD=Adm1n-pass psql -X -q -A -t -v ON_ERROR_STOP=1 "host=localhost port=$target_port user=root_admin dbname=postgres" "$@"; }

# login_of SECRET: logs in with what AWSCURRENT says, and prints the user.
login_of() {
  local fields
  mapfile -t fields < <(fields_of "$1" username password)
  PGUSER=${fields[0]} PGPASSWORD=${fields[1]} psql -X -q -A -t \
    "host=localhost port=$target_port dbname=postgres sslmode=verify-full sslrootcert=$target/server.crt" \
    -c 'SELECT session_user'
}
db_secret() { # USER PASSWORD
  printf '{"engine":"postgres","host":"localhost","port":%s,"dbname":"postgres","username":"%s","password":"%s"}' "$target_port" "$1" "$2"
}

# The functions "one-user" and "two-users" for it, as add_functions takes them.
target_functions() {
  cat <<CONF

[[rotation_function]]
name = "one-user"
kind = "postgresql"
ca_file = "$target/server.crt"

[[rotation_function]]
name = "two-users"
kind = "postgresql"
ca_file = "$target/server.crt"
admin_secret = "target/admin"
CONF
}
