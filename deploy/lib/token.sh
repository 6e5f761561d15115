# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by appliance.sh: the PKCS#11 token that holds the master keys. SoftHSM2 and NSS softokn are tokens
# in software: real PKCS#11, without the tamper-proof box. A real HSM is set up with its vendor's tools and
# named in the configuration in the same way (docs/tokens.md).
#
# PINs are random and never seen: they go from openssl to a file that only the appliance's user can read.

pin_file() { printf '%s/token/pin' "$state"; }

token_module() {
  local candidate
  local -a candidates
  case "$token" in
    softhsm2) candidates=(/usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so) ;;
    nss) candidates=(/usr/lib/*/libsoftokn3.so /usr/lib/*/nss/libsoftokn3.so) ;;
  esac
  for candidate in "${candidates[@]}"; do
    [ -e "$candidate" ] && { printf '%s' "$candidate"; return; }
  done
  fail "the PKCS#11 module of '$token' is not installed" "install the packages first: deploy/install-packages.sh"
}

token_uri() {
  case "$token" in
    softhsm2) printf 'pkcs11:token=coffer' ;;
    nss) printf 'pkcs11:token=NSS%%20Certificate%%20DB' ;;
  esac
}

# What the module wants in the environment: SoftHSM2 finds its configuration there, NSS gets its folder as
# a module argument. Kept in a file like systemd's EnvironmentFile: lines of NAME=VALUE, yours to edit.
environment_file() { printf '%s/etc/environment' "$state"; }

write_environment() {
  [ -e "$(environment_file)" ] && return
  if [ "$token" = softhsm2 ]; then
    printf 'SOFTHSM2_CONF=%s/token/softhsm2.conf\n' "$state" >"$(environment_file)"
  else
    : >"$(environment_file)"
  fi
}

export_environment() {
  local line
  while IFS= read -r line; do
    [[ "$line" == [A-Za-z_]*=* ]] && export "${line?}"
  done <"$(environment_file)"
  return 0
}

new_pin() { (umask 077 && openssl rand -hex 16 >"$1"); }

# SoftHSM2's token is made by coffer-hsm together with its keys; here only where it is to be.
make_softhsm2_token() {
  mkdir -p "$state/token/softhsm2"
  cat >"$state/token/softhsm2.conf" <<CONF
directories.tokendir = $state/token/softhsm2
objectstore.backend = file
log.level = ERROR
slots.removable = false
CONF
}

make_nss_token() {
  mkdir -p "$state/token/nss"
  certutil -N -d "sql:$state/token/nss" -f "$(pin_file)"
}

# A token that was begun and not finished is made again: nothing can have been encrypted under it, since the
# mark is set before any key is made.
make_token() {
  [ -e "$state/token/.made" ] && return
  step "choosing a random PIN for a $token token in $state/token"
  rm -rf "$state/token"
  mkdir -p "$state/token"
  new_pin "$(pin_file)"
  new_pin "$state/token/so-pin"
  "make_${token}_token" >"$log/token.log" 2>&1 ||
    fail "the token could not be made; $log/token.log says:" "$(tail -n 3 "$log/token.log")"
  touch "$state/token/.made"
}

write_profile() {
  [ -e "$state/etc/profile.toml" ] || cp "$root/hsm-config/$token.toml" "$state/etc/profile.toml"
}

make_keys() {
  [ -e "$state/token/.keys" ] && return
  step "making the master key, the seal key and the audit key in the token"
  local -a new_token=()
  # The security officer's PIN lets coffer-hsm mark the master key as trusted as well.
  [ "$token" != softhsm2 ] || new_token=(--initialize-token coffer --so-pin-file "$state/token/so-pin")
  "$bin/coffer-hsm" init --module "$(token_module)" --token "$(token_uri)" --profile "$state/etc/profile.toml" \
    --token-dir "$state/token/$token" --pin-file "$(pin_file)" "${new_token[@]}" >"$log/keys.log" 2>&1 ||
    fail "the keys could not be made; $log/keys.log says:" "$(tail -n 3 "$log/keys.log")"
  touch "$state/token/.keys"
}

# The public half of the audit key, for whoever verifies the journal. Where root prepares the appliance, root
# keeps it, out of the daemon's reach.
audit_public_key() { printf '%s/audit-public.pem' "$dir"; }
audit_public_key_of_user() { printf '%s/etc/audit-public.pem' "$state"; }

export_audit_key() {
  [ -e "$(audit_public_key_of_user)" ] || {
    "$bin/coffer-hsm" audit-key --module "$(token_module)" --token "$(token_uri)" --profile "$state/etc/profile.toml" \
      --token-dir "$state/token/$token" --pin-file "$(pin_file)" >"$(audit_public_key_of_user).new" 2>"$log/audit-key.log" ||
      fail "the audit key's public half cannot be had; $log/audit-key.log says:" "$(tail -n 3 "$log/audit-key.log")"
    mv "$(audit_public_key_of_user).new" "$(audit_public_key_of_user)"
  }
  [ -e "$(audit_public_key)" ] || [ ! -w "$dir" ] || install -m 644 "$(audit_public_key_of_user)" "$(audit_public_key)"
}

check_token() {
  "$bin/coffer-hsm" check --module "$(token_module)" --token "$(token_uri)" --profile "$state/etc/profile.toml" \
    --token-dir "$state/token/$token" --pin-file "$(pin_file)"
}
