#!/usr/bin/env bash
# Installs the Debian 12 packages that Coffer is built and run with. Safe to run again; asks for nothing
# when everything is there already. Uses sudo when not root.
#
#   deploy/install-packages.sh            what the appliance needs
#   deploy/install-packages.sh --tests    also what the test suite, the fuzzers and the clients need
set -euo pipefail

packages=(
  g++ cmake ninja-build pkg-config
  libssl-dev libp11-dev libp11-kit-dev libpqxx-dev libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev
  libprotobuf-dev protobuf-compiler libspdlog-dev libfmt-dev libcli11-dev libtomlplusplus-dev
  prometheus-cpp-dev libseccomp-dev libsystemd-dev
  postgresql postgresql-client openssl softhsm2 opensc libnss3 libnss3-tools ca-certificates
  libbenchmark-dev
)
test_packages=(
  libgtest-dev libgmock-dev clang libclang-rt-14-dev gdb curl python3 pgbouncer
)

usage() { sed -n '2,7s/^# \{0,1\}//p' "$0"; }
case "${1:-}" in
  "") ;;
  --tests) packages+=("${test_packages[@]}") ;;
  -h|--help) usage; exit 0 ;;
  *) echo "install-packages.sh: unknown option '$1' (try --help)" >&2; exit 2 ;;
esac

. /etc/os-release
if [ "${ID:-}" != debian ] || [ "${VERSION_ID:-}" != 12 ]; then
  echo "install-packages.sh: this is ${PRETTY_NAME:-an unknown system}; Coffer is built on Debian 12. Going on with apt-get as it is." >&2
fi

missing=()
for p in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$p")
done
[ ${#missing[@]} -eq 0 ] && { echo "All ${#packages[@]} packages are installed."; exit 0; }

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "install-packages.sh: needs root or sudo to install: ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "Installing ${#missing[@]} packages: ${missing[*]}"
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
# No cluster of the system's own: the appliance brings up a private one.
[ -d /etc/postgresql-common ] || "${as_root[@]}" mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] ||
  echo 'create_main_cluster = false' | "${as_root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
# Tests start a pgbouncer of their own; the system's is not to run: what "systemctl mask" does, also where systemd does
# not run.
case " ${missing[*]} " in *" pgbouncer "*)
  [ -e /etc/systemd/system/pgbouncer.service ] || { "${as_root[@]}" mkdir -p /etc/systemd/system &&
    "${as_root[@]}" ln -s /dev/null /etc/systemd/system/pgbouncer.service; } ;;
esac
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
