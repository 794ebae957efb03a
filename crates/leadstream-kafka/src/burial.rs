//! Dropping clients without being held up by them.
//!
//! A client that is dropped waits for its threads, for requests in flight and, as a member of a group, for the group: that a rebalance ends, for
//! instance. Nobody who drops one wants to wait for that, so a thread of its own does.

use std::ops::Deref;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tracing::debug;

/// Drops `what` on a thread of its own, and waits for that no longer than `patience`.
pub(crate) fn bury<T: Send + 'static>(what: T, patience: Duration) {
    let (done, waiting) = mpsc::channel();
    let grave = thread::Builder::new().name("kafka-burial".to_owned()).spawn(move || {
        drop(what);
        // Nobody may be waiting any more.
        let _ = done.send(());
    });
    match grave {
        Ok(_) if patience.is_zero() => {}
        Ok(_) => {
            if waiting.recv_timeout(patience).is_err() {
                debug!("a kafka client takes its time to close");
            }
        }
        Err(error) => debug!(%error, "no thread to close a kafka client, it was closed here"),
    }
}

/// Something that is buried when it is dropped.
pub(crate) struct Buried<T: Send + 'static> {
    living: Option<T>,
    patience: Duration,
}

impl<T: Send + 'static> Buried<T> {
    pub(crate) fn new(living: T, patience: Duration) -> Self {
        Self { living: Some(living), patience }
    }
}

impl<T: Send + 'static> Deref for Buried<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.living.as_ref().expect("only drop takes it")
    }
}

impl<T: Send + 'static> Drop for Buried<T> {
    fn drop(&mut self) {
        if let Some(living) = self.living.take() {
            bury(living, self.patience);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Slow(Duration, mpsc::Sender<()>);

    impl Drop for Slow {
        fn drop(&mut self) {
            thread::sleep(self.0);
            self.1.send(()).unwrap();
        }
    }

    #[test]
    fn a_quick_drop_has_happened_when_the_burial_returns() {
        let (sender, receiver) = mpsc::channel();
        drop(Buried::new(Slow(Duration::ZERO, sender), Duration::from_secs(10)));
        assert_eq!(receiver.try_recv(), Ok(()));
    }

    #[test]
    fn a_slow_drop_is_left_to_itself() {
        let (sender, receiver) = mpsc::channel();
        drop(Buried::new(Slow(Duration::from_millis(500), sender), Duration::from_millis(1)));
        assert!(receiver.try_recv().is_err(), "nobody waited for it");
        assert_eq!(receiver.recv(), Ok(()));
    }
}
