#!/usr/bin/env bash
# Installs the client into a folder of its own and builds a small project against it, as its users do: with CMake's
# find_package and with pkg-config. Also holds docs/client.md to the example's text.
#
#   install_test.sh BUILD SOURCE CXX SANITIZERS
set -euo pipefail

build=$1 source=$2 cxx=$3 sanitizers=${4:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix="$work/prefix"
example="$source/tests/client/example"
flags=()
[ -z "$sanitizers" ] || flags=(-fsanitize="$sanitizers")

cmake --install "$build" --component client --prefix "$prefix" >/dev/null
"$prefix/bin/coffer" --version

echo "-- find_package"
cmake -S "$example" -B "$work/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_COMPILER="$cxx" \
  -DCMAKE_CXX_FLAGS="${flags[*]}" >/dev/null
cmake --build "$work/build" --target reader

echo "-- pkg-config"
pkgconfig=$(dirname "$(find "$prefix" -name coffer.pc)")
read -r -a options <<<"$(PKG_CONFIG_PATH=$pkgconfig pkg-config --cflags --libs coffer)"
"$cxx" "${flags[@]}" "$example/async.cpp" -o "$work/async_reader" "${options[@]}"

echo "-- the programs run, and say what is missing"
for program in "$work/build/reader app/db" "$work/async_reader"; do
  # shellcheck disable=SC2086  # the program and its argument
  if output=$(env -i HOME="$work" $program 2>&1); then echo "should have failed: $program"; exit 1; fi
  case "$output" in *COFFER_ENDPOINT*) ;; *) echo "unexpected: $output"; exit 1 ;; esac
done

echo "-- docs/client.md has the examples as they are compiled"
python=$(command -v /usr/bin/python3 || command -v python3)
"$python" - "$source/docs/client.md" "$example/main.cpp" "$example/async.cpp" "$example/CMakeLists.txt" <<'PYTHON'
import sys
page = open(sys.argv[1], encoding="utf-8").read()
for name in sys.argv[2:]:
    if open(name, encoding="utf-8").read() not in page:
        sys.exit(f"{name} is not in {sys.argv[1]} as it is")
PYTHON
