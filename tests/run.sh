#!/usr/bin/env bash
# Installs what the tests need (Debian packages, with sudo when not root), builds everything, and runs every
# test: unit, integration (PostgreSQL, SoftHSM2, NSS softokn), concurrency and end to end. The last lines are
# ctest's summary; the exit code is ctest's.
#
#   tests/run.sh                       the release build, all tests
#   tests/run.sh --preset asan         another preset of CMakePresets.json
#   tests/run.sh -- -L unit            what follows -- goes to ctest: labels, names, -V ...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() { sed -n '2,/^set -euo/{/^set/d;/^# shellcheck/d;s/^# \{0,1\}//p}' "$0"; }

preset=release
while [ $# -gt 0 ]; do
  case "$1" in
    --preset) [ -n "${2:-}" ] || { echo "run.sh: --preset needs a name (try --help)" >&2; exit 2; }; preset=$2; shift 2 ;;
    --) shift; break ;;
    -h|--help) usage; exit 0 ;;
    *) echo "run.sh: '$1' is not known here (try --help)" >&2; exit 2 ;;
  esac
done

deploy/install-packages.sh --tests

# CMake takes these from the environment the first time that it configures a folder.
if command -v ccache >/dev/null; then export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
# ON by name: quickstart.sh configures build/release without them.
cmake --preset "$preset" -DCOFFER_TESTS=ON -DCOFFER_BENCH=ON
cmake --build "build/$preset" --parallel "$(nproc)"
# One more than there are processors: those of whole appliances wait more than they work.
exec ctest --test-dir "build/$preset" --output-on-failure --no-tests=error --parallel $(($(nproc) + 1)) "$@"
