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

# The java command to use: JAVA_HOME's where it is set and holds one, else the one on the path.
java_command() {
  if [ -n "${JAVA_HOME:-}" ] && [ -x "$JAVA_HOME/bin/java" ]; then
    printf '%s\n' "$JAVA_HOME/bin/java"
  else
    command -v java
  fi
}

# Succeeds where a Java that Apache Kafka 4 can run on (17 or later) is installed.
java_is_usable() {
  local java version
  java=$(java_command) || return 1
  version=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
  [ -n "$version" ] && [ "$version" -ge 17 ]
}

# Something listens on this port of 127.0.0.1. A connection is tried, so that no tool has to be installed for the question.
port_in_use() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# require_disk MEBIBYTES PURPOSE: stops with a clear message where the cache's file system has less room than that.
require_disk() {
  local free
  mkdir -p "$LEADSTREAM_CACHE" || die "cannot create $LEADSTREAM_CACHE; set XDG_CACHE_HOME to a folder that can be written"
  free=$(df -Pm "$LEADSTREAM_CACHE" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$1" ] || die "no disk space: $2 needs $1 MiB below $LEADSTREAM_CACHE and $free MiB are free; \
free some, or set XDG_CACHE_HOME to a folder on another disk"
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
