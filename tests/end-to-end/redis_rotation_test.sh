#!/usr/bin/env bash
# Users of a real Redis server rotate: changed by an administrator, and by themselves; through refusals, lost connections, a
# restart of the server, and kill -9. AWSCURRENT and AWSPREVIOUS log in all the while.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"
# shellcheck source=rotation_support.sh
. "$(dirname "$0")/rotation_support.sh"

for program in redis-server redis-cli; do
  command -v "$program" >/dev/null || skip "$program is missing (deploy/install-packages.sh --tests)"
done
bring_up

# ---- a Redis server of somebody else's, with TLS and an ACL file -----------------------------------------------------

target="$work/target"
install -d -m 755 "$target"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -keyout "$target/server.key" -out "$target/server.crt" 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=other -keyout "$target/other.key" \
  -out "$target/other.crt" 2>/dev/null
chmod 644 "$target"/*.crt
cat >"$target/users.acl" <<ACL
user default on >Adm1n-pass ~* &* +@all
user app on >old-1 ~app:* +@read +@write
user self on >old-1 +acl|setuser +acl|getuser +acl|save +acl|whoami +acl|dryrun
user weak on >old-1 ~* +@read
user any on nopass +@read
ACL
echo "aclfile $target/users.acl" >"$target/with-file.conf"
printf 'user default on >Adm1n-pass ~* &* +@all\nuser temp on >old-1 ~* +@read\n' >"$target/without-file.conf"
[ "$(id -u)" -ne 0 ] || chown -R coffer:coffer "$target"
target_port=$(free_port)
as_admin() { ask_as default Adm1n-pass "$@"; }
ask_as() { # USER PASSWORD COMMAND...
  REDISCLI_AUTH=$2 redis-cli -h localhost -p "$target_port" --tls --cacert "$target/server.crt" --user "$1" --no-auth-warning "${@:3}"
}
login_as() { # USER PASSWORD: fails when it is refused
  [ "$(ask_as "$1" "$2" AUTH "$1" "$2")" = OK ]
}
login_of() {
  local login
  mapfile -t login < <(fields_of "$1" username password)
  login_as "${login[@]}"
}
previous_logs_in() { login_as "$(labelled_field_of "$1" AWSPREVIOUS username)" "$(labelled_field_of "$1" AWSPREVIOUS password)"; }
is_up() { [ "$(as_admin PING)" = PONG ]; }
start_target() { # CONFIGURATION
  start_as_owner "$target/log" redis-server "$1" --port 0 --tls-port "$target_port" --bind 127.0.0.1 --dir "$target" --tls-cert-file "$target/server.crt" \
    --tls-key-file "$target/server.key" --tls-auth-clients no --save '' --slowlog-log-slower-than 0 --slowlog-max-len 100000 \
    --loglevel debug
  wait_until "Redis runs" is_up
}
start_target "$target/with-file.conf"

redis_secret() { # USER PASSWORD [PORT]
  printf '{"engine":"redis","host":"localhost","port":%s,"username":"%s","password":"%s"}' "${3:-$target_port}" "$1" "$2"
}

add_functions <<CONF

[[rotation_function]]
name = "users"
kind = "redis"
ca_file = "$target/server.crt"
admin_secret = "target/admin"
timeout = "5s"

[[rotation_function]]
name = "themselves"
kind = "redis"
ca_file = "$target/server.crt"
timeout = "5s"

[[rotation_function]]
name = "unsaved"
kind = "redis"
ca_file = "$target/server.crt"
admin_secret = "target/admin"
allow_unsaved = true

[[rotation_function]]
name = "wrong-ca"
kind = "redis"
ca_file = "$target/other.crt"
CONF
appliance restart >/dev/null
take_environment
redis_secret default Adm1n-pass | coffer put target/admin >/dev/null

# ---- changed by an administrator ---------------------------------------------------------------------------------------

hashes_of() { as_admin ACL GETUSER "$1" | grep -cE '^[0-9a-f]{64}$' || true; }
redis_secret app old-1 | coffer put r/app >/dev/null
before=$(as_admin ACL LIST)
expect_contains "a check finds nothing in the way" "may do so" "$(coffer rotation check r/app --function "$functions:users")"
expect_equal "and changes nothing" "$before" "$(as_admin ACL LIST)"
start_logins login_of r/app
rotate r/app users >/dev/null
wait_until "the user has a second password" is_rotated r/app
login_of r/app || fail "it does not log in"
[ "$(field_of r/app password)" != old-1 ] || fail "the password is the old one"
remember r/app password
login_as app old-1 || fail "the one before does not log in"
what "both log in"
expect_equal "the user has these two" 2 "$(hashes_of app)"
coffer rotation force r/app --wait 2>/dev/null
remember r/app password
expect_equal "after the next rotation as well" 2 "$(hashes_of app)"
if login_as app old-1; then fail "the password before last logs in still"; fi
previous_logs_in r/app || fail "AWSPREVIOUS does not log in"
what "AWSPREVIOUS logs in, the one before last does not"
for _ in 1 2 3 4; do coffer rotation force r/app --wait 2>/dev/null; done
stop_logins "through all of these AWSCURRENT logs in"
remember r/app password
expect_equal "what it may do has not changed" "$(grep '^user app' <<<"$before" | sed 's/#[0-9a-f]* //g')" \
  "$(as_admin ACL LIST | grep '^user app' | sed 's/#[0-9a-f]* //g')"
stop_target
start_target "$target/with-file.conf"
login_of r/app || fail "a restart has forgotten the password"
what "a restart of the server forgets nothing"

# ---- changed by the user --------------------------------------------------------------------------------------------------

redis_secret self old-1 | coffer put r/self >/dev/null
rotate r/self themselves >/dev/null
wait_until "a user with the right changes its own" is_rotated r/self
coffer rotation force r/self --wait 2>/dev/null
login_of r/self || fail "it does not log in"
expect_equal "and has two passwords" 2 "$(hashes_of self)"
remember r/self password
redis_secret weak old-1 | coffer put r/weak >/dev/null
expect_failure "one without the right is told" r/weak themselves "it needs +acl|setuser"
expect_untold r/weak
login_as weak old-1 || fail "its login is gone"
as_admin ACL SETUSER weak '+acl|getuser' >/dev/null
expect_failure "nor with a part of the rights" r/weak themselves "may not run ACL SETUSER"
expect_untold r/weak
expect_equal "which adds nothing" 1 "$(hashes_of weak)"

# ---- what is refused --------------------------------------------------------------------------------------------------------

redis_secret any whatever | coffer put r/any >/dev/null
expect_failure "a user that takes any password" r/any users "nopass"
expect_untold r/any
as_admin ACL SETUSER idle off '>old-1' '~*' +@read >/dev/null
redis_secret idle old-1 | coffer put r/idle >/dev/null
expect_contains "a check finds a user that is off" "ACL SETUSER idle on" "$(coffer rotation check r/idle --function "$functions:users" || true)"
expect_failure "which no password helps" r/idle users "the Redis user idle is off"
as_admin ACL SETUSER idle on >/dev/null
coffer rotation retry r/idle --wait 2>/dev/null || true
wait_until "on again, it is rotated" is_rotated r/idle
redis_secret nosuch x | coffer put r/nosuch >/dev/null
expect_contains "a user that is not there" "has no user nosuch" "$(coffer rotation check r/nosuch --function "$functions:users" || true)"
rotate r/nosuch users >/dev/null
wait_until "is not made" has_failed r/nosuch
expect_equal "by any try" 0 "$(as_admin ACL LIST | grep -c 'user nosuch' || true)"
expect_untold r/nosuch
redis_secret app x | sed 's/localhost/127.0.0.1/' | coffer put r/elsewhere >/dev/null
expect_contains "a certificate for another name" "certificate verify failed" "$(coffer rotation check r/elsewhere --function "$functions:users" || true)"
expect_contains "or of another authority" "certificate verify failed" "$(coffer rotation check r/app --function "$functions:wrong-ca" || true)"
printf '{"username":"x"}' | coffer put r/bad >/dev/null
expect_failure "a secret without the fields fails" r/bad users 'no field "host"'
start_silent_server
redis_secret app x "$silent_port" | coffer put r/silent >/dev/null
expect_contains "a server that says nothing is not waited for" "timed out" "$(coffer rotation check r/silent --function "$functions:users" || true)"

# ---- lost connections, a server that is away, kill -9 ----------------------------------------------------------------------

start_proxy "$target_port"
redis_secret default Adm1n-pass "$proxy_port" | coffer put target/admin >/dev/null
redis_secret app "$(field_of r/app password)" "$proxy_port" | coffer put r/app >/dev/null
start_logins login_of r/app
for connection in 1 2 3 4 5; do
  for bytes in 0 700 1900 2150; do
    lose_connection "$connection" "$bytes"
    coffer rotation force r/app 2>/dev/null
    wait_until "connection $connection lost after $bytes bytes" is_complete r/app
  done
done
lose_nothing
stop_logins "with lost connections AWSCURRENT logs in"
previous_logs_in r/app || fail "AWSPREVIOUS does not log in"
leave_behind r/app 3
hash_of() { printf %s "$1" | sha256sum | cut -d' ' -f1; }
as_admin ACL SETUSER app "!$(hash_of "$(field_of r/app password)")" >/dev/null
if login_of r/app; then fail "AWSCURRENT logs in"; fi
expect_mended r/app
login_of r/app || fail "AWSCURRENT does not log in"
what "AWSCURRENT logs in"
stop_target
coffer rotation force r/self 2>/dev/null
wait_until "a server that is away" has_failed r/self
start_target "$target/with-file.conf"
wait_until "is gone on with when it is back" is_complete r/self
for i in 1 2 3; do
  coffer rotation force r/app >/dev/null 2>&1 || true
  sleep "0.0$((RANDOM % 9))"
  kill -9 "$(daemon_pid)"
  appliance up >/dev/null
  login_of r/app || fail "after kill -9, $i, AWSCURRENT does not log in"
done
wait_until "everything is completed after kill -9" is_complete r/app
what "after kill -9 AWSCURRENT logs in"

# ---- a server without an ACL file ---------------------------------------------------------------------------------------------

stop_target
start_target "$target/without-file.conf"
redis_secret default Adm1n-pass | coffer put target/admin >/dev/null
redis_secret temp old-1 | coffer put r/temp >/dev/null
expect_failure "a server without an ACL file" r/temp users "a restart would forget the new password; nothing was done"
expect_equal "and that is so" 1 "$(hashes_of temp)"
expect_untold r/temp
coffer rotation cancel r/temp 2>/dev/null
rotate r/temp unsaved >/dev/null
wait_until "unless it is wanted so" is_rotated r/temp
login_of r/temp || fail "it does not log in"

remember r/app password
remember r/temp password
as_admin SLOWLOG GET 100000 >"$target/slowlog"
expect_no_values "the server's logs have none of the passwords" "$target/log" "$target/slowlog"
expect_nothing_told r/app
