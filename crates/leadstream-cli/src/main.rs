//! The `leadstream` binary.

fn main() {}
