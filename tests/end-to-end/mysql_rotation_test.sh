#!/usr/bin/env bash
# Users of a real MariaDB server rotate: one that changes its own password, and two that take turns with the same rights;
# through refusals, rules for passwords, lost connections and kill -9. AWSCURRENT of the two logs in all the while.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"
# shellcheck source=rotation_support.sh
. "$(dirname "$0")/rotation_support.sh"

for program in mariadbd mariadb-install-db mariadb; do
  command -v "$program" >/dev/null || skip "$program is missing (deploy/install-packages.sh --tests)"
done
bring_up

# ---- a MariaDB server of somebody else's, with TLS -----------------------------------------------------------------

target="$work/target"
install -d -m 755 "$target"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$target/server.key" -out "$target/server.crt" 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=other -keyout "$target/other.key" \
  -out "$target/other.crt" 2>/dev/null
chmod 644 "$target"/*.crt
[ "$(id -u)" -ne 0 ] || chown -R coffer:coffer "$target"
target_port=$(free_port)
as_owner mariadb-install-db --no-defaults --datadir="$target/data" --auth-root-authentication-method=normal --skip-test-db >"$target/install.log" 2>&1 ||
  fail "mariadb-install-db failed" "$(tail -n 5 "$target/install.log")"
as_root() { mariadb --no-defaults --socket="$target/socket" --user=root --batch --raw --skip-column-names "$@"; }
start_target() {
  start_as_owner "$target/log" mariadbd --no-defaults --datadir="$target/data" --socket="$target/socket" --pid-file="$target/pid" --port="$target_port" \
    --bind-address=127.0.0.1,127.0.0.2 --ssl-cert="$target/server.crt" --ssl-key="$target/server.key" --general-log=1 \
    --general-log-file="$target/general.log" --plugin-load-add=auth_ed25519 --innodb-buffer-pool-size=16M --sync-binlog=0 \
    --innodb-flush-log-at-trx-commit=0 --max-connect-errors=1000000
  wait_until "MariaDB runs" as_root -e 'SELECT 1'
}
start_target

db_secret() { # USER PASSWORD [PORT] [DBNAME]
  printf '{"engine":"mariadb","host":"localhost","port":%s,"username":"%s","password":"%s","dbname":"%s"}' "${3:-$target_port}" "$1" "$2" "${4:-}"
}
login_as() { # USER PASSWORD [STATEMENT]
  MYSQL_PWD=$2 mariadb --no-defaults --host=localhost --protocol=tcp --port="$target_port" --user="$1" --ssl-ca="$target/server.crt" \
    --ssl-verify-server-cert --batch --raw --skip-column-names -e "${3:-SELECT CURRENT_USER()}"
}
login_of() { # SECRET [STATEMENT]
  local login
  mapfile -t login < <(fields_of "$1" username password)
  login_as "${login[@]}" "${@:2}"
}

add_functions <<CONF

[[rotation_function]]
name = "one-user"
kind = "mysql"
ca_file = "$target/server.crt"
timeout = "5s"

[[rotation_function]]
name = "two-users"
kind = "mysql"
ca_file = "$target/server.crt"
admin_secret = "target/admin"
timeout = "5s"

[[rotation_function]]
name = "by-blind"
kind = "mysql"
ca_file = "$target/server.crt"
admin_secret = "target/blind"

[[rotation_function]]
name = "by-powerless"
kind = "mysql"
ca_file = "$target/server.crt"
admin_secret = "target/powerless"

[[rotation_function]]
name = "checked-passwords"
kind = "mysql"
ca_file = "$target/server.crt"
send_plain_password = true
exclude_punctuation = true
password_length = 64

[[rotation_function]]
name = "wrong-ca"
kind = "mysql"
ca_file = "$target/other.crt"
CONF
appliance restart >/dev/null
take_environment

# ---- one user ------------------------------------------------------------------------------------------------------

as_root -e "CREATE DATABASE d; CREATE USER \`App \"x\" o'br\\ien\`@'%' IDENTIFIED BY 'old-1' REQUIRE SSL;
  CREATE USER ed@'%' IDENTIFIED VIA ed25519 USING PASSWORD('old-1');
  CREATE USER socket@'%' IDENTIFIED VIA unix_socket OR mysql_native_password USING PASSWORD('old-1')"
db_secret 'App \"x\" o'"'"'br\\ien' old-1 | coffer put db/one >/dev/null
expect_contains "a check finds nothing in the way" "the server takes the login" "$(coffer rotation check db/one --function "$functions:one-user")"
expect_equal "and changes nothing" "App \"x\" o'br\\ien@%" "$(login_as "App \"x\" o'br\\ien" old-1)"
rotate db/one one-user >/dev/null
wait_until "the user's password is rotated" is_rotated db/one
expect_equal "and logs in" "App \"x\" o'br\\ien@%" "$(login_of db/one)"
[ "$(field_of db/one password)" != old-1 ] || fail "the password is the old one"
remember db/one password
db_secret ed old-1 | coffer put db/ed >/dev/null
rotate db/ed one-user >/dev/null
wait_until "a user of ed25519 is rotated" is_rotated db/ed
expect_equal "and logs in" "ed@%" "$(login_of db/ed)"
expect_contains "by ed25519 still" "ed25519" "$(as_root -e "SHOW CREATE USER ed@'%'")"
remember db/ed password
expect_no_values "the server's log has only what it stores of a password" "$target/general.log"
db_secret socket old-1 | coffer put db/socket >/dev/null
expect_failure "a user of another plugin is not touched" db/socket one-user "by the plugin unix_socket"
expect_equal "and logs in as before" "socket@%" "$(login_as socket old-1)"

# ---- two users that take turns ---------------------------------------------------------------------------------------

as_root -e "CREATE USER adm@'%' IDENTIFIED BY 'Adm1n-pass'; GRANT CREATE USER, GRANT OPTION ON *.* TO adm@'%'; GRANT SELECT ON mysql.* TO adm@'%';
  GRANT ALL PRIVILEGES ON d.* TO adm@'%' WITH GRANT OPTION; CREATE TABLE d.t (n int, m int); INSERT INTO d.t VALUES (7, 8);
  CREATE USER app@'%' IDENTIFIED BY 'old-2' REQUIRE SSL; GRANT SELECT, INSERT ON d.* TO app@'%'"
db_secret adm Adm1n-pass | coffer put target/admin >/dev/null
db_secret app old-2 "$target_port" d | coffer put db/two >/dev/null
expect_contains "a check knows the administrator's rights" "the administrator may make users" \
  "$(coffer rotation check db/two --function "$functions:two-users")"
expect_equal "and makes no user" 0 "$(as_root -e "SELECT COUNT(*) FROM mysql.user WHERE User = 'app_clone'")"
start_logins login_of db/two
rotate db/two two-users >/dev/null
wait_until "the second user has its turn" is_rotated db/two
expect_equal "it logs in" "app_clone@%" "$(login_of db/two)"
expect_equal "with the first one's rights" 7 "$(login_of db/two 'SELECT n FROM d.t')"
expect_contains "and its TLS" "REQUIRE SSL" "$(as_root -e "SHOW CREATE USER app_clone@'%'")"
expect_equal "the first still logs in" "app@%" "$(login_as app old-2)"
remember db/two password
as_root -e "REVOKE INSERT ON d.* FROM app@'%'; GRANT UPDATE (m) ON d.t TO app@'%'"
coffer rotation force db/two --wait 2>/dev/null
expect_equal "then it is the first one's turn" "app@%" "$(login_of db/two)"
remember db/two password
coffer rotation force db/two --wait 2>/dev/null
remember db/two password
expect_equal "what was granted and revoked since has come to the second" "GRANT SELECT ON \`d\`.* TO \`app_clone\`@\`%\`
GRANT UPDATE (\`m\`) ON \`d\`.\`t\` TO \`app_clone\`@\`%\`" "$(as_root -e "SHOW GRANTS FOR app_clone@'%'" | grep -v USAGE | sort)"
for _ in 1 2 3 4 5 6; do coffer rotation force db/two --wait 2>/dev/null; done
stop_logins "through all of these AWSCURRENT logs in"
remember db/two password
expect_no_values "the server's log has none of the passwords" "$target/general.log"

# ---- a role that counts from the login on ------------------------------------------------------------------------------------

as_root -e "CREATE ROLE rr; GRANT rr TO adm@'%' WITH ADMIN OPTION; GRANT SELECT ON d.* TO rr; CREATE USER dr@'%' IDENTIFIED BY 'p'; GRANT rr TO dr@'%';
  SET DEFAULT ROLE rr FOR dr@'%'"
db_secret dr p "$target_port" d | coffer put db/role >/dev/null
rotate db/role two-users >/dev/null
wait_until "a user with a default role is rotated" is_rotated db/role
expect_equal "the second has its rights by that role" 7 "$(login_of db/role 'SELECT n FROM d.t')"
expect_equal "which is its default" rr "$(login_of db/role 'SELECT CURRENT_ROLE()')"
coffer rotation force db/role --wait 2>/dev/null
as_root -e "SET DEFAULT ROLE NONE FOR dr@'%'; GRANT SELECT ON d.* TO dr@'%'"
coffer rotation force db/role --wait 2>/dev/null
expect_equal "and is no more when the first one's is not" "dr_clone@% NULL" "$(login_of db/role "SELECT CONCAT(CURRENT_USER(), ' ', IFNULL(CURRENT_ROLE(), 'NULL'))")"

coffer rotation force db/role --wait 2>/dev/null
as_root -e "SET DEFAULT ROLE rr FOR dr@'%'; ALTER USER dr_clone@'%' WITH MAX_CONNECTIONS_PER_HOUR 1"
coffer rotation force db/role 2>/dev/null
wait_until "a second user that may log in once, and has its password then" has_failed db/role
expect_contains "cannot set its role" "max_connections_per_hour" "$(coffer rotation status db/role)"
not_given_up() { { coffer rotation abandon db/role 2>&1 || true; } | holds "may have the new value already"; }
wait_until "which does not count as nothing done, between two tries" not_given_up
as_root -e "ALTER USER dr_clone@'%' WITH MAX_CONNECTIONS_PER_HOUR 0"
coffer rotation retry db/role --wait 2>/dev/null
expect_equal "and is gone on with" "dr_clone@% rr" "$(login_of db/role "SELECT CONCAT(CURRENT_USER(), ' ', CURRENT_ROLE())")"

# ---- rights that are taken away ---------------------------------------------------------------------------------------------

rights_of() { as_root -e "SHOW GRANTS FOR $1@'%'" | grep -v USAGE; }
as_root -e "CREATE USER wide@'%' IDENTIFIED BY 'p'; GRANT ALL PRIVILEGES ON d.* TO wide@'%' WITH GRANT OPTION"
db_secret wide p "$target_port" d | coffer put db/wide >/dev/null
rotate db/wide two-users >/dev/null
wait_until "a user with all rights, to hand on" is_rotated db/wide
expect_contains "has a second with these" "GRANT ALL PRIVILEGES ON \`d\`.* TO \`wide_clone\`@\`%\` WITH GRANT OPTION" "$(rights_of wide_clone)"
coffer rotation force db/wide --wait 2>/dev/null
as_root -e "REVOKE GRANT OPTION ON d.* FROM wide@'%'; REVOKE ALL PRIVILEGES ON d.* FROM wide@'%'; GRANT SELECT ON d.* TO wide@'%'"
coffer rotation force db/wide --wait 2>/dev/null || fail "the second user is not given its turn" "$(coffer rotation status db/wide)"
expect_equal "which loses them as the first does" "GRANT SELECT ON \`d\`.* TO \`wide_clone\`@\`%\`" "$(rights_of wide_clone)"
expect_equal "and logs in" "wide_clone@%" "$(login_of db/wide)"
coffer rotation force db/wide --wait 2>/dev/null
as_root -e "CREATE ROLE mine WITH ADMIN root@localhost; GRANT mine TO wide_clone@'%'"
before=$(as_root -e "SHOW CREATE USER wide_clone@'%'")
coffer rotation force db/wide 2>/dev/null
wait_until "a right that the administrator cannot take away" has_failed db/wide
expect_untold db/wide
expect_equal "is had with no new password" "$before" "$(as_root -e "SHOW CREATE USER wide_clone@'%'")"

# ---- what is refused -------------------------------------------------------------------------------------------------

as_root -e "CREATE USER other@'%' IDENTIFIED BY 'p'; CREATE USER other_clone@'%' IDENTIFIED BY 'somebody';
  CREATE USER boss@'%' IDENTIFIED BY 'p'; GRANT SUPER ON *.* TO boss@'%';
  CREATE USER v@'%' IDENTIFIED BY 'v'; CREATE USER v_clone@'%' IDENTIFIED BY 'p'; CREATE USER ''@'%' IDENTIFIED BY 'anybody'"
db_secret other p | coffer put db/other >/dev/null
expect_refused "a check finds somebody else's user" "it may be somebody else's" \
  sh -c "coffer rotation check db/other --function $functions:two-users 2>&1"
expect_failure "somebody else's user is not touched" db/other two-users "it may be somebody else's; nothing was done"
expect_untold db/other
expect_equal "it has its password still" "other_clone@%" "$(login_as other_clone somebody)"
db_secret boss p | coffer put db/boss >/dev/null
expect_refused "a check finds an administrator" "administrator's rights (SUPER ON" \
  sh -c "coffer rotation check db/boss --function $functions:two-users 2>&1"
expect_failure "an administrator gets no second user" db/boss two-users "administrator's rights (SUPER ON *.*)"
expect_equal "none was made" 0 "$(as_root -e "SELECT COUNT(*) FROM mysql.user WHERE User = 'boss_clone'")"
as_root -e "CREATE USER blind@'%' IDENTIFIED BY 'p'; GRANT CREATE USER ON *.* TO blind@'%';
  CREATE USER powerless@'%' IDENTIFIED BY 'p'; GRANT SELECT ON mysql.* TO powerless@'%'; CREATE USER plain@'%' IDENTIFIED BY 'p'"
db_secret blind p | coffer put target/blind >/dev/null
db_secret powerless p | coffer put target/powerless >/dev/null
db_secret plain p | coffer put db/plain >/dev/null
expect_failure "an administrator that may not look" db/plain by-blind "SELECT command denied"
expect_untold db/plain
expect_failure "nor make users" db/plain by-powerless "(error 1227)"
expect_untold db/plain
expect_equal "makes none" 0 "$(as_root -e "SELECT COUNT(*) FROM mysql.user WHERE User = 'plain_clone'")"
as_root -e "SET GLOBAL read_only = 1"
expect_refused "a check finds a server that lets users only read" "its variable read_only is on" \
  sh -c "coffer rotation check db/other --function $functions:one-user 2>&1"
expect_refused "which the administrator cannot change either" "its variable read_only is on" \
  sh -c "coffer rotation check db/two --function $functions:two-users 2>&1"
expect_contains "but somebody with SUPER can" "the user's own session may change its password" \
  "$(coffer rotation check db/boss --function "$functions:one-user")"
as_root -e "SET GLOBAL read_only = 0"
db_secret v_clone p | coffer put db/unrelated >/dev/null
expect_failure "nor is a user touched whose name only looks like it" db/unrelated two-users "may be somebody else's"
expect_equal "v has its password still" "v@%" "$(login_as v v)"
db_secret nobody anybody | coffer put db/anonymous >/dev/null
expect_failure "a login that the server takes for another account is refused" db/anonymous one-user "as another account, @%"
expect_untold db/anonymous
printf '{"host":"127.0.0.1","port":%s,"username":"other","password":"p"}' "$target_port" | coffer put db/elsewhere >/dev/null
expect_contains "the administrator's password is sent to its own server alone" "names another host or port" \
  "$(coffer rotation check db/elsewhere --function "$functions:two-users" || true)"
printf '{"host":"127.0.0.2","port":%s,"username":"other","password":"p"}' "$target_port" | coffer put db/elsewhere >/dev/null
expect_contains "a certificate for another name is refused" "TLS" \
  "$(coffer rotation check db/elsewhere --function "$functions:one-user" || true)"
expect_contains "and one of another authority" "certificate" "$(coffer rotation check db/other --function "$functions:wrong-ca" || true)"
for host in "$target/socket" 'replication://localhost' 'localhost,evil' 'host=localhost'; do
  printf '{"host":"%s","username":"a","password":"b"}' "$host" | coffer put db/host >/dev/null
  expect_contains "'$host' is no host" "must be one host name" "$(coffer rotation check db/host --function "$functions:one-user" || true)"
done
db_secret other p "$target_port" nosuch | coffer put db/dbname >/dev/null
expect_contains "a database that is not there" 'has no database "nosuch"' "$(coffer rotation check db/dbname --function "$functions:one-user" || true)"
printf '{"engine":"postgres","host":"localhost","username":"a","password":"b"}' | coffer put db/engine >/dev/null
expect_contains "another engine" '"engine" is not' "$(coffer rotation check db/engine --function "$functions:one-user" || true)"
printf '{"username":"x"}' | coffer put db/bad >/dev/null
expect_failure "a secret without the fields fails" db/bad one-user 'no field "host"'
expect_equal "with its value as it was" '{"username":"x"}' "$(coffer get db/bad)"
start_silent_server
db_secret app x "$silent_port" | coffer put db/silent >/dev/null
expect_contains "a server that says nothing is not waited for" "no answer in time" \
  "$(coffer rotation check db/silent --function "$functions:one-user" || true)"

# ---- rules for passwords -----------------------------------------------------------------------------------------------

as_root -e "INSTALL SONAME 'simple_password_check'; SET GLOBAL simple_password_check_other_characters = 0"
db_secret other p | coffer put db/rules >/dev/null
expect_failure "a server that checks passwords wants them plain" db/rules one-user "send_plain_password = true"
expect_equal "and nothing was done" "other@%" "$(login_as other p)"
coffer rotation cancel db/rules 2>/dev/null
coffer rotation abandon db/rules --force 2>/dev/null || coffer rotation abandon db/rules 2>/dev/null
rotate db/rules checked-passwords >/dev/null
wait_until "then it takes them" is_rotated db/rules
expect_equal "and the user logs in" "other@%" "$(login_of db/rules)"
as_root -e "SET GLOBAL simple_password_check_other_characters = 1"
coffer rotation force db/rules 2>/dev/null
wait_until "a password that breaks its rules" has_failed db/rules
expect_contains "is refused by the server" "Your password does not satisfy the current policy requirements" "$(coffer rotation status db/rules)"
expect_equal "and AWSCURRENT logs in" "other@%" "$(login_of db/rules)"
as_root -e "SET GLOBAL simple_password_check_other_characters = 0"
coffer rotation retry db/rules --wait 2>/dev/null || true
wait_until "another value is tried" is_complete db/rules
as_root -e "UNINSTALL SONAME 'simple_password_check'"

# ---- lost connections, a server that is away, kill -9 ----------------------------------------------------------------------

start_proxy "$target_port"
as_root -e "CREATE USER lossy@'%' IDENTIFIED BY 'p'; CREATE USER pair@'%' IDENTIFIED BY 'p'; GRANT SELECT ON d.* TO pair@'%'"
db_secret adm Adm1n-pass "$proxy_port" | coffer put target/admin >/dev/null
db_secret lossy p "$proxy_port" | coffer put db/lossy >/dev/null
db_secret pair p "$proxy_port" | coffer put db/pair >/dev/null
rotate db/lossy one-user >/dev/null
wait_until "through a proxy" is_rotated db/lossy
rotate db/pair two-users >/dev/null
wait_until "both ways" is_rotated db/pair
start_logins login_of db/pair
for bytes in 0 400 1800 2000 2200; do
  lose_connection 2 "$bytes"
  coffer rotation force db/lossy 2>/dev/null
  wait_until "an answer that is lost after $bytes bytes" is_complete db/lossy
  expect_equal "ends with a login that works ($bytes)" "lossy@%" "$(login_of db/lossy)"
done
for connection in 2 3 4 5; do
  for bytes in 1900 2200; do
    lose_connection "$connection" "$bytes"
    coffer rotation force db/pair 2>/dev/null
    wait_until "connection $connection lost after $bytes bytes" is_complete db/pair
  done
done
lose_nothing
stop_logins "with lost connections AWSCURRENT of the two logs in"
expect_equal "and the rights are there" 7 "$(login_of db/pair 'SELECT n FROM d.t')"
leave_behind db/lossy 2
expect_mended db/lossy
expect_equal "and logs in" "lossy@%" "$(login_of db/lossy)"
leave_behind db/pair 5  # AWSPREVIOUS logs in as the other user first
expect_mended db/pair
expect_contains "of two that take turns the one whose password was left behind is theirs" "pair" "$(login_of db/pair)"
stop_target
coffer rotation force db/one 2>/dev/null
wait_until "a server that is away" has_failed db/one
start_target
wait_until "is gone on with when it is back" is_complete db/one
expect_equal "with a login that works" "App \"x\" o'br\\ien@%" "$(login_of db/one)"
for i in 1 2 3; do
  coffer rotation force db/pair >/dev/null 2>&1 || true
  sleep "0.0$((RANDOM % 9))"
  kill -9 "$(daemon_pid)"
  appliance up >/dev/null
  expect_contains "after kill -9, $i: AWSCURRENT logs in" pair "$(login_of db/pair)"
done
wait_until "everything is completed" is_complete db/pair
remember db/pair password
remember db/lossy password
expect_no_values "the server's log has none of the passwords" "$target/general.log"
expect_nothing_told db/pair
