//! The pure heart of Leadstream: events, contact state, the fold, the ledger, timers and derived events
