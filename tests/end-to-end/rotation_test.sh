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
name = "cheap-logins"
kind = "postgresql"
ca_file = "$target/server.crt"
scram_iterations = 1

[[rotation_function]]
name = "two-users"
kind = "postgresql"
ca_file = "$target/server.crt"
admin_secret = "target/admin"

[[rotation_function]]
name = "turns"
kind = "postgresql"
ca_file = "$target/server.crt"
admin_secret = "target/behind-proxy"

[[rotation_function]]
name = "settings"
kind = "postgresql"
ca_file = "$target/server.crt"
admin_secret = "target/adm"

[[rotation_function]]
name = "patient"
kind = "postgresql"
ca_file = "$target/server.crt"
timeout = "10m"

[[rotation_function]]
name = "letters"
kind = "postgresql"
ca_file = "$target/server.crt"
send_plain_password = true
exclude_numbers = true
exclude_punctuation = true
exclude_characters = ""

[[rotation_blackout]]
name = "always"
from = 2026-01-01
to = 2126-01-01
secrets = ["db/lost"]
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
printf 'first' | coffer put guarded >/dev/null
coffer put-resource-policy --secret-id guarded --resource-policy '{"Version":"2012-10-17","Statement":[{"Effect":"Deny",
  "Principal":"*","Action":"secretsmanager:RotateSecret","Resource":"*","Condition":{"ArnEquals":{
  "secretsmanager:RotationLambdaARN":"'"$functions:random"'"}}}]}' >/dev/null
expect_refused "a function that a policy denies" "AccessDenied" rotate guarded random
expect_refused "is denied with an alias behind its name as well" "AccessDenied" rotate guarded random:x
rotate plain random:x >/dev/null
wait_until "where it is allowed, an alias is passed over" is_complete plain
printf '{"token":"t","keep":[1,{"a":"b"}]}' | coffer put fields >/dev/null
rotate fields token-field >/dev/null
wait_until "a field is rotated" is_rotated fields
expect_equal "and the others stay" '[1, {"a": "b"}]' "$(coffer get fields | /usr/bin/python3 -c 'import json,sys; print(json.dumps(json.load(sys.stdin)["keep"]))')"
expect_contains "by hand, waited for" "plain is rotated" "$(coffer rotation force plain --wait 2>&1)"
expect_equal "which is in its history" 3 "$(coffer rotation history plain | grep -c Succeeded)"

# ---- one user, with a name that has to be quoted --------------------------------------------------------------------------

as_admin -c "CREATE ROLE \"App \"\"x\"\" o'brien\" LOGIN PASSWORD 'old-1'"
db_secret 'App \"x\" o'"'"'brien' old-1 | coffer put db/one >/dev/null
expect_contains "a check finds nothing in the way" "the server takes the login" "$(coffer rotation check db/one --function "$functions:app-user")"
expect_contains "nor does a rotation that is only tried" "the server takes the login" \
  "$(coffer rotate-secret --secret-id db/one --rotation-lambda-arn "$functions:app-user" --rotation-rules 'ScheduleExpression=rate(4 hours)' --dry-run)"
expect_equal "which sets nothing" "None" "$(described db/one RotationRules)"
expect_refused "and tells what is in the way" "has no rotation function" \
  sh -c "coffer rotate-secret --secret-id db/one --rotation-lambda-arn $functions:nope --dry-run 2>&1"
rotate db/one app-user >/dev/null
wait_until "the user's password is rotated" is_rotated db/one
expect_contains "with the function of the secret as well" "the server takes the login" "$(coffer rotation force db/one --dry-run)"
expect_equal "which rotates nothing" "AWSCURRENT AWSPREVIOUS" "$(labels_of db/one)"
expect_equal "and logs in" "App \"x\" o'brien" "$(login_of db/one)"
[ "$(field_of db/one password)" != old-1 ] || fail "the password is the old one"
if grep -qF "$(field_of db/one password)" "$target/log"; then fail "the new password is in the target's log"; fi
what "the server's log has only a verifier of the password"
if holds "password authentication failed" <"$target/log"; then fail "a rotation begins with a login that has to fail"; fi
what "no login was refused"

# ---- logins that cost little ------------------------------------------------------------------------------------------------

iterations_of() { as_admin -c "SELECT split_part(split_part(rolpassword, ':', 1), '$', 2) FROM pg_authid WHERE rolname = '$1'"; }
expect_equal "a verifier has 4096 iterations" 4096 "$(iterations_of "App \"x\" o''brien")"
as_admin -c "CREATE ROLE cheap LOGIN PASSWORD 'old-3'"
db_secret cheap old-3 | coffer put db/cheap >/dev/null
rotate db/cheap cheap-logins >/dev/null
wait_until "a password is rotated" is_rotated db/cheap
expect_equal "of a password that was made here as many as are asked for" 1 "$(iterations_of cheap)"
expect_equal "and it logs in" cheap "$(login_of db/cheap)"
db_secret cheap weak | coffer put-secret-value --secret-id db/cheap --version-stages AWSPENDING --secret-string - >/dev/null
sql "UPDATE rotations r SET due = now() FROM secrets s WHERE s.id = r.secret_id AND s.name = 'db/cheap'"
wait_until "one that somebody chose is set in its window" is_complete db/cheap
expect_equal "it is that one" weak "$(field_of db/cheap password)"
expect_equal "has 4096" 4096 "$(iterations_of cheap)"
expect_equal "and logs in" cheap "$(login_of db/cheap)"

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

# ---- several at once hand the administrator's session on --------------------------------------------------------------------------

many="many1 many2 many3 many4 many5 many6 many7 many8"
for user in $many; do
  as_admin -c "CREATE ROLE $user LOGIN PASSWORD 'first'"
  db_secret "$user" first | coffer put "db/$user" >/dev/null
done
each_many() { local user; for user in $many; do "$@" "db/$user" || return; done; }
others_of_admin="FROM pg_stat_activity WHERE usename = 'root_admin' AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
for user in $many; do rotate "db/$user" two-users >/dev/null; done
wait_until "all of them are rotated" each_many is_rotated
none_of_admin() { [ "$(as_admin -c "SELECT count(*) $others_of_admin")" = 0 ]; } # a backend takes its moment to end
wait_until "no session of the administrator's is left" none_of_admin
for user in $many; do coffer rotation force "db/$user" 2>/dev/null; done
for _ in 1 2 3 4 5 6 7 8 9 10; do as_admin -c "SELECT pg_terminate_backend(pid) $others_of_admin" >/dev/null; sleep 0.1; done
is_first_again() { local user=${1#db/}; [ "$(login_of "$1")" = "$user" ] && [ "$(field_of "$1" password)" != first ] && is_complete "$1"; }
retry_many() { local user; for user in $many; do coffer rotation retry "db/$user" >/dev/null 2>&1 || true; done; each_many is_first_again; }
wait_until "nor do rotations stop whose session was cut off" retry_many

# ---- what is set for the first user follows --------------------------------------------------------------------------------------

as_admin -c "CREATE ROLE adm LOGIN CREATEROLE PASSWORD 'Adm2-pass'" -c "CREATE DATABASE \"d \"\"b\""
as_admin -c "CREATE ROLE sp LOGIN PASSWORD 'p' CONNECTION LIMIT 9 VALID UNTIL '2096-01-02 03:04:05+00'; CREATE SCHEMA \"App, Data\";
  ALTER ROLE sp SET search_path = \"App, Data\", '\$user', public; ALTER ROLE sp SET statement_timeout = '7s';
  ALTER ROLE sp SET application_name = 'o''br\\ien'; ALTER ROLE sp SET datestyle = 'SQL, DMY';
  ALTER ROLE sp IN DATABASE \"d \"\"b\" SET work_mem = '5MB'"
settings_of() { # ROLE
  as_admin -c "SELECT coalesce(d.datname, '-'), c FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase,
    unnest(s.setconfig) c WHERE s.setrole = '$1'::regrole AND c NOT LIKE 'role=%' ORDER BY 1, 2"
  as_admin -c "SELECT rolconnlimit, rolvaliduntil, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls FROM pg_roles WHERE rolname = '$1'"
}
db_secret adm Adm2-pass | coffer put target/adm >/dev/null
db_secret sp p | coffer put db/settings >/dev/null
rotate db/settings settings >/dev/null
wait_until "a user with settings is rotated" is_rotated db/settings
expect_equal "the second has them" "$(settings_of sp)" "$(settings_of sp_clone)"
as_second() { PGUSER=sp_clone PGPASSWORD=$(field_of db/settings password) psql -X -q -A -t "host=localhost port=$target_port dbname='$1'" -c "$2"; }
expect_equal "in its sessions" '"App, Data", "$user", public 7s SQL, DMY' \
  "$(as_second postgres "SELECT concat_ws(' ', current_setting('search_path'), current_setting('statement_timeout'), current_setting('datestyle'))")"
expect_equal "and in those of one database" 5MB "$(as_second 'd "b' 'SHOW work_mem')"
as_admin -c "ALTER ROLE sp RESET statement_timeout; ALTER ROLE sp SET lock_timeout = '3s'; ALTER ROLE sp CONNECTION LIMIT -1 VALID UNTIL 'infinity'"
coffer rotation force db/settings --wait 2>/dev/null
expect_equal "on the first one's turn nothing is copied" 1 "$(settings_of sp_clone | grep -c statement_timeout=7s)"
coffer rotation force db/settings --wait 2>/dev/null
expect_equal "on the second one's what was set and reset since is" "$(settings_of sp)" "$(settings_of sp_clone)"
as_admin -c "ALTER ROLE sp SET log_min_duration_statement = '1s'"
expect_contains "what the administrator may not set is found before" "what is set for the first: log_min_duration_statement" \
  "$(coffer rotation check db/settings --function "$functions:settings" || true)"
as_admin -c "GRANT SET ON PARAMETER log_min_duration_statement TO adm"
expect_contains "and granted" "the administrator may make users" "$(coffer rotation check db/settings --function "$functions:settings")"
coffer rotation force db/settings --wait 2>/dev/null
coffer rotation force db/settings --wait 2>/dev/null
expect_equal "follows as well" "$(settings_of sp)" "$(settings_of sp_clone)"

# ---- every byte of the other members ------------------------------------------------------------------------------------------------

as_admin -c "CREATE ROLE bytes LOGIN PASSWORD 'p'; CREATE ROLE nn LOGIN PASSWORD 'p'"
members='"account" :340282366920938463463374607431768211455,"timeout":0.5, "n":1.10,"e":1e400,"half":"\ud800","slash":"a\/b"'
printf '{%s,"host":"localhost","port":%s,"username":"bytes","pass\\u0077ord":"p"}' "$members" "$target_port" | coffer put db/bytes >/dev/null
rotate db/bytes app-user >/dev/null
wait_until "a value that programs write otherwise is rotated" is_rotated db/bytes
expect_equal "with these members as they were" "{$members,\"host\":\"localhost\",\"port\":$target_port,\"username\":\"bytes\",\"pass\\u0077ord\":" \
  "$(coffer get db/bytes | sed 's/\("pass[^"]*":\).*/\1/')"
printf '{"host":"localhost","port":%s,"username":"nn\\u0000x","password":"p"}' "$target_port" | coffer put db/nul >/dev/null
rotate db/nul app-user >/dev/null
wait_until "a user's name with a NUL character" has_failed db/nul
expect_contains "is refused by its field" '"username" has a control character' "$(coffer rotation status db/nul)"
expect_equal "and the user whose name is its beginning keeps its password" nn \
  "$(PGPASSWORD=p psql -X -q -A -t "host=localhost port=$target_port user=nn dbname=postgres" -c 'SELECT session_user')"
printf '{"host":"localhost","port":%s,"username":"nn","password":"p","user\\u006eame":"bytes"}' "$target_port" | coffer put db/twice >/dev/null
rotate db/twice app-user >/dev/null
wait_until "a member that comes twice" has_failed db/twice
expect_contains "is refused by its name" '"username" comes more than once' "$(coffer rotation status db/twice)"

# ---- a server with rules for passwords -----------------------------------------------------------------------------------------------

as_admin -c "CREATE ROLE ruled LOGIN PASSWORD 'p'" -c "ALTER SYSTEM SET session_preload_libraries = passwordcheck" -c "SELECT pg_reload_conf()" >/dev/null
db_secret ruled p | coffer put db/ruled >/dev/null
rotate db/ruled letters >/dev/null
wait_until "a password that breaks the server's rules" has_failed db/ruled
expect_contains "is refused in its words" "password must contain both letters and nonletters (SQLSTATE 22023)" "$(coffer rotation status db/ruled)"
expect_contains "with what to do" "password_length, exclude_" "$(coffer rotation status db/ruled)"
as_admin -c "ALTER SYSTEM RESET session_preload_libraries" -c "SELECT pg_reload_conf()" >/dev/null

# ---- a setting that the server no longer takes ------------------------------------------------------------------------------------------

# Taken as long as nobody knows what it means.
as_admin -c "CREATE ROLE odd LOGIN PASSWORD 'p'; ALTER ROLE odd SET plpgsql.variable_conflict = 'n0nsense'"
as_admin -c "ALTER SYSTEM SET session_preload_libraries = plpgsql" -c "SELECT pg_reload_conf()" >/dev/null
db_secret odd p | coffer put db/odd >/dev/null
rotate db/odd two-users >/dev/null
wait_until "a setting of the first user's that is refused" has_failed db/odd
odd_said=$(coffer rotation status db/odd)
expect_contains "is no password that is refused" 'the setting "plpgsql.variable_conflict": (SQLSTATE 22023); nothing was done' "$odd_said"
case $odd_said in *n0nsense* | *password_length*) fail "the value shows, or other passwords are advised" "$odd_said" ;; esac
what "and its value does not show"
expect_equal "no second user was made" 0 "$(as_admin -c "SELECT count(*) FROM pg_roles WHERE rolname = 'odd_clone'")"
as_admin -c "ALTER ROLE odd RESET plpgsql.variable_conflict"
coffer rotation retry db/odd --wait 2>/dev/null || true
wait_until "reset, it is gone on with" is_complete db/odd
expect_equal "with a login" odd_clone "$(login_of db/odd)"
as_admin -c "ALTER SYSTEM RESET session_preload_libraries" -c "SELECT pg_reload_conf()" >/dev/null

# ---- refusals, and a target that is away --------------------------------------------------------------------------------------------

# What a check says; the exit code is coffer's.
check_said() { coffer rotation check "$1" --function "$functions:$2" 2>&1; }
as_admin -c "CREATE ROLE other LOGIN PASSWORD 'p'; CREATE ROLE other_clone LOGIN PASSWORD 'somebody';
  CREATE ROLE boss LOGIN PASSWORD 'p'; CREATE ROLE boss_clone SUPERUSER LOGIN PASSWORD 'somebody'"
db_secret other p | coffer put db/other >/dev/null
expect_refused "a check finds somebody else's user" "somebody else's" check_said db/other two-users
rotate db/other two-users >/dev/null
wait_until "somebody else's user is not touched" has_failed db/other
expect_contains "and why is told" "somebody else's; nothing was done" "$(coffer rotation status db/other)"
expect_equal "it has its password still" other_clone "$(PGPASSWORD=somebody psql -X -q -A -t "host=localhost port=$target_port user=other_clone dbname=postgres" -c 'SELECT session_user')"
db_secret boss p | coffer put db/boss >/dev/null
expect_refused "a check finds a superuser" "is a superuser" check_said db/boss two-users
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
expect_contains "the status says what can be done" "coffer rotation abandon db/other" "$(coffer rotation status db/other)"
coffer rotation cancel db/other 2>/dev/null
expect_contains "and what is left of it when rotation is off" "is AWSPENDING, and nobody goes on with it" "$(coffer rotation status db/other)"
coffer rotation abandon db/boss 2>/dev/null || fail "giving up what the target was not told is refused"
what "what the target was not told is given up while rotation is on"
coffer rotation abandon db/other 2>/dev/null
expect_equal "given up, AWSCURRENT stays" p "$(field_of db/other password)"
expect_equal "and no label is left behind" AWSCURRENT "$(labels_of db/other)"

as_admin -c "CREATE ROLE reader LOGIN PASSWORD 'p'; ALTER ROLE reader SET default_transaction_read_only = on"
db_secret reader p | coffer put db/reader >/dev/null
expect_refused "a check finds sessions that only read" "default_transaction_read_only" check_said db/reader app-user
rotate db/reader app-user >/dev/null
wait_until "which is not tried again and again" has_failed db/reader
expect_contains "but said" "nothing was done" "$(coffer rotation status db/reader)"

printf '{"username":"x"}' | coffer put db/bad >/dev/null
expect_refused "a check names what is missing" "no field \"host\"" \
  sh -c "coffer rotation check db/bad --function $functions:app-user 2>&1; exit 1"
rotate db/bad app-user >/dev/null
wait_until "a secret without the fields fails" has_failed db/bad
expect_equal "with its value as it was" '{"username":"x"}' "$(coffer get db/bad)"
as_admin -c "CREATE ROLE mended LOGIN PASSWORD 'p'"
db_secret mended p | coffer put db/bad >/dev/null
coffer rotation retry db/bad --wait 2>/dev/null || fail "mended, it is not rotated" "$(coffer rotation status db/bad)"
expect_equal "mended, it is rotated, and logs in" mended "$(login_of db/bad)"

as_admin -c "CREATE ROLE noted LOGIN PASSWORD 'p'"
db_secret noted p | coffer put db/noted >/dev/null
target_server stop -m fast
coffer rotate-secret --secret-id db/one >/dev/null
rotate db/noted app-user >/dev/null
wait_until "a target that is away" has_failed db/one
wait_until "so that another one waits" has_failed db/noted
coffer get db/noted | /usr/bin/python3 -c 'import json,sys; print(json.dumps(json.load(sys.stdin) | {"note": "by hand"}))' | coffer put db/noted >/dev/null
wait_until "a value that is put meanwhile ends it" is_abandoned db/noted
expect_contains "which is said" "somebody put a new value at" "$(coffer rotation status db/noted)"
expect_contains "with what became of the target" "nothing was done at the target" "$(coffer rotation status db/noted)"
target_server start -l "$target/log"
expect_equal "and the value that was put stays" "by hand p" "$(field_of db/noted note) $(field_of db/noted password)"
expect_equal "which logs in" noted "$(login_of db/noted)"
coffer rotation force db/noted --wait 2>/dev/null
expect_equal "and rotates" "by hand noted" "$(field_of db/noted note) $(login_of db/noted)"
wait_until "and is gone on with when it is back" is_complete db/one
expect_equal "costs nothing" "App \"x\" o'brien" "$(login_of db/one)"
as_admin -c 'ALTER ROLE "App ""x"" o'"'"'brien" RENAME TO renamed'
coffer rotation force db/one 2>/dev/null
wait_until "a login that is refused" has_failed db/one
expect_contains "which the server does for a user that is gone as well" "a user that is gone" "$(coffer rotation status db/one)"
as_admin -c 'ALTER ROLE renamed RENAME TO "App ""x"" o'"'"'brien"'
coffer rotation retry db/one --wait 2>/dev/null || true
wait_until "is gone on with by hand as well" is_complete db/one
expect_equal "with the password that logs in" "App \"x\" o'brien" "$(login_of db/one)"

# ---- users that are not let in, whatever their password ------------------------------------------------------------------------------

as_admin -c "CREATE ROLE barred LOGIN PASSWORD 'p'"
db_secret barred p | coffer put db/barred >/dev/null
rotate db/barred app-user >/dev/null
wait_until "a user that is let in" is_rotated db/barred
is_barred() { coffer rotation status db/barred | holds 'does not let the user barred log in'; }
as_admin -c "ALTER ROLE barred NOLOGIN"
coffer rotation force db/barred 2>/dev/null
wait_until "one that may not log in" is_barred
expect_contains "is said to be" "NOLOGIN" "$(coffer rotation status db/barred)"
expect_equal "and nobody is told to change its password" 0 "$(coffer rotation status db/barred | grep -c 'set the user' || true)"
as_admin -c "ALTER ROLE barred LOGIN"
coffer rotation retry db/barred --wait 2>/dev/null || true
wait_until "which helps" is_complete db/barred
sed -i '1i host all barred all reject' "$target/data/pg_hba.conf"
as_admin -c "SELECT pg_reload_conf()" >/dev/null
expect_contains "one that pg_hba.conf rejects is said to be" "pg_hba.conf" "$(check_said db/barred app-user || true)"
coffer rotation force db/barred 2>/dev/null
wait_until "also when it rotates" is_barred
sed -i 1d "$target/data/pg_hba.conf"
as_admin -c "SELECT pg_reload_conf()" >/dev/null
coffer rotation retry db/barred --wait 2>/dev/null || true
wait_until "and goes on when it is not rejected" is_complete db/barred
expect_equal "with a login" barred "$(login_of db/barred)"

# ---- what a rotation leaves behind --------------------------------------------------------------------------------------------------

start_proxy "$target_port"
as_admin -c "CREATE ROLE lost LOGIN PASSWORD 'p'; CREATE ROLE turns LOGIN PASSWORD 'p'"
db_secret lost p | sed "s/$target_port/$proxy_port/" | coffer put db/lost >/dev/null
rotate db/lost app-user >/dev/null
wait_until "a user behind a proxy is rotated" is_rotated db/lost
leave_behind db/lost 2
expect_refused "AWSCURRENT does not log in" "refuses the login" check_said db/lost app-user
expect_contains "what helps is said" "'coffer rotation retry' begins a new rotation, which tries it by itself" "$(coffer rotation status db/lost)"
expect_contains "the list names the version as well" "$left_version" "$(coffer rotation status)"
expect_mended db/lost
expect_equal "and logs in" lost "$(login_of db/lost)"
expect_equal "the list has no column for it any more" 0 "$(coffer rotation status | grep -c 'TARGET MAY HAVE' || true)"

lose_connections 2
coffer rotation force db/lost 2>/dev/null
wait_until "one that is cut off behind setSecret" has_failed db/lost
coffer rotation cancel db/lost 2>/dev/null
left_version=$(version_of db/lost AWSPENDING)
expect_equal "and turned off leaves its version" "$left_version" "$(left_of db/lost)"
coffer rotation abandon db/lost 2>/dev/null
expect_equal "also without its label" "$left_version" "$(left_of db/lost)"
lose_nothing
coffer rotation force db/lost --wait 2>/dev/null || fail "it is not tried" "$(coffer rotation status db/lost)"
expect_equal "the next one tries it, and logs in" lost "$(login_of db/lost)"
expect_equal "and nothing is left" "" "$(left_of db/lost)"

leave_behind db/lost 2
as_admin -v "password=$(field_of db/lost password)" <<<"ALTER ROLE lost PASSWORD :'password'"
expect_contains "put right by hand, AWSCURRENT logs in" "the server takes the login" "$(check_said db/lost app-user)"
has_failed db/lost || fail "it is Failed no more, and nobody said so"
coffer rotation acknowledge db/lost 2>/dev/null
expect_contains "acknowledged, it is Failed no more" "Idle" "$(coffer rotation status db/lost | grep '^state')"
expect_equal "and nothing is left" "" "$(left_of db/lost)"
expect_refused "once" "left anything to acknowledge" coffer rotation acknowledge db/lost
acknowledged() { coffer audit search --action AcknowledgeRotation --output json 2>/dev/null | holds db/lost; }
wait_until "an event tells of it" acknowledged

db_secret root_admin Adm1n-pass | sed "s/$target_port/$proxy_port/" | coffer put target/behind-proxy >/dev/null
db_secret turns p | sed "s/$target_port/$proxy_port/" | coffer put db/turns >/dev/null
rotate db/turns turns >/dev/null
wait_until "two users behind a proxy" is_rotated db/turns
leave_behind db/turns 3
expect_equal "of two that take turns AWSCURRENT logs in" turns_clone "$(login_of db/turns)"
expect_mended db/turns
expect_equal "and the other is given its turn" turns "$(login_of db/turns)"
# move_current SECRET: AWSCURRENT to the version that is AWSPENDING, as a person does it.
move_current() {
  coffer update-secret-version-stage --secret-id "$1" --version-stage AWSCURRENT \
    --move-to-version-id "$(version_of "$1" AWSPENDING)" --remove-from-version-id "$(version_of "$1" AWSCURRENT)" >/dev/null
}
for lost in 3 2; do  # the test's login; the administrator's, so that the server has not been told
  lose_connections "$lost"
  coffer rotation force db/turns 2>/dev/null
  wait_until "one of two that is cut off at connection $lost" has_failed db/turns
  move_current db/turns
  lose_nothing
  coffer rotation retry db/turns --wait 2>/dev/null || fail "it is not finished" "$(coffer rotation status db/turns)"
  wait_until "is finished when somebody has made the new version AWSCURRENT" is_complete db/turns
  expect_contains "and AWSCURRENT logs in" turns "$(login_of db/turns)"
done

# ---- a node that stops while a target does not answer ---------------------------------------------------------------------------------

start_silent_server
db_secret silent p | sed "s/$target_port/$silent_port/" | coffer put db/silent >/dev/null
rotate db/silent patient >/dev/null
is_running() { coffer rotation status "$1" | grep -q '^state *Running'; }
wait_until "a target that does not answer is waited for" is_running db/silent
stopping=$(daemon_pid)
kill -TERM "$stopping"
gone() { ! kill -0 "$stopping"; }
wait_until "the daemon does not wait for it when it stops" gone
appliance up >/dev/null
wait_until "the rotation is gone on with" is_running db/silent
expect_equal "as if that try had not failed" 0 "$(coffer rotation status db/silent | grep -c '^last error' || true)"
coffer rotation cancel db/silent 2>/dev/null

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
wait_until "and goes on" is_idle db/one
coffer rotation pause --all 2>/dev/null
expect_contains "that all are paused is said" "all rotations are paused" "$(coffer rotation status 2>&1 >/dev/null)"
expect_contains "for one secret as well" "all rotations are paused" "$(coffer rotation status db/one 2>&1 >/dev/null)"
expect_refused "nobody waits for what does not come" "all rotations are paused" coffer rotation force plain --wait
expect_contains "nor is it said to have begun" "begins after 'coffer rotation resume --all'" "$(coffer rotation force fields 2>&1)"
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
