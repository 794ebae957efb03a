//! Lists of contacts (S29): who fits a question, by a score, the greatest first.
//!
//! A list costs the scoring nothing but a look at the contacts that are not in a store yet: everything else is read from a view of the stores on the
//! thread of whoever asks. So there is no index to keep, every question can be asked, and an answer takes as long as it takes to read all contacts.

mod collector;
mod parameters;

use std::sync::{Arc, Mutex, PoisonError};

use leadstream_core::{Fold, HistoryLimits};
use leadstream_runtime::{AllAnswer, QueryRefusal};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub(crate) use self::collector::Collector;
pub(crate) use self::parameters::{Parameters, Question};

/// Contacts that are looked at before a store that closes may take its view back.
const STEP: usize = 128;

/// A page of a list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListView {
    /// How many contacts fit, on all pages.
    pub matched: u64,
    /// This page: scorecards as the topic of scores carries them.
    pub contacts: Vec<Box<RawValue>>,
    /// What to give as `after` for the next page; none where this is the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// What this is exact for: the tasks of this instance, each as of its last committed epoch.
    pub tasks: Vec<TaskView>,
    /// Tasks of which this instance knows nothing: others have them, or they are being restored.
    pub elsewhere: Vec<u32>,
}

/// A task of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskView {
    /// The task.
    pub task: u32,
    /// Its last committed epoch.
    pub epoch: u64,
    /// Its clock at that epoch: the instant that its scores hold for.
    pub at: String,
}

/// Looks at what the workers have left, and makes the page.
pub(crate) fn finish(
    collector: &Arc<Mutex<Collector>>,
    answer: AllAnswer,
    tasks: u32,
    history: HistoryLimits,
) -> Result<ListView, QueryRefusal> {
    let mut shown = Vec::new();
    for contacts in answer {
        let contacts = match contacts {
            Ok(contacts) => contacts,
            Err(QueryRefusal::Restoring { .. } | QueryRefusal::NotOwned { .. }) => continue,
            Err(refusal) => return Err(refusal),
        };
        // The task's own plans over time.
        let fold = Fold::new(contacts.timeline.clone(), history);
        let mut visitor = collector.lock().unwrap_or_else(PoisonError::into_inner);
        while !contacts.step(STEP, &fold, &mut *visitor)? {}
        shown.push(TaskView { task: contacts.task, epoch: contacts.epoch, at: contacts.clock.to_string() });
    }
    shown.sort_by_key(|task| task.task);
    let elsewhere = (0..tasks).filter(|task| shown.iter().all(|shown| shown.task != *task)).collect();
    let mut collector = collector.lock().unwrap_or_else(PoisonError::into_inner);
    let (contacts, next) = collector.take_page().map_err(|reason| QueryRefusal::Unavailable { reason })?;
    Ok(ListView { matched: collector.matched(), contacts, next, tasks: shown, elsewhere })
}
