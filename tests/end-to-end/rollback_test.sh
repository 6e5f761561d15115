#!/usr/bin/env bash
# Somebody puts all principals back to an earlier time while no daemon runs: yesterday's rows with yesterday's seals, in
# which somebody is allowed what was taken from him since.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

bring_up
printf 'value' | coffer put rollback/a >/dev/null
iam() { coffer iam "$@"; }
stop_daemon() {
  local pid
  pid=$(daemon_pid)
  kill -TERM "$pid"
  wait_until "the daemon stops" is_gone "$pid"
}
is_gone() { ! kill -0 "$1" 2>/dev/null; }
start_daemon() {
  appliance up --build "$build" >/dev/null
  take_environment
}
# Nobody can be served by it, so it is not ready, and says why.
start_daemon_that_refuses_everybody() {
  expect_refused "$1" "refuses everybody" appliance up --build "$build"
  take_environment
  expect_contains "it is not ready, and says why" "put back to an earlier time" "$(http_get "$metrics_port" /readyz)"
  expect_equal "that is a 503" 503 "$(http_get "$metrics_port" /readyz | head -n 1)"
}
program=$build
[ "$(id -u)" -ne 0 ] || program="$dir/program"
cofferd() { as_owner env SOFTHSM2_CONF="$state/token/softhsm2.conf" "$program/bin/cofferd" "$@" --config "$state/etc/cofferd.toml"; }
seen="$state/audit/principals.seen"
put_back() {
  sql "BEGIN; DELETE FROM iam_entities; INSERT INTO iam_entities SELECT * FROM yesterday_rows;
       DELETE FROM iam_manifest; INSERT INTO iam_manifest SELECT * FROM yesterday_manifest; COMMIT" >/dev/null
}
alices_policies() { iam list-attached-user-policies --user-name alice; }

iam create-user --user-name alice >/dev/null
iam attach-user-policy --user-name alice --policy-arn arn:aws:iam::aws:policy/AdministratorAccess
sql "CREATE TABLE yesterday_rows AS SELECT * FROM iam_entities; CREATE TABLE yesterday_manifest AS SELECT * FROM iam_manifest" >/dev/null
yesterday=$(sql "SELECT revision FROM iam_manifest")
iam detach-user-policy --user-name alice --policy-arn arn:aws:iam::aws:policy/AdministratorAccess
today=$(sql "SELECT revision FROM iam_manifest")
kept() { grep -q "^coffer-principals-seen/1 $1 " "$seen"; }
wait_until "the node keeps what it has seen" kept "$today"
what "the node keeps what it has seen"

# ---- put back while the daemon is down ---------------------------------------------------------------------------

stop_daemon
sql "CREATE TABLE today_rows AS SELECT * FROM iam_entities; CREATE TABLE today_manifest AS SELECT * FROM iam_manifest" >/dev/null
put_back
start_daemon_that_refuses_everybody "yesterday's principals are no start"
expect_refused "a node that starts on yesterday's principals refuses everybody" "cannot be believed" coffer get rollback/a
expect_contains "the log says what happened and what to do" "cofferd accept-principals" \
  "$(grep "put back to an earlier time" "$state/log/cofferd.log")"
expect_equal "a metric says so" 0 "$(metric coffer_iam_trusted)"
expect_refused "an administrator cannot be made on top of it" "put back to an earlier time" \
  cofferd bootstrap --recover --name rescue --identity spiffe://coffer.local/rescue

# ---- today's rows come back: all is well -------------------------------------------------------------------------

sql "BEGIN; DELETE FROM iam_entities; INSERT INTO iam_entities SELECT * FROM today_rows;
     DELETE FROM iam_manifest; INSERT INTO iam_manifest SELECT * FROM today_manifest; COMMIT" >/dev/null
is_served() { coffer get rollback/a; }
wait_until "with the right rows it serves again" is_served
what "with the right rows it serves again"
expect_equal "and is ready" 200 "$(http_get "$metrics_port" /readyz | head -n 1)"

# ---- a backup that is wanted -------------------------------------------------------------------------------------

stop_daemon
put_back
shown=$(cofferd accept-principals)
expect_contains "the command says what the database has" "The database has revision $yesterday: 3 users" "$shown"
expect_contains "what this node has seen" "This node has seen revision $today." "$shown"
expect_contains "and how to accept it" "--revision $yesterday" "$shown"
start_daemon_that_refuses_everybody "nor is a backup that nobody accepted"
expect_refused "looking accepted nothing" "cannot be believed" coffer get rollback/a
expect_refused "another revision than the one looked at is not accepted" "the database has revision $yesterday" \
  cofferd accept-principals --revision "$((yesterday - 1))"
expect_contains "it is accepted" "as revision $((today + 1))" "$(cofferd accept-principals --revision "$yesterday")"
wait_until "the running node takes it" is_served
expect_contains "with what it had then" AdministratorAccess "$(alices_policies)"
expect_refused "there is nothing more to accept" "nothing to accept" cofferd accept-principals --revision "$((today + 1))"
accepted() { coffer audit search --action AcceptPrincipals --output json; }
is_recorded() { accepted | holds acceptedRevision; }
wait_until "there is an event of it" is_recorded
what "there is an event of it"
"$program/bin/coffer-audit" verify "$dir/audit" --public-key "$dir/audit-public.pem" --against-database "$conninfo" >"$work/verify" 2>&1 ||
  fail "verify --against-database finds nothing wrong" "$(cat "$work/verify")"
what "verify --against-database finds nothing wrong"
