//! Health, metrics and queries over HTTP
