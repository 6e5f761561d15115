# shellcheck shell=bash disable=SC2154
# Sourced behind support.sh by tests that look at the appliance's token.

# setting NAME: a text of the daemon's configuration.
setting() { sed -n "/^$1 = \"/{s/^$1 = \"\(.*\)\"\$/\1/p;q}" "$state/etc/cofferd.toml"; }

# hsm COMMAND... [OPTIONS]: coffer-hsm for the appliance's token.
hsm() {
  # shellcheck disable=SC2046  # lines of NAME=VALUE
  as_owner env $(cat "$state/etc/environment") "$build/bin/coffer-hsm" "$@" --module "$(setting module)" \
    --token "$(setting token)" --profile "$state/etc/profile.toml" --token-dir "$state/token/$token" --pin-file "$state/token/pin"
}

# keys_in_token PREFIX: the labels of keys that begin so, on one line.
keys_in_token() { hsm list | grep -o "$1[^ ]*" | sort -u | paste -sd ' '; }
