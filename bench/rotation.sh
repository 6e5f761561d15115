# shellcheck shell=bash disable=SC2154
# Sourced by run.sh: passwords of many PostgreSQL users, rotated at one server by eight workers of one node.

# Logins and changes of passwords that the server does by itself, a connection each, as a rotation needs them.
measure_target() {
  # A role for each of pgbench's clients: two cannot change one at a time.
  printf 'ALTER ROLE change_:client_id PASSWORD :verifier;\n' >"$work/alter.sql"
  local verifier
  as_admin -c "DO \$\$ BEGIN FOR i IN 0..7 LOOP EXECUTE format('CREATE ROLE change_%s LOGIN PASSWORD ''old''', i); END LOOP; END \$\$"
  verifier=$(as_admin -c "SELECT quote_literal(rolpassword) FROM pg_authid WHERE rolname = 'change_0'")
  # HOME: libpq looks there for a client's certificate.
  HOME=$work PGPASSWORD=Adm1n-pass PGSSLMODE=verify-full PGSSLROOTCERT=$target/server.crt as_owner "$pg/pgbench" -n -C -c 8 -j 2 \
    -T "$seconds" -D "verifier=$verifier" -f "$work/alter.sql" \
    "host=localhost port=$target_port user=root_admin dbname=postgres" 2>/dev/null |
    awk -v seconds="$seconds" '/^tps/ { printf "{\"name\":\"target_change\",\"token\":\"\",\"in_flight\":8,\"per_second\":%s,\"p50_us\":0,\"p99_us\":0,\"secrets\":0}\n", $3 }' | keep
}

measure_rotation() { # USERS
  local count=$1 begun
  appliance down
  cat >>"$state/etc/cofferd.toml" <<CONF

[rotation]
workers = 8

[[rotation_function]]
name = "bench-users"
kind = "postgresql"
ca_file = "$target/server.crt"
CONF
  appliance up
  measure_target
  step "storing logins of $count users"
  as_admin -c "DO \$\$ BEGIN FOR i IN 1..$count LOOP EXECUTE format('CREATE ROLE bench_%s LOGIN PASSWORD ''old''', i); END LOOP; END \$\$"
  as_owner "$work/bin/coffer" rotation pause --all >&2
  local maker i
  for maker in 0 1 2 3; do
    for ((i = 1 + maker; i <= count; i += 4)); do
      db_secret "bench_$i" old | as_owner "$work/bin/coffer" put "rotated/$i" >&2
      as_owner "$work/bin/coffer" rotate-secret --secret-id "rotated/$i" \
        --rotation-lambda-arn arn:aws:lambda:us-east-1:111122223333:function:bench-users \
        --rotation-rules AutomaticallyAfterDays=30 >/dev/null
    done 2>/dev/null &
  done
  wait
  begun=$(sql 'SELECT extract(epoch FROM clock_timestamp())')
  as_owner "$work/bin/coffer" rotation resume --all >&2
  while [ "$(sql "SELECT count(*) FROM rotations WHERE due <= now()")" != 0 ]; do sleep 0.5; done
  [ "$(sql "SELECT count(*) FROM rotation_runs WHERE outcome = 'Succeeded'")" = "$count" ] || fail "not all of $count rotations succeeded"
  sql "SELECT json_build_object('name', 'rotate', 'token', '', 'in_flight', 8, 'per_second',
    $count / (extract(epoch FROM max(ended)) - $begun), 'p50_us', percentile_cont(0.5) WITHIN GROUP (ORDER BY took) * 1e6,
    'p99_us', percentile_cont(0.99) WITHIN GROUP (ORDER BY took) * 1e6, 'secrets', 0)
    FROM (SELECT ended, extract(epoch FROM ended - started) AS took FROM rotation_runs) r" | tr -d ' ' | keep
}
