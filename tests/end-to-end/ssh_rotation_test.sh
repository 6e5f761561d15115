#!/usr/bin/env bash
# The SSH key of an account at a real OpenSSH server rotates; through refusals, lost connections and kill -9. AWSCURRENT and
# AWSPREVIOUS log in all the while, and nobody else's line of authorized_keys is touched.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"
# shellcheck source=rotation_support.sh
. "$(dirname "$0")/rotation_support.sh"

sshd=/usr/sbin/sshd
[ -x "$sshd" ] || skip "$sshd is missing (deploy/install-packages.sh --tests)"
command -v ssh >/dev/null || skip "ssh is missing (deploy/install-packages.sh --tests)"
bring_up

# ---- an OpenSSH server of somebody else's: for the account of whoever runs this, with a home folder of its own ----------

target="$work/target"
account=$(id -un)
keys="$target/home/.ssh/authorized_keys"
mkdir -m 755 "$target"
mkdir -m 700 "$target/home" "$target/home/.ssh"
ssh-keygen -q -t ed25519 -N '' -f "$target/host_key"
ssh-keygen -q -t rsa -b 2048 -N '' -f "$target/host_rsa_key"
ssh-keygen -q -t ed25519 -N '' -C first -f "$target/first"
ssh-keygen -q -t rsa -b 2048 -N '' -C somebody -f "$target/somebody"
target_port=$(free_port)
cat >"$target/sshd_config" <<CONF
ListenAddress 127.0.0.1
Port $target_port
HostKey $target/host_key
HostKey $target/host_rsa_key
PidFile $target/pid
AuthorizedKeysFile $keys
SetEnv HOME=$target/home
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 1000
LogLevel DEBUG
CONF
[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
start_target() {
  "$sshd" -D -f "$target/sshd_config" -E "$target/log" &
  target_pid=$!
  background+=("$target_pid")
  wait_until "sshd runs" port_is_taken "$target_port"
}
start_target
{ cat "$target/somebody.pub"; printf 'from="127.0.0.1",no-pty %s\n' "$(cat "$target/first.pub")"; printf '# a comment'; } >"$keys"
chmod 640 "$keys"
as_it_was=$(cat "$keys")

ssh_secret() { # KEYFILE [PORT] [HOST_KEY]
  /usr/bin/python3 -c '
import json,sys
key, port, account, host_key = sys.argv[1:]
print(json.dumps({"host": "localhost", "port": int(port), "username": account, "private_key": open(key).read(),
                  "public_key": open(key + ".pub").read().strip(), "host_key": host_key, "note": "kept"}), end="")' \
    "$1" "${2:-$target_port}" "$account" "${3-$(cat "$target/host_key.pub")}"
}
login_with() { # KEYFILE
  ssh -F /dev/null -i "$1" -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes -o UserKnownHostsFile=/dev/null \
    -o StrictHostKeyChecking=no -o LogLevel=ERROR -p "$target_port" "$account@localhost" echo logged in
}
key_of() { # SECRET STAGE FILE: the private key, in the file
  ( umask 077; labelled_field_of "$1" "$2" private_key >"$3" )
}
login_of() { key_of "$1" AWSCURRENT "$work/current.$BASHPID" && login_with "$work/current.$BASHPID"; }
previous_logs_in() { key_of "$1" AWSPREVIOUS "$work/previous" && login_with "$work/previous"; }

add_functions <<CONF

[[rotation_function]]
name = "accounts"
kind = "ssh"
timeout = "5s"
CONF
appliance restart >/dev/null
take_environment

# ---- an account's key ------------------------------------------------------------------------------------------------------

ssh_secret "$target/first" | coffer put host/app >/dev/null
expect_contains "a check finds nothing in the way" "the key is in it" "$(coffer rotation check host/app --function "$functions:accounts")"
expect_equal "and changes nothing" "$as_it_was" "$(cat "$keys")"
rotate host/app accounts >/dev/null
wait_until "the key is rotated" is_rotated host/app
expect_equal "it logs in" "logged in" "$(login_of host/app)"
expect_equal "and so does the one before" "logged in" "$(login_with "$target/first")"
expect_equal "other fields are kept" kept "$(field_of host/app note)"
expect_contains "with the options of the one before" 'from="127.0.0.1",no-pty ssh-ed25519' "$(grep coffer:host/app- "$keys")"
expect_equal "others' lines are as they were" "$as_it_was" "$(grep -v coffer:host/app- "$keys")"
expect_equal "and the file's mode is" 640 "$(stat -c %a "$keys")"
key_of host/app AWSCURRENT "$work/second"
ssh-keygen -y -f "$work/second" >/dev/null || fail "ssh-keygen does not read the new key"
cp "$work/second" "$work/second.key"
start_logins login_of host/app
coffer rotation force host/app --wait 2>/dev/null
expect_equal "AWSPREVIOUS logs in" "logged in" "$(previous_logs_in host/app)"
coffer rotation force host/app --wait 2>/dev/null
if login_with "$work/second.key" 2>/dev/null; then fail "the key before last logs in still"; fi
expect_equal "two of the secret's keys are there, not more" 2 "$(grep -c coffer:host/app- "$keys")"
expect_equal "and the first, which nobody marked" "logged in" "$(login_with "$target/first")"
for _ in 1 2 3; do coffer rotation force host/app --wait 2>/dev/null; done
stop_logins "through all of these AWSCURRENT logs in"

# ---- a text that does not arrive as a whole ---------------------------------------------------------------------------------

# Of what is said to a command, as many bytes arrive as the file says. As with a connection that breaks, it sees the end of
# its input then.
cat >"$target/session" <<SESSION
#!/bin/sh
head -c "\$(cat "$target/arrives")" | sh -c "\$SSH_ORIGINAL_COMMAND"
SESSION
chmod 755 "$target/session"
stop_target
cp "$target/sshd_config" "$work/sshd_config"
echo "ForceCommand $target/session" >>"$target/sshd_config"
echo 0 >"$target/arrives"
start_target
cp -p "$keys" "$work/keys.kept"
begin=force
for bytes in 0 1 100 700; do
  echo "$bytes" >"$target/arrives"
  coffer rotation "$begin" host/app >/dev/null 2>&1 || true  # unless it is tried just then by itself
  begin=retry
  wait_until "of the new authorized_keys $bytes bytes arrive" has_failed host/app
  expect_contains "which is told" "did not arrive there as a whole" "$(coffer rotation status host/app)"
  cmp "$keys" "$work/keys.kept" || fail "authorized_keys has changed"
  expect_equal "and leaves no file behind" "" "$(find "$target/home/.ssh" -name '*.coffer.*')"
done
stop_target
cp "$work/sshd_config" "$target/sshd_config"
start_target
coffer rotation retry host/app >/dev/null 2>&1 || true
wait_until "it completes when all of it arrives" is_complete host/app
expect_equal "and logs in" "logged in" "$(login_of host/app)"

# ---- what is refused --------------------------------------------------------------------------------------------------------

check_of() { coffer rotation check "$1" --function "$functions:accounts" || true; }
ssh_secret "$target/first" "$target_port" '' | coffer put host/unpinned >/dev/null
expect_contains "a host key that is not pinned" "ssh-keyscan -t ed25519" "$(check_of host/unpinned)"
ssh_secret "$target/first" "$target_port" "$(cat "$target/first.pub")" | coffer put host/other >/dev/null
expect_failure "another host's key" host/other accounts "shows another key"
ssh_secret "$target/first" "$target_port" "$(ssh-keygen -lf "$target/host_key.pub" | cut -d' ' -f2)" | coffer put host/fingerprint >/dev/null
expect_contains "a fingerprint pins as well" "the key is in it" "$(check_of host/fingerprint)"
ssh_secret "$target/first" "$target_port" "$(ssh-keyscan -t rsa -p "$target_port" localhost 2>/dev/null)" | coffer put host/scanned >/dev/null
expect_contains "and a line of ssh-keyscan, of another type" "the key is in it" "$(check_of host/scanned)"
ssh-keygen -q -t ed25519 -N '' -f "$target/stranger"
ssh_secret "$target/stranger" | coffer put host/stranger >/dev/null
expect_contains "a key that does not log in" "refuses the key" "$(check_of host/stranger)"
ssh-keygen -q -t ed25519 -N secret -f "$target/locked"
ssh_secret "$target/locked" | coffer put host/locked >/dev/null
expect_contains "a key with a passphrase" "passphrase" "$(check_of host/locked)"
printf '{"host":"localhost"}' | coffer put host/bad >/dev/null
expect_failure "a secret without the fields fails" host/bad accounts 'no field "username"'
ssh-keygen -q -t ed25519 -N '' -f "$target/forced"
cp -p "$keys" "$work/keys.kept"
printf '\ncommand="echo hello" %s\n' "$(cat "$target/forced.pub")" >>"$keys"
ssh_secret "$target/forced" | coffer put host/forced >/dev/null
expect_failure "an account that runs one command alone" host/forced accounts "does not run commands"
expect_untold host/forced
cp -p "$work/keys.kept" "$keys"
# Root writes to whatever it likes.
if [ "$(id -u)" -ne 0 ]; then
  ssh_secret "$target/first" | coffer put host/closed >/dev/null
  chmod a-w "$keys"
  expect_failure "an account that may not change its keys" host/closed accounts "may not change its ~/.ssh/authorized_keys"
  chmod u+w "$keys"
  expect_untold host/closed
fi
start_silent_server
ssh_secret "$target/first" "$silent_port" | coffer put host/silent >/dev/null
expect_contains "a server that says nothing is not waited for" "cannot be used" "$(check_of host/silent)"

# ---- lost connections, a server that is away, kill -9 ------------------------------------------------------------------------

start_proxy "$target_port"
coffer get host/app | sed "s/\"port\": *$target_port/\"port\":$proxy_port/" | coffer put host/app >/dev/null
start_logins login_of host/app
for connection in 1 2 3 4; do
  for bytes in 40 1500 2600 3400; do
    lose_connection "$connection" "$bytes"
    coffer rotation force host/app 2>/dev/null
    wait_until "connection $connection lost after $bytes bytes" is_complete host/app
  done
done
lose_nothing
stop_logins "with lost connections AWSCURRENT logs in"
coffer rotation force host/app --wait 2>/dev/null
coffer rotation force host/app --wait 2>/dev/null
expect_equal "no key of a lost connection is left behind" 2 "$(grep -c coffer:host/app- "$keys")"
expect_equal "nor a file" "" "$(find "$target/home/.ssh" -name '*.coffer.*')"
leave_behind host/app 2
cp -p "$keys" "$work/keys.both"
grep -vF "$(field_of host/app public_key)" "$work/keys.both" >"$keys"
if login_of host/app 2>/dev/null; then fail "AWSCURRENT logs in"; fi
expect_mended host/app
expect_equal "and AWSCURRENT logs in" "logged in" "$(login_of host/app)"
stop_target
coffer rotation force host/app 2>/dev/null
wait_until "a server that is away" has_failed host/app
start_target
wait_until "is gone on with when it is back" is_complete host/app
for i in 1 2 3; do
  coffer rotation force host/app >/dev/null 2>&1 || true
  sleep "0.0$((RANDOM % 9))"
  kill -9 "$(daemon_pid)"
  appliance up >/dev/null
  expect_equal "after kill -9, $i, AWSCURRENT logs in" "logged in" "$(login_of host/app)"
done
wait_until "everything is completed" is_complete host/app

field_of host/app private_key | sed -n 4,5p >>"$work/values"
expect_no_values "the server's log has no private key" "$target/log"
expect_nothing_told host/app
