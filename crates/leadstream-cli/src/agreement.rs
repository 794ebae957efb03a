//! The plans in force: what the files of this instance say, what the topic of plans says, and which of the two gives way.
//!
//! At a start the configured files become the next plan set where nobody else is at work, and must be the plans in force where somebody is. From
//! then on the topic alone decides: what it puts in force is followed. Never in force: what this program cannot compile.

mod start;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use leadstream_config::Config;
use leadstream_core::plan::PlanSet;
use leadstream_kafka::KafkaLog;
use leadstream_plan::{Options, Report, Source, Style};
use leadstream_runtime::log::LogError;
use leadstream_runtime::{
    NumberedPlans, PlanBook, PlanCompiler, PlansError, PlansInForce, PlansTopic, SystemClock, UnreadablePlans,
};
use leadstream_wire::stored::plans::{PlanFile, PlanSetRecord};
use prometheus::IntGauge;

use self::start::{Look, Mine, Start};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::plans;

/// Between two looks at what may change by itself.
const PAUSE: Duration = Duration::from_millis(200);
/// How long the group's coordinator may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one look for a newer set waits.
const LOOK: Duration = Duration::from_millis(250);

/// Compiles texts of the topic as they were compiled when they came into force.
struct Compiler;

impl PlanCompiler for Compiler {
    fn compile(&self, set: &PlanSetRecord, files: &[&PlanFile]) -> Result<PlanSet, String> {
        let sources = files.iter().map(|file| Source { name: file.file.clone(), text: file.text.clone() });
        let options = Options { horizon: set.horizon, event_types: set.event_types.clone(), seen_event_types: None };
        let report = leadstream_plan::check(sources.collect(), &options);
        if report.has_errors() { Err(report.render(Style::Plain)) } else { Ok(PlanSet::new(report.plans)) }
    }
}

/// The plans in force, and the topic to follow.
pub(crate) struct Agreed {
    /// What the workers go by.
    pub(crate) plans: PlansInForce,
    topic: PlansTopic<KafkaLog>,
    /// How many sets cannot be compiled any more.
    unreadable: usize,
}

/// Agrees with the topic of plans. `None` where it was interrupted.
///
/// # Errors
/// Plans that differ from those of instances that are at work, and a topic that cannot be used.
pub(crate) fn agree(
    log: &Arc<KafkaLog>,
    config: &Config,
    report: &Report,
    interrupt: &Interrupt,
) -> Result<Option<Agreed>, Failure> {
    let (sender, answer) = channel();
    let (log, mine, config, stopped) =
        (Arc::clone(log), Mine::of(config, report), config.clone(), Arc::new(AtomicBool::new(false)));
    let given_up = Arc::clone(&stopped);
    // On another thread: a question to a cluster that is away takes longer than a stop may.
    std::thread::spawn(move || {
        // Who asked may have been told to stop.
        let _ = sender.send(settle(&log, &config, &mine, &given_up));
    });
    loop {
        if interrupt.is_raised() {
            stopped.store(true, Ordering::Relaxed);
            return Ok(None);
        }
        match answer.recv_timeout(PAUSE) {
            Ok(agreed) => return agreed,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Failure::NotDone("the plans in force could not be found out".to_owned()));
            }
        }
    }
}

/// Looks until there is agreement, or none can come.
fn settle(log: &Arc<KafkaLog>, config: &Config, mine: &Mine, given_up: &AtomicBool) -> Result<Option<Agreed>, Failure> {
    let clock = SystemClock::new();
    let (mut topic, mut start) = (None, Start::default());
    while !given_up.load(Ordering::Relaxed) {
        match look_into(log, config, mine, &mut topic, &mut start, &clock) {
            Ok(Look::Agreed) => {
                let Some(topic) = topic else { continue };
                return agreed(config, topic).map(Some);
            }
            Ok(Look::Again) => continue,
            Ok(Look::Wait) => {}
            Ok(Look::Refused(refusal)) => return Err(Failure::NotDone(refusal)),
            Err(PlansError::Log(LogError::Retry(failure))) => {
                tracing::debug!(reason = %failure, "the plans in force cannot be looked at yet");
            }
            Err(error) => return Err(Failure::NotDone(error.to_string())),
        }
        std::thread::sleep(PAUSE);
    }
    Ok(None)
}

fn look_into(
    log: &Arc<KafkaLog>,
    config: &Config,
    mine: &Mine,
    topic: &mut Option<PlansTopic<KafkaLog>>,
    start: &mut Start,
    clock: &SystemClock,
) -> Result<Look, PlansError> {
    let group = config.application.id.to_string();
    let topic = match topic {
        Some(topic) => topic,
        None => {
            let name = config.topic_names().plans.to_string();
            topic.insert(PlansTopic::open(Arc::clone(log), &name, &format!("{group}-plans"))?)
        }
    };
    start.look(topic, mine, clock, || {
        let members = log.members(&group, ANSWER_TIMEOUT)?;
        Ok(members.into_iter().map(|member| member.instance_id).collect())
    })
}

fn agreed(config: &Config, topic: PlansTopic<KafkaLog>) -> Result<Agreed, Failure> {
    let book = PlanBook::default();
    let unreadable = topic.fill(&book, &Compiler).map_err(|error| Failure::NotDone(error.to_string()))?;
    if let Some(reason) = tell(&unreadable) {
        return Err(Failure::NotDone(reason));
    }
    if let Some(newest) = book.newest() {
        tell_in_force(&newest, topic.registration().instance.as_deref());
    }
    let unreadable = unreadable.len();
    Ok(Agreed { plans: PlansInForce { book, history: plans::history(config) }, topic, unreadable })
}

/// Says which plans are in force, and who put them there.
fn tell_in_force(set: &NumberedPlans, by: Option<&str>) {
    let plans: Vec<String> =
        set.versions().iter().map(|plan| format!("{}@{}", plan.id, &plan.version.to_string()[..12])).collect();
    tracing::info!(set = set.ordinal(), plans = plans.join(", "), by = by.unwrap_or_default(), "plans in force");
}

/// Tells of sets that cannot be compiled any more. Gives the reason where it is the newest one, which nothing can stand for.
fn tell(unreadable: &[UnreadablePlans]) -> Option<String> {
    for plans in unreadable {
        let set = plans.ordinal;
        let Some(stands) = plans.stands else {
            return Some(format!(
                "this version of leadstream cannot read the plans in force (plan set {set}): run the version that put them in force, or a newer one\n{}",
                plans.reason
            ));
        };
        tracing::error!(
            "this version of leadstream cannot read plan set {set}, which was in force once: late events and questions about its time are answered \
             by plan set {stands}; to have them by the old plans run the version that could read them\n{}",
            plans.reason
        );
    }
    None
}

/// Follows the topic of plans on a thread of its own.
pub(crate) struct Follower {
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Agreed {
    /// Goes on looking for newer sets, until the follower is dropped. The gauge says how many cannot be compiled.
    ///
    /// # Errors
    /// Where there is no thread to be had.
    pub(crate) fn follow(self, unreadable: IntGauge) -> Result<Follower, Failure> {
        unreadable.set(i64::try_from(self.unreadable).unwrap_or(i64::MAX));
        let stopped = Arc::new(AtomicBool::new(false));
        let (book, mut topic, stop) = (self.plans.book, self.topic, Arc::clone(&stopped));
        let thread = std::thread::Builder::new().name("plans".to_owned()).spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                if let Err(reason) = follow(&mut topic, &book, &unreadable) {
                    return book.fail(reason);
                }
            }
        });
        let thread = thread.map_err(|error| Failure::of("cannot start a thread", error))?;
        Ok(Follower { stopped, thread: Some(thread) })
    }
}

/// Looks once. The error is why nobody can go on.
fn follow(topic: &mut PlansTopic<KafkaLog>, book: &PlanBook, gauge: &IntGauge) -> Result<(), String> {
    match topic.read(LOOK) {
        Ok(0) => Ok(()),
        Ok(_) => {
            let before = book.newest().map(|set| set.ordinal());
            let unreadable = topic.fill(book, &Compiler).map_err(|error| error.to_string())?;
            if let Some(newest) = book.newest().filter(|newest| Some(newest.ordinal()) != before) {
                tell_in_force(&newest, topic.registration().instance.as_deref());
            }
            gauge.add(i64::try_from(unreadable.len()).unwrap_or(i64::MAX));
            tell(&unreadable).map_or(Ok(()), Err)
        }
        Err(PlansError::Log(LogError::Retry(_))) => {
            std::thread::sleep(PAUSE);
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to say.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leadstream_core::{PlanVersion, Span};
    use leadstream_wire::stored::plans::{Coming, PlanRef};

    #[test]
    fn a_set_is_compiled_under_what_it_was_registered_with() {
        let text = "plan: cars\nrules:\n  - { id: often, on: page_viewed, when: 'count(\"page_viewed\", \"30d\") > 3', points: 5 }\n";
        let files = [&PlanFile { id: "cars".to_owned(), file: "plans/cars.yaml".to_owned(), text: text.to_owned() }];
        let plans = vec![PlanRef { id: "cars".to_owned(), version: PlanVersion::of(text) }];
        let long = PlanSetRecord {
            ordinal: 3,
            horizon: Span::days(400),
            event_types: Vec::new(),
            plans,
            coming: Coming::Forward,
        };
        assert_eq!(Compiler.compile(&long, &files).unwrap().plans().len(), 1);
        let short = PlanSetRecord { horizon: Span::days(7), ..long };
        assert!(Compiler.compile(&short, &files).unwrap_err().contains("plans/cars.yaml"));
    }
}
