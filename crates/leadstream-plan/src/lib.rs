//! Scoring plans: YAML to a compiled plan or to all of its diagnostics
