#!/usr/bin/env bash
# OAuth tokens and API keys rotate at a server that hands out each refresh token once: also when the database or the
# token is away between the answer and its storing. When the answer is lost, nothing is sent twice.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"
# shellcheck source=rotation_support.sh
. "$(dirname "$0")/rotation_support.sh"

bring_up
pg=$(postgresql_programs)

target="$work/target"
mkdir "$target"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -keyout "$target/server.key" -out "$work/api-ca.crt" 2>/dev/null
chmod 644 "$work/api-ca.crt"
/usr/bin/python3 "$(dirname "$0")/api_target.py" "$work/api-ca.crt" "$target/server.key" "$target" >"$work/target.log" 2>&1 &
background+=("$!")
has_port() { [ -s "$target/port" ]; }
wait_until "the target listens" has_port
port=$(cat "$target/port")
mode() { printf '%s' "$1" >"$target/mode.new"; rm -f "$target/go"; mv "$target/mode.new" "$target/mode"; }
calls() { grep -c "^$1\$" "$target/calls" || true; }
at_target() { curl -sS --cacert "$work/api-ca.crt" "https://localhost:$port$1" "${@:2}"; }

appliance down >/dev/null
control="$work/shim/control"
load_shim "COFFER_SHIM_CONTROL=$control"
rules() { printf '%s\n' "$@" >"$control.new"; mv "$control.new" "$control"; }
rules '# forward everything'
add_functions <<CONF

[[rotation_function]]
name = "refresh"
kind = "oauth"
token_url = "https://localhost:$port/oauth/token"
grant = "refresh_token"
test_url = "https://localhost:$port/oauth/userinfo"
ca_file = "$work/api-ca.crt"

[[rotation_function]]
name = "client"
kind = "oauth"
token_url = "https://localhost:$port/oauth/token"
grant = "client_credentials"
scope = "read write"
ca_file = "$work/api-ca.crt"

[[rotation_function]]
name = "keys"
kind = "api"
url = "https://localhost:$port/v1"
ca_file = "$work/api-ca.crt"
admin_secret = "api/admin"
create = { path = "/keys", json = '{"name":"\${name} of \${coffer.secret}"}', headers = { Authorization = "Bearer \${admin.token}" } }
take = { key_id = "/data/id", api_key = "/data/secret/0" }
test = { path = "/me", headers = { Authorization = "Bearer \${api_key}" } }
delete = { path = "/keys/\${key_id}", headers = { Authorization = "Bearer \${admin.token}" } }
CONF
appliance up >/dev/null
take_environment

oauth_secret() { printf '{"client_id":"coffer client","client_secret":"s3cret:/+ &","refresh_token":"%s","keep":7}' "$1"; }

# ---- client credentials -----------------------------------------------------------------------------------------------

oauth_secret unused | coffer put oauth/client >/dev/null
expect_contains "a check reaches the provider" "proves who it is" "$(coffer rotation check oauth/client --function "$functions:client")"
rotate oauth/client client >/dev/null
wait_until "a token is got with client credentials" is_complete oauth/client
expect_contains "it is in the secret" "access-" "$(field_of oauth/client access_token)"
expect_contains "with its end" "T" "$(field_of oauth/client expires_at)"
expect_equal "and what else was there" 7 "$(field_of oauth/client keep)"
expect_equal "the provider takes it" 200 "$(at_target /oauth/userinfo -o "$work/out" -w '%{http_code}' -H "Authorization: Bearer $(field_of oauth/client access_token)")"
printf '{"client_id":"coffer client","client_secret":"wrong"}' | coffer put oauth/wrong >/dev/null
rotate oauth/wrong client >/dev/null
wait_until "a wrong client is refused" has_failed oauth/wrong
expect_contains "with the provider's word for it" "401 (invalid_client)" "$(coffer rotation status oauth/wrong)"

# ---- refresh tokens that work once --------------------------------------------------------------------------------------

oauth_secret refresh-1 | coffer put oauth/r >/dev/null
rotate oauth/r refresh >/dev/null
wait_until "a refresh token is exchanged" is_complete oauth/r
expect_equal "once" 1 "$(calls 'refresh 200')"
coffer rotation force oauth/r --wait 2>/dev/null
expect_equal "and the new one again" 2 "$(calls 'refresh 200')"

mode busy
coffer rotation force oauth/r 2>/dev/null
wait_until "a provider that is busy" has_failed oauth/r
mode ''
coffer rotation retry oauth/r --wait 2>/dev/null
expect_equal "costs nothing" "3 0" "$(calls 'refresh 200') $(calls 'refresh 400')"

# The answer is held until what comes next has happened.
held() { # WHAT: a rotation whose exchange has been done, and whose answer is on its way
  mode hold
  exchanges=$(calls 'refresh 200')
  exchanged() { [ "$(calls 'refresh 200')" -gt "$exchanges" ]; }
  coffer rotation force oauth/r 2>/dev/null
  wait_until "$1" exchanged
}
held "an exchange during which the secret is described anew"
coffer update-secret --secret-id oauth/r --description 'described meanwhile' >/dev/null
coffer tag-resource --secret-id oauth/r --tags Key=k,Value=v >/dev/null
touch "$target/go"
wait_until "is stored all the same" is_complete oauth/r
expect_equal "with the description" '"described meanwhile"' "$(coffer describe-secret --secret-id oauth/r | /usr/bin/python3 -c 'import json,sys; print(json.dumps(json.load(sys.stdin)["Description"]))')"

postgres() { as_owner "$pg/pg_ctl" "$1" -w -D "$state/postgresql" "${@:2}" >/dev/null; }
held "an exchange during which the database goes away"
postgres stop -m immediate
touch "$target/go"
is_not_ready() { [ "$(http_get "$metrics_port" /readyz | head -n 1)" = 503 ]; }
wait_until "the daemon says that it is not ready" is_not_ready
sleep 1
postgres start -l "$state/log/postgresql.log"
stored() { is_complete oauth/r || { has_failed oauth/r && coffer rotation retry oauth/r 2>/dev/null; false; }; }
wait_until "is stored when the database is back" stored
expect_equal "no token was sent twice" 0 "$(calls 'refresh 400')"

held "an exchange during which the token goes away"
rules 'power-cycle 1 down 2s CKR_TOKEN_NOT_PRESENT'
touch "$target/go"
wait_until "is stored when the token is back" is_complete oauth/r
expect_equal "no token was sent twice" 0 "$(calls 'refresh 400')"
rules '# forward everything'

# ---- an answer that is lost -------------------------------------------------------------------------------------------------

before=$(coffer get oauth/r)
held "an exchange during which the daemon dies"
kill -KILL "$(daemon_pid)"
touch "$target/go"
appliance up >/dev/null
wait_until "is not repeated" has_failed oauth/r
expect_contains "and the state says why" "what became of that is not known" "$(coffer rotation status oauth/r)"
expect_equal "AWSCURRENT is as it was" "$before" "$(coffer get oauth/r)"
expect_equal "no token was sent twice" 0 "$(calls 'refresh 400')"
"$build/bin/coffer-audit" search "$dir/audit" --action RotationExchangeStarted --output json | holds '"eventName":"RotationExchangeStarted"' ||
  fail "the exchange is not in the journal"
what "the exchange is in the journal"
mode ''
coffer rotation abandon oauth/r 2>/dev/null
coffer rotation force oauth/r 2>/dev/null
wait_until "nor by a new rotation" has_failed oauth/r
expect_equal "no token was sent twice" 0 "$(calls 'refresh 400')"
at_target /oauth/new -X POST -o "$work/out"
oauth_secret refresh-by-hand | coffer put oauth/r >/dev/null
coffer rotation retry oauth/r --wait 2>/dev/null
wait_until "with a token that was got by hand it goes on" is_complete oauth/r
expect_equal "no token was sent twice" 0 "$(calls 'refresh 400')"

mode drop
coffer rotation force oauth/r 2>/dev/null
wait_until "an answer that the network lost" has_failed oauth/r
mode ''
expect_contains "is unknown as well" "may be used up" "$(coffer rotation status oauth/r)"
coffer rotation retry oauth/r 2>/dev/null
refused() { has_failed oauth/r && [ "$(calls 'refresh 400')" -eq 1 ]; }
wait_until "by hand it is sent again, and refused" refused
expect_contains "which says what to do" "got anew at the provider" "$(coffer rotation status oauth/r)"

mode garbage
at_target /oauth/new -X POST -o "$work/out"
oauth_secret refresh-by-hand-2 | coffer put oauth/garbage >/dev/null
rotate oauth/garbage refresh >/dev/null
wait_until "an answer of success that is none" has_failed oauth/garbage
expect_contains "is the provider's, not the secret's fault" "the answer is no JSON object" "$(coffer rotation status oauth/garbage)"
expect_contains "and the refresh token may be gone" "may be used up" "$(coffer rotation status oauth/garbage)"
mode ''

mode broken
at_target /oauth/new -X POST -o "$work/out"
oauth_secret refresh-by-hand-2 | coffer put oauth/gateway >/dev/null
rotate oauth/gateway refresh >/dev/null
wait_until "a gateway's 503, behind which the provider may have done it" has_failed oauth/gateway
expect_contains "is unknown" "may be used up" "$(coffer rotation status oauth/gateway)"
mode ''

# ---- keys of an API -------------------------------------------------------------------------------------------------------

printf '{"token":"adm1n-token"}' | coffer put api/admin >/dev/null
printf '{"name":"an \\"app\\"","key_id":"key-1","api_key":"first-key"}' | coffer put api/k >/dev/null
printf '{"name":"app"}' | coffer put api/first >/dev/null
expect_contains "a check does not want a key before the first rotation" "the first rotation makes one" "$(coffer rotation check api/first --function "$functions:keys")"
rotate api/first keys >/dev/null
wait_until "which makes it" is_complete api/first
printf 'no object' | coffer put api/text >/dev/null
expect_contains "a check of a value that is no object goes on to the API" "it is reached" "$(coffer rotation check api/text --function "$functions:keys" || true)"
expect_contains "a check tries the present key" "takes the key of AWSCURRENT" "$(coffer rotation check api/k --function "$functions:keys")"
rotate api/k keys >/dev/null
wait_until "a key is made" is_complete api/k
works() { [ "$(at_target /v1/me -o "$work/out" -w '%{http_code}' -H "Authorization: Bearer $1")" = 200 ]; }
works "$(field_of api/k api_key)" || fail "the new key does not work"
works first-key || fail "AWSPREVIOUS's key was removed too early"
what "it works, and so does the one before"
second=$(field_of api/k api_key)
coffer rotation force api/k --wait 2>/dev/null
works first-key || fail "a key that was put by hand was removed: nothing proves that it is this secret's"
third=$(field_of api/k api_key)
coffer rotation force api/k --wait 2>/dev/null
if works "$second"; then fail "the key before last still works"; fi
works "$third" || fail "AWSPREVIOUS's key was removed too early"
what "the key before last is removed, and none that was put by hand"
mode drop
made=$(calls 'create 201')
coffer rotation force api/k 2>/dev/null
wait_until "an answer that was lost" has_failed api/k
mode ''
expect_equal "made one key" $((made + 1)) "$(calls 'create 201')"
coffer rotation retry api/k --wait 2>/dev/null
wait_until "and another by hand" is_complete api/k
printf '{"token":"wrong"}' | coffer put api/admin >/dev/null
coffer rotation force api/k 2>/dev/null
wait_until "without the right to make keys" has_failed api/k
expect_contains "it says so" "is not taken" "$(coffer rotation status api/k)"
works "$(field_of api/k api_key)" || fail "AWSCURRENT does not work"

for value in adm1n-token "$second" 's3cret:/+ &' refresh-by-hand; do
  if grep -rqF -- "$value" "$dir/audit" "$state/log"; then fail "the value $value is in the journal or the log"; fi
done
what "no value is in the journal or the log"
