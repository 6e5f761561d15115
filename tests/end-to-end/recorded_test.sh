#!/usr/bin/env bash
# What AWS once answered, asked through both front doors: tests/conformance/recorded.py. The recordings are not part of the
# project; recorded_test.sh ... --recordings FILE says where they are.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

recorded="$root/tests/conformance/recorded.py"
listed=$(/usr/bin/python3 "$recorded" "$@" --list) || { code=$?; [ "$code" -ne 77 ] || skip "$listed"; exit "$code"; }

bring_up
cat >>"$state/etc/cofferd.toml" <<'CONF'

[[rotation_function]]
name = "recorded"
kind = "random"
CONF
appliance restart >/dev/null
take_environment
/usr/bin/python3 "$recorded" --door native --coffer "$build/bin/coffer" "$@"
if ! /usr/bin/python3 -c 'import botocore' 2>/dev/null; then
  skip "Debian's python3-botocore is not installed (deploy/install-packages.sh --tests); the native protocol passed"
fi
/usr/bin/python3 "$recorded" --door aws "$@"
