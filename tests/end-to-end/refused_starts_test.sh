#!/usr/bin/env bash
# What cannot work is refused, with the word that helps: by check-config before a daemon that runs is ended, and by a start
# before it is ready. Nobody is sent to make new keys where the database holds secrets.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"
# shellcheck source=token_support.sh
. "$(dirname "$0")/token_support.sh"

bring_up
printf 'the value' | coffer put kept >/dev/null
config="$state/etc/cofferd.toml"
program="$dir/program/bin/cofferd" # of root's appliances
[ -x "$program" ] || program="$build/bin/cofferd"

# ---- a generation that somebody wrote into the row

coffer get kept >/dev/null
failures=$(metric coffer_integrity_failures_total)
sql "UPDATE secret_versions SET key_generation = 2"
expect_refused "a value under an altered generation is refused" integrity coffer get kept
[ "$(metric coffer_integrity_failures_total)" -gt "$failures" ] || fail "it is not counted as an integrity failure"
what "it is counted as an integrity failure"
sql "UPDATE secret_versions SET key_generation = 1"
expect_equal "put right, it is read" "the value" "$(coffer get kept)"

# ---- a configuration that can never work

before=$(daemon_pid)
cp -p "$config" "$work/good.toml"
for change in 's|^conninfo = .*|conninfo = "hots=x"|' 's|^token = .*|token = "pkcs11:slot-id=1"|' \
  's|^key = .*|key = "pkcs11:object=srv;type=private"|'; do
  sed -i "$change" "$config"
  if output=$(appliance restart --build "$build" 2>&1); then fail "a restart took $change"; fi
  expect_contains "a restart refuses it: $change" "cofferd.toml:" "$output"
  expect_equal "and leaves the daemon that runs alone" "$before" "$(daemon_pid)"
  cat "$work/good.toml" >"$config"
done
expect_equal "which serves" 200 "$(http_get "$metrics_port" /readyz | head -n 1)"

# ---- starts by hand, with PostgreSQL running

kill -TERM "$(daemon_pid)"
daemon_is_gone() { ! process_runs "$before"; }
wait_until "the daemon ends" daemon_is_gone

# start_refused CODE WORDS... : the start ends by itself with CODE, and says WORDS.
start_refused() {
  local -a variables
  local code=0 word
  mapfile -t variables <"$state/etc/environment"
  as_owner timeout 60 env "${variables[@]}" "$program" run --config "$config" >"$work/start.out" 2>&1 || code=$?
  expect_equal "the start ends with" "$1" "$code"
  for word in "${@:2}"; do expect_contains "it says" "$word" "$(cat "$work/start.out")"; done
}

sed -i 's|^conninfo = .*|conninfo = "hots=x"|' "$config"
start_refused 78 "[database] 'conninfo'" hots
cat "$work/good.toml" >"$config"

load_shim "COFFER_SHIM_CONTROL=$work/shim/control"
for mechanism in CKM_ECDSA CKM_AES_GCM CKM_SHA256_HMAC; do
  echo "hide-mechanism $mechanism" >"$work/shim/control"
  chmod 644 "$work/shim/control"
  start_refused 69 "has no $mechanism" "use another token"
done
expect_contains "what it is needed for" "seals" "$(cat "$work/start.out")"
# Listed, and of no use.
echo 'fail C_SignInit CKR_KEY_FUNCTION_NOT_PERMITTED' >"$work/shim/control"
start_refused 69
: >"$work/shim/control"

# Another token of the same name, without keys.
cp -p "$state/etc/environment" "$work/environment"
mkdir "$work/empty"
sed "s|^directories.tokendir.*|directories.tokendir = $work/empty|" \
  "$(sed -n 's/^SOFTHSM2_CONF=//p' "$state/etc/environment")" >"$work/empty.conf"
sed -i "s|^SOFTHSM2_CONF=.*|SOFTHSM2_CONF=$work/empty.conf|" "$state/etc/environment"
[ "$(id -u)" -ne 0 ] || chown coffer:coffer "$work/empty"
label=$(setting token)
label=${label#*token=}
as_owner env SOFTHSM2_CONF="$work/empty.conf" softhsm2-util --init-token --free --label "${label%%;*}" \
  --pin "$(cat "$state/token/pin")" --so-pin 87654321 >/dev/null
start_refused 69 "holds no master key" "the database was written with one" "restore the token's backup" "Do not run coffer-hsm init"
