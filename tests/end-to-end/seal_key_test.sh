#!/usr/bin/env bash
# The key that seals rows is rotated under load, on two nodes, while one is killed on the way. Every row is sealed anew, what lives goes
# on living, the old key leaves the token, and what was sealed under it is not believed any more.
#
#   seal_key_test.sh --build DIR [--token KIND] [secrets]
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"
# shellcheck source=nodes.sh
. "$(dirname "$0")/nodes.sh"
# shellcheck source=token_support.sh
. "$(dirname "$0")/token_support.sh"

secrets=${1:-400}
sealed_under() {
  sql "SELECT count(*) FROM (SELECT seal FROM secrets UNION ALL SELECT seal FROM iam_entities UNION ALL SELECT seal FROM
       iam_manifest UNION ALL SELECT seal FROM set_seals) s WHERE seal_generation(seal) = $1"
}
audit="$build/bin/coffer-audit"
verify_database() {
  "$audit" verify "$dir/audit" --public-key "$dir/audit-public.pem" --journal "$state/second/audit" --against-database "$conninfo"
}

bring_up
printf '\n[master_keys]\nrewrap_per_second = 100\n' >>"$state/etc/cofferd.toml"
appliance down >/dev/null
appliance up >/dev/null
add_node second
start_node second
coffer iam create-user --user-name bob >/dev/null
for number in $(seq 1 "$secrets"); do printf 'value-%s' "$number" | coffer put "seal/$number" >/dev/null; done
coffer sts get-session-token >"$work/session.json"
in_session() { coffer --session "$work/session.json" "$@"; }
expect_contains "a session begins" seal/1 "$(in_session get-secret-value --secret-id seal/1)"
sql "CREATE TABLE kept AS SELECT id, seal, revision FROM secrets WHERE name = 'seal/1'" >/dev/null
start_load
wait_until "writes go on" load_goes_on
expect_equal "one generation to begin with" "coffer/seal/1" "$(keys_in_token coffer/seal/)"

expect_contains "a rotation makes a generation" "generation 2 of the seal key was made" "$(coffer key rotate --seal)"
expect_equal "the token holds both" "coffer/seal/1 coffer/seal/2" "$(keys_in_token coffer/seal/)"
begun() { [ "$(sealed_under 2)" -gt 0 ]; }
wait_until "rows are sealed under it" begun
expect_contains "the session lives on" value-2 "$(in_session get-secret-value --secret-id seal/2)"
kill -KILL "$(daemon_pid)"
what "killed with $(sealed_under 1) rows under the old generation"
appliance up >"$work/up.log" || { cat "$work/up.log"; fail "the daemon did not come back"; }
done_with_it() { coffer key describe --seal --output json | tr -d '\n' | holds '"State": "Done"'; }
wait_until "every row is sealed anew" done_with_it
none_left() { [ "$(sealed_under 1)" = 0 ]; }
wait_until "nothing is under the old generation" none_left
wait_until "writes go on" load_goes_on
expect_contains "values are read" value-3 "$(coffer get seal/3)"
expect_contains "by the other node as well" value-4 "$(on_node second get seal/4)"
expect_contains "the session lives on" value-5 "$(in_session get-secret-value --secret-id seal/5)"
expect_contains "users are believed" bob "$(on_node second iam get-user --user-name bob)"

expect_refused "the old key stays while sessions of before live" "live until" coffer key retire --seal
stop_load
stop_node second
# Also by force it waits for what this node did by itself to be in the journal.
retire_by_force() { coffer key retire --seal --force >"$work/retired" && holds "generation 1 was destroyed" <"$work/retired"; }
wait_until "by force it goes" retire_by_force
expect_equal "no event was left under it" 0 "$(sql "SELECT count(*) FROM audit_outbox WHERE generation = 1")"
expect_equal "the token holds the new one alone" "coffer/seal/2" "$(keys_in_token coffer/seal/)"
expect_contains "values are read without it" value-6 "$(coffer get seal/6)"
appliance down >/dev/null
appliance up >/dev/null
expect_contains "and after a restart" value-7 "$(coffer get seal/7)"
expect_contains "the database is as the journals' last events left it" "has the seal that its last event left" "$(verify_database)"

# ---- a row put back from before -----------------------------------------------------------------------------------

put_back() { sql "UPDATE secrets s SET seal = k.seal, revision = k.revision FROM kept k WHERE k.id = s.id"; }
expect_refused "the database refuses a seal under what was retired" "was retired cannot be used" put_back
sql "ALTER TABLE secrets DISABLE TRIGGER refuse_retired_seal_update" >/dev/null
put_back >/dev/null
sql "ALTER TABLE secrets ENABLE TRIGGER refuse_retired_seal_update; DROP TABLE kept" >/dev/null
expect_refused "a seal of before is not believed" "" coffer get seal/1
expect_refused "and the journal names the row" "WRONG: row" verify_database
