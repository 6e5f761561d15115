#!/usr/bin/env bash
# Rotation functions that are programs: real ones, started by coffer-runner; those that fail, tell secrets, hang, flood or
# want the network; a runner that is away or killed. And handlers in the shape of AWS Lambda's, with boto3 at the AWS
# endpoint.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

/usr/bin/python3 -c 'import boto3, psycopg2' 2>/dev/null ||
  skip "Debian's python3-boto3 and python3-psycopg2 are not installed (deploy/install-packages.sh --tests)"

appliance up --build "$build" --token "$token" --runner
take_environment
# shellcheck source=rotation_support.sh
. "$(dirname "$0")/rotation_support.sh"
# shellcheck source=target_server.sh
. "$(dirname "$0")/target_server.sh"

# ---- programs --------------------------------------------------------------------------------------------------------

programs_folder="$work/programs"
install -d -m 755 "$programs_folder"
# Where programs may leave something: what they change.
place="$work/place"
install -d -m 755 "$place"
[ "$(id -u)" -ne 0 ] || chown coffer:coffer "$place"
for file in postgresql_single_user api_key; do
  install -m 644 "$root/tests/rotation/handlers/$file.py" "$programs_folder/$file.py"
done

program() { # NAME: its text comes on standard input
  { printf '#!/usr/bin/python3\nimport base64, json, os, subprocess, sys, time\nevent = json.load(sys.stdin)\nstep = event["Step"]\n'
    cat; } >"$programs_folder/$1"
  chmod 755 "$programs_folder/$1"
}

# The target is a file that has the value.
program file-target <<'PY'
target = os.path.join(os.environ["PLACE"], "value")
if step == "check":
    sys.exit(0 if os.access(os.environ["PLACE"], os.W_OK) else 78)
if step == "createSecret":
    assert "Pending" not in event
    print(json.dumps({"user": "x", "password": base64.b64encode(os.urandom(15)).decode()}))
if step == "setSecret":
    with open(target + ".new", "w") as out:
        out.write(event["Pending"])
    os.rename(target + ".new", target)
if step == "testSecret":
    sys.exit(0 if open(target).read() == event["Pending"] else 65)
PY

# Does as the file "$PLACE/NAME" says: an exit code, with everything that it knows on standard error.
program talker <<'PY'
print("trying", file=sys.stderr)
if step != "createSecret":
    print("event: " + json.dumps(event), file=sys.stderr)
    print("pending: " + event["Pending"] + ", current: " + event["Current"], file=sys.stderr)
    print("base64: " + base64.b64encode(("app:" + event["Pending"]).encode()).decode(), file=sys.stderr)
    print("\x1b[31mred", file=sys.stderr)
    sys.exit(int(open(os.environ["PLACE"] + "/code").read()))
print("pending-value-4711")
PY

program endless <<'PY'
subprocess.Popen(["setsid", "sleep", "98761"])
subprocess.Popen(["bash", "-c", "trap '' TERM; sleep 98762 & wait"])
time.sleep(98763)
PY

program flood <<'PY'
while True:
    print("x" * 1000)
PY

program connects <<'PY'
import socket
if step == "createSecret":
    print("reached")
if step == "setSecret":
    try:
        socket.create_connection(("127.0.0.1", int(os.environ["PORT"])), timeout=5).close()
    except OSError as error:
        print("no way out:", error, file=sys.stderr)
        sys.exit(78)
PY

# Slow the first time: then the runner is killed.
program slow <<'PY'
mark = os.environ["PLACE"] + "/slow"
if step == "createSecret":
    print("slowly " + event["ClientRequestToken"])
if step == "setSecret" and not os.path.exists(mark):
    open(mark, "w").write(str(os.getpid()))
    time.sleep(98764)
PY

# program_entry NAME FILE NETWORK [LINES]
program_entry() {
  printf '\n[[program]]\nname = "%s"\ncommand = ["%s/%s"]\nnetwork = "%s"\nprocesses = 10000\nenvironment = { PLACE = "%s", PORT = "%s" }\n%s\n' \
    "$1" "$programs_folder" "$2" "$3" "$place" "$metrics_port" "${4:-}" >>"$state/etc/runner.toml"
}
program_entry file-target file-target none
program_entry talker talker none
program_entry endless endless host 'time_limit = "1s"'
program_entry endless-alone endless none 'time_limit = "1s"'
program_entry flood flood none
program_entry connects connects host
program_entry connects-not connects none
program_entry slow slow host
# handler_entry NAME FILE [VARIABLES]
handler_entry() {
  printf '\n[[program]]\nname = "%s"\nkind = "python"\nfile = "%s/%s.py"\nnetwork = "host"\nprocesses = 10000\nenvironment = { PLACE = "%s"%s }\n' \
    "$1" "$programs_folder" "$2" "$place" "${3:-}" >>"$state/etc/runner.toml"
}
handler_entry postgresql postgresql_single_user
handler_entry postgresql-stops postgresql_single_user ", STOP_AFTER = \"setSecret\", STOP_MARK = \"$place/stopped\""
handler_entry postgresql-raises postgresql_single_user ', RAISE_IN = "setSecret"'
handler_entry api-key api_key
handler_entry idle idle
handler_entry sleeper sleeper
printf 'def lambda_handler(event, context):\n    print("not a word of", event["SecretId"])\n' >"$programs_folder/idle.py"
printf 'import time\ndef lambda_handler(event, context):\n    time.sleep(98765)\n' >"$programs_folder/sleeper.py"
chmod 644 "$programs_folder/idle.py" "$programs_folder/sleeper.py"

sed -i '/^\[rotation\]$/a workers = 3\nattempts = 3\nretry_after = "1s"\nretry_at_most = "1s"\nlease = "10s"' "$state/etc/cofferd.toml"
function_entry() { # NAME KIND LINES...
  printf '\n[[rotation_function]]\nname = "%s"\nkind = "%s"\nprogram = "%s"\n' "$1" "$2" "$1" >>"$state/etc/cofferd.toml"
  printf '%s\n' "${@:3}" >>"$state/etc/cofferd.toml"
}
for name in file-target talker endless endless-alone flood connects connects-not slow; do function_entry "$name" exec; done
for name in postgresql postgresql-stops postgresql-raises api-key idle; do function_entry "$name" lambda 'role = "rotator"'; done
function_entry sleeper lambda 'role = "rotator"' 'timeout = "5s"'
cat >>"$state/etc/cofferd.toml" <<'CONF'

[[rotation_function]]
name = "password"
kind = "exec"
program = "file-target"
make = "password"
field = "password"
password_length = 20

[[rotation_function]]
name = "stranger"
kind = "lambda"
program = "postgresql"
role = "stranger"

[[rotation_function]]
name = "nowhere"
kind = "exec"
program = "not-in-runner-toml"
CONF
appliance restart >/dev/null
take_environment

status_of() { coffer rotation status "$1"; }
# Everything that is told of rotations: status, history, logs, the journal.
told() {
  coffer rotation status; coffer rotation history "$1"; status_of "$1"
  as_owner cat "$state/log/cofferd.log" "$state/log/runner.log" "$dir"/audit/* | tr -d '\0'
}
not_told() { # WHAT SECRET TEXT
  local everything
  everything=$(told "$2")
  [ "${everything/"$3"/}" = "$everything" ] || fail "$1" "this is told: $3"
  what "$1"
}
no_process() { ! pgrep -f "$1" >/dev/null; }

# ---- a program of somebody's own ---------------------------------------------------------------------------------------

printf '{"user":"x","password":"old"}' | coffer put exec/file >/dev/null
expect_contains "a check asks the program" "it finds nothing in the way" "$(coffer rotation check exec/file --function "$functions:file-target")"
rotate exec/file file-target >/dev/null
wait_until "a program rotates" is_rotated exec/file
expect_equal "the target has the value" "$(coffer get exec/file)" "$(cat "$place/value")"
[ "$(field_of exec/file password)" != old ] || fail "the password is the old one"
coffer rotation force exec/file --wait 2>/dev/null
expect_equal "and again" "$(coffer get exec/file)" "$(cat "$place/value")"
rotate exec/file password >/dev/null
has_20_characters() { [ "$(field_of exec/file password | tr -d '\n' | wc -c)" = 20 ] && is_complete exec/file; }
wait_until "a value that Coffer makes" has_20_characters
expect_equal "the program sets it" "$(coffer get exec/file)" "$(cat "$place/value")"
expect_contains "a program that the runner does not know" "there is no [[program]] of that name" \
  "$(coffer rotation check exec/file --function "$functions:nowhere" || true)"

# ---- programs that fail, and tell what they know -------------------------------------------------------------------------

printf 'current-value-0815' | coffer put exec/talker >/dev/null
printf 78 >"$place/code"
chmod 644 "$place/code"
rotate exec/talker talker >/dev/null
wait_until "exit code 78 is final at once" has_failed exec/talker
expect_contains "with the code, its meaning, and what was said" \
  'program "talker", setSecret: exit code 78 (somebody has to look); it said: ' "$(status_of exec/talker)"
expect_contains "the secrets in it are starred" 'pending: ***, current: ***' "$(status_of exec/talker)"
not_told "the new value is told nowhere" exec/talker pending-value-4711
not_told "nor is the current one" exec/talker current-value-0815
not_told "nor in base 64" exec/talker "$(printf 'app:pending-value-4711' | base64 | cut -c 8-24)"
expect_equal "AWSCURRENT is as it was" current-value-0815 "$(coffer get exec/talker)"
printf 75 >"$place/code"
coffer rotation retry exec/talker 2>/dev/null
wait_until "exit code 75 is tried again until there are no tries left" \
  sh -c "coffer rotation history exec/talker >/dev/null; coffer rotation status exec/talker | grep -q 'exit code 75'"
printf 0 >"$place/code"
coffer rotation retry exec/talker --wait 2>/dev/null || true
wait_until "and done when it succeeds" is_complete exec/talker
expect_equal "with the value that it made" pending-value-4711 "$(coffer get exec/talker)"

# ---- programs that do not end, that flood, that want the network -----------------------------------------------------------

for name in endless endless-alone; do
  printf 'v' | coffer put "exec/$name" >/dev/null
  rotate "exec/$name" "$name" >/dev/null
  killed() { coffer rotation status "exec/$name" | grep -q 'killed, with all that it started: it was not done within its time'; }
  wait_until "a program that does not end is killed ($name)" killed
  coffer rotation cancel "exec/$name" 2>/dev/null
  wait_until "with what it started ($name)" no_process 'sleep 9876[123]'
done
printf 'v' | coffer put exec/flood >/dev/null
rotate exec/flood flood >/dev/null
flooded() { coffer rotation status exec/flood | grep -q 'it wrote more than 64 KiB'; }
wait_until "one that floods is killed" flooded
coffer rotation cancel exec/flood 2>/dev/null

printf 'v' | coffer put exec/connects >/dev/null
rotate exec/connects connects >/dev/null
wait_until "network = \"host\" has the network" is_rotated exec/connects
printf 'v' | coffer put exec/connects-not >/dev/null
rotate exec/connects-not connects-not >/dev/null
wait_until "network = \"none\" has none" has_failed exec/connects-not
expect_contains "as the program finds" "no way out: [Errno 101] Network is unreachable" "$(status_of exec/connects-not)"

# ---- a runner that is away, or is killed --------------------------------------------------------------------------------------

runner_pid() { cat "$state/run/runner.pid"; }
kill -9 "$(runner_pid)"
coffer rotate-secret --secret-id exec/file >/dev/null
away() { coffer rotation status exec/file | grep -q 'coffer-runner, which starts programs, cannot be reached'; }
wait_until "without the runner" away
expect_contains "it is said what to do" "systemctl start coffer-runner" "$(status_of exec/file)"
appliance up >/dev/null
coffer rotation retry exec/file 2>/dev/null || true
wait_until "with it, the rotation goes on" is_complete exec/file
expect_equal "and the target has the value" "$(coffer get exec/file)" "$(cat "$place/value")"

printf 'v' | coffer put exec/slow >/dev/null
rotate exec/slow slow >/dev/null
wait_until "a program is at work" test -s "$place/slow"
kill -9 "$(runner_pid)"
wait_until "it dies with a runner that is killed" no_process "$programs_folder/slow"
appliance up >/dev/null
coffer rotation retry exec/slow 2>/dev/null || true
wait_until "and the rotation is completed by the next one" is_rotated exec/slow

rm "$place/slow"
coffer rotate-secret --secret-id exec/slow >/dev/null
wait_until "a program is at work" test -s "$place/slow"
stopping=$(daemon_pid)
kill -TERM "$stopping"
wait_until "it is killed when the daemon stops" no_process "$programs_folder/slow"
gone() { ! kill -0 "$stopping"; }
wait_until "the daemon ends" gone
appliance up >/dev/null
wait_until "and the rotation is completed by the next one" is_complete exec/slow

# ---- handlers of AWS Lambda -------------------------------------------------------------------------------------------------

as_admin -c "CREATE ROLE app LOGIN PASSWORD 'old-1'"
db_secret app old-1 | coffer put db/app >/dev/null
expect_contains "a role that is not there" 'there is no role "rotator"' "$(coffer rotation check db/app --function "$functions:postgresql" || true)"
trust() { printf '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":%s,"Action":"sts:AssumeRole"}]}' "$1"; }
coffer iam create-role --role-name stranger --assume-role-policy-document "$(trust '{"AWS":"arn:aws:iam::111122223333:root"}')" >/dev/null
coffer iam create-role --role-name rotator --assume-role-policy-document "$(trust '{"Service":"lambda.amazonaws.com"}')" >/dev/null
coffer iam put-role-policy --role-name rotator --policy-name rotate --policy-document \
  '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["secretsmanager:DescribeSecret","secretsmanager:GetSecretValue","secretsmanager:PutSecretValue","secretsmanager:UpdateSecretVersionStage"],"Resource":"arn:aws:secretsmanager:*:*:secret:db/*"},{"Effect":"Allow","Action":"secretsmanager:GetRandomPassword","Resource":"*"}]}'
expect_contains "a role that does not trust functions" "does not let lambda.amazonaws.com assume it" \
  "$(coffer rotation check db/app --function "$functions:stranger" || true)"
expect_contains "one that does" 'credentials of "rotator" can be had' "$(coffer rotation check db/app --function "$functions:postgresql")"
rotate db/app postgresql >/dev/null
wait_until "a handler rotates a database's user" is_rotated db/app
expect_equal "AWSCURRENT logs in" app "$(login_of db/app)"
[ "$(field_of db/app password)" != old-1 ] || fail "the password is the old one"
handler_put() { coffer audit search --action PutSecretValue --output json 2>/dev/null | holds 'assumed-role/rotator/postgresql'; }
wait_until "its requests are on record as the role's" handler_put
issued() { coffer audit search --action AssumeRole --output json 2>/dev/null | holds 'lambda.amazonaws.com'; }
wait_until "and so are the credentials that it was given" issued
rotated=$(described db/app LastRotatedDate)
coffer rotate-secret --secret-id db/app --no-rotate-immediately --rotation-rules AutomaticallyAfterDays=30 >/dev/null
tested() { coffer audit search --action TestRotationSucceeded --output json 2>/dev/null | holds db/app; }
wait_until "only testSecret, when that is asked for" tested
expect_equal "which does not count as a rotation" "$rotated" "$(described db/app LastRotatedDate)"

before=$(coffer get db/app)
rotate db/app postgresql-stops >/dev/null
wait_until "a handler that is killed behind setSecret" test -e "$place/stopped"
moved_on() { is_complete db/app && [ "$(coffer get db/app)" != "$before" ]; }
wait_until "is run again, and the rotation completed" moved_on
expect_equal "AWSCURRENT logs in" app "$(login_of db/app)"

before=$(coffer get db/app)
rotate db/app postgresql-raises >/dev/null
raised() { coffer rotation status db/app | grep -q 'raised in setSecret: RuntimeError: the server did not take \*\*\*'; }
wait_until "what a handler raises is told, without the password in it" raised
pending=$(coffer get-secret-value --secret-id db/app --version-stage AWSPENDING | /usr/bin/python3 -c 'import json,sys; print(json.loads(json.load(sys.stdin)["SecretString"])["password"])')
not_told "which is told nowhere" db/app "$pending"
expect_equal "AWSCURRENT is as it was" "$before" "$(coffer get db/app)"
expect_equal "and logs in" app "$(login_of db/app)"
wait_until "it fails in the end" has_failed db/app
rotate_again() { coffer rotation cancel db/app 2>/dev/null; coffer rotation abandon db/app 2>/dev/null; rotate db/app postgresql >/dev/null; }
rotate_again
wait_until "another function takes it up" moved_on
expect_equal "AWSCURRENT logs in" app "$(login_of db/app)"

for i in 1 2; do
  coffer rotate-secret --secret-id db/app >/dev/null 2>&1 || true
  sleep "1.$((RANDOM % 9))"
  kill -9 "$(daemon_pid)"
  appliance up >/dev/null
  wait_until "after kill -9 of the daemon, $i: completed" is_complete db/app
  expect_equal "and AWSCURRENT logs in" app "$(login_of db/app)"
done

printf '{"engine":"postgres"}' | coffer put db/idle >/dev/null
rotate db/idle idle >/dev/null
wait_until "a handler that does nothing" has_failed db/idle
expect_contains "is found out" "returned from createSecret, but stored no value under the ClientRequestToken" "$(status_of db/idle)"
expect_equal "with the value as it was" '{"engine":"postgres"}' "$(coffer get db/idle)"

printf 'v' | coffer put db/sleeper >/dev/null
rotate db/sleeper sleeper >/dev/null
slept_too_long() { coffer rotation status db/sleeper | grep -q 'createSecret: killed, with all that it started: it was not done within its time'; }
wait_until "a handler that does not end is killed" slept_too_long
coffer rotation cancel db/sleeper 2>/dev/null

/usr/bin/python3 "$root/tests/rotation/handlers/key_service.py" first-key "$work/key-port" &
background+=($!)
wait_until "a service with keys" test -s "$work/key-port"
url="http://127.0.0.1:$(cat "$work/key-port")"
printf '{"url":"%s","key":"first-key"}' "$url" | coffer put db/key >/dev/null
rotate db/key api-key >/dev/null
wait_until "a handler rotates an API's key" is_rotated db/key
expect_equal "which the service takes" 200 "$(curl -s -o "$work/none" -w '%{http_code}' -H "Authorization: Bearer $(field_of db/key key)" "$url/whoami")"
coffer rotation force db/key --wait 2>/dev/null
expect_equal "and again" 200 "$(curl -s -o "$work/none" -w '%{http_code}' -H "Authorization: Bearer $(field_of db/key key)" "$url/whoami")"
expect_equal "the first one is out of use" 401 "$(curl -s -o "$work/none" -w '%{http_code}' -H 'Authorization: Bearer first-key' "$url/whoami")"

# ---- what is left --------------------------------------------------------------------------------------------------------------

expect_equal "no program's folder is left" "" "$(as_owner ls "$state/runner/work")"
coffer-audit verify "$dir/audit" --public-key "$dir/audit-public.pem" >/dev/null
what "the journal verifies"
