//! A look at the topics of state, every minute: whether they are still those that the workers began with.
//!
//! A worker sees by itself when a record of its comes to lie where another one lay before, which it does at its next commit. This finds what shows
//! in no commit: a topic that was made anew where little had been written, and one that is gone while nothing happens. It asks on a
//! thread of its own, since a cluster that is away lets a question wait. A cluster that does not answer says nothing about its topics.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use leadstream_runtime::LostTopic;
use leadstream_runtime::log::{Log, LogError};

use crate::failure::Failure;

/// Between two looks.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Between two looks while a topic is missed, as part of the time between two others.
const MISSED_PARTS: u32 = 12;
/// A topic is missing when it was missed so often in a row: a broker that has just started may not have heard of every topic yet.
const MISSED_MAX: u32 = 3;

/// The thread that looks; it ends when this is dropped.
pub(super) struct TopicWatch {
    /// Nothing is sent: its end is the message.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TopicWatch {
    /// Looks after topics, whose ids are known or are those of the first look, and tells of the first one that is lost.
    ///
    /// # Errors
    /// Where there is no thread to be had.
    pub(super) fn begin<L: Log>(
        log: Arc<L>,
        topics: Vec<(String, Option<u128>)>,
        every: Duration,
        tell: impl FnOnce(LostTopic) + Send + 'static,
    ) -> Result<TopicWatch, Failure> {
        let (stop, stopped) = channel::<()>();
        let (mut known, mut missed) = (Known::new(topics), 0);
        let thread = std::thread::Builder::new().name("topics".to_owned()).spawn(move || {
            loop {
                match known.look(log.as_ref()) {
                    Ok(None) => missed = 0,
                    Ok(Some(LostTopic::Missing(_))) if missed + 1 < MISSED_MAX => missed += 1,
                    Ok(Some(lost)) => return tell(lost),
                    Err(error) => tracing::debug!(%error, "the topics cannot be looked at"),
                }
                let pause = if missed == 0 { every } else { every / MISSED_PARTS };
                if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        });
        let thread = thread.map_err(|error| Failure::of("cannot start a thread", error))?;
        Ok(TopicWatch { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for TopicWatch {
    fn drop(&mut self) {
        drop(self.stop.take());
        // A question that is on its way to a cluster that is away is not waited for.
        drop(self.thread.take());
    }
}

/// The topics with their ids, as far as they have been seen.
struct Known(BTreeMap<String, Option<u128>>);

impl Known {
    fn new(topics: Vec<(String, Option<u128>)>) -> Known {
        Known(topics.into_iter().collect())
    }

    /// Looks once, and gives the first topic that is missing or another one.
    fn look<L: Log>(&mut self, log: &L) -> Result<Option<LostTopic>, LogError> {
        let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
        let found = log.describe(&names)?;
        for ((name, known), found) in self.0.iter_mut().zip(found) {
            let Some(found) = found else { return Ok(Some(LostTopic::Missing(name.clone()))) };
            match (*known, found.id) {
                (Some(before), Some(now)) if before != now => return Ok(Some(LostTopic::Replaced(name.clone()))),
                (None, now) => *known = now,
                _ => {}
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leadstream_runtime::log::model::ModelLog;
    use leadstream_runtime::log::{CleanupPolicy, TopicSpec};

    fn log() -> ModelLog {
        let log = ModelLog::default();
        let spec = |name: &str| TopicSpec {
            name: name.to_owned(),
            partitions: 1,
            replication: None,
            cleanup_policy: CleanupPolicy::Compact,
            retention_ms: None,
            max_message_bytes: None,
            settings: BTreeMap::new(),
        };
        log.create(&[spec("changelog"), spec("redo")]).unwrap();
        log
    }

    fn known(log: &ModelLog) -> Known {
        Known::new(vec![("changelog".to_owned(), log.topic_id("changelog")), ("redo".to_owned(), None)])
    }

    #[test]
    fn a_topic_is_lost_when_it_has_another_id_or_is_not_there() {
        let log = log();
        let mut topics = known(&log);
        assert_eq!(topics.look(&log), Ok(None));
        assert_eq!(topics.look(&log), Ok(None));
        // Its id was learned in the first look.
        assert!(log.recreate_topic("redo"));
        assert_eq!(topics.look(&log), Ok(Some(LostTopic::Replaced("redo".to_owned()))));

        let mut topics = known(&log);
        assert!(log.recreate_topic("changelog"));
        assert_eq!(topics.look(&log), Ok(Some(LostTopic::Replaced("changelog".to_owned()))));
        assert!(log.delete_topic("changelog"));
        assert_eq!(topics.look(&log), Ok(Some(LostTopic::Missing("changelog".to_owned()))));
    }

    #[test]
    fn whoever_watches_tells_once_and_ends() {
        let log = log();
        is_told(&log, |log| log.recreate_topic("changelog"), LostTopic::Replaced("changelog".to_owned()));
        is_told(&log, |log| log.delete_topic("changelog"), LostTopic::Missing("changelog".to_owned()));
    }

    fn is_told(log: &ModelLog, lose: fn(&ModelLog) -> bool, lost: LostTopic) {
        let topics = vec![("changelog".to_owned(), log.topic_id("changelog"))];
        let (sender, told) = channel();
        let shared = Arc::new(log.clone());
        let watch = TopicWatch::begin(shared, topics, Duration::from_millis(1), move |lost| sender.send(lost).unwrap());
        assert_eq!(told.recv_timeout(Duration::from_millis(50)), Err(RecvTimeoutError::Timeout));
        assert!(lose(log));
        let limit = Duration::from_secs(30);
        assert_eq!(told.recv_timeout(limit), Ok(lost));
        assert_eq!(told.recv_timeout(limit), Err(RecvTimeoutError::Disconnected));
        drop(watch);
    }
}
