#!/usr/bin/env bash
# One PostgreSQL user and two that take turns are rotated 100 times each, while a client for each logs in every second with
# whatever AWSCURRENT says at that moment. A user that changes its own password has none that is good between the server's
# change and the label's move, some milliseconds, at AWS as here: its client asks again, once, as AWS advises. Two users have
# no such moment, and their client never asks again.
#
#   rotation_logins.sh --build DIR [--token KIND] [rotations]
# shellcheck source=../end-to-end/support.sh
. "$(dirname "$0")/../end-to-end/support.sh"
# shellcheck source=../end-to-end/rotation_support.sh
. "$(dirname "$0")/../end-to-end/rotation_support.sh"

rotations=${1:-100}
bring_up
# shellcheck source=../end-to-end/target_server.sh
. "$(dirname "$0")/../end-to-end/target_server.sh"
add_functions <<CONF

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
appliance restart >/dev/null
take_environment

as_admin -c "CREATE ROLE one LOGIN PASSWORD 'old'; CREATE ROLE two LOGIN PASSWORD 'old'"
db_secret root_admin Adm1n-pass | coffer put target/admin >/dev/null
for secret in one two; do db_secret "$secret" old | coffer put "db/$secret" >/dev/null; done

# A version's user and password are read in one call: with two users they change together.
log_in() { # SECRET
  local fields
  mapfile -t fields < <(fields_of "$1" username password)
  PGUSER=${fields[0]} PGPASSWORD=${fields[1]} psql -X -q -A -t -c 'SELECT 1' \
    "host=localhost port=$target_port dbname=postgres sslmode=verify-full sslrootcert=$target/server.crt"
}
client() { # SECRET RETRIES: a login a second, its outcome a line
  while [ ! -e "$work/stop" ]; do
    if log_in "$1" >>"$work/$1.out" 2>&1; then
      echo ok
    elif [ "$2" = 1 ] && sleep 0.5 && log_in "$1" >>"$work/$1.out" 2>&1; then
      echo "ok, asked again"
    else
      echo "failed at $(date -u +%FT%T.%3NZ)"
    fi
    sleep 1
  done >"$work/${1//\//-}.logins"
}
mkdir "$work/db"
clients=()
client db/one 1 &
clients+=($!)
client db/two 0 &
clients+=($!)
background+=("${clients[@]}")
rotate db/one one-user >/dev/null
rotate db/two two-users >/dev/null
wait_until "both were rotated once" is_rotated db/one
wait_until "both were rotated once" is_rotated db/two
for ((i = 2; i <= rotations; ++i)); do
  coffer rotation force db/one 2>/dev/null
  coffer rotation force db/two --wait 2>/dev/null
  wait_until "rotation $i of one user" is_complete db/one
done
: >"$work/stop"
wait "${clients[@]}"
for secret in one two; do
  expect_equal "$rotations rotations of $secret" "$rotations" \
    "$(coffer audit search --action RotationSucceeded --secret "db/$secret" --limit 100000 --output json | grep -c '"eventID"')"
  logins=$(wc -l <"$work/db-$secret.logins")
  failures=$(grep -c failed "$work/db-$secret.logins" || true)
  [ "$failures" = 0 ] || fail "$failures of $logins logins failed" "$(grep failed "$work/db-$secret.logins" | head -n 5)" "$(tail -n 5 "$work/db/$secret.out")"
  what "none of $logins logins failed; $(grep -c again "$work/db-$secret.logins" || true) asked again"
done
