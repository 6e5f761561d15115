#!/usr/bin/env bash
# The cases of tests/conformance, through every front door that the appliance has.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

bring_up
/usr/bin/python3 "$root/tests/conformance/run.py" --door native --coffer "$build/bin/coffer"
if ! /usr/bin/python3 -c 'import botocore' 2>/dev/null; then
  skip "Debian's python3-botocore is not installed (deploy/install-packages.sh --tests); the native protocol passed"
fi
/usr/bin/python3 "$root/tests/conformance/run.py" --door aws
