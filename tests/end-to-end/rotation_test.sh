#!/usr/bin/env bash
# Secrets rotate: random values, one PostgreSQL user and two that take turns, at a real server; by hand and on schedule;
# through refusals, a target that is away, and kill -9. AWSCURRENT logs in all the while.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"
# shellcheck source=rotation_support.sh
. "$(dirname "$0")/rotation_support.sh"

bring_up

# shellcheck source=target_server.sh
. "$(dirname "$0")/target_server.sh"

add_functions <<CONF

[[rotation_function]]
name = "random"
kind = "random"
password_length = 40

[[rotation_function]]
name = "token-field"
kind = "random"
field = "token"

[[rotation_function]]
name = "app-user"
kind = "postgresql"
ca_file = "$target/server.crt"
description = "one user"

[[rotation_function]]
name = "two-users"
kind = "postgresql"
ca_file = "$target/server.crt"
admin_secret = "target/admin"
CONF
appliance restart >/dev/null
take_environment
expect_contains "the functions are listed" "$functions:two-users" "$(coffer rotation functions)"

# ---- random values ------------------------------------------------------------------------------------------------------

printf 'first' | coffer put plain >/dev/null
expect_refused "without a function" "No Lambda rotation function ARN is associated with this secret." coffer rotate-secret --secret-id plain
expect_refused "with one that is not there" "cannot invoke the specified Lambda function" rotate plain nope
expect_equal "and nothing is left of it" "None None" "$(described plain RotationEnabled) $(described plain RotationRules)"
rotate plain random >/dev/null
wait_until "it is rotated" is_rotated plain
expect_equal "to 40 characters" 40 "$(coffer get plain | wc -c)"
expect_equal "the one before is AWSPREVIOUS" first "$(coffer get-secret-value --secret-id plain --version-stage AWSPREVIOUS --output text | grep -o first)"
expect_equal "rotation is on" True "$(described plain RotationEnabled)"
printf '{"token":"t","keep":[1,{"a":"b"}]}' | coffer put fields >/dev/null
rotate fields token-field >/dev/null
wait_until "a field is rotated" is_rotated fields
expect_equal "and the others stay" '[1, {"a": "b"}]' "$(coffer get fields | /usr/bin/python3 -c 'import json,sys; print(json.dumps(json.load(sys.stdin)["keep"]))')"
expect_contains "by hand, waited for" "plain is rotated" "$(coffer rotation force plain --wait 2>&1)"
expect_equal "which is in its history" 2 "$(coffer rotation history plain | grep -c Succeeded)"

# ---- one user, with a name that has to be quoted --------------------------------------------------------------------------

as_admin -c "CREATE ROLE \"App \"\"x\"\" o'brien\" LOGIN PASSWORD 'old-1'"
db_secret 'App \"x\" o'"'"'brien' old-1 | coffer put db/one >/dev/null
expect_contains "a check finds nothing in the way" "the server takes the login" "$(coffer rotation check db/one --function "$functions:app-user")"
rotate db/one app-user >/dev/null
wait_until "the user's password is rotated" is_rotated db/one
expect_equal "and logs in" "App \"x\" o'brien" "$(login_of db/one)"
[ "$(field_of db/one password)" != old-1 ] || fail "the password is the old one"
if grep -qF "$(field_of db/one password)" "$target/log"; then fail "the new password is in the target's log"; fi
what "the server's log has only a verifier of the password"
if holds "password authentication failed" <"$target/log"; then fail "a rotation begins with a login that has to fail"; fi
what "no login was refused"

# ---- two users that take turns ------------------------------------------------------------------------------------------------

as_admin -c "CREATE ROLE app LOGIN PASSWORD 'old-2'; CREATE TABLE t (n int); ALTER TABLE t OWNER TO app"
db_secret root_admin Adm1n-pass | coffer put target/admin >/dev/null
db_secret app old-2 | coffer put db/two >/dev/null
rotate db/two two-users >/dev/null
wait_until "the second user has its turn" is_rotated db/two
expect_equal "it logs in" app_clone "$(login_of db/two)"
expect_equal "with the first one's rights" 0 "$(PGPASSWORD=$(field_of db/two password) psql -X -q -A -t "host=localhost port=$target_port user=app_clone dbname=postgres" -c 'SELECT count(*) FROM t')"
expect_equal "which still logs in" app "$(PGPASSWORD=old-2 psql -X -q -A -t "host=localhost port=$target_port user=app dbname=postgres" -c 'SELECT session_user')"
coffer rotation force db/two --wait 2>/dev/null
expect_equal "then it is the first one's turn" app "$(login_of db/two)"

# ---- refusals, and a target that is away --------------------------------------------------------------------------------------------

as_admin -c "CREATE ROLE other LOGIN PASSWORD 'p'; CREATE ROLE other_clone LOGIN PASSWORD 'somebody';
  CREATE ROLE boss LOGIN PASSWORD 'p'; CREATE ROLE boss_clone SUPERUSER LOGIN PASSWORD 'somebody'"
db_secret other p | coffer put db/other >/dev/null
rotate db/other two-users >/dev/null
wait_until "somebody else's user is not touched" has_failed db/other
expect_contains "and why is told" "somebody else's; nothing was done" "$(coffer rotation status db/other)"
expect_equal "it has its password still" other_clone "$(PGPASSWORD=somebody psql -X -q -A -t "host=localhost port=$target_port user=other_clone dbname=postgres" -c 'SELECT session_user')"
db_secret boss p | coffer put db/boss >/dev/null
rotate db/boss two-users >/dev/null
wait_until "nor is a superuser" has_failed db/boss
expect_contains "and why is told" "is a superuser" "$(coffer rotation status db/boss)"
as_admin -c "CREATE ROLE v LOGIN PASSWORD 'v'; CREATE ROLE v_clone LOGIN PASSWORD 'p'"
db_secret v_clone p | coffer put db/unrelated >/dev/null
rotate db/unrelated two-users >/dev/null
wait_until "nor is a user whose name only looks like it" has_failed db/unrelated
expect_equal "v has its password still" v "$(PGPASSWORD=v psql -X -q -A -t "host=localhost port=$target_port user=v dbname=postgres" -c 'SELECT session_user')"
printf '{"host":"%s","username":"coffer","password":"x"}' "$state/run" | coffer put db/socket >/dev/null
expect_contains "a socket is no host" "must be one host name" "$(coffer rotation check db/socket --function "$functions:app-user" || true)"
expect_refused "a new one is refused meanwhile" "A previous rotation isn't complete" coffer rotation force db/other
expect_refused "giving up what the target may have already is refused" "may have the new value already" coffer rotation abandon db/other
coffer rotation cancel db/other 2>/dev/null
coffer rotation abandon db/other 2>/dev/null
expect_equal "given up, AWSCURRENT stays" p "$(field_of db/other password)"
expect_equal "and no label is left behind" AWSCURRENT "$(labels_of db/other)"

printf '{"username":"x"}' | coffer put db/bad >/dev/null
expect_refused "a check names what is missing" "no field \"host\"" \
  sh -c "coffer rotation check db/bad --function $functions:app-user 2>&1; exit 1"
rotate db/bad app-user >/dev/null
wait_until "a secret without the fields fails" has_failed db/bad
expect_equal "with its value as it was" '{"username":"x"}' "$(coffer get db/bad)"

target_server stop -m fast
coffer rotate-secret --secret-id db/one >/dev/null
wait_until "a target that is away" has_failed db/one
target_server start -l "$target/log"
expect_equal "costs nothing" "App \"x\" o'brien" "$(login_of db/one)"
wait_until "and is gone on with when it is back" is_complete db/one
as_admin -c 'ALTER ROLE "App ""x"" o'"'"'brien" RENAME TO renamed'
coffer rotation force db/one 2>/dev/null
wait_until "a login that is refused" has_failed db/one
as_admin -c 'ALTER ROLE renamed RENAME TO "App ""x"" o'"'"'brien"'
coffer rotation retry db/one --wait 2>/dev/null || true
wait_until "is gone on with by hand as well" is_complete db/one
expect_equal "with the password that logs in" "App \"x\" o'brien" "$(login_of db/one)"

# ---- tested only, cancelled, paused ----------------------------------------------------------------------------------------------------

before=$(coffer get db/one)
rotated=$(described db/one LastRotatedDate)
coffer rotate-secret --secret-id db/one --no-rotate-immediately --rotation-rules 'ScheduleExpression=rate(4 hours)' >/dev/null
tested() { coffer audit search --action TestRotationSucceeded --output json 2>/dev/null | holds db/one; }
wait_until "only the login is tried" tested
expect_equal "the value is the same" "$before" "$(coffer get db/one)"
expect_equal "it does not count as a rotation" "$rotated" "$(described db/one LastRotatedDate)"
expect_equal "and nothing is left behind" "AWSCURRENT AWSPREVIOUS" "$(labels_of db/one)"
coffer rotation pause db/one 2>/dev/null
coffer rotate-secret --secret-id db/one >/dev/null
expect_contains "paused, it waits" "Paused" "$(coffer rotation status db/one)"
coffer rotation resume db/one 2>/dev/null
is_idle() { coffer rotation status "$1" | grep -q '^state *Idle'; }
wait_until "and goes on" is_idle db/one
coffer rotation pause --all 2>/dev/null
expect_contains "that all are paused is said" "all rotations are paused" "$(coffer rotation status 2>&1 >/dev/null)"
expect_contains "for one secret as well" "all rotations are paused" "$(coffer rotation status db/one 2>&1 >/dev/null)"
expect_refused "nobody waits for what does not come" "all rotations are paused" coffer rotation force plain --wait
coffer rotation resume --all 2>/dev/null
expect_equal "nothing is said any more" "" "$(coffer rotation status 2>&1 >/dev/null)"
is_counted() { coffer usage --by principal --format csv | tr -d '\r' | holds "^arn:aws:lambda:.*,[1-9][0-9]*\$"; }
wait_until "rotations are counted for their functions" is_counted
coffer rotation cancel db/one 2>/dev/null
expect_equal "cancelled" False "$(described db/one RotationEnabled)"
expect_contains "with what it was kept" app-user "$(described db/one RotationLambdaARN)"

# ---- kill -9 at any moment ---------------------------------------------------------------------------------------------------------------

for i in 1 2 3 4; do
  coffer rotate-secret --secret-id db/two >/dev/null 2>&1 || true
  coffer rotate-secret --secret-id plain >/dev/null 2>&1 || true
  sleep "0.0$((RANDOM % 9))"
  kill -9 "$(daemon_pid)"
  appliance up >/dev/null
  expect_contains "after kill -9, $i: AWSCURRENT logs in" app "$(login_of db/two)"
done
no_pending() { [ "$(labels_of db/two)$(labels_of plain)" = "AWSCURRENT AWSPREVIOUSAWSCURRENT AWSPREVIOUS" ]; }
wait_until "everything is completed" no_pending
expect_contains "and AWSCURRENT logs in" app "$(login_of db/two)"

# ---- what is told of it --------------------------------------------------------------------------------------------------------------------

recorded() { coffer audit search --action RotationSucceeded --output json 2>/dev/null | holds '"rotation worker"\|rotation worker'; }
wait_until "events tell of it" recorded
expect_equal "none of them has a value" 0 "$(cat "$dir"/audit/journal-*.log | grep -cF "$(field_of db/two password)" || true)"
coffer rotation force plain --wait 2>/dev/null  # the daemon may have had nothing left to do since it was killed
[ "$(metric coffer_rotations_total)" -gt 0 ] || fail "no metric counts it"
what "metrics count it"
coffer-audit verify "$dir/audit" --public-key "$dir/audit-public.pem" >/dev/null
what "the journal verifies"
