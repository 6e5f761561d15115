#!/usr/bin/env bash
# The cases of tests/conformance, through every front door that the appliance has.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

conformance="$root/tests/conformance"
bring_up
cat "$conformance/functions.toml" >>"$state/etc/cofferd.toml"
appliance restart >/dev/null
take_environment
/usr/bin/python3 "$conformance/prepare.py" --appliance "$dir" --coffer "$build/bin/coffer" --output "$work/prepared.json"

# Both at once: one door waits mostly for programs that start, the other for the daemon.
through() { /usr/bin/python3 "$conformance/run.py" --door "$1" --coffer "$build/bin/coffer" --prepared "$work/prepared.json"; }
through native >"$work/native" 2>&1 &
background+=($!)
aws=0
if /usr/bin/python3 -c 'import botocore' 2>/dev/null; then through aws || aws=$?; else aws=77; fi
native=0
wait "${background[0]}" || native=$?
background=()
cat "$work/native"
[ "$native" -eq 0 ] || exit "$native"
[ "$aws" -ne 77 ] ||
  skip "Debian's python3-botocore is not installed (deploy/install-packages.sh --tests); the native protocol passed"
exit "$aws"
