//! Bytes to core types and back: input formats, derived events, stored forms
