#!/usr/bin/env bash
# Who may connect: a client without a certificate, with an expired, a foreign or a revoked one, or with one that
# names nobody who may do anything.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

bring_up
printf 'value' | coffer put certificates/a >/dev/null

# issue NAME SAN [START END]: NAME.key and NAME.crt, signed by the appliance's authority.
issue() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \
    -keyout "$work/$1.key" -out "$work/$1.csr" 2>/dev/null
  COFFER_CLIENT_SAN=$2 openssl ca -batch -notext -config "$state/tls/ca.cnf" -extensions client \
    ${3:+-startdate "$3" -enddate "$4"} -in "$work/$1.csr" -out "$work/$1.crt" 2>/dev/null
}

# with NAME COMMAND...: as the client NAME.
with() { COFFER_CERT_FILE="$work/$1.crt" COFFER_KEY_FILE="$work/$1.key" "${@:2}"; }

# What the server says to openssl's own client, which sends a byte and reads until the end.
s_client() {
  { printf x; sleep 1; } | openssl s_client -connect "$COFFER_ENDPOINT" -servername localhost -CAfile "$COFFER_CA_FILE" \
    -verify_return_error "$@" 2>&1 || true
}

expect_contains "without a certificate: refused" "certificate required" "$(s_client)"
expect_contains "TLS 1.2: refused" "alert protocol version" \
  "$(s_client -tls1_2 -cert "$COFFER_CERT_FILE" -key "$COFFER_KEY_FILE")"

issue nobody URI:spiffe://coffer.local/nobody
expect_refused "a good certificate of nobody in particular" AccessDeniedException with nobody coffer get certificates/a
expect_refused "no difference for a secret that is not there" AccessDeniedException with nobody coffer get certificates/none

issue expired "URI:spiffe://coffer.local/admin" 20200101000000Z 20200102000000Z
expect_refused "an expired certificate" expired with expired coffer get certificates/a

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=foreign -days 2 \
  -addext subjectAltName=URI:spiffe://coffer.local/admin -keyout "$work/foreign.key" -out "$work/foreign.crt" 2>/dev/null
expect_refused "a certificate of another authority" certificate with foreign coffer get certificates/a

issue leaver URI:spiffe://coffer.local/admin
expect_equal "a second administrator's certificate" value "$(with leaver coffer get certificates/a)"
openssl ca -config "$state/tls/ca.cnf" -revoke "$work/leaver.crt" 2>/dev/null
openssl ca -gencrl -config "$state/tls/ca.cnf" -out "$state/tls/crl.pem" 2>/dev/null
kill -HUP "$(daemon_pid)"
is_refused() { ! with leaver coffer get certificates/a; }
wait_until "a revoked certificate is refused after SIGHUP" is_refused
expect_refused "a revoked certificate, after SIGHUP" revoked with leaver coffer get certificates/a
expect_equal "others go on" value "$(coffer get certificates/a)"
