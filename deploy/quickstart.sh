#!/usr/bin/env bash
# From a fresh Debian 12 to a running Coffer: installs packages (with sudo when not root), builds
# build/release, brings up an appliance on the loopback interface, and takes a secret through its whole life.
# Leaves the appliance running. Can be run again. The first run needs a connection to Debian's mirror, 2 GB
# of disk, 2 GB of memory, and takes about ten minutes on two processors.
#
#   deploy/quickstart.sh [--dir DIR] [--token softhsm2|nss]      as for deploy/appliance.sh
# shellcheck disable=SC2034,SC2154  # the parts that are sourced use and set them
set -euo pipefail

program_name=quickstart.sh
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=/dev/null
. "$here/lib/common.sh"

usage() { sed -n '2,/^set -euo/{/^set/d;/^# shellcheck/d;s/^# \{0,1\}//p}' "$0"; }

appliance=()
while [ $# -gt 0 ]; do
  case "$1" in
    --dir|--token) [ -n "${2:-}" ] || fail "$1 needs a value (try --help)"; appliance+=("$1" "$2"); shift 2 ;;
    -h|--help) usage; exit 0 ;;
    *) fail "'$1' is not known here (try --help)" ;;
  esac
done

chapter() { printf '\n%s== %s%s\n' "$bold" "$1" "$plain"; }
say() { printf '%s\n' "$@"; }

# show COMMAND-LINE: prints the line as one would type it, then runs it. A value that does not end with a line end
# gets one here.
show() { printf '\n%s$ %s%s\n' "$bold" "$1" "$plain"; bash -euo pipefail -c "$1" 2>&1 | sed '$a\'; }

# The same for a command that has to be refused.
show_refused() {
  printf '\n%s$ %s%s\n' "$bold" "$1" "$plain"
  if bash -euo pipefail -c "$1" 2>&1; then fail "this should have been refused: $1"; fi
}

chapter "1. Packages of Debian (in all: 2 GB of disk, 2 GB of memory, ten minutes on two processors)"
"$here/install-packages.sh"

chapter "2. Building build/release (nearly all of the time)"
cd "$here/.."
# CMake takes these from the environment the first time that it configures a folder.
if command -v ccache >/dev/null; then export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
# Only what is deployed: tests/run.sh asks for the tests by name when it comes to this folder.
[ -e build/release/build.ninja ] || cmake --preset release -DCOFFER_TESTS=OFF -DCOFFER_BENCH=OFF >/dev/null
cmake --build build/release --parallel "$(nproc)" --target "${programs[@]}"

chapter "3. An appliance: token, PostgreSQL, certificates, daemon"
"$here/appliance.sh" up "${appliance[@]}"
environment=$("$here/appliance.sh" env "${appliance[@]}")
eval "$environment"

chapter "4. The life of a secret"
# A secret of that name may be of an earlier run, or somebody's own: it is not destroyed without a yes.
exists() { coffer describe-secret --secret-id "$1" >/dev/null 2>&1; }
name=demo/quickstart
if exists "$name" && [ -t 0 ]; then
  printf '%s is there already, from an earlier run? Destroy it and make it anew? [y/N] ' "$name"
  read -r answer || answer=''
  case $answer in y|Y|yes) coffer rm "$name" --force --yes >/dev/null ;; esac
fi
number=1
while exists "$name"; do name="demo/quickstart-$((++number))"; done

say "A value comes from standard input or a file, not from the command line, where every user of the" \
    "machine could see it. The daemon has the token make a new AES-256 key, encrypts the value with it inside" \
    "the token, and stores the ciphertext and the key, wrapped by the master key. The first write creates."
show "printf 'correct horse' | coffer put $name"

say "" "Reading: authorised, unwrapped and decrypted in the token, sent over mutual TLS."
show "coffer get $name"

say "" "The same with the verbs, options and JSON of 'aws secretsmanager':"
show "coffer get-secret-value --secret-id $name"

say "" "An update makes a new version. The label AWSCURRENT moves to it, AWSPREVIOUS to the one before."
show "printf 'battery staple' | coffer put $name"
show "coffer get $name"
show "coffer history $name"

say "" "The previous version is still there, by its label:"
show "coffer get-secret-value --secret-id $name --version-stage AWSPREVIOUS"

say "" "Deleting waits for 30 days before anything is destroyed. Until then reads are refused ..."
show "coffer rm $name"
show_refused "coffer get $name"

say "" "... and the secret can be restored, whole:"
show "coffer restore $name"
show "coffer get $name"

chapter "5. The AWS CLI, unchanged"
say "Applications that speak AWS Secrets Manager already change one variable, AWS_ENDPOINT_URL_SECRETS_MANAGER. The" \
    "appliance has made a user with an access key. Debian's AWS CLI is older than that variable, and takes an option:"
show "aws --endpoint-url \"\$AWS_ENDPOINT_URL_SECRETS_MANAGER\" secretsmanager get-secret-value --secret-id $name"

arguments="${appliance[*]}"
arguments=${arguments:+ $arguments}
chapter "Done. The appliance is running."
say "" "Go on in this shell:      eval \"\$(deploy/appliance.sh env$arguments)\"" \
    "                          coffer ls; coffer --help" \
    "See what runs:            deploy/appliance.sh status$arguments" \
    "Stop it, keep everything: deploy/appliance.sh down$arguments" \
    "Delete it:                deploy/appliance.sh destroy$arguments" \
    "A tour of ten minutes is in README.md."
