//! Has the linker put functions of ours in the places of some of librdkafka's: see `crates/leadstream-kafka/src/ffi/metadata.rs`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for function in ["rd_kafka_metadata_update_op", "rd_kafka_broker_any_usable"] {
        println!("cargo::rustc-link-arg=-Wl,--wrap={function}");
    }
}
