#!/usr/bin/env bash
# The long trials: what tests/run.sh shows in small, at the size that a site has. Each brings up an appliance of its own and
# says what it saw. Minutes to an hour each, so they are run by hand, before a release.
#
#   tests/soak/run.sh [--build DIR] [--token softhsm2|nss] [TRIAL...]
#
#   rotation-logins   100 rotations of PostgreSQL users that are one, and 100 of pairs that take turns; clients log in every second
#   rotation-kills    the daemon is killed 100 times at random instants while secrets rotate; the target's connection is cut
#   rotation-nodes    three nodes and 10,000 secrets that are due: each is rotated once
#   master-key        a rotation of the master key over 100,000 versions is killed three times
#
# Without a name: all of them, in this order. --build: an optimised build (default build/release).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
usage() { sed -n '2,/^set -euo/{/^set/d;s/^# \{0,1\}//p}' "$0"; }

build="$here/../../build/release" token=softhsm2
trials=()
while [ $# -gt 0 ]; do
  case $1 in
    -h|--help) usage; exit 0 ;;
    --build|--token)
      [ -n "${2:-}" ] || { echo "run.sh: $1 needs a value (try --help)" >&2; exit 2; }
      if [ "$1" = --build ]; then build=$2; else token=$2; fi
      shift ;;
    rotation-logins|rotation-kills|rotation-nodes|master-key) trials+=("$1") ;;
    *) echo "run.sh: '$1' is not known here (try --help)" >&2; exit 2 ;;
  esac
  shift
done
[ ${#trials[@]} -gt 0 ] || trials=(rotation-logins rotation-kills rotation-nodes master-key)
[ -x "$build/bin/cofferd" ] || { echo "run.sh: $build has no bin/cofferd: cmake --preset release && cmake --build build/release" >&2; exit 2; }
build=$(cd "$build" && pwd)

failed=0
for trial in "${trials[@]}"; do
  printf '\n==== %s, %s\n' "$trial" "$token"
  begun=$SECONDS result=ok
  case $trial in
    master-key) "$here/../end-to-end/key_rotation_test.sh" --build "$build" --token "$token" 100000 || result=FAILED ;;
    *) "$here/${trial//-/_}.sh" --build "$build" --token "$token" || result=FAILED ;;
  esac
  [ "$result" = ok ] || failed=1
  printf '==== %s: %s, %d s\n' "$trial" "$result" $((SECONDS - begun))
done
exit "$failed"
