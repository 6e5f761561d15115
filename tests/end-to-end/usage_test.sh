#!/usr/bin/env bash
# What was used: counted by a daemon, priced, and shown by the command.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

bring_up
cat >>"$state/etc/cofferd.toml" <<'TOML'

[usage]
currency = "USD"
price_per_10000_requests = 0.05
price_per_secret_month = "0.40"
TOML
appliance down >/dev/null
appliance up --build "$build" >/dev/null
take_environment
printf 'value' | coffer put usage/a >/dev/null
for _ in 1 2 3; do coffer get usage/a >/dev/null; done
expect_refused "an error is counted as well" ResourceNotFoundException coffer get usage/none

reads() { coffer usage --by operation --format csv | tr -d '\r' | sed -n 's/^GetSecretValue,//p' | cut -d, -f1,2; }
all_are_counted() { [ "$(reads)" = 4,1 ]; }
wait_until "the requests are in the database" all_are_counted
expect_equal "four reads, one with an error" 4,1 "$(reads)"
expect_equal "their cost: 4 / 10,000 * 0.05" 0.00002 \
  "$(coffer usage --by operation --format csv | tr -d '\r' | sed -n 's/^GetSecretValue,//p' | cut -d, -f5)"
expect_contains "by principal" arn:aws:iam::111122223333:user/admin "$(coffer usage --by principal)"
coffer iam create-role --role-name reader --assume-role-policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
  "Principal":{"AWS":"arn:aws:iam::111122223333:user/admin"},"Action":"sts:AssumeRole"}]}' >/dev/null
coffer iam put-role-policy --role-name reader --policy-name p --policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
  "Action":"secretsmanager:DescribeSecret","Resource":"*"}]}' >/dev/null
coffer --role arn:aws:iam::111122223333:role/reader describe-secret --secret-id usage/a >/dev/null
role_is_counted() { holds arn:aws:iam::111122223333:role/reader < <(coffer usage --by principal); }
wait_until "a session counts for its role" role_is_counted
expect_contains "as JSON" '"Currency": "USD"' "$(coffer usage --format json)"
expect_refused "a month that is none" ValidationException coffer usage --month 2026-13
# Secrets are counted at the daemon's start, when there were none, and every hour.
expect_equal "the secrets were counted today" 1 "$(sql "SELECT count(*) FROM usage_days")"

expect_contains "nothing is unused yet" "every secret was read or created" "$(coffer unused --days 1 2>&1)"
sql "UPDATE secrets SET created = created - interval '100 days'" >/dev/null
read_is_written() { [ "$(sql "SELECT count(*) FROM last_access WHERE day > '-infinity'")" = 1 ]; }
wait_until "the day of the read is in the database" read_is_written
sql "UPDATE last_access SET day = day - 95" >/dev/null
expect_contains "a secret that nobody reads, and who read it last" usage/a "$(coffer unused --days 90)"
expect_contains "with the principal" user/admin "$(coffer unused --days 90)"
