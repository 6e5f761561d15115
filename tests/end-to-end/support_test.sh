#!/usr/bin/env bash
# A test that fails ends with a failure, whatever is cleaned up afterwards. No appliance is made.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

here=$(cd "$(dirname "$0")" && pwd)
# ends_with CODE WHAT SCRIPT: the code of a test with these lines.
ends_with() {
  local got=0
  printf '. "%s/support.sh"\n%s\n' "$here" "$3" >"$work/test.sh"
  bash "$work/test.sh" --build "$build" >"$work/output" 2>&1 || got=$?
  expect_equal "$2" "$1" "$got"
}
ends_with 0 "what is done passes" 'true'
ends_with 1 "what says that it fails fails" 'fail "no"'
ends_with 1 "a command that fails ends the test" 'false; true'
ends_with 1 "a check that does not hold fails" 'expect_equal "same" a b'
ends_with 1 "also with something to be done at the end" 'at_end+=("true"); fail "no"'
ends_with 1 "also when that fails" 'at_end+=("false"); fail "no"'
ends_with 0 "which is no failure of the test" 'at_end+=("false"); true'
ends_with 77 "what is skipped says so" 'skip "no reason"'
expect_equal "nobody sets another trap for the end" support.sh \
  "$(cd "$here" && grep -lE '^ *trap .*EXIT' ./*.sh ../soak/*.sh | grep -v support_test | sed 's|.*/||')"
