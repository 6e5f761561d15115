#!/usr/bin/env bash
# The cases of tests/conformance, through every front door that the appliance has.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

bring_up
"$root/tests/conformance/run.py" --door native --coffer "$build/bin/coffer"
if [ -n "${AWS_ENDPOINT_URL_SECRETS_MANAGER:-}" ]; then "$root/tests/conformance/run.py" --door aws; fi
