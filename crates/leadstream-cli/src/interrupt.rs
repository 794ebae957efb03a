//! Ctrl-C and SIGTERM as a flag that work looks at between two steps.
//!
//! The first signal asks for an orderly end; the second ends the process at once, for a person who has waited long enough.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::TERM_SIGNALS;

use crate::failure::Failure;

/// Whether the process was asked to stop. Clones look at the same flag.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Begins to listen.
    pub(crate) fn listen() -> Result<Interrupt, Failure> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in TERM_SIGNALS {
            // The order matters: the first signal finds the flag down and raises it, the second finds it raised and ends the process.
            signal_hook::flag::register_conditional_shutdown(*signal, 130, Arc::clone(&flag))
                .and_then(|_| signal_hook::flag::register(*signal, Arc::clone(&flag)))
                .map_err(|error| Failure::of("cannot listen for signals", error))?;
        }
        Ok(Interrupt(flag))
    }

    /// Asks for the end from inside.
    pub(crate) fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked to stop.
    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
