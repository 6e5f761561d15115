#!/usr/bin/env bash
# Certificates that rotations issue, by an authority whose key is in the token and by a program that asks another CA: used by
# openssl's server and client, renewed before they end, revoked; through kill -9 and restarts.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"
# shellcheck source=rotation_support.sh
. "$(dirname "$0")/rotation_support.sh"
# shellcheck source=token_support.sh
. "$(dirname "$0")/token_support.sh"

appliance up --build "$build" --token "$token" --runner
take_environment

# ---- authorities -------------------------------------------------------------------------------------------------------

ca="$work/ca"
install -d -m 755 "$ca"
[ "$(id -u)" -ne 0 ] || chown coffer:coffer "$ca"
expect_refused "a subject that is none" "ATTRIBUTE=VALUE" \
  hsm ca create --name issuing --subject Example --self-signed --days 365 --out "$ca/issuing.pem"
expect_contains "an authority is made in the token" "key coffer/ca/issuing: made" \
  "$(hsm ca create --name issuing --subject 'O=Example,CN=Example Issuing CA' --self-signed --days 365 --out "$ca/issuing.pem")"
expect_refused "and never made over" "holds a key" \
  hsm ca create --name issuing --subject 'CN=Other' --self-signed --days 365 --out "$ca/other.pem"
expect_refused "nor is a file written over" "nothing is overwritten" \
  hsm ca create --name second --subject 'CN=Other' --self-signed --days 365 --out "$ca/issuing.pem"
listed=$(hsm list)
expect_contains "it is listed" "coffer/ca/issuing" "$listed"
if holds coffer/ca/second <<<"$listed"; then fail "a key was left behind by what failed"; fi
expect_contains "it is a CA that issues to those who are none" "CA:TRUE, pathlen:0" "$(openssl x509 -in "$ca/issuing.pem" -noout -text)"
openssl verify -CAfile "$ca/issuing.pem" "$ca/issuing.pem" >/dev/null || fail "its certificate does not verify"

# A root outside, and two authorities under it: one that asks to be certified, one that is brought into the token.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/root.key" -out "$ca/root.pem" -days 365 \
  -subj '/O=Example/CN=Example Root' -addext 'keyUsage=critical,keyCertSign,cRLSign' 2>/dev/null
hsm ca create --name requested --subject 'O=Example,CN=Requested CA' --key rsa-3072 --csr-out "$ca/requested.csr" >/dev/null
openssl x509 -req -in "$ca/requested.csr" -CA "$ca/root.pem" -CAkey "$work/root.key" -days 90 -copy_extensions copyall \
  -out "$work/requested.only" 2>/dev/null
cat "$work/requested.only" "$ca/root.pem" >"$ca/requested.pem"
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout "$work/imported.key" -subj '/O=Example/CN=Imported CA' \
  -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign' -out "$work/imported.csr" 2>/dev/null
openssl x509 -req -in "$work/imported.csr" -CA "$ca/root.pem" -CAkey "$work/root.key" -days 90 -copy_extensions copyall \
  -out "$ca/imported.pem" 2>/dev/null
openssl req -x509 -key "$work/imported.key" -days 9 -subj '/CN=No CA' -addext 'basicConstraints=critical,CA:FALSE' -out "$ca/none.pem" 2>/dev/null
install -m 600 "$work/imported.key" "$ca/imported.key"
[ "$(id -u)" -ne 0 ] || chown coffer:coffer "$ca/imported.key"
expect_refused "a certificate that is no CA's" "not a CA's" \
  hsm ca import --name imported --key "$ca/imported.key" --certificate "$ca/none.pem"
expect_refused "another key than the certificate's" "is not that of" \
  hsm ca import --name imported --key "$ca/imported.key" --certificate "$ca/issuing.pem"
expect_contains "an existing key is brought into the token" "imported" \
  "$(hsm ca import --name imported --key "$ca/imported.key" --certificate "$ca/imported.pem")"
rm "$ca/imported.key"

# ---- another CA, which a program asks -----------------------------------------------------------------------------------

openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/external.key" -out "$ca/external.pem" -days 365 -subj '/CN=External CA' \
  -addext 'keyUsage=critical,keyCertSign,cRLSign' 2>/dev/null
programs_folder="$work/programs"
install -d -m 755 "$programs_folder"
install -m 644 "$work/external.key" "$programs_folder/key.pem"
external_program() { # NAME DAYS EXTENSIONS
  cat >"$programs_folder/$1" <<PROGRAM
#!/bin/bash
set -e
folder=\$(mktemp -d); trap 'rm -rf "\$folder"' EXIT
cat >"\$folder/csr"
printf '%b' "$3" >"\$folder/extensions"
[ "\$(sed -n 's/^days: //p' "\$folder/csr")" = 20 ]
openssl x509 -req -in "\$folder/csr" -CA "$ca/external.pem" -CAkey "$programs_folder/key.pem" -days $2 \
  -copy_extensions copy -extfile "\$folder/extensions" 2>/dev/null
cat "$ca/external.pem"
PROGRAM
  chmod 755 "$programs_folder/$1"
  printf '\n[[program]]\nname = "%s"\ncommand = ["%s/%s"]\nnetwork = "none"\nprocesses = 10000\n' "$1" "$programs_folder" "$1" >>"$state/etc/runner.toml"
}
external_program external 20 'basicConstraints=CA:FALSE\nauthorityKeyIdentifier=keyid\n'
external_program external-ca 20 'basicConstraints=critical,CA:TRUE\n'
external_program external-long 200 'basicConstraints=CA:FALSE\n'
external_program external-names 20 'basicConstraints=CA:FALSE\nsubjectAltName=DNS:other.example.com\n'
sed -i 's/-copy_extensions copy //' "$programs_folder/external-names"

# ---- the configuration --------------------------------------------------------------------------------------------------

crl_dir="$work/crl"
install -d -m 755 "$crl_dir"
[ "$(id -u)" -ne 0 ] || chown coffer:coffer "$crl_dir"
# What the imported authority has revoked before it was brought here, in PEM and without a number.
mkdir "$work/before"
printf 'R\t301231235959Z\t260101000000Z,keyCompromise\tABCD12\tunknown\t/CN=old\n' >"$work/before/index"
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=%s/before/index\ndefault_md=sha384\ndefault_crl_days=30\n' "$work" >"$work/before/cnf"
openssl ca -gencrl -config "$work/before/cnf" -cert "$ca/imported.pem" -keyfile "$work/imported.key" -out "$crl_dir/imported.crl" 2>/dev/null
[ "$(id -u)" -ne 0 ] || chown coffer:coffer "$crl_dir/imported.crl"
for name in issuing requested imported; do
  cat >>"$state/etc/cofferd.toml" <<CONF

[[certificate_authority]]
name = "$name"
certificate = "$ca/$name.pem"
crl_file = "$crl_dir/$name.crl"
crl_url = "http://crl.example.com/crl/$name.crl"
CONF
done
sed -i '/^\[rotation\]$/a workers = 3\nattempts = 3\nretry_after = "1s"\nretry_at_most = "1s"\nlease = "10s"' "$state/etc/cofferd.toml"
certificates_function() { # NAME LINES...
  printf '\n[[rotation_function]]\nname = "%s"\nkind = "certificate"\n' "$1" >>"$state/etc/cofferd.toml"
  printf '%s\n' "${@:2}" >>"$state/etc/cofferd.toml"
}
names='allowed_names = ["*.app.example.com", "localhost", "127.0.0.0/8", "spiffe://example.com/app/*", "CN=app-*"]'
certificates_function servers 'authority = "issuing"' 'days = 30' 'renew_before_days = 10' 'revoke_superseded = true' "$names"
certificates_function intermediate 'authority = "requested"' 'key_types = ["ec-p256", "rsa-2048"]' "$names"
certificates_function brought 'authority = "imported"' 'usages = ["client"]' "$names"
certificates_function external 'program = "external"' "ca_file = \"$ca/external.pem\"" 'days = 20' "$names"
for name in external-ca external-long external-names; do
  certificates_function "$name" "program = \"$name\"" "ca_file = \"$ca/external.pem\"" 'days = 20' "$names"
done
appliance restart >/dev/null
take_environment

# ---- a server's certificate ---------------------------------------------------------------------------------------------

printf '{"common_name":"localhost","dns_names":["localhost","A.app.example.com"],"ip_addresses":["127.0.0.1"],"note":"kept"}' |
  coffer put app/tls >/dev/null
expect_contains "a check finds nothing in the way" "it can issue" "$(coffer rotation check app/tls --function "$functions:servers")"
rotate app/tls servers >/dev/null
wait_until "a secret that has names alone gets a certificate" is_rotated app/tls
expect_equal "other fields are kept" kept "$(field_of app/tls note)"
take() { # SECRET NAME [STAGE]: key, certificate and chain as files, of one version, whatever rotates in between
  ( umask 077; coffer get-secret-value --secret-id "$1" --version-stage "${3:-AWSCURRENT}" --output json |
    /usr/bin/python3 -c 'import json, sys
fields = json.loads(json.load(sys.stdin)["SecretString"])
for name, suffix in ("private_key", "key"), ("certificate", "pem"), ("chain", "chain"):
    with open(f"{sys.argv[1]}.{suffix}", "w") as file: print(fields[name], end="", file=file)' "$work/$2" )
}
take app/tls first
openssl verify -CAfile "$ca/issuing.pem" -purpose sslserver -verify_hostname a.app.example.com -x509_strict "$work/first.pem" >/dev/null ||
  fail "openssl does not verify the certificate"
what "openssl verifies it, strictly"
text=$(openssl x509 -in "$work/first.pem" -noout -text)
expect_contains "with the names that were asked for" "DNS:a.app.example.com, DNS:localhost, IP Address:127.0.0.1" "$text"
expect_contains "and where its revocation list is" "URI:http://crl.example.com/crl/issuing.crl" "$text"
expect_contains "it is no CA's" "CA:FALSE" "$text"
expect_equal "the secret has its serial number" "$(openssl x509 -in "$work/first.pem" -noout -serial | sed 's/serial=//' | tr A-F a-f)" "$(field_of app/tls serial)"
expect_equal "and its end" "$(date -u -d "$(openssl x509 -in "$work/first.pem" -noout -enddate | sed 's/notAfter=//')" +%FT%TZ)" "$(field_of app/tls not_after)"
openssl pkey -in "$work/first.key" -noout -check >/dev/null 2>&1 || fail "the key is not sound"

days_to_next() { /usr/bin/python3 -c 'import sys,time,datetime; print(round((datetime.datetime.fromisoformat(sys.argv[1]).timestamp() - time.time()) / 86400))' "$(described "$1" NextRotationDate)"; }
expect_equal "it is renewed ten days before its end, before the schedule's thirty" 20 "$(days_to_next app/tls)"

serve() { # NAME: openssl's server with its key and certificate, at $tls_port
  tls_port=$(free_port)
  openssl s_server -accept "127.0.0.1:$tls_port" -cert "$work/$1.pem" -key "$work/$1.key" -cert_chain "$work/$1.chain" -www >"$work/server.log" 2>&1 &
  tls_server=$!
  background+=("$tls_server")
  wait_until "openssl s_server runs with it" port_is_taken "$tls_port"
}
client() { # OPTIONS: openssl's client, which ends with an error unless the server is proven
  openssl s_client -connect "127.0.0.1:$tls_port" -verify_return_error -verify_hostname localhost "$@" </dev/null 2>&1
}
stop_server() { kill "$tls_server"; wait "$tls_server" 2>/dev/null || true; }
serve first
expect_contains "a client takes it" "Verify return code: 0 (ok)" "$(client -CAfile "$ca/issuing.pem")"
crl_is_signed() { [ -s "$crl_dir/$1.crl" ] && openssl crl -inform DER -in "$crl_dir/$1.crl" -noout -CAfile "$ca/$1.pem" 2>&1 | holds 'verify OK'; }
for name in issuing requested imported; do wait_until "the revocation list of $name is signed" crl_is_signed "$name"; done
pem_of_crl() { openssl crl -inform DER -in "$crl_dir/$1.crl" -out "$work/$1.crl.pem"; }
pem_of_crl issuing
expect_contains "and with the revocation list" "Verify return code: 0 (ok)" \
  "$(client -CAfile "$ca/issuing.pem" -CRL "$work/issuing.crl.pem" -crl_check)"

# ---- revoked ------------------------------------------------------------------------------------------------------------

fetch() { /usr/bin/python3 -c 'import sys,urllib.request as r; sys.stdout.buffer.write(r.urlopen(f"http://127.0.0.1:{sys.argv[1]}{sys.argv[2]}").read())' "$metrics_port" "$1"; }
number_of_crl() { printf '%d' "0x$(openssl crl -inform DER -in "$crl_dir/$1.crl" -noout -crlnumber | sed 's/.*0x//; s/.*=//')"; }
before=$(number_of_crl issuing)
expect_contains "a certificate is revoked by its serial number" keyCompromise \
  "$(coffer certificate revoke --serial "$(field_of app/tls serial)" --reason keyCompromise)"
crl_has() { openssl crl -inform DER -in "$crl_dir/$1.crl" -noout -text | tr A-F a-f | holds -i "serial number: $2"; }
first_serial=$(field_of app/tls serial)
wait_until "what an authority had revoked before it came here stays revoked" crl_has imported abcd12
wait_until "the file has it" crl_has issuing "$first_serial"
expect_equal "everybody may read it" 644 "$(stat -c %a "$crl_dir/issuing.crl")"
[ "$(number_of_crl issuing)" -gt "$before" ] || fail "the list's number does not grow"
what "its number is higher than before"
pem_of_crl issuing
if client -CAfile "$ca/issuing.pem" -CRL "$work/issuing.crl.pem" -crl_check >"$work/client.log"; then fail "a revoked certificate is taken"; fi
expect_contains "a client that looks at the list refuses it" "certificate revoked" "$(cat "$work/client.log")"
stop_server
expect_equal "the list is served" "$(sha256sum <"$crl_dir/issuing.crl")" "$(fetch /crl/issuing.crl | sha256sum)"
expect_contains "and printed" "Key Compromise" "$(coffer certificate crl issuing | openssl crl -noout -text)"
expect_refused "revoking asks for a reason that there is" "--reason" coffer certificate revoke --secret-id app/tls --reason because
expect_refused "there must be such a certificate" "serial number" coffer certificate revoke --serial 1234 --reason superseded
expect_refused "or an authority that has issued it" "no certificate authority" \
  coffer certificate revoke --authority other --serial 1234 --reason superseded
expect_refused "and a serial number that there can be" "1 to 20 bytes" coffer certificate revoke --authority issuing --serial 00 --reason superseded
expect_contains "one that is not on record is revoked with its authority" c0ffee \
  "$(coffer certificate revoke --authority issuing --serial 00:C0:FF:EE --reason keyCompromise)"
wait_until "the file has that, too" crl_has issuing c0ffee

# What is deleted or un-marked in the database un-revokes nothing.
sql "DELETE FROM issued_certificates WHERE serial = '$first_serial'" >/dev/null
coffer rotation force app/tls --wait
take app/tls second
second_serial=$(field_of app/tls serial)
coffer certificate revoke --secret-id app/tls --reason cessationOfOperation >/dev/null
wait_until "a certificate is revoked by its secret" crl_has issuing "$second_serial"
crl_has issuing "$first_serial" || fail "a row that was deleted is not on the list any more"
what "and one whose row was deleted stays revoked"
sql "DELETE FROM certificate_revocation_lists WHERE authority = 'issuing'" >/dev/null
list_is_stored() { [ -n "$(sql "SELECT 1 FROM certificate_revocation_lists WHERE authority = 'issuing' AND list IS NOT NULL")" ]; }
wait_until "a list that was deleted is made again" list_is_stored
crl_has issuing "$second_serial" || fail "the second entry is lost"
crl_has issuing "$first_serial" || fail "the first entry is lost"
appliance restart >/dev/null
take_environment
crl_has issuing "$first_serial" || fail "entries are lost by a restart"
expect_contains "with all that was in it, also after a restart" "$second_serial" "$(coffer certificate list --authority issuing | holds "$second_serial" && echo "$second_serial")"
is_replaced() { [ "$(field_of app/tls serial)" != "$second_serial" ]; }
wait_until "a certificate that was revoked is replaced by itself" is_replaced

# Nor does a row that says that it is revoked already, or that it ended long ago.
third_serial=$(field_of app/tls serial)
sql "UPDATE issued_certificates SET revoked = now(), reason = 'unspecified' WHERE serial = '$third_serial'" >/dev/null
coffer certificate revoke --serial "$third_serial" --reason keyCompromise >/dev/null
wait_until "a row that claims to be revoked keeps nobody from revoking" crl_has issuing "$third_serial"
sql "UPDATE issued_certificates SET not_after = '2001-01-01' WHERE revoked IS NOT NULL" >/dev/null
for i in 1 2; do coffer certificate revoke --authority issuing --serial "c0ffe$i" --reason superseded >/dev/null; done
wait_until "more is revoked" crl_has issuing c0ffe2
for serial in "$first_serial" "$second_serial" "$third_serial"; do
  crl_has issuing "$serial" || fail "$serial is un-revoked by a row that was altered"
done
what "rows that were altered un-revoke nothing"
is_replaced_again() { [ "$(field_of app/tls serial)" != "$third_serial" ]; }
wait_until "that one is replaced as well" is_replaced_again

# ---- superseded ----------------------------------------------------------------------------------------------------------

for _ in 1 2; do coffer rotation force app/tls --wait; done
take app/tls previous AWSPREVIOUS
superseded() { coffer certificate list --output json | /usr/bin/python3 -c '
import json,sys
for each in json.load(sys.stdin)["Certificates"]:
    if each["Name"] == "app/tls" and each.get("Reason") == "superseded": print(each["SerialNumber"])'; }
is_superseded() { [ "$(superseded | wc -l)" -ge 1 ]; }
wait_until "what is neither AWSCURRENT nor AWSPREVIOUS any more is revoked" is_superseded
wait_until "on the list as well" crl_has issuing "$(superseded | head -n 1)"
pem_of_crl issuing
openssl verify -CAfile "$ca/issuing.pem" -CRLfile "$work/issuing.crl.pem" -crl_check "$work/previous.pem" >/dev/null || fail "AWSPREVIOUS is revoked"
what "AWSPREVIOUS is not"
previous_serial=$(openssl x509 -in "$work/previous.pem" -noout -serial | sed 's/serial=//' | tr A-F a-f)
for note in one two; do
  coffer get app/tls | /usr/bin/python3 -c '
import json,sys
print(json.dumps(json.load(sys.stdin) | {"note": sys.argv[1]}), end="")' "$note" | coffer put app/tls >/dev/null
done
wait_until "two versions later it is revoked" crl_has issuing "$previous_serial"
if crl_has issuing "$(field_of app/tls serial)"; then fail "a certificate is revoked since another field was edited"; fi
what "and the one that the edited versions have is not"
expect_contains "certificates that end soon are listed" "a.app.example.com" "$(coffer certificate list --expiring-in 31d)"
expect_contains "and those alone" "no such certificate" "$(coffer certificate list --expiring-in 2d 2>&1)"

# ---- authorities under a root that is elsewhere ---------------------------------------------------------------------------

printf '{"dns_names":["b.app.example.com"],"key_type":"rsa-2048","days":40}' | coffer put app/rsa >/dev/null
rotate app/rsa intermediate >/dev/null
wait_until "an authority that another one certified issues" is_rotated app/rsa
take app/rsa rsa
openssl verify -CAfile "$ca/root.pem" -untrusted "$work/rsa.chain" "$work/rsa.pem" >/dev/null || fail "the chain does not lead to the root"
what "its chain leads to the root"
expect_contains "with the key that was asked for" "(2048 bit)" "$(openssl x509 -in "$work/rsa.pem" -noout -text)"
printf '{"common_name":"app-reader","uris":["spiffe://example.com/app/reader"]}' | coffer put app/client >/dev/null
rotate app/client brought >/dev/null
wait_until "an authority whose key was brought into the token issues" is_rotated app/client
take app/client client
cat "$ca/imported.pem" >"$work/client.untrusted"
openssl verify -CAfile "$ca/root.pem" -untrusted "$work/client.untrusted" -purpose sslclient "$work/client.pem" >/dev/null ||
  fail "the client's certificate does not verify"
expect_contains "for clients alone" "TLS Web Client Authentication" "$(openssl x509 -in "$work/client.pem" -noout -ext extendedKeyUsage)"
if openssl verify -CAfile "$ca/root.pem" -untrusted "$work/client.untrusted" -purpose sslserver "$work/client.pem" >/dev/null 2>&1; then
  fail "a client's certificate is good for a server"
fi
expect_contains "the authorities are listed" "CN=Imported CA" "$(coffer certificate authorities)"

# ---- who may revoke -------------------------------------------------------------------------------------------------------

openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=alice -keyout "$work/alice.key" -out "$work/alice.csr" 2>/dev/null
COFFER_CLIENT_SAN="URI:spiffe://coffer.local/alice" openssl ca -batch -notext -config "$state/tls/ca.cnf" -extensions client \
  -in "$work/alice.csr" -out "$work/alice.crt" 2>/dev/null
as_alice() { COFFER_CERT_FILE="$work/alice.crt" COFFER_KEY_FILE="$work/alice.key" "$@"; }
coffer iam create-user --user-name alice >/dev/null
coffer iam add-user-identity --user-name alice --identity Kind=spiffe,Value=spiffe://coffer.local/alice >/dev/null
coffer iam put-user-policy --user-name alice --policy-name revoke --policy-document '{"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Action":"coffer:RevokeCertificate","Resource":"arn:aws:secretsmanager:*:*:secret:app/rsa-*"}]}' >/dev/null
expect_refused "listing wants a right" "coffer:ListCertificates" as_alice coffer certificate list
expect_refused "so does revoking, on the secret" "coffer:RevokeCertificate" \
  as_alice coffer certificate revoke --serial "$(field_of app/client serial)" --reason superseded
expect_refused "and asking for a serial number that is nobody's" "coffer:RevokeCertificate" \
  as_alice coffer certificate revoke --serial 1234 --reason superseded
expect_refused "or of one authority's" "coffer:RevokeCertificate" \
  as_alice coffer certificate revoke --authority requested --serial 1234 --reason superseded
expect_contains "who has it on one secret revokes that one's" privilegeWithdrawn \
  "$(as_alice coffer certificate revoke --secret-id app/rsa --reason privilegeWithdrawn)"
wait_until "on the list of its own authority" crl_has requested "$(field_of app/rsa serial)"
if crl_has issuing "$(field_of app/rsa serial)"; then fail "it is on another authority's list"; fi
journal() { cat "$dir"/audit/journal-*.log; }
for event in CertificateIssued RevocationListSigned RevokeCertificate; do
  expect_contains "the journal has $event" "\"eventName\":\"$event\"" "$(journal)"
done
expect_contains "and who was refused" AccessDenied "$(journal | grep '"eventName":"RevokeCertificate"' | grep alice)"

# ---- names that are not allowed -------------------------------------------------------------------------------------------

refused() { # WORDS JSON
  printf '%s' "$2" | coffer put app/refused >/dev/null
  expect_contains "$2" "$1" "$(coffer rotation check app/refused --function "$functions:servers" || true)"
}
refused "is not one that" '{"dns_names":["www.example.com"]}'
refused "is not one that" '{"dns_names":["a.b.app.example.com"]}'
refused "is not one that" '{"dns_names":["evilapp.example.com"]}'
refused "is not one that" '{"dns_names":["x.app.example.com.evil.org"]}'
refused "is not one that" '{"dns_names":["*.app.example.com"]}'
refused "is not one that" '{"common_name":"www.example.com","dns_names":["x.app.example.com"]}'
refused "is not one that" '{"uris":["spiffe://example.com/admin"]}'
refused "is not one that" '{"ip_addresses":["10.0.0.1"]}'
refused "is no host name" '{"dns_names":["x.app.example.com\u0000.evil.org"]}'
refused "must be SCHEME" '{"uris":["spiffe://example.com/app/../admin"]}'
refused "there is no name" '{"note":"none"}'
refused "from 1 to 30" '{"dns_names":["x.app.example.com"],"days":31}'
refused "one of the function's" '{"dns_names":["x.app.example.com"],"key_type":"rsa-2048"}'
printf '{"dns_names":["www.example.com"]}' | coffer put app/other >/dev/null
expect_failure "and is not issued either" app/other servers "is not one that"

# ---- another CA --------------------------------------------------------------------------------------------------------------

printf '{"common_name":"c.app.example.com","dns_names":["c.app.example.com"]}' | coffer put app/external >/dev/null
rotate app/external external >/dev/null
wait_until "a program has a certificate issued elsewhere" is_rotated app/external
take app/external external.leaf
openssl verify -CAfile "$ca/external.pem" "$work/external.leaf.pem" >/dev/null || fail "it does not lead to the other CA"
expect_contains "it is on record" "(external)" "$(coffer certificate list)"
expect_refused "and revoked elsewhere" "issued no certificate" coffer certificate revoke --secret-id app/external --reason superseded
for each in "external-ca|is a CA's" "external-long|ends too late" "external-names|for other names"; do
  printf '{"dns_names":["d.app.example.com"]}' | coffer put "app/${each%%|*}" >/dev/null
  expect_failure "${each%%|*} is not taken" "app/${each%%|*}" "${each%%|*}" "${each#*|}"
done

# ---- renewed before it ends ----------------------------------------------------------------------------------------------------

serial_before=$(field_of app/tls serial)
by_hand() { # NOT_BEFORE NOT_AFTER: the present value with a certificate that somebody else made
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/hand.key" -out "$work/hand.pem" -days 9 -subj '/CN=by hand' 2>/dev/null
  openssl x509 -new -force_pubkey <(openssl pkey -in "$work/hand.key" -pubout) -subj '/CN=by hand' -CA "$work/hand.pem" -CAkey "$work/hand.key" \
    -not_before "$1" -not_after "$2" -out "$work/hand.pem" 2>/dev/null || faketime_of "$1" "$2"
  coffer get app/tls | /usr/bin/python3 -c '
import json,sys
fields = json.load(sys.stdin)
fields["certificate"] = open(sys.argv[1]).read()
fields["private_key"] = open(sys.argv[2]).read()
print(json.dumps(fields), end="")' "$work/hand.pem" "$work/hand.key" | coffer put app/tls >/dev/null
}
# OpenSSL 3.0's x509 has no -not_before: `openssl ca` has dates.
faketime_of() {
  mkdir -p "$work/handca"
  : >"$work/handca/index"; echo 01 >"$work/handca/serial"
  printf '[ca]\ndefault_ca=d\n[d]\ndatabase=%s/index\nserial=%s/serial\nnew_certs_dir=%s\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n' \
    "$work/handca" "$work/handca" "$work/handca" >"$work/handca/cnf"
  openssl req -new -key "$work/hand.key" -subj '/CN=by hand' -out "$work/hand.csr"
  openssl ca -batch -notext -config "$work/handca/cnf" -selfsign -keyfile "$work/hand.key" -in "$work/hand.csr" -startdate "$1" -enddate "$2" \
    -out "$work/hand.pem" 2>/dev/null
}
moment() { date -u -d "$1" +%Y%m%d%H%M%SZ; }
by_hand "$(moment '-10 days')" "$(moment '+25 days')"
fifteen_days() { [ "$(days_to_next app/tls)" -eq 15 ]; }
wait_until "one that is put by hand and good for long is renewed when its time comes" fifteen_days
expect_equal "it is left as it is until then" "by hand" "$(field_of app/tls certificate | openssl x509 -noout -subject | sed 's/.*CN = //')"
by_hand "$(moment '-20 days')" "$(moment '+2 hours')"
is_renewed() { field_of app/tls certificate | openssl x509 -noout -issuer | holds 'Example Issuing CA'; }
wait_until "one that ends in two hours is renewed at once" is_renewed
[ "$(field_of app/tls serial)" != "$serial_before" ] || fail "the certificate is the old one"

# ---- kill -9 ---------------------------------------------------------------------------------------------------------------------

for i in 1 2 3 4; do
  coffer rotation force app/tls >/dev/null 2>&1 || true
  sleep "0.0$((RANDOM % 9))"
  kill -9 "$(daemon_pid)"
  appliance up >/dev/null
  take app/tls killed
  openssl verify -CAfile "$ca/issuing.pem" "$work/killed.pem" >/dev/null || fail "after kill -9, $i, the certificate does not verify"
  [ "$(openssl pkey -in "$work/killed.key" -pubout)" = "$(openssl x509 -in "$work/killed.pem" -noout -pubkey)" ] || fail "key and certificate do not belong together"
  what "after kill -9, $i, key and certificate belong together"
done
wait_until "everything is completed" is_idle app/tls
is_complete app/tls || fail "a label is left behind: $(labels_of app/tls)"
serve killed
expect_contains "and serves" "Verify return code: 0 (ok)" "$(client -CAfile "$ca/issuing.pem")"
stop_server

field_of app/tls private_key | sed -n 2,3p >>"$work/values"
expect_nothing_told app/tls

# ---- nothing of a key is left ------------------------------------------------------------------------------------------------

cat >"$work/left.py" <<'PY'
# Which parts of private keys are in a file: lines of their PEM, and their secret numbers, in both orders of bytes.
import mmap, re, subprocess, sys
file = open(sys.argv[1], "rb")
core = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
for key in sys.argv[2:]:
    found = [line for line in open(key).read().split("\n")[1:-2] if core.find(line.encode()) >= 0]
    text = subprocess.run(["openssl", "pkey", "-in", key, "-noout", "-text"], capture_output=True, text=True, check=True).stdout
    for name, digits in re.findall(r"^(priv|privateExponent|prime1|prime2):\n((?:    [0-9a-f:]+\n)+)", text, re.M):
        number = bytes.fromhex(re.sub(r"[\s:]", "", digits)).lstrip(b"\0")
        if core.find(number) >= 0 or core.find(number[::-1]) >= 0:
            found.append(name)
    print(len(found), end=" ")
PY
if command -v gcore >/dev/null && [ "$(id -u)" -eq 0 ]; then
  # Its certificate was revoked, so that it is renewed by itself.
  wait_until "nothing is under way any more" is_idle app/rsa
  coffer rotation force app/tls --wait
  coffer rotation force app/rsa --wait
  coffer rotation check app/tls >/dev/null
  take app/tls left
  take app/rsa left.rsa
  /usr/bin/python3 - "$work/left.key" >"$work/holder.pid" <<'PY' &
import sys, time
key = open(sys.argv[1]).read()
print("ready", flush=True)
time.sleep(60)
PY
  holder=$!
  background+=("$holder")
  wait_until "a process holds the key" test -s "$work/holder.pid"
  if gcore -o "$work/core" "$holder" >/dev/null 2>&1 && [ -s "$work/core.$holder" ]; then
    expect_contains "the search finds a key that is there" " " "$(/usr/bin/python3 "$work/left.py" "$work/core.$holder" "$work/left.key" | grep -v '^0 ')"
    gcore -o "$work/core" "$(daemon_pid)" >/dev/null 2>&1
    expect_equal "of keys that were made nothing is left in the daemon's memory" "0 0 " \
      "$(/usr/bin/python3 "$work/left.py" "$work/core.$(daemon_pid)" "$work/left.key" "$work/left.rsa.key")"
    rm -f "$work"/core.*
  else
    what "memory cannot be dumped here: not looked at"
  fi
fi
