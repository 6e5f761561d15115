#!/usr/bin/env bash
# Makes every test vector of docs/protocol.md again with protoc alone, and compares.
#
#   check_vectors.sh PROTO_DIR PROTOCOL_MD [PROTOC]
set -euo pipefail

proto_dir=$1 page=$2 protoc=${3:-protoc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# One pair of files for each vector: N.txtpb and N.hex.
awk -v dir="$work" '
  /^```textproto$/ { n++; file = dir "/" n ".txtpb"; next }
  /^```hex$/       { file = dir "/" n ".hex"; next }
  /^```/           { file = "" }
  file != ""       { print > file }
' "$page"

count=0 failed=0
for text in "$work"/*.txtpb; do
  vector=${text%.txtpb}
  "$protoc" -I "$proto_dir" --encode=coffer.v1.Frame coffer/v1/frame.proto <"$text" >"$vector.bin"
  made=$(printf '%08x' "$(stat -c %s "$vector.bin")"; od -An -v -tx1 "$vector.bin" | tr -d ' \n')
  said=$(tr -d '\n' <"$vector.hex")
  count=$((count + 1))
  if [ "$made" != "$said" ]; then
    failed=$((failed + 1))
    printf 'vector %s of %s differs\n  the page: %s\n  protoc:   %s\n' "${vector##*/}" "$page" "$said" "$made" >&2
  fi
done
echo "$count vectors, $failed differ"
[ "$count" -gt 0 ] && [ "$failed" -eq 0 ]
