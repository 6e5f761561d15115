#!/usr/bin/env bash
# Installs the Debian 12 packages that Coffer is built and run with. Safe to run again; asks for nothing
# when everything is there already. Uses sudo when not root. What apt-get says is shown when it fails.
#
#   deploy/install-packages.sh            what the appliance needs
#   deploy/install-packages.sh --tests    also what the test suite, the benchmarks and the fuzzers need
set -euo pipefail

packages=(
  g++ cmake ninja-build pkg-config
  libssl-dev libp11-dev libp11-kit-dev libpqxx-dev libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev
  libprotobuf-dev protobuf-compiler libspdlog-dev libfmt-dev libcli11-dev libtomlplusplus-dev
  prometheus-cpp-dev libseccomp-dev libsystemd-dev libmariadb-dev libsodium-dev libssh-dev
  postgresql postgresql-client openssl softhsm2 opensc libnss3 libnss3-tools ca-certificates curl awscli
)
test_packages=(
  libgtest-dev libgmock-dev libbenchmark-dev clang libclang-rt-14-dev gdb python3 python3-boto3 python3-psycopg2 pgbouncer
  mariadb-server redis-server openssh-server
)

usage() { sed -n '2,/^set -euo/{/^set/d;s/^# \{0,1\}//p}' "$0"; }
case "${1:-}" in
  "") ;;
  --tests)
    packages+=("${test_packages[@]}")
    # Only where there is none: another Node.js than Debian's often brings an npm, and Debian's npm would put it out.
    command -v node >/dev/null || packages+=(nodejs)
    command -v npm >/dev/null || packages+=(npm) ;;
  -h|--help) usage; exit 0 ;;
  *) echo "install-packages.sh: unknown option '$1' (try --help)" >&2; exit 2 ;;
esac

installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null | sed -n 's/ installed$//p' || true)
missing=()
for p in "${packages[@]}"; do
  case $'\n'"$installed"$'\n' in *$'\n'"$p"$'\n'*) ;; *) missing+=("$p") ;; esac
done
[ ${#missing[@]} -eq 0 ] && { echo "All ${#packages[@]} packages are installed."; exit 0; }

. /etc/os-release
if [ "${ID:-}" != debian ] || [ "${VERSION_ID:-}" != 12 ]; then
  echo "install-packages.sh: this is ${PRETTY_NAME:-an unknown system}; Coffer is built on Debian 12. Going on with apt-get as it is." >&2
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "install-packages.sh: needs root or sudo to install: ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi

log=$(mktemp "${TMPDIR:-/tmp}/coffer-packages-XXXXXX.log")

# Reads what apt-get says: its progress ("dlstatus:N:PERCENT:TEXT", "pmstatus:PACKAGE:PERCENT:TEXT") becomes one line
# on a terminal, the rest goes to the log.
show_progress() {
  local line kind percent before=''
  while IFS= read -r line; do
    case $line in
      dlstatus:*) kind=downloading ;;
      pmstatus:*) kind=installing ;;
      *) printf '%s\n' "$line" >>"$log"; continue ;;
    esac
    percent=${line#*:*:}
    percent=${percent%%[.:]*}
    [ -t 1 ] && [ "$kind $percent" != "$before" ] && printf '\r\e[K  %s, %s %%' "$kind" "$percent"
    before="$kind $percent"
  done
  if [ -t 1 ]; then printf '\r\e[K'; fi
}

# The descriptor for the progress is made behind sudo, which closes all but the first three; it may not be one of
# those, since apt-get closes it for the packages' scripts.
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c 'exec apt-get -q -y -o APT::Status-Fd=3 "$@" 3>&1' sh "$@" \
    2>&1 </dev/null | show_progress ||
    { echo "install-packages.sh: apt-get $1 failed; the last lines of $log:" >&2; tail -n 20 "$log" >&2; exit 1; }
}

echo "Installing ${#missing[@]} packages and what they need: ${missing[*]}"
apt update
# No cluster of the system's own: the appliance brings up a private one.
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
  "${as_root[@]}" mkdir -p /etc/postgresql-common
  echo 'create_main_cluster = false' | "${as_root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
# Tests start servers of their own; the system's, where they come with these packages, are not to run: what "systemctl
# mask" does, also where systemd does not run.
mask() { # PACKAGE SERVICE
  case " ${missing[*]} " in *" $1 "*) ;; *) return 0 ;; esac
  [ -e "/etc/systemd/system/$2.service" ] && return 0
  "${as_root[@]}" mkdir -p /etc/systemd/system
  "${as_root[@]}" ln -s /dev/null "/etc/systemd/system/$2.service"
}
mask pgbouncer pgbouncer
mask mariadb-server mariadb
mask redis-server redis-server
mask openssh-server ssh
apt install --no-install-recommends "${missing[@]}"
rm -f "$log"
echo "Installed in $SECONDS s."
