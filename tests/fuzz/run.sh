#!/usr/bin/env bash
# Builds the fuzz targets (clang, preset fuzz) and runs each for an equal share of the time.
#
#   tests/fuzz/run.sh SECONDS [--build-dir DIR] [--built] [--corpus DIR] [TARGET...]
#
# SECONDS is for all of them together. --built takes the programs as they are. --corpus keeps what the fuzzers find in DIR, for long runs; without it
# the corpora are made afresh and thrown away. TARGET is e.g. frame; without one all are run. An input that
# breaks a target is left in the current folder as crash-…: run the target with that file to see it again.
set -euo pipefail

usage() { sed -n '2,9s/^# \{0,1\}//p' "$0"; }
source_dir=$(cd "$(dirname "$0")/../.." && pwd)
build_dir=$source_dir/build/fuzz
seconds='' corpus='' built='' targets=()
while [ $# -gt 0 ]; do
  case $1 in
    -h|--help) usage; exit 0 ;;
    --build-dir) build_dir=$2; shift ;;
    --built) built=yes ;;
    --corpus) corpus=$2; shift ;;
    -*) echo "run.sh: unknown option '$1' (try --help)" >&2; exit 2 ;;
    *) if [ -z "$seconds" ]; then seconds=$1; else targets+=("$1"); fi ;;
  esac
  shift
done
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "run.sh: SECONDS must be a whole number, 1 or more (try --help)" >&2; exit 2; }

if [ -z "$built" ]; then
  cmake -S "$source_dir" --preset fuzz -B "$build_dir" >/dev/null
  cmake --build "$build_dir" --target fuzzers
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -n "$corpus" ] || corpus=$work

# Seeds: the specification's test vectors as whole frames, and their requests without the envelope.
frame_seeds() {
  mkdir -p "$corpus/frame"
  local n=0 hex
  while read -r hex; do
    n=$((n + 1))
    printf '%b' "$(sed 's/../\\x&/g' <<<"$hex")" >"$corpus/frame/vector-$n"
  done < <(awk '/^```hex$/ { on = 1; hex = ""; next } /^```$/ { if (on) print hex; on = 0 } on { hex = hex $0 }' \
    "$source_dir/docs/protocol.md")
}

# One small request for each operation: field 1 is a text or a list of texts in nearly all of them.
request_seeds() {
  mkdir -p "$corpus/request"
  local n
  for n in $(seq 0 22); do
    printf '%b\n\x06app/db' "\\x$(printf '%02x' "$n")" >"$corpus/request/operation-$n"
  done
}

text_seeds() {
  mkdir -p "$corpus/text"
  printf 'plain ASCII, longer than one word' >"$corpus/text/ascii"
  printf 'caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x91' >"$corpus/text/utf8"
  printf '\xc0\x80 \xed\xa0\x80 \xf4\x90\x80\x80 \xff' >"$corpus/text/not-utf8"
}

# Headers of both IV lengths, one segment and two (8 bytes of header: format, mechanism, IV mode, IV length,
# segment length; then IV, ciphertext, tag of 16 bytes).
payload_seeds() {
  mkdir -p "$corpus/payload"
  { printf '\x01\x01\x01\x0c\x00\x01\x00\x00'; head -c 38 /dev/zero; } >"$corpus/payload/one-segment"
  { printf '\x01\x01\x03\x10\x00\x00\x00\x08'; head -c 75 /dev/zero; } >"$corpus/payload/two-segments"
}

frame_seeds
request_seeds
text_seeds
payload_seeds
for folder in "$source_dir"/tests/fuzz/corpus/*/; do
  [ -d "$folder" ] || continue
  mkdir -p "$corpus/$(basename "$folder")"
  cp "$folder"* "$corpus/$(basename "$folder")/"
done

if [ ${#targets[@]} -eq 0 ]; then
  for program in "$build_dir"/bin/fuzz_*; do targets+=("$(basename "$program" | sed 's/^fuzz_//')"); done
fi
share=$((seconds / ${#targets[@]}))
[ "$share" -ge 1 ] || share=1
for target in "${targets[@]}"; do
  mkdir -p "$corpus/$target"
  echo "== fuzz_$target, $share s"
  if ! "$build_dir/bin/fuzz_$target" -max_total_time="$share" -max_len=8192 -timeout=10 -rss_limit_mb=1024 \
    "$corpus/$target" >"$work/log" 2>&1; then
    cat "$work/log" >&2
    echo "run.sh: fuzz_$target found something: the input is in the crash-, timeout- or oom- file named above" >&2
    exit 1
  fi
  grep '^Done' "$work/log"
done
echo "All ${#targets[@]} fuzz targets ran without a finding."
