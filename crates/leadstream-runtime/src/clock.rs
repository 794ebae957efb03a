//! The time as a worker sees it. The only place of this crate that reads a clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use leadstream_core::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The wall clock; may jump in either direction.
    fn wall(&self) -> Timestamp;

    /// Milliseconds since some moment; never goes back.
    fn monotonic_ms(&self) -> i64;

    /// The same moment's distance as finely as the clock can tell, in seconds, for figures only: nothing is decided by it.
    fn monotonic_seconds(&self) -> f64;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    started: std::time::Instant,
}

impl SystemClock {
    /// The machine's clocks, the monotonic one counted from now.
    #[expect(clippy::disallowed_methods, reason = "this is the runtime's clock")]
    pub fn new() -> SystemClock {
        SystemClock { started: std::time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the runtime's clock")]
    fn wall(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic_ms(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    fn monotonic_seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
}

/// A clock that moves when it is told to. Clones share the hands.
#[derive(Clone, Debug)]
pub struct ManualClock {
    wall_ms: Arc<AtomicI64>,
    monotonic_ms: Arc<AtomicI64>,
}

impl ManualClock {
    /// A clock that stands at an instant.
    pub fn at(wall: Timestamp) -> ManualClock {
        ManualClock { wall_ms: Arc::new(AtomicI64::new(wall.millis())), monotonic_ms: Arc::default() }
    }

    /// Lets time pass.
    pub fn advance(&self, milliseconds: i64) {
        self.wall_ms.fetch_add(milliseconds, Ordering::Relaxed);
        self.monotonic_ms.fetch_add(milliseconds.max(0), Ordering::Relaxed);
    }

    /// Sets the wall clock alone, as an administrator or a time server does.
    pub fn jump(&self, wall: Timestamp) {
        self.wall_ms.store(wall.millis(), Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(self.wall_ms.load(Ordering::Relaxed))
    }

    fn monotonic_ms(&self) -> i64 {
        self.monotonic_ms.load(Ordering::Relaxed)
    }

    fn monotonic_seconds(&self) -> f64 {
        self.monotonic_ms() as f64 / 1_000.0
    }
}
