//! The local state store of a task in RocksDB
