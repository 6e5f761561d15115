# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by appliance.sh: a small certificate authority, and what it signs: a certificate for the daemon, one
# for an administrator, a revocation list. `openssl ca` with this configuration, as the user that owns it, signs more.

pki() { printf '%s/tls' "$state"; }
administrator_name='admin'
administrator="spiffe://coffer.local/$administrator_name"

write_ca_configuration() {
  cat >"$(pki)/ca.cnf" <<CONF
# Who a client's certificate is for: the environment variable of this name. Without it openssl refuses, naming
# this word; a certificate that silently says nobody would help nobody.
COFFER_CLIENT_SAN = COFFER_CLIENT_SAN_is_not_set
[ca]
default_ca = appliance
[appliance]
dir = $(pki)
database = \$dir/index.txt
serial = \$dir/serial
crlnumber = \$dir/crlnumber
new_certs_dir = \$dir/issued
certificate = \$dir/ca.crt
private_key = \$dir/ca.key
default_md = sha256
default_days = 825
default_crl_days = 365
unique_subject = no
policy = any
[any]
commonName = supplied
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, DNS:coffer.local, IP:127.0.0.1, IP:::1
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectAltName = \${ENV::COFFER_CLIENT_SAN}
CONF
}

new_p256_key() { (umask 077 && openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"); }

# sign_certificate NAME COMMON-NAME SECTION: NAME.key and NAME.crt, signed by the appliance's authority.
sign_certificate() {
  new_p256_key "$(pki)/$1.key"
  openssl req -new -key "$(pki)/$1.key" -subj "/CN=$2" -out "$(pki)/$1.csr"
  openssl ca -batch -notext -config "$(pki)/ca.cnf" -extensions "$3" -in "$(pki)/$1.csr" -out "$(pki)/$1.crt"
  rm "$(pki)/$1.csr"
}

make_certificates() {
  export COFFER_CLIENT_SAN="URI:$administrator"
  new_p256_key "$(pki)/ca.key"
  openssl req -x509 -new -key "$(pki)/ca.key" -sha256 -days 3650 -subj '/CN=Coffer appliance CA' \
    -addext 'basicConstraints=critical,CA:TRUE,pathlen:0' -addext 'keyUsage=critical,keyCertSign,cRLSign' \
    -out "$(pki)/ca.crt"
  sign_certificate server localhost server
  sign_certificate admin admin client
}

is_revoked() {
  local serial
  serial=$(openssl x509 -in "$(pki)/$1.crt" -noout -serial) || return
  grep -q "^R.*$(printf '\t')${serial#serial=}$(printf '\t')" "$(pki)/index.txt"
}

# client_certificate NAME: one for spiffe://coffer.local/NAME, in tls/NAME.crt and tls/NAME.key; in place of one that
# was revoked, if there is one.
client_certificate() {
  [ ! -e "$(pki)/$1.crt" ] || is_revoked "$1" ||
    fail "there is a certificate '$1' already: $(pki)/$1.crt" \
      "to make another, revoke it first: deploy/appliance.sh revoke $1"
  export COFFER_CLIENT_SAN="URI:spiffe://coffer.local/$1"
  (set -e; sign_certificate "$1" "$1" client) >"$log/pki.log" 2>&1 &
  wait $! || fail "the certificate could not be made; $log/pki.log says:" "$(tail -n 3 "$log/pki.log")"
}

revoke_certificate() {
  [ -e "$(pki)/$1.crt" ] || fail "there is no certificate '$1' in $(pki)"
  ! is_revoked "$1" || fail "the certificate '$1' is revoked already"
  openssl ca -config "$(pki)/ca.cnf" -revoke "$(pki)/$1.crt" >"$log/pki.log" 2>&1 ||
    fail "the certificate could not be revoked; $log/pki.log says:" "$(tail -n 3 "$log/pki.log")"
}

# At every `up`: a list that is out of date refuses everybody.
renew_revocation_list() {
  openssl ca -gencrl -config "$(pki)/ca.cnf" -out "$(pki)/crl.new" >"$log/crl.log" 2>&1 ||
    fail "the revocation list could not be made; $log/crl.log says:" "$(tail -n 3 "$log/crl.log")"
  mv -f "$(pki)/crl.new" "$(pki)/crl.pem"
}

make_pki() {
  [ -e "$(pki)/.made" ] && return
  step "making a certificate authority, a server and an administrator's certificate in $(pki)"
  rm -rf "$(pki)"
  mkdir -p "$(pki)/issued"
  : >"$(pki)/index.txt"
  echo 01 >"$(pki)/serial"
  echo 01 >"$(pki)/crlnumber"
  write_ca_configuration
  # In a shell of its own: `set -e` does not reach into a function whose result is tested.
  (set -e; make_certificates) >"$log/pki.log" 2>&1 &
  wait $! || fail "the certificates could not be made; $log/pki.log says:" "$(tail -n 3 "$log/pki.log")"
  touch "$(pki)/.made"
}
