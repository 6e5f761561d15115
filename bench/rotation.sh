# shellcheck shell=bash disable=SC2154
# Sourced by run.sh: passwords of many PostgreSQL users, rotated at one server by eight workers of one node.

rotation_arn=arn:aws:lambda:us-east-1:111122223333:function

# verifier_of ITERATIONS: of the password Adm1n-pass, as SQL has it.
verifier_of() {
  # shellcheck disable=SC2016 # dollar signs of Python's
  /usr/bin/python3 -c 'import base64, hashlib, hmac, os, sys
salt = os.urandom(16)
salted = hashlib.pbkdf2_hmac("sha256", b"Adm1n-pass", salt, int(sys.argv[1]))
stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
server_key = hmac.digest(salted, b"Server Key", "sha256")
salt, stored_key, server_key = (base64.b64encode(octets).decode() for octets in (salt, stored_key, server_key))
print(f"\x27SCRAM-SHA-256${sys.argv[1]}:{salt}${stored_key}:{server_key}\x27")' "$1"
}

# Logins and changes of passwords that the server does by itself, a connection each, as a rotation needs them.
measure_target() { # NAME ITERATIONS
  # A role for each of pgbench's clients: two cannot change one at a time.
  printf 'ALTER ROLE change_:client_id PASSWORD :verifier;\n' >"$work/alter.sql"
  local verifier
  verifier=$(verifier_of "$2")
  as_admin -c "ALTER ROLE root_admin PASSWORD $verifier"
  # HOME: libpq looks there for a client's certificate.
  HOME=$work PGPASSWORD=Adm1n-pass PGSSLMODE=verify-full PGSSLROOTCERT=$target/server.crt as_owner "$pg/pgbench" -n -C -c 8 -j 2 \
    -T "$seconds" -D "verifier=$verifier" -f "$work/alter.sql" \
    "host=localhost port=$target_port user=root_admin dbname=postgres" 2>/dev/null |
    awk -v name="$1" '/^tps/ { printf "{\"name\":\"%s\",\"token\":\"\",\"in_flight\":8,\"per_second\":%s,\"p50_us\":0,\"p99_us\":0,\"secrets\":0}\n", name, $3 }' | keep
}

# processor_ms PID...: what these processes, their children and what those left have taken.
processor_ms() {
  local pid
  for pid in "$@"; do
    printf '%s 1\n' "$pid"
    { pgrep -P "$pid" || true; } | sed 's/$/ 0/'
  done | while read -r pid ended; do
    # One that has ended since is counted with its parent.
    { sed 's/^.*) //' "/proc/$pid/stat" 2>/dev/null || true; } | awk -v ended="$ended" '{ print $12 + $13 + (ended + 0 ? $14 + $15 : 0) }'
  done | awk -v tick="$(getconf CLK_TCK)" '{ all += $1 } END { printf "%d\n", all * 1000 / tick }'
}

# each_in_four COUNT COMMAND: with every number from 1 to COUNT, four at a time.
each_in_four() {
  local maker i
  for maker in 0 1 2 3; do
    for ((i = 1 + maker; i <= $1; i += 4)); do "$2" "$i"; done 2>/dev/null &
  done
  wait
}

store_login() { db_secret "bench_$1" old | as_owner "$work/bin/coffer" put "rotated/$1" >&2; }
ask_for_rotation() {
  as_owner "$work/bin/coffer" rotate-secret --secret-id "rotated/$1" --rotation-lambda-arn "$rotation_arn:$function" \
    --rotation-rules AutomaticallyAfterDays=30 >/dev/null
}

# All users once, by a function. Says what of the processors' time each of them took, and by whom.
rotate_all() { # NAME FUNCTION COUNT
  local function=$2 begun last before=() after=() pids pid
  as_owner "$work/bin/coffer" rotation pause --all >&2
  last=$(sql 'SELECT count(*) FROM rotation_runs')
  each_in_four "$3" ask_for_rotation
  pids=("$(cat "$state/run/cofferd.pid")" "$(head -n 1 "$state/postgresql/postmaster.pid")" "$(head -n 1 "$target/data/postmaster.pid")")
  for pid in "${pids[@]}"; do before+=("$(processor_ms "$pid")"); done
  begun=$(sql 'SELECT extract(epoch FROM clock_timestamp())')
  as_owner "$work/bin/coffer" rotation resume --all >&2
  while [ "$(sql "SELECT count(*) FROM rotations WHERE due <= now()")" != 0 ]; do sleep 0.5; done
  for pid in "${pids[@]}"; do after+=("$(processor_ms "$pid")"); done
  [ "$(sql "SELECT count(*) FROM rotation_runs WHERE outcome = 'Succeeded'")" = "$((last + $3))" ] || fail "not all of $3 rotations succeeded"
  [ -z "$1" ] || sql "SELECT json_build_object('name', '$1', 'token', '', 'in_flight', 8, 'per_second',
    $3 / (extract(epoch FROM max(ended)) - $begun), 'p50_us', percentile_cont(0.5) WITHIN GROUP (ORDER BY took) * 1e6,
    'p99_us', percentile_cont(0.99) WITHIN GROUP (ORDER BY took) * 1e6, 'secrets', 0)
    FROM (SELECT ended, extract(epoch FROM ended - started) AS took FROM rotation_runs ORDER BY ended DESC LIMIT $3) r" | tr -d ' ' | keep
  step "$(awk -v n="$3" -v d=$((after[0] - before[0])) -v o=$((after[1] - before[1])) -v t=$((after[2] - before[2])) \
    'BEGIN { printf "ms of processor for each: cofferd %.1f, its database %.1f, the target %.1f", d / n, o / n, t / n }')"
}

measure_rotation() { # USERS
  local count=$1
  appliance down
  cat >>"$state/etc/cofferd.toml" <<CONF

[rotation]
workers = 8

[[rotation_function]]
name = "bench-users"
kind = "postgresql"
ca_file = "$target/server.crt"

[[rotation_function]]
name = "bench-cheap"
kind = "postgresql"
ca_file = "$target/server.crt"
scram_iterations = 1

[[rotation_function]]
name = "bench-turns"
kind = "postgresql"
ca_file = "$target/server.crt"
admin_secret = "target/admin"
CONF
  appliance up
  as_admin -c "DO \$\$ BEGIN FOR i IN 0..7 LOOP EXECUTE format('CREATE ROLE change_%s LOGIN PASSWORD ''old''', i); END LOOP; END \$\$"
  measure_target target_change_cheap 1
  measure_target target_change 4096
  step "storing logins of $count users"
  as_admin -c "DO \$\$ BEGIN FOR i IN 1..$count LOOP EXECUTE format('CREATE ROLE bench_%s LOGIN PASSWORD ''old''', i); END LOOP; END \$\$"
  db_secret root_admin Adm1n-pass | as_owner "$work/bin/coffer" put target/admin >&2
  each_in_four "$count" store_login
  rotate_all rotate bench-users "$count"
  rotate_all '' bench-cheap "$count" # logs in by 4,096 iterations for the last time
  rotate_all rotate_cheap bench-cheap "$count"
  rotate_all rotate_turns bench-turns "$count"
}
