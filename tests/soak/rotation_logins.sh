#!/usr/bin/env bash
# PostgreSQL users are rotated: two that change their own password, and two pairs that take turns, 50 times each, since a secret
# may have 100 new versions a day. A client for each logs in every second with
# whatever AWSCURRENT says at that moment. A user that changes its own password has none that is good between the server's
# change and the label's move, at AWS as here: its client asks again, up to three times, as AWS advises. Two users have
# no such moment, and their client never asks again.
#
#   rotation_logins.sh --build DIR [--token KIND] [rotations of each]
# shellcheck source=../end-to-end/support.sh
. "$(dirname "$0")/../end-to-end/support.sh"
# shellcheck source=../end-to-end/rotation_support.sh
. "$(dirname "$0")/../end-to-end/rotation_support.sh"

rotations=${1:-50}
bring_up
# shellcheck source=../end-to-end/target_server.sh
. "$(dirname "$0")/../end-to-end/target_server.sh"
target_functions | add_functions
appliance restart >/dev/null
take_environment

for user in one uno two duo; do
  as_admin -c "CREATE ROLE $user LOGIN PASSWORD 'old'"
  db_secret "$user" old | coffer put "db/$user" >/dev/null
done
db_secret root_admin Adm1n-pass | coffer put target/admin >/dev/null

client() { # USER TRIES: a login a second, its outcome a line
  local try outcome
  while [ ! -e "$work/stop" ]; do
    outcome="failed at $(date -u +%FT%T.%3NZ)"
    for ((try = 1; try <= $2; ++try)); do
      [ "$try" = 1 ] || sleep 0.3
      if login_of "db/$1" >>"$work/$1.out" 2>&1; then
        outcome=ok
        [ "$try" = 1 ] || outcome="ok, asked again"
        break
      fi
    done
    echo "$outcome"
    sleep 1
  done >"$work/$1.logins"
}
clients=()
for user in one uno; do client "$user" 4 & clients+=($!); done
for user in two duo; do client "$user" 1 & clients+=($!); done
background+=("${clients[@]}")
rotate db/one one-user >/dev/null
rotate db/uno one-user >/dev/null
rotate db/two two-users >/dev/null
rotate db/duo two-users >/dev/null
for user in one uno two duo; do wait_until "$user was rotated once" is_rotated "db/$user"; done
for ((i = 2; i <= rotations; ++i)); do
  for user in one uno two duo; do coffer rotation force "db/$user" 2>/dev/null; done
  for user in one uno two duo; do wait_until "rotation $i of $user" is_complete "db/$user"; done
done
: >"$work/stop"
wait "${clients[@]}"
for user in one uno two duo; do
  expect_equal "$rotations rotations of $user" "$rotations" \
    "$(coffer audit search --action RotationSucceeded --secret "db/$user" --limit 100000 --output json | grep -c '"eventID"')"
  logins=$(wc -l <"$work/$user.logins")
  failures=$(grep -c failed "$work/$user.logins" || true)
  [ "$failures" = 0 ] || fail "$failures of $logins logins failed" "$(grep failed "$work/$user.logins" | head -n 5)" "$(tail -n 5 "$work/$user.out")"
  what "none of $logins logins failed; $(grep -c again "$work/$user.logins" || true) asked again"
done
