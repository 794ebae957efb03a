# shellcheck shell=bash
# What the project needs from the operating system. Installs what is missing and says what; with nothing missing it neither asks nor changes anything.

# Commands that must be there, each with the Debian package that holds it.
NEEDED_COMMANDS=(
  g++:g++ make:make cmake:cmake pkg-config:pkg-config      # librdkafka is built from source by its crate
  mvn:maven unzip:unzip patchelf:patchelf                   # Kafka and RocksDB come from Maven
  kcat:kcat                                                 # a Kafka client that is not ours, to check with
  prometheus:prometheus                                     # the alerts and the dashboard are asked of a real one
  shellcheck:shellcheck
)
# Libraries and headers, by package.
NEEDED_PACKAGES=(libclang-dev zlib1g-dev libssl-dev libcurl4-openssl-dev libzstd-dev liblz4-dev libsasl2-dev)

# Prints the Debian packages that are missing, one a line.
missing_packages() {
  local pair package
  java_is_usable || echo default-jre-headless
  for pair in "${NEEDED_COMMANDS[@]}"; do
    command -v "${pair%%:*}" >/dev/null || echo "${pair##*:}"
  done
  if command -v dpkg-query >/dev/null; then
    for package in "${NEEDED_PACKAGES[@]}"; do
      case $(dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null) in
        *installed*) ;;
        *) echo "$package" ;;
      esac
    done
  fi
}

# Installs the missing packages with apt-get, as root or through sudo.
install_missing_packages() {
  local missing as_root=()
  mapfile -t missing < <(missing_packages)
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
  { "${as_root[@]}" apt-get update -qq \
    && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null \
    || { tail -n 5 "$log" >&2; die "the packages could not be installed (network? the whole output is in $log)"; }
  hash -r
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} -eq 0 ] || die "still missing after installing: ${missing[*]}; Apache Kafka needs Java 17 or later"
}
