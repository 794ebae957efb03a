//! The plans in force: what the files of this instance say, what the topic of plans says, and which of the two gives way.
//!
//! At a start the configured files become the next plan set where nobody else is at work, and must be the plans in force where somebody is. From
//! then on the topic alone decides: what it puts in force is followed. Never in force: what this program cannot compile.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use leadstream_config::Config;
use leadstream_core::plan::PlanSet;
use leadstream_kafka::KafkaLog;
use leadstream_plan::{Options, Report, Source, Style};
use leadstream_runtime::log::LogError;
use leadstream_runtime::{PlanBook, PlanCompiler, PlansError, PlansInForce, PlansTopic, UnreadablePlans};
use leadstream_wire::stored::plans::{PlanFile, PlanRef, PlanSetRecord};
use prometheus::IntGauge;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::plans;

/// Between two looks at what may change by itself.
const PAUSE: Duration = Duration::from_millis(200);
/// How long members of the group may be such as have ended and whose session has not: the session timeout and some.
const SESSIONS_END: Duration = Duration::from_secs(15);
/// How long the group's coordinator may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one look for a newer set waits.
const LOOK: Duration = Duration::from_millis(250);

/// Compiles texts of the topic as they were compiled when they came into force.
struct Compiler;

impl PlanCompiler for Compiler {
    fn compile(&self, set: &PlanSetRecord, files: &[&PlanFile]) -> Result<PlanSet, String> {
        let sources = files.iter().map(|file| Source { name: file.file.clone(), text: file.text.clone() });
        let options = Options { horizon: set.horizon, event_types: set.event_types.clone() };
        let report = leadstream_plan::check(sources.collect(), &options);
        if report.has_errors() { Err(report.render(Style::Plain)) } else { Ok(PlanSet::new(report.plans)) }
    }
}

/// What this instance would have in force.
struct Mine {
    files: Vec<PlanFile>,
    options: Options,
    /// Its static ids in the group begin so; a number follows, and where it can be reached, hashed, if it can.
    members: String,
    group: String,
}

impl Mine {
    fn of(config: &Config, report: &Report) -> Mine {
        // Without an error every file is a plan.
        let files = report.plans.iter().zip(report.sources()).map(|(plan, source)| PlanFile {
            id: plan.id.to_string(),
            file: source.name.clone(),
            text: source.text.clone(),
        });
        let group = config.application.id.to_string();
        Mine {
            files: files.collect(),
            options: plans::options(config),
            members: format!("{group}-{}-", config.application.instance),
            group,
        }
    }

    fn is_own_member(&self, member: &str) -> bool {
        let Some(rest) = member.strip_prefix(&self.members) else { return false };
        let (number, address) = rest.split_once('-').map_or((rest, None), |(number, address)| (number, Some(address)));
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let is_hash = |text: &str| text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_number && address.is_none_or(is_hash)
    }

    /// How the files differ from a set, a line for each plan; none where they are the same, whatever the files are called.
    fn differences(&self, set: &PlanSetRecord) -> Vec<String> {
        let short = |plan: &PlanRef| plan.version.to_string()[..12].to_owned();
        let mut here: Vec<PlanRef> =
            self.files.iter().map(|file| PlanRef { id: file.id.clone(), version: file.version() }).collect();
        here.sort();
        let mut lines = Vec::new();
        for plan in &here {
            match set.plans.iter().find(|other| other.id == plan.id) {
                Some(other) if other.version == plan.version => {}
                Some(other) => {
                    lines.push(format!("plan {}: changed, {} in force, {} here", plan.id, short(other), short(plan)));
                }
                None => lines.push(format!("plan {}: added, not in force, {} here", plan.id, short(plan))),
            }
        }
        let gone = set.plans.iter().filter(|other| here.iter().all(|plan| plan.id != other.id));
        lines.extend(gone.map(|other| format!("plan {}: removed, {} in force, none here", other.id, short(other))));
        lines
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
#[expect(clippy::disallowed_methods, reason = "sessions end after a time")]
fn settle(log: &Arc<KafkaLog>, config: &Config, mine: &Mine, given_up: &AtomicBool) -> Result<Option<Agreed>, Failure> {
    let (mut topic, mut waiting_since) = (None, None);
    while !given_up.load(Ordering::Relaxed) {
        match look(log, config, mine, &mut topic) {
            Ok(Look::Agreed) => {
                let Some(topic) = topic else { continue };
                return agreed(config, topic).map(Some);
            }
            Ok(Look::Again) => continue,
            Ok(Look::Others(refusal)) => {
                let since = *waiting_since.get_or_insert_with(|| {
                    tracing::warn!("{refusal}; waiting for them to leave");
                    Instant::now()
                });
                if since.elapsed() > SESSIONS_END {
                    return Err(Failure::NotDone(refusal));
                }
            }
            Err(PlansError::Log(LogError::Retry(failure))) => {
                tracing::debug!(reason = %failure, "the plans in force cannot be looked at yet");
            }
            Err(error) => return Err(Failure::NotDone(error.to_string())),
        }
        std::thread::sleep(PAUSE);
    }
    Ok(None)
}

/// What a look at the topic came to.
enum Look {
    /// The plans in force are those of this instance.
    Agreed,
    /// Something was done: look at what became of it.
    Again,
    /// They are others, and somebody goes by them.
    Others(String),
}

fn look(
    log: &Arc<KafkaLog>,
    config: &Config,
    mine: &Mine,
    topic: &mut Option<PlansTopic<KafkaLog>>,
) -> Result<Look, PlansError> {
    let topic = match topic {
        Some(topic) => topic,
        None => {
            let name = config.topic_names().plans.to_string();
            topic.insert(PlansTopic::open(Arc::clone(log), &name, &format!("{}-plans", mine.group))?)
        }
    };
    topic.read_to_end()?;
    let mut differences = Vec::new();
    if let Some(set) = topic.newest() {
        differences = mine.differences(set);
        if differences.is_empty() {
            return Ok(Look::Agreed);
        }
        let members = log.members(&mine.group, ANSWER_TIMEOUT)?;
        let members = members.into_iter().map(|member| member.instance_id);
        let others: Vec<String> = members.filter(|member| !mine.is_own_member(member)).collect();
        if !others.is_empty() {
            return Ok(Look::Others(refusal(&mine.group, set.ordinal, &differences, &others)));
        }
    }
    for difference in &differences {
        tracing::info!("{difference}");
    }
    tracing::info!("these plans come into force");
    topic.register(&mine.files, mine.options.horizon, &mine.options.event_types)?;
    Ok(Look::Again)
}

fn refusal(group: &str, ordinal: u64, differences: &[String], others: &[String]) -> String {
    let mut text = format!(
        "other instances of {group} are at work under other plans (plan set {ordinal}; members {})",
        others.join(", ")
    );
    for difference in differences {
        // Writing to a text does not fail.
        let _ = write!(text, "\n  {difference}");
    }
    text.push_str(
        "\nto join them give this instance the plan files in force; to change the plans stop every instance, change the files of all, and start them",
    );
    text
}

fn agreed(config: &Config, topic: PlansTopic<KafkaLog>) -> Result<Agreed, Failure> {
    let book = PlanBook::default();
    let unreadable = topic.fill(&book, &Compiler).map_err(|error| Failure::NotDone(error.to_string()))?;
    if let Some(reason) = tell(&unreadable) {
        return Err(Failure::NotDone(reason));
    }
    if let Some(newest) = book.newest() {
        tracing::info!(set = newest.ordinal(), plans = newest.versions().len(), "plans in force");
    }
    let unreadable = unreadable.len();
    Ok(Agreed { plans: PlansInForce { book, history: plans::history(config) }, topic, unreadable })
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
            let unreadable = topic.fill(book, &Compiler).map_err(|error| error.to_string())?;
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

    fn file(id: &str, text: &str) -> PlanFile {
        PlanFile { id: id.to_owned(), file: format!("plans/{id}.yaml"), text: text.to_owned() }
    }

    fn mine(files: Vec<PlanFile>) -> Mine {
        Mine { files, options: Options::default(), members: "shop-a-".to_owned(), group: "shop".to_owned() }
    }

    fn set(plans: &[(&str, &str)]) -> PlanSetRecord {
        let plans = plans.iter().map(|(id, text)| PlanRef { id: (*id).to_owned(), version: PlanVersion::of(text) });
        PlanSetRecord { ordinal: 3, horizon: Span::days(400), event_types: Vec::new(), plans: plans.collect() }
    }

    #[test]
    fn sets_are_equal_whatever_their_files_are_called_and_however_their_lines_end_s47() {
        let mut renamed = file("cars", "a\r\nb\r\n");
        renamed.file = "elsewhere.yml".to_owned();
        assert!(
            mine(vec![file("zoo", "z"), renamed]).differences(&set(&[("cars", "a\nb\n"), ("zoo", "z")])).is_empty()
        );
    }

    #[test]
    fn a_refusal_says_which_plans_were_added_changed_and_removed_and_what_to_do() {
        let mine = mine(vec![file("cars", "new"), file("bikes", "b")]);
        let differences = mine.differences(&set(&[("boats", "x"), ("cars", "old")]));
        let text = refusal("shop", 3, &differences, &["shop-b-0".to_owned()]);
        let short = |text| PlanVersion::of(text).to_string()[..12].to_owned();
        assert_eq!(
            text,
            format!(
                "other instances of shop are at work under other plans (plan set 3; members shop-b-0)\n  plan bikes: added, not in force, {} here\n  plan \
                 cars: changed, {} in force, {} here\n  plan boats: removed, {} in force, none here\nto join them give this instance the plan files in \
                 force; to change the plans stop every instance, change the files of all, and start them",
                short("b"),
                short("old"),
                short("new"),
                short("x")
            )
        );
    }

    #[test]
    fn members_of_this_instance_are_no_others() {
        let mine = mine(Vec::new());
        let own = ["shop-a-0", "shop-a-12", "shop-a-0-12ab34cd"];
        assert!(own.iter().all(|member| mine.is_own_member(member)));
        assert!(!mine.is_own_member("shop-a-1-0") && !mine.is_own_member("shop-b-0") && !mine.is_own_member("shop-a-"));
    }

    #[test]
    fn a_set_is_compiled_under_what_it_was_registered_with() {
        let text = "plan: cars\nrules:\n  - { id: often, on: page_viewed, when: 'count(\"page_viewed\", \"30d\") > 3', points: 5 }\n";
        let files = [&file("cars", text)];
        let long = set(&[("cars", text)]);
        assert_eq!(Compiler.compile(&long, &files).unwrap().plans().len(), 1);
        let short = PlanSetRecord { horizon: Span::days(7), ..long };
        assert!(Compiler.compile(&short, &files).unwrap_err().contains("plans/cars.yaml"));
    }
}
