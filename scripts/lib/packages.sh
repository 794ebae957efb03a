# shellcheck shell=bash
# What the project needs from the operating system. Installs what is missing and says what; with nothing missing it neither asks nor changes anything.

# Commands that must be there, each with the Debian package that holds it. To build, librdkafka is built from source by its crate.
BUILD_COMMANDS=(g++:g++ make:make cmake:cmake pkg-config:pkg-config)
# Kafka and RocksDB come from Maven; with nothing left to fetch nobody needs these.
FETCH_COMMANDS=(mvn:maven unzip:unzip patchelf:patchelf)
# To see that a broker of one's own answers.
BROKER_COMMANDS=(kcat:kcat)
# A Kafka client that is not ours checks what comes out, and the alerts and the dashboard are asked of a real Prometheus.
TEST_COMMANDS=(kcat:kcat prometheus:prometheus shellcheck:shellcheck)
# Libraries and headers to build with, by package.
NEEDED_PACKAGES=(libclang-dev zlib1g-dev libssl-dev libcurl4-openssl-dev libzstd-dev liblz4-dev libsasl2-dev)

# missing_packages PURPOSE: prints the Debian packages that are missing, one a line.
missing_packages() {
  local pair package commands=("${BUILD_COMMANDS[@]}")
  if [ "$1" != build ]; then
    java_command >/dev/null || echo default-jre-headless
    commands+=("${BROKER_COMMANDS[@]}")
  fi
  if [ "$1" = test ]; then commands+=("${TEST_COMMANDS[@]}"); fi
  if ! is_fetched "$1"; then commands+=("${FETCH_COMMANDS[@]}"); fi
  for pair in "${commands[@]}"; do
    command -v "${pair%%:*}" >/dev/null || echo "${pair##*:}"
  done | sort -u
  if command -v dpkg-query >/dev/null; then
    for package in "${NEEDED_PACKAGES[@]}"; do
      case $(dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null) in
        *installed*) ;;
        *) echo "$package" ;;
      esac
    done
  fi
}

# Debian starts a service that it installs, and again with each boot. The tests want the program alone, on ports of their own.
without_services() {
  local action
  [[ " ${missing[*]} " == *" prometheus "* ]] || return 0
  for action; do
    # What cannot be masked here, as in a container, is not started either; but a systemd that comes later would find it enabled.
    if command -v systemctl >/dev/null; then
      "${as_root[@]}" systemctl "$action" prometheus.service || true
    elif [ "$action" = disable ] && command -v deb-systemd-helper >/dev/null; then
      "${as_root[@]}" env DPKG_MAINTSCRIPT_PACKAGE=prometheus deb-systemd-helper disable prometheus.service || true
    fi >>"$LEADSTREAM_CACHE/apt.log" 2>&1
  done
}

# install_missing_packages PURPOSE: installs the missing packages with apt-get, as root or through sudo.
install_missing_packages() {
  local missing as_root=()
  mapfile -t missing < <(missing_packages "$1")
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null \
    || die "these are missing, and there is no apt-get to install them with: ${missing[*]} (names as in Debian); install them and try again"
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null \
      || die "these Debian packages are missing, and this is neither root nor a user with sudo: ${missing[*]}
    ask an administrator for: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing Debian packages: ${missing[*]}"
  local log=$LEADSTREAM_CACHE/apt.log
  mkdir -p "$LEADSTREAM_CACHE"
  : >"$log"
  without_services mask
  { "${as_root[@]}" apt-get update -qq \
    && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >>"$log" 2>&1 </dev/null \
    || { tail -n 5 "$log" >&2; die "the packages could not be installed (network? the whole output is in $log)"; }
  without_services unmask disable
  hash -r
  mapfile -t missing < <(missing_packages "$1")
  [ ${#missing[@]} -eq 0 ] || die "still missing after installing: ${missing[*]}; Apache Kafka needs Java $JAVA_VERSION_MIN or later"
}
