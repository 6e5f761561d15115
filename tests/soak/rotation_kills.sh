#!/usr/bin/env bash
# Secrets rotate at a PostgreSQL server, through a proxy that cuts connections, while the daemon is killed 100 times at
# random instants. After each kill AWSCURRENT of two users logs in at once, and of one user as soon as its rotation was gone on
# with; at the end every rotation is complete and no label is left behind.
#
#   rotation_kills.sh --build DIR [--token KIND] [kills]
# shellcheck source=../end-to-end/support.sh
. "$(dirname "$0")/../end-to-end/support.sh"
# shellcheck source=../end-to-end/rotation_support.sh
. "$(dirname "$0")/../end-to-end/rotation_support.sh"

kills=${1:-100}
bring_up
# shellcheck source=../end-to-end/target_server.sh
. "$(dirname "$0")/../end-to-end/target_server.sh"
{
  target_functions
  printf '\n[[rotation_function]]\nname = "random"\nkind = "random"\n'
} | add_functions
appliance restart >/dev/null
take_environment
start_proxy "$target_port"
through_proxy() { db_secret "$@" | sed "s/\"port\":$target_port/\"port\":$proxy_port/"; }

as_admin -c "CREATE ROLE one LOGIN PASSWORD 'old'; CREATE ROLE two LOGIN PASSWORD 'old'"
through_proxy root_admin Adm1n-pass | coffer put target/admin >/dev/null
through_proxy one old | coffer put db/one >/dev/null
through_proxy two old | coffer put db/two >/dev/null
printf first | coffer put plain >/dev/null
rotate db/one one-user >/dev/null
rotate db/two two-users >/dev/null
rotate plain random >/dev/null

settled() { [ "$(labels_of "$1")" = "AWSCURRENT AWSPREVIOUS" ]; }
# The last bytes of the server's answers in these: the greeting, the end of TLS's handshake, of the login, of ALTER ROLE.
cuts=(0 1 40 200 900 1400 1800 2200 2600 3000)
for ((i = 1; i <= kills; ++i)); do
  case $((i % 3)) in
    0) lose_nothing ;;
    *) lose_connection $((1 + RANDOM % 6)) "${cuts[RANDOM % ${#cuts[@]}]}" ;;
  esac
  for secret in db/one db/two plain; do coffer rotation force "$secret" >/dev/null 2>&1 || true; done
  sleep "0.$(printf '%03d' $((RANDOM % 400)))"
  kill -9 "$(daemon_pid)"
  lose_nothing
  appliance up >/dev/null
  case "$(login_of db/two)" in two|two_clone) ;; *) fail "kill $i: AWSCURRENT of two users does not log in" ;; esac
  # The server may have taken the password of a rotation whose labels have not moved yet.
  one_logs_in() { [ "$(login_of db/one)" = one ]; }
  wait_until "kill $i: AWSCURRENT of one user logs in" one_logs_in
  what "kill $i: AWSCURRENT logs in"
done
for secret in db/one db/two plain; do
  coffer rotation retry "$secret" >/dev/null 2>&1 || true
  wait_until "$secret is settled" settled "$secret"
  expect_equal "nothing is left of it" Idle "$(coffer rotation status "$secret" | sed -n 's/^state *//p')"
  what "$secret: $(coffer audit search --action RotationSucceeded --secret "$secret" --limit 100000 --output json | grep -c '"eventID"') rotations"
done
expect_equal "one user logs in" one "$(login_of db/one)"
case "$(login_of db/two)" in two|two_clone) what "and one of two" ;; *) fail "neither of two users logs in" ;; esac
stray=$(sql "SELECT count(*) FROM rotations WHERE version_id IS NOT NULL OR leased_until > now()")
expect_equal "no rotation is under way" 0 "$stray"
expect_contains "the journal is whole" GOOD "$("$build/bin/coffer-audit" verify "$dir/audit" --public-key "$dir/audit-public.pem")"
