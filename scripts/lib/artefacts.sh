# shellcheck shell=bash
# Fetches Apache Kafka and the prebuilt RocksDB from Maven into the cache, once. Each is made complete under another name
# and then renamed, so a folder that exists is whole, and a run that was cut short is repaired by the next.

MAVEN_DEPENDENCY_PLUGIN=org.apache.maven.plugins:maven-dependency-plugin:3.8.1

# A person has named a RocksDB to build with.
has_own_rocksdb() { [ "${ROCKSDB_LIB_DIR:-$ROCKSDB_DIR}" != "$ROCKSDB_DIR" ]; }

# is_fetched PURPOSE: whether everything that the purpose needs of Maven lies in the cache.
is_fetched() {
  has_own_rocksdb || [ -e "$ROCKSDB_DIR/librocksdb.so" ] || return 1
  [ "$1" = build ] || [ -d "$KAFKA_JARS" ]
}

# Runs Maven quietly; shows what it said only where it failed. Arguments: what is being fetched, then Maven's own.
run_maven() {
  local what=$1 log=$LEADSTREAM_CACHE/maven.log
  shift
  mvn --quiet --batch-mode --strict-checksums "$@" >"$log" 2>&1 \
    || { tail -n 5 "$log" >&2; die "$what could not be fetched from Maven (network? a mirror goes into ~/.m2/settings.xml; the whole output is in $log)"; }
}

fetch_kafka() {
  [ -d "$KAFKA_JARS" ] && return 0
  local unfinished=$KAFKA_JARS.unfinished
  say "fetching Apache Kafka $KAFKA_VERSION"
  rm -rf "$unfinished"
  mkdir -p "$unfinished"
  run_maven "Apache Kafka" "$MAVEN_DEPENDENCY_PLUGIN:copy-dependencies" \
    -f "$LEADSTREAM_ROOT/scripts/lib/kafka-pom.xml" -Dkafka.version="$KAFKA_VERSION" -DoutputDirectory="$unfinished"
  [ -e "$unfinished/kafka_2.13-$KAFKA_VERSION.jar" ] || die "Maven did not bring kafka_2.13-$KAFKA_VERSION.jar"
  mv -T "$unfinished" "$KAFKA_JARS"
}

# The library inside RocksDB's own Java release exports the whole C interface, so the `rocksdb` crate links against it and
# half an hour of compiling is saved. Its soname is set to the absolute path where it lies: programs linked against it find it
# without LD_LIBRARY_PATH and without a flag to the compiler, which would not reach a plain `cargo test`.
fetch_rocksdb() {
  local library=$ROCKSDB_DIR/librocksdb.so member expected
  if has_own_rocksdb || [ -e "$library" ]; then return 0; fi
  case $(uname -m) in
    x86_64) member=librocksdbjni-linux64.so expected=265c656af5c6502cb8d71db1a74858509f706cc47f1a5b6f603c736d11ce677d ;;
    aarch64) member=librocksdbjni-linux-aarch64.so expected=7b2d0808c6afae32db39f11cb61cbefffcf460895b1c64ee6193ba02d6bdd23a ;;
    *) die "no prebuilt RocksDB for $(uname -m): build with ROCKSDB_LIB_DIR unset, which compiles RocksDB from source" ;;
  esac
  local unfinished=$ROCKSDB_DIR.unfinished jar=rocksdbjni-$ROCKSDB_VERSION.jar
  say "fetching RocksDB $ROCKSDB_VERSION (prebuilt)"
  rm -rf "$unfinished"
  mkdir -p "$unfinished" "$ROCKSDB_DIR"
  run_maven RocksDB "$MAVEN_DEPENDENCY_PLUGIN:copy" -Dartifact="org.rocksdb:rocksdbjni:$ROCKSDB_VERSION:jar" -DoutputDirectory="$unfinished"
  unzip -p "$unfinished/$jar" "$member" >"$unfinished/librocksdb.so" || die "$member could not be unpacked from $jar"
  echo "$expected  $unfinished/librocksdb.so" | sha256sum --check --quiet >&2 || die "$member is not the file that was expected; nothing was kept"
  patchelf --set-soname "$library" "$unfinished/librocksdb.so" || die "the name of librocksdb.so could not be set"
  mv "$unfinished/librocksdb.so" "$library"
  rm -rf "$unfinished"
}
