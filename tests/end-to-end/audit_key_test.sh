#!/usr/bin/env bash
# The key that signs the audit journals is rotated twice, under load, on two nodes. The public key of before is enough to
# verify all of both journals afterwards; a node that was away goes over when it starts; old private keys leave the token.
#
#   audit_key_test.sh --build DIR [--token KIND]
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"
# shellcheck source=nodes.sh
. "$(dirname "$0")/nodes.sh"
# shellcheck source=token_support.sh
. "$(dirname "$0")/token_support.sh"

key="$dir/audit-public.pem"
first="$dir/audit"
second="$state/second/audit"
verify() { "$build/bin/coffer-audit" verify "$1" --public-key "${2:-$key}"; }
number_of_link() { # number_of_link JOURNAL: the record of its first checkpoint that names a successor
  grep -h '"successor":{' "$1"/journal-*.log | head -n 1 | cut -d ' ' -f 2 | sed 's/^0*//'
}

bring_up
add_node second
start_node second
start_load
wait_until "writes go on" load_goes_on
expect_contains "the audit key is listed" alias/coffer/audit "$(coffer key list)"
expect_contains "and the seal key" alias/coffer/seal "$(coffer key list)"
expect_equal "one generation to begin with" "coffer/audit/1" "$(keys_in_token coffer/audit/)"

# ---- a rotation under load -------------------------------------------------------------------------------------

expect_contains "all nodes go over" "generation 2 of the audit key signs the journals of all nodes" \
  "$(coffer key rotate --audit --wait)"
expect_equal "the token holds both" "coffer/audit/1 coffer/audit/2" "$(keys_in_token coffer/audit/)"
wait_until "writes go on" load_goes_on
for journal in "$first" "$second"; do
  found=$(verify "$journal")
  expect_contains "with the first public key alone a journal is whole" GOOD "$found"
  expect_contains "and says where the key changed" "introduces" "$found"
done
expect_contains "coffer-hsm init leaves it alone" "exists" "$(hsm init | grep 'audit key')"
expect_contains "the old key goes at once" "generation 1 was destroyed" "$(coffer key retire --audit)"
expect_equal "the token holds the new one alone" "coffer/audit/2" "$(keys_in_token coffer/audit/)"
expect_contains "coffer-hsm finds what it needs" "audit key" "$(hsm check --rate-ms 0 2>&1 | grep "Coffer's keys")"

# ---- a node that is away ----------------------------------------------------------------------------------------

stop_node second
expect_contains "the next rotation" "generation 3 of the audit key was made" "$(coffer key rotate --audit)"
on_three() { coffer key describe --audit --output json | tr -d '\n ' | holds '"Generation":3,[^}]*"Nodes":\["[^s]'; }
wait_until "this node goes over" on_three
expect_refused "the key of a journal that has not gone over stays" "signs the journal of second" coffer key retire --audit
start_node second
retires() { coffer key retire --audit; }
wait_until "it goes over when it starts, and the old key can go" retires
expect_equal "the token holds the newest alone" "coffer/audit/3" "$(keys_in_token coffer/audit/)"
stop_node second
stop_load
appliance down >/dev/null
appliance up >/dev/null
for journal in "$first" "$second"; do
  expect_contains "the first public key still verifies a journal to its end" GOOD "$(verify "$journal")"
done

# ---- what is wrong is named -------------------------------------------------------------------------------------

hsm audit-key >"$work/newest.pem"
expect_refused "the newest key alone does not know the oldest" "a key that was not given" verify "$first" "$work/newest.pem"
coffer key describe --audit --output json | /usr/bin/python3 -c 'import json, sys
print(json.load(sys.stdin)["KeyMetadata"]["Generations"][-1]["PublicKey"], end="")' >"$work/described.pem"
expect_equal "the daemon shows the same public key" "$(cat "$work/newest.pem")" "$(cat "$work/described.pem")"
appliance down >/dev/null
cp -r "$first" "$work/copy"
number=$(number_of_link "$work/copy")
/usr/bin/python3 - "$work/copy" <<'PYTHON'
import glob, sys
for name in sorted(glob.glob(sys.argv[1] + "/journal-*.log")):
    data = bytearray(open(name, "rb").read())
    at = data.find(b'"publicKey":"')
    if at >= 0:
        data[at + 100] ^= 1
        open(name, "wb").write(data)
        break
PYTHON
expect_refused "a flipped bit in the record of the change is found" "sequence         $number" verify "$work/copy"
