#!/usr/bin/env bash
# What simulate and who-can say agrees with what really happens, over a thousand random sets of policies.
#
#   agreement_test.sh --build DIR [--token KIND] [sets]
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

bring_up >/dev/null
appliance client eve >/dev/null
coffer iam create-user --user-name eve >/dev/null
coffer iam add-user-identity --user-name eve --identity Kind=spiffe,Value=spiffe://coffer.local/eve >/dev/null
"$build/bin/e2e_agreement" --certificate "$state/tls/eve.crt" --key "$state/tls/eve.key" --sets "${1:-1000}"
