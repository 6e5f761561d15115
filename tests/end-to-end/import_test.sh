#!/usr/bin/env bash
# coffer-import: secrets with all that they have, from one service with AWS's API to another. Both are appliances here; what is
# read of the source is what AWS's SDK reads of AWS.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

/usr/bin/python3 -c 'import boto3' 2>/dev/null || skip "Debian's python3-boto3 is not installed (deploy/install-packages.sh --tests)"
[ -x /usr/bin/aws ] || skip "Debian's awscli is not installed (deploy/install-packages.sh --tests)"
export AWS_PAGER='' AWS_EC2_METADATA_DISABLED=true

bring_up
target_dir=$work/target
target() { "$root/deploy/appliance.sh" "$1" --dir "$target_dir" "${@:2}"; }
destroy_target() { target destroy --yes; }
at_end+=(destroy_target)
mkdir -m 755 "$target_dir"
target up --build "$build" --token "$token"

# The source's credentials and endpoint as a profile, the target's as the environment.
as_admin='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"},
  {"Effect":"Deny","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:*:*:secret:app/denied-*"}]}'
coffer iam put-user-policy --user-name demo --policy-name import --policy-document "$as_admin" >/dev/null
source_endpoint=$AWS_ENDPOINT_URL_SECRETS_MANAGER source_ca=$AWS_CA_BUNDLE
export AWS_SHARED_CREDENTIALS_FILE="$work/credentials" AWS_CONFIG_FILE="$work/config"
(umask 077; printf '[source]\naws_access_key_id=%s\naws_secret_access_key=%s\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" >"$work/credentials")
printf '[profile source]\nregion=%s\n' "$AWS_DEFAULT_REGION" >"$work/config"
at_source() {
  env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY AWS_CA_BUNDLE="$source_ca" \
    /usr/bin/aws --profile source --endpoint-url "$source_endpoint" secretsmanager "$@"
}

# ---- what is there to import -----------------------------------------------------------------------------------

at_source create-secret --name app/text --description 'of the shop' --tags Key=team,Value=blue --secret-string 'pä ss' >/dev/null
head -c 3000 /dev/urandom >"$work/binary"
at_source create-secret --name app/binary --secret-binary "fileb://$work/binary" >/dev/null
printf '{"a":1, "a" : 2, "k\\u00e9y":"\xf0\x9f\x94\x91"}' >"$work/json"
at_source create-secret --name app/json --secret-string "file://$work/json" >/dev/null
at_source create-secret --name app/labels --secret-string one >/dev/null
at_source put-secret-value --secret-id app/labels --secret-string two >/dev/null
at_source put-secret-value --secret-id app/labels --secret-string three >/dev/null
blue=$(at_source put-secret-value --secret-id app/labels --secret-string four --version-stages blue AWSPENDING --query VersionId --output text)
at_source create-secret --name app/empty >/dev/null
at_source create-secret --name app/going --secret-string gone >/dev/null
at_source delete-secret --secret-id app/going >/dev/null
at_source create-secret --name 'app/A-z0_9+=.@x' --secret-string odd >/dev/null
at_source create-secret --name app/denied --secret-string hidden >/dev/null
at_source create-secret --name other/a --secret-string other >/dev/null

lines=$(target env)
eval "$lines"
coffer iam put-user-policy --user-name demo --policy-name import --policy-document "${as_admin/app\/denied/none}" >/dev/null
import() {
  "$root/client/import/coffer-import" --source-profile source --source-endpoint-url "$source_endpoint" --source-ca-bundle "$source_ca" \
    --endpoint-url "$AWS_ENDPOINT_URL_SECRETS_MANAGER" --ca-bundle "$AWS_CA_BUNDLE" --region "$AWS_DEFAULT_REGION" --name-prefix app/ "$@"
}
at_target() { /usr/bin/aws --endpoint-url "$AWS_ENDPOINT_URL_SECRETS_MANAGER" secretsmanager "$@"; }
names() { at_target list-secrets --query 'SecretList[].Name' --output text | tr '\t' '\n' | LC_ALL=C sort | paste -sd ' '; }
labels_of() {
  "$1" describe-secret --secret-id app/labels | /usr/bin/python3 -c 'import json, sys
for version, labels in sorted(json.load(sys.stdin)["VersionIdsToStages"].items()): print(version, *sorted(labels))'
}

# ---- a look, and the import ---------------------------------------------------------------------------------------

output=$(import --dry-run) && fail "one secret cannot be read: the code should say so"
expect_contains "a dry run says what would come" "would import  app/text" "$output"
expect_equal "and writes nothing" "" "$(names)"

output=$(import) && fail "one secret cannot be read: the code should say so"
expect_contains "what was imported is named" "imported      app/labels" "$output"
expect_contains "and counted" "6 imported, 1 not imported" "$output"
expect_contains "what may not be read is said" "cannot be read at the source: AccessDeniedException" "$output"
expect_equal "only what was asked for, and nothing in part" "app/A-z0_9+=.@x app/binary app/empty app/json app/labels app/text" \
  "$(names)"
expect_equal "a text" 'pä ss' "$(coffer get app/text)"
coffer get app/binary >"$work/got"
cmp "$work/binary" "$work/got" || fail "the binary value is another one"
what "bytes are the same bytes"
expect_contains "and still SecretBinary" SecretBinary "$(at_target get-secret-value --secret-id app/binary)"
coffer get app/json >"$work/got"
cmp "$work/json" "$work/got" || fail "the JSON was written anew"
what "JSON as it stands, with what comes twice"
expect_equal "version ids and labels" "$(labels_of at_source)" "$(labels_of at_target)"
expect_equal "a version by its label" four "$(coffer get app/labels --version-stage blue)"
expect_equal "and by its id" four "$(at_target get-secret-value --secret-id app/labels --version-id "$blue" --query SecretString --output text)"
expect_equal "AWSPREVIOUS" two "$(coffer get app/labels --version-stage AWSPREVIOUS)"
expect_equal "without a value" null "$(at_target describe-secret --secret-id app/empty --query VersionIdsToStages)"
expect_equal "description and tags" 'of the shop|team|blue' \
  "$(at_target describe-secret --secret-id app/text --query '[Description, Tags[0].Key, Tags[0].Value]' --output text | tr '\t' '|')"

# ---- again, and after a cut -----------------------------------------------------------------------------------

before=$(sql 'SELECT sum(revision) FROM secrets')
output=$(import) && fail "one secret still cannot be read"
expect_contains "a second run changes nothing" "6 unchanged" "$output"
expect_equal "not even a revision" "$before" "$(sql 'SELECT sum(revision) FROM secrets')"

# As after a run that was cut off behind the first of three versions.
coffer rm app/labels --force --yes >/dev/null
first=$(at_source list-secret-version-ids --secret-id app/labels --query 'Versions[?contains(VersionStages, `AWSPREVIOUS`)].VersionId' --output text)
at_target create-secret --name app/labels --client-request-token "$first" --secret-string two >/dev/null
output=$(import) || true
expect_contains "what was cut off is gone on with" "completed     app/labels" "$output"
expect_equal "to the same end" "$(labels_of at_source)" "$(labels_of at_target)"

at_source put-secret-value --secret-id app/labels --secret-string five >/dev/null
output=$(import) || true
expect_contains "a new value at the source comes too" "completed     app/labels" "$output"
expect_equal "with the labels as they are now" "$(labels_of at_source)" "$(labels_of at_target)"

printf 'ours' | coffer put app/text >/dev/null
output=$(import) && fail "a secret was changed here: the code should say so"
expect_contains "what was changed here is left alone" "was changed here since" "$output"
expect_equal "and stays" ours "$(coffer get app/text)"

expect_equal "no value is in what is said" "" "$(import --json 2>&1 | grep -E 'hidden|ours|"four"|s3cret' || true)"
