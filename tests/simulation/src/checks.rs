//! What must hold in the end, whatever went wrong.
//!
//! Whole images are compared only where the order of a contact's input and the clock are the same in both runs; everything else is an
//! invariant: the scores and the ledger are those of one fold, what was told ends at the levels of the fold, nothing is told twice.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;

use leadstream_core::contact::{Level, State, SubjectId};
use leadstream_core::{Contact, Fold, Timestamp};
use leadstream_runtime::PlansInForce;
use leadstream_store::{Identity, OpenOptions, TaskStore};
use leadstream_wire::stored::changelog::{ChangelogContent, ChangelogRecord};
use leadstream_wire::stored::contact::{ImageWriter, read_image};

use crate::reference::{Expected, expected};
use crate::setup::TASKS;
use crate::world::World;

/// Every contact is what its events make of it (L1), and what was told of it ends at its levels (S41).
///
/// # Panics
/// Where one is not.
pub fn check_contacts(world: &mut World, in_force: &PlansInForce) {
    let told = world.told();
    let whole = expected(in_force, world.produced(), Timestamp::MIN);
    check_erased(world, &whole);
    let contacts: Vec<String> = whole.contacts.into_keys().collect();
    let mut by_clock = BTreeMap::new();
    for contact in contacts {
        let answer = world.insist(&contact);
        let clock = answer.clock;
        let known = answer.contact.unwrap_or_else(|| panic!("{contact} is not known"));
        assert!(known.next_due.is_none_or(|due| due > clock), "{contact}: due {:?} at {clock}", known.next_due);
        let expected = by_clock.entry(clock).or_insert_with(|| expected(in_force, world.produced(), clock));
        let expected = &expected.contacts[&contact];
        assert_eq!(facts(&known), facts(expected), "{contact} at {clock}");
        let told = told.derived.get(&contact).map_or(&[][..], Vec::as_slice);
        check_announced(&known, since_erased(told));
    }
}

/// Of an id that was erased nothing is known (S52).
fn check_erased(world: &mut World, whole: &Expected) {
    for (id, (_, from)) in &whole.erased {
        let answer = world.insist(id);
        assert_eq!(answer.erased, from.is_none(), "{id}: {from:?}");
        if !whole.contacts.contains_key(id) {
            assert!(answer.contact.is_none(), "{id} came back");
        }
    }
}

/// What was told behind the last erasure.
fn since_erased(told: &[String]) -> &[String] {
    let last = told.iter().rposition(|line| line.contains(" contact.erased "));
    &told[last.map_or(0, |last| last + 1)..]
}

/// What two folds of the same events up to the same instant have in common: all but the instants at which they were stepped, and numbers inside
/// their own tables.
fn facts(contact: &Contact) -> Facts {
    let name =
        |rule: u32| contact.rules.get(rule).map(|rule| format!("{}/{} {:?}", rule.plan, rule.rule, rule.dimension));
    let bookings = contact.ledger.as_slice().iter().map(|booking| {
        let cause = booking.cause.uid().map_or_else(String::new, |uid| uid.to_string());
        let (raw, applied) = (booking.raw, booking.applied);
        format!("{} {:?} {raw:?} {applied:?} {:?} {cause}", booking.time.millis(), name(booking.rule), booking.reasons)
    });
    let mut rules: Vec<String> = contact
        .state
        .rules
        .iter()
        .map(|held| format!("{:?} {:?} {:?} {:?}", name(held.rule), held.once_fired, held.idle_passed, held.capped))
        .collect();
    rules.sort();
    let rows = contact.rows.as_slice().iter().enumerate();
    let row = |(at, row): (usize, &leadstream_core::contact::Row)| {
        format!("{} {:?} {}", row.time.millis(), row.uid, contact.rows.event_type(at).as_str())
    };
    let state = State { tau: None, rules: Vec::new(), ..contact.state.clone() };
    Facts { rows: rows.map(row).collect(), bookings: bookings.collect(), rules, state }
}

/// See [`facts`].
#[derive(Debug, PartialEq)]
struct Facts {
    rows: Vec<String>,
    bookings: Vec<String>,
    rules: Vec<String>,
    state: State,
}

/// What was announced is the level of the fold, and what readers were told leads there, step by step (S30, S41).
fn check_announced(contact: &Contact, told: &[String]) {
    let level = |subject: &SubjectId| {
        let plan = |id: &str| contact.state.plans.iter().find(|plan| *plan.plan == *id);
        let standing = |id: &str| plan(id).and_then(|plan| plan.standing.as_deref());
        match subject {
            SubjectId::Tag(tag) => contact.state.tag(tag).map_or(Level::None, |_| Level::On),
            SubjectId::Stage(id) => {
                plan(id).and_then(|plan| plan.stage.as_ref()).map_or(Level::None, |stage| Level::Stage(stage.stage))
            }
            SubjectId::Qualify(id) => plan(id).filter(|plan| plan.qualify.on).map_or(Level::None, |_| Level::On),
            SubjectId::Band(id) => Level::band(plan(id).and_then(|plan| plan.band())),
            SubjectId::Grade(id) => Level::named(standing(id).and_then(|standing| standing.grade.name)),
            SubjectId::Route(id) => Level::named(standing(id).and_then(|standing| standing.owner.name)),
            SubjectId::Action(id, action) => {
                let counted = standing(id).and_then(|standing| standing.action(*action));
                Level::Count(counted.map_or(0, |counted| counted.count))
            }
        }
    };
    for announced in &contact.announced.subjects {
        let subject = &announced.subject;
        let held = level(subject);
        // An action that a late event took back cannot be unsent (S42).
        let is_unsendable = matches!((&announced.level, &held), (Level::Count(told), Level::Count(now)) if told > now);
        assert!(
            announced.level == held || is_unsendable,
            "{} {subject:?}: {:?}, {held:?}",
            contact.id,
            announced.level
        );
        let marker = format!(" subject={}/{} ", subject.plan(), subject.name());
        let lines: Vec<&String> = told.iter().filter(|line| line.contains(&marker)).collect();
        let first = contact.announced.numbers_from;
        assert_eq!(announced.n, first + lines.len() as u64, "{} {subject:?}: {told:#?}", contact.id);
        // An owner is lost in silence (S35).
        let is_lost = |subject: &SubjectId, level: &str| matches!(subject, SubjectId::Route(_)) && level == "None";
        if let Some(last) = lines.last().filter(|_| !is_lost(subject, &format!("{:?}", announced.level))) {
            assert!(last.contains(&format!(" -> {:?} ", announced.level)), "{subject:?} {announced:?}: {last}");
        }
        for (place, line) in lines.iter().enumerate() {
            assert!(line.contains(&format!(" n={} ", first + place as u64 + 1)), "{line}");
        }
        for pair in lines.windows(2) {
            let (before, after) = (levels(pair[0]).1, levels(pair[1]).0);
            assert!(before == after || is_lost(subject, after), "{} {subject:?}: {lines:#?}", contact.id);
        }
    }
    assert_eq!(contact.announced.seq, contact.announced.numbers_from + told.len() as u64, "{}", contact.id);
}

/// The levels before and after that a line tells.
fn levels(line: &str) -> (&str, &str) {
    let told = between(line, " since=", " score=").split_once(' ').map_or("", |(_, levels)| levels);
    told.split_once(" -> ").unwrap_or_default()
}

fn between<'a>(line: &'a str, from: &str, to: &str) -> &'a str {
    let rest = line.split_once(from).map_or("", |(_, rest)| rest);
    rest.split_once(to).map_or("", |(piece, _)| piece)
}

/// With timers, what is told depends on when the clock ticked; but never is anything told twice or out of order (S54, S55).
///
/// # Panics
/// Where something was.
pub fn check_told_once(derived: &BTreeMap<String, Vec<String>>) {
    let mut ids = BTreeSet::new();
    for (contact, lines) in derived {
        let (mut time_ms, mut seq, mut is_anew) = (i64::MIN, 0, false);
        for line in lines {
            let told = between(line, " seq=", " ").parse::<u64>().unwrap_or_default();
            assert!(line.starts_with(&format!("{contact} seq=")), "{contact}: {lines:#?}");
            // Behind an erasure numbers begin anew, at those of the instant since which the id counts again (S52).
            assert!(told == seq + 1 || (is_anew && told > seq + 1), "{contact}: {lines:#?}");
            (seq, is_anew) = (told, line.contains(" contact.erased "));
            let id = line.rsplit("id=").next().unwrap_or_default();
            assert!(ids.insert(id.to_owned()), "told twice: {line}");
            let at_ms = between(line, " time=", " ").parse().unwrap_or(i64::MIN);
            assert!(at_ms >= time_ms, "goes back: {lines:#?}");
            time_ms = if is_anew { i64::MIN } else { at_ms };
        }
    }
}

/// The stored form of each contact, as the instances know it now.
///
/// # Panics
/// Where an instance does not answer.
pub fn images(world: &mut World, contacts: impl IntoIterator<Item = String>) -> BTreeMap<String, Vec<u8>> {
    let image = |world: &mut World, contact: &str| {
        let answer = world.insist(contact);
        let mut bytes = Vec::new();
        if let Some(contact) = answer.contact {
            ImageWriter::default().write(&contact, &mut bytes);
        }
        bytes
    };
    contacts.into_iter().map(|contact| (contact.clone(), image(world, &contact))).collect()
}

/// The files in a folder, and in those inside it, that hold the bytes.
///
/// # Panics
/// Where the folder cannot be read.
pub fn files_with(folder: &Path, bytes: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap_or_else(|error| panic!("{error}")).path();
        if path.is_dir() {
            found.extend(files_with(&path, bytes));
            continue;
        }
        let content = match std::fs::read(&path) {
            // RocksDB deletes what it has replaced at any time.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            content => content.unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        };
        if content.windows(bytes.len()).any(|window| window == bytes.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// Goes on until an instance has the bytes in no file any more: a thread of its own writes them anew.
///
/// # Panics
/// Where that takes too long.
pub fn await_purged(world: &mut World, number: usize, bytes: &str) {
    const TRIES: usize = 5_000;
    for _ in 0..TRIES {
        if files_with(world.store_folder(number), bytes).is_empty() {
            return;
        }
        world.pass(20);
        world.step(number).unwrap_or_else(|error| panic!("{error}"));
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    panic!("{:?}", files_with(world.store_folder(number), bytes));
}

/// The store of a task that an instance left behind when it died.
///
/// # Panics
/// Where it cannot be read.
pub fn store_of(world: &World, number: usize, task: u32) -> TaskStore {
    let changelog_id = world.log.topic_id("changelog");
    let options = OpenOptions {
        folder: world.store_folder(number).join(format!("task-{task:05}")),
        identity: Identity { task, partitions: TASKS, changelog: "changelog".to_owned(), changelog_id },
        memory: world.store_memory(),
        now_ms: 0,
        oldest_ms: i64::MAX,
    };
    TaskStore::open(&options).unwrap_or_else(|error| panic!("{error}"))
}

/// What the stores of an instance that is dead hold, of the tasks given: each contact's image. Every contact is in the index of due instants, at
/// or before its next timer.
///
/// # Panics
/// Where a store cannot be read, or misses an entry.
pub fn contents(world: &World, number: usize, tasks: &[u32], in_force: &PlansInForce) -> BTreeMap<String, Vec<u8>> {
    let timeline = in_force.from_the_beginning().unwrap_or_else(|| panic!("no plans"));
    let fold = Fold::new(timeline, in_force.history);
    let mut found = BTreeMap::new();
    for task in tasks {
        let store = store_of(world, number, *task);
        let due = store.due(None, Timestamp::MAX, 100_000).unwrap_or_else(|error| panic!("{error}"));
        let visited = store.for_each_behind(None, |id, value| {
            let record = ChangelogRecord::read(value).unwrap_or_else(|error| panic!("{id}: {error}"));
            let ChangelogContent::Image { image, due: own, .. } = record.content else { return true };
            let mut contact = read_image(id, image).unwrap_or_else(|error| panic!("{id}: {error}"));
            fold.refresh(&mut contact);
            if let Some(next_due) = contact.next_due {
                let first = due.iter().find(|entry| entry.contact == id).map(|entry| entry.due);
                assert!(first.is_some_and(|first| first <= next_due), "{id}: due {next_due}, indexed {first:?}");
            }
            let is_indexed = own.is_none_or(|own| due.iter().any(|entry| entry.due == own && entry.contact == id));
            assert!(is_indexed, "{id}: its own entry {own:?} is not in the index");
            found.insert(id.to_owned(), image.to_vec());
            true
        });
        visited.unwrap_or_else(|error| panic!("{error}"));
    }
    found
}
