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
