# shellcheck shell=bash
# Paths, versions and messages that every script shares. Sourced, never run: it sets variables and functions and does nothing else.

# shellcheck disable=SC2034  # used by the scripts that source this file
# The versions fetched from Maven. RocksDB's must be the version that the `rocksdb` crate binds.
KAFKA_VERSION=4.3.0
ROCKSDB_VERSION=11.8.1

LEADSTREAM_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LEADSTREAM_CACHE=${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/leadstream
KAFKA_JARS=$LEADSTREAM_CACHE/kafka/$KAFKA_VERSION
ROCKSDB_DIR=$LEADSTREAM_CACHE/rocksdb/$ROCKSDB_VERSION

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
die() { say "error: $*"; exit 1; }

# The oldest Java that Apache Kafka 4 runs on.
JAVA_VERSION_MIN=17

# The version of a java command, as 17; 8 for what calls itself 1.8.
java_version() { "$1" -version 2>&1 | sed -n 's/.* version "\(1[.]\)\{0,1\}\([0-9]*\).*/\2/p' | head -n 1; }

# Prints the java command to use, and succeeds only where there is one that Apache Kafka runs on: JAVA_HOME's, or where that is too old the path's.
java_command() {
  local java version
  for java in "${JAVA_HOME:+$JAVA_HOME/bin/java}" "$(command -v java)"; do
    [ -x "$java" ] || continue
    version=$(java_version "$java")
    if [ -n "$version" ] && [ "$version" -ge "$JAVA_VERSION_MIN" ]; then
      printf '%s\n' "$java"
      return 0
    fi
  done
  return 1
}

# Says why JAVA_HOME is not used, where one is set that cannot be; otherwise nothing.
java_home_refused() {
  local java=${JAVA_HOME:-}/bin/java version
  [ -n "${JAVA_HOME:-}" ] || return 0
  [ -x "$java" ] || { printf 'JAVA_HOME (%s) holds no bin/java' "$JAVA_HOME"; return 0; }
  version=$(java_version "$java")
  [ -n "$version" ] && [ "$version" -ge "$JAVA_VERSION_MIN" ] && return 0
  printf 'JAVA_HOME (%s) is Java %s, and Apache Kafka needs %s or later' "$JAVA_HOME" "${version:-of no version}" "$JAVA_VERSION_MIN"
}

# Something listens on this port of 127.0.0.1. A connection is tried, so that no tool has to be installed for the question.
port_in_use() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# require_disk MEBIBYTES PURPOSE [FOLDER ADVICE]: stops with a clear message where the file system of the folder, by default the cache, has less room.
require_disk() {
  local free folder=${3:-$LEADSTREAM_CACHE} advice=${4:-set XDG_CACHE_HOME to a folder on another disk}
  mkdir -p "$folder" || die "cannot create $folder; ${4:-set XDG_CACHE_HOME to a folder that can be written}"
  free=$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$1" ] || die "no disk space: $2 needs $1 MiB below $folder and $free MiB are free; free some, or $advice"
}

# Variables under which cargo builds with the prebuilt RocksDB, and outside the work tree. What a person has set is kept.
export_build_environment() {
  export ROCKSDB_LIB_DIR=${ROCKSDB_LIB_DIR:-$ROCKSDB_DIR}
  export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$LEADSTREAM_CACHE/target}
}

# Clones share what they build. Cargo tells by its time whether a file has changed, so it would take what another clone has built for this one's.
own_build_products() {
  local owner=$CARGO_TARGET_DIR/clone
  mkdir -p "$CARGO_TARGET_DIR"
  if [ -e "$owner" ] && [ "$(<"$owner")" != "$LEADSTREAM_ROOT" ]; then
    find "$LEADSTREAM_ROOT"/{crates,tests,benches} -name '*.rs' -exec touch {} +
  fi
  printf '%s' "$LEADSTREAM_ROOT" >"$owner"
}
