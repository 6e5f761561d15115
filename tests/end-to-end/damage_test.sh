#!/usr/bin/env bash
# Somebody with write access to the database changes it by hand: the next read of that secret is refused as an
# integrity failure, it is logged and counted, and other secrets are served.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

bring_up

for name in ciphertext key label date description tag version swapped other whole; do
  printf 'older value of %s' "$name" | coffer put "damage/$name" >/dev/null
  printf 'value of %s' "$name" | coffer put "damage/$name" >/dev/null
done
coffer tag-resource --secret-id damage/tag --tags Key=team,Value=a >/dev/null
coffer rm damage/date >/dev/null

pg_dump "$conninfo" >"$work/backup.sql"

# refused_after NAME WHAT SQL: NAME in the SQL is replaced by the secret's.
refused_after() {
  local name=$1 statement=${3//NAME/damage/$1} failures lines
  coffer get "damage/$name" >/dev/null 2>&1 || true # in whatever cache there is
  failures=$(metric coffer_integrity_failures_total)
  lines=$(grep -c -i integrity "$state/log/cofferd.log" || true)
  sql "$statement"
  expect_refused "$2: refused as an integrity failure" integrity coffer get "damage/$name"
  [ "$(metric coffer_integrity_failures_total)" -gt "$failures" ] || fail "$2: it was not counted"
  [ "$(grep -c -i integrity "$state/log/cofferd.log")" -gt "$lines" ] || fail "$2: it was not logged"
  [ "$(coffer get damage/whole)" = "value of whole" ] || fail "$2: another secret is not served"
}

secret="(SELECT id FROM secrets WHERE name = 'NAME')"
labelled() { printf "(SELECT version_id FROM staging_labels WHERE label = '%s' AND secret_id = %s)" "$1" "$secret"; }

refused_after ciphertext "one bit of a ciphertext's tag" "UPDATE secret_versions
  SET ciphertext = set_bit(ciphertext, octet_length(ciphertext) * 8 - 1, 1 - get_bit(ciphertext, octet_length(ciphertext) * 8 - 1))
  WHERE secret_id = $secret"
refused_after key "the wrapped data key of another version" "UPDATE secret_versions
  SET wrapped_key = (SELECT wrapped_key FROM secret_versions WHERE secret_id = $secret AND version_id = $(labelled AWSPREVIOUS))
  WHERE secret_id = $secret"
refused_after label "AWSCURRENT moved back to the version before" "UPDATE staging_labels
  SET version_id = $(labelled AWSPREVIOUS) WHERE label = 'AWSCURRENT' AND secret_id = $secret"
refused_after date "a deletion undone" "UPDATE secrets SET deleted = NULL, purge_due = NULL WHERE name = 'NAME'"
refused_after description "a description" "UPDATE secrets SET description = 'mine' WHERE name = 'NAME'"
refused_after tag "a tag" "UPDATE secrets SET tags = '[[\"team\", \"b\"]]' WHERE name = 'NAME'"
refused_after version "a version that is gone" "DELETE FROM secret_versions
  WHERE secret_id = $secret AND version_id = $(labelled AWSPREVIOUS)"
refused_after swapped "another secret's row under this name" "UPDATE secrets SET name = 'damage/aside' WHERE name = 'NAME';
  UPDATE secrets SET name = 'NAME' WHERE name = 'damage/other'"

expect_equal "others are served to the end" "value of whole" "$(coffer get damage/whole)"

# ---- what was damaged is listed, restored from a backup or discarded -----------------------------------------------

row() { sql "SELECT id FROM secrets WHERE name = 'damage/$1'"; }
rows() { coffer damaged list 2>/dev/null | sed -n '2,$s/ .*//p'; }
count() { rows | grep -c . || true; }
# What is said of one secret. By its row: a name may be another's.
parts() {
  coffer damaged list "$(row "$1")" --output json |
    /usr/bin/python3 -c 'import json, sys; print(*json.load(sys.stdin)["DamagedSecrets"][0]["Parts"])'
}

expect_equal "AWSCURRENT moved: the labels" labels "$(parts label)"
expect_equal "a deletion undone: the deletion date" deletion "$(parts date)"
expect_equal "a description: the description" description "$(parts description)"
expect_equal "a tag: the tags" tags "$(parts tag)"
expect_equal "a version that is gone: versions and labels" "versions labels" "$(parts version)"
expect_equal "another secret's row under this name: the name" identity "$(parts swapped)"
# Those six and the row that was put aside; neither what is whole nor what has altered values under a good seal.
expect_equal "nothing else is listed" 7 "$(count)"
expect_contains "in words for people" "Altered, by the row's digests: its tags." "$(coffer damaged list 2>&1)"
expect_refused "a program that looks is told by the exit code" "coffer: 7 of " coffer damaged list
expect_refused "with JSON as well" "coffer: 7 of " coffer damaged list --output json
expect_refused "and about one of them" "the secret is damaged" coffer damaged list "$(row tag)"
coffer damaged list "$(row whole)" >/dev/null || fail "a whole secret is no reason for an exit code"
expect_refused "values are those of coffer key verify" "damage/ciphertext" coffer key verify --values

expect_refused "a whole secret is not discarded" "is whole; use DeleteSecret" coffer damaged discard "$(row whole)" --yes
expect_refused "a name is no row id" "must be a row id" coffer damaged discard damage/tag --yes
expect_refused "without a terminal it wants --yes" "add --yes" coffer damaged discard "$(row tag)"

# docs/troubleshooting.md: from the backup, all rows of the secret together.
restored=$(row description)
sql "CREATE DATABASE scratch"
scratch=${conninfo/dbname=coffer/dbname=scratch}
psql -X -q "$scratch" -f "$work/backup.sql" >/dev/null
(
  cd "$work" || exit
  for t in secrets secret_versions staging_labels rotations; do
    [ $t = secrets ] && key=id || key=secret_id
    psql -X -q "$scratch" -c "\copy (SELECT * FROM $t WHERE $key = '$restored') TO $t.copy"
  done
  psql -X -q "$conninfo" -1 -v ON_ERROR_STOP=1 -c "DELETE FROM secrets WHERE id = '$restored'" \
    -c '\copy secrets FROM secrets.copy' -c '\copy secret_versions FROM secret_versions.copy' \
    -c '\copy staging_labels FROM staging_labels.copy' -c '\copy rotations FROM rotations.copy'
)
is_restored() { [ "$(coffer get damage/description)" = "value of description" ]; }
wait_until "a secret that was restored from a backup is served" is_restored
what "a secret that was restored from a backup is served"
expect_equal "and is not listed" 6 "$(count)"

for damaged_row in $(rows); do
  coffer damaged discard "$damaged_row" --yes >/dev/null
done
expect_contains "all are discarded" "none is damaged" "$(coffer damaged list)"
printf 'anew' | coffer put damage/tag >/dev/null
expect_equal "the name is free" anew "$(coffer get damage/tag)"
was_told() { [ "$(coffer audit search --action DiscardDamagedSecret --outcome success --output json | grep -c eventID)" = 6 ]; }
wait_until "each has its event" was_told
what "each has its event"
program=$build
[ "$(id -u)" -ne 0 ] || program="$dir/program"
"$program/bin/coffer-audit" verify "$dir/audit" --public-key "$dir/audit-public.pem" --against-database "$conninfo" >"$work/verify" 2>&1 ||
  fail "verify --against-database finds nothing wrong" "$(cat "$work/verify")"
what "verify --against-database finds nothing wrong"
