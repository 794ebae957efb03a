//! Has the linker put our handling of named leaders in the place of librdkafka's: see `src/ffi/metadata.rs`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Other systems' linkers have no such argument; there librdkafka goes its own way.
    if std::env::var_os("CARGO_CFG_TARGET_OS").is_some_and(|system| system == "linux") {
        println!("cargo::rustc-link-arg=-Wl,--wrap=rd_kafka_metadata_update_op");
    }
}
