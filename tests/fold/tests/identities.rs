//! Contacts that become one and are parted again, against the oracle (S48 to S51), with the protocol between ids and the stored forms in between.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use leadstream_core::identity::{Answer, Asked, Link as CoreLink, Notice, Request, Said};
use leadstream_core::{Contact, DerivedEvent, Fold, HistoryLimits, Outcome, Span, Timeline, Timestamp, Uid};
use leadstream_fold_tests::{
    compiled, compiles, contributions_of, core_event, day, derived_of, event, image_of, ledger_of, levels_of,
    outcome_of, scorecard_of,
};
use leadstream_oracle::case::{Case, plan_text};
use leadstream_oracle::generate::identities::{MERGE, OTHER_ID, dealt};
use leadstream_oracle::generate::{Groups, Profile, START_MS, case};
use leadstream_oracle::{ContactCommand, Contacts, DAY_MS, Kind, LineKind, Link, LinkRecord, OracleEvent};
use leadstream_wire::stored::contact::read_image;
use leadstream_wire::stored::message::{Message, MessageWriter};
use proptest::prelude::*;

/// Contacts of the real fold, and the messages between them.
struct People {
    fold: Fold,
    limits: leadstream_oracle::Limits,
    of: BTreeMap<Arc<str>, Contact>,
    clock: Timestamp,
    messages: VecDeque<(Arc<str>, Message)>,
    answers: Vec<Answer>,
}

impl People {
    fn new(case: &Case) -> People {
        let limits = HistoryLimits {
            horizon: Span::from_millis(case.limits.horizon_ms),
            rows: case.limits.rows,
            bytes: case.limits.bytes,
        };
        let plans = compiled(&case.plans).unwrap();
        People {
            fold: Fold::new(Timeline::new(plans), limits).with_checkpoints_from(4),
            limits: case.limits.clone(),
            of: BTreeMap::new(),
            clock: Timestamp::MIN,
            messages: VecDeque::new(),
            answers: Vec::new(),
        }
    }

    fn contact(&mut self, id: &str) -> &mut Contact {
        self.of.entry(Arc::from(id)).or_insert_with(|| Contact::new(id))
    }

    fn root(&self, id: &str) -> Arc<str> {
        let root = self.of.get(id).and_then(|contact| contact.root().cloned());
        root.unwrap_or_else(|| Arc::from(id))
    }

    fn event(&mut self, to: &str, event: &OracleEvent, out: &mut Vec<DerivedEvent>) -> Outcome {
        let root = self.root(to);
        let event = core_event(&root, event, &self.limits);
        let clock = self.clock;
        let contact = self.of.entry(Arc::clone(&root)).or_insert_with(|| Contact::new(&root));
        let outcome = self.fold.apply(contact, &event, clock, out);
        contact.delivered(event.uid, to, outcome != Outcome::Duplicate);
        outcome
    }

    fn clock(&mut self, instant: i64, out: &mut Vec<DerivedEvent>) {
        self.clock = self.clock.max(Timestamp::from_millis(instant));
        for contact in self.of.values_mut() {
            self.fold.advance(contact, self.clock, out);
        }
    }

    /// Delivers a record and everything that follows from it.
    fn link(&mut self, record: &LinkRecord, via: &str, out: &mut Vec<DerivedEvent>) {
        let link = match &record.link {
            Link::Merge(one, other) => CoreLink::Merge(Arc::from(one.as_str()), Arc::from(other.as_str())),
            Link::Follow(one, other) => CoreLink::Follow(Arc::from(one.as_str()), Arc::from(other.as_str())),
            Link::Split(source, id) => CoreLink::Split(Uid::of(source, id)),
        };
        let request = Request {
            uid: Uid::of(&record.source, &record.id),
            time: Timestamp::from_millis(record.time),
            clamped: false,
            asked: Asked::Link(link),
            via: Arc::from(via),
        };
        let mut said = Said::default();
        self.contact(via).ask(request, &mut said);
        self.send(said);
        while let Some((to, message)) = self.messages.pop_front() {
            let mut bytes = Vec::new();
            MessageWriter::default().write(&message, &mut bytes);
            self.receive(&to, Message::read(&bytes).unwrap(), out);
            self.survive_storage();
        }
    }

    fn send(&mut self, said: Said) {
        self.answers.extend(said.answers.into_iter().map(|(_, answer)| answer));
        self.messages.extend(said.notices.into_iter().map(|(to, notice)| (to, Message::Notice(notice))));
    }

    fn receive(&mut self, to: &Arc<str>, message: Message, out: &mut Vec<DerivedEvent>) {
        let mut said = Said::default();
        let clock = self.clock;
        let mut contact = self.of.remove(to).unwrap_or_else(|| Contact::new(to));
        match message {
            Message::Notice(Notice::Ask(request)) => contact.asked(request, &mut said),
            Message::Notice(Notice::Join { request, other, handed }) => contact.join(request, other, handed, &mut said),
            Message::Notice(Notice::Keep(keeper)) => contact.keep(*keeper, &mut said),
            Message::Notice(Notice::KeptBy(keeper)) => contact.be_kept_by(keeper, &mut said),
            Message::Notice(Notice::Change(change)) => {
                for (to, part) in self.fold.change_identity(&mut contact, &change, clock, out) {
                    self.messages.push_back((to, Message::Part(Box::new(part))));
                }
            }
            Message::Notice(Notice::Arrived) => contact.part_arrived(&mut said),
            Message::Notice(Notice::Erase { .. }) => panic!("nobody is erased here"),
            Message::Event(_) => panic!("events go to their roots here"),
            Message::Part(part) => {
                let keeper = Arc::clone(&part.keeper);
                self.fold.take_part(&mut contact, *part, clock, out);
                self.messages.push_back((keeper, Message::Notice(Notice::Arrived)));
            }
        }
        self.of.insert(Arc::clone(to), contact);
        self.send(said);
    }

    /// What is stored of each contact gives the same contact.
    fn survive_storage(&mut self) {
        for (id, contact) in &mut self.of {
            let image = image_of(contact);
            let mut read = read_image(id, &image).unwrap();
            assert_eq!(image_of(&read), image);
            assert_eq!(read.identity, contact.identity);
            self.fold.refresh(&mut read);
            *contact = read;
        }
    }
}

fn assert_told(derived: &[DerivedEvent], expected: &[leadstream_oracle::DerivedEvent], what: &str) {
    for (derived, expected) in derived.iter().zip(expected) {
        let mut seen = derived_of(derived);
        let mut wanted = expected.clone();
        (wanted.reason, wanted.contributions) = (None, Vec::new());
        for cause in [&mut seen.cause, &mut wanted.cause] {
            if let leadstream_oracle::Cause::Timer { plan, .. } = cause {
                *plan = None;
            }
        }
        assert_eq!(seen, wanted, "{what}");
        let rules = expected.contributions.iter().filter(|c| matches!(c.kind, LineKind::Fit | LineKind::Booking));
        let wanted: Vec<_> = rules.map(|c| (c.rule.clone(), c.uid.clone(), c.value)).collect();
        assert_eq!(contributions_of(derived), wanted, "contributions of {derived:#?}");
    }
    assert_eq!(derived.len(), expected.len(), "{what}: {derived:#?}\n{expected:#?}");
}

fn compare(people: &People, oracle: &Contacts, ids: [&str; 2]) {
    for id in ids {
        let root = people.root(id);
        assert_eq!(*root, *oracle.root(id), "the root of {id}");
        let expected = oracle.contact(id);
        let Some(contact) = people.of.get(&root).filter(|contact| !contact.is_blank()) else {
            assert!(expected.ledger().is_empty());
            continue;
        };
        assert_eq!(scorecard_of(&people.fold, contact, people.clock), expected.scorecard(), "scorecards of {id}");
        let mut levels = expected.read().levels();
        levels.values_mut().for_each(|card| card.actions.retain(|_, counted| *counted != (0, false)));
        assert_eq!(levels_of(&people.fold, contact, people.clock), levels, "levels of {id}");
        let mut ledger: Vec<_> = expected
            .ledger()
            .into_iter()
            .map(|r| (r.time, r.uid, r.plan, r.rule, r.version, r.raw, r.applied, r.cuts.into_iter().collect()))
            .collect();
        ledger.sort();
        assert_eq!(ledger_of(contact), ledger, "ledgers of {id}");
    }
}

fn run(case: &Case, commands: &[ContactCommand]) {
    let texts: Vec<String> = case.plans.iter().map(|lines| plan_text(lines)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut oracle = Contacts::new(&texts, case.limits.clone()).unwrap();
    let mut people = People::new(case);
    let split = LinkRecord {
        source: "crm".to_owned(),
        id: "split".to_owned(),
        time: START_MS + 1,
        link: Link::Split(MERGE.0.to_owned(), MERGE.1.to_owned()),
    };
    let end = [ContactCommand::Link(split), ContactCommand::Clock(START_MS + 120 * DAY_MS)];
    for (at, command) in commands.iter().chain(&end).enumerate() {
        let expected = oracle.command_of(command).unwrap();
        let mut derived = Vec::new();
        match command {
            ContactCommand::Event { to, event } => {
                let outcomes: Vec<_> =
                    to.iter().map(|id| (id.clone(), outcome_of(people.event(id, event, &mut derived)))).collect();
                assert_eq!(outcomes, expected.outcomes, "outcomes of command {at}: {command:?}");
            }
            ContactCommand::Link(record) => people.link(record, OTHER_ID, &mut derived),
            ContactCommand::Clock(instant) => people.clock(*instant, &mut derived),
            ContactCommand::Erase { .. } | ContactCommand::Reinstate { .. } => panic!("no case erases"),
        }
        assert_told(&derived, &expected.derived, &format!("command {at}: {command:?}"));
        people.survive_storage();
        compare(&people, &oracle, [&case.contact, OTHER_ID]);
    }
    assert!(people.answers.iter().all(|answer| *answer == Answer::Applied));
    // Nothing is left under way.
    let busy = people.of.values().filter_map(|contact| contact.identity.as_ref());
    assert!(busy.into_iter().all(|identity| identity.keeper.iter().all(|k| k.under_way.is_none())));
}

const PLAN: &[&str] = &[
    "plan: p",
    "rules: [{ id: w, on: worth, points: event.value }, { id: o, on: hello, points: 20, once_per: ever }, { id: t, on: tagged, points: 3, tags: [x] }]",
    "qualify: { at: 100 }",
    "decay: { half_life: 30d }",
];

/// What a plan can look at that lies behind what is kept.
const REMEMBERING: &[&str] = &[
    "plan: p",
    "rules:",
    "  - { id: keen, on: asked, when: 'count(\"worth\", \"365d\") == 10', points: 100 }",
    "  - { id: graz, on: asked, when: 'contact.city == \"Graz\"', points: 1000 }",
    "  - { id: item, on: bought, points: 10, once_per: event.item }",
    "  - { id: cart, after: added, unless: paid, within: 60d, points: -3 }",
    "  - { id: capped, on: greeted, points: 4, cap: { points: 6, per: ever } }",
];

/// Contacts that keep only three rows.
fn forgetful() -> People {
    forgetful_under(PLAN)
}

fn forgetful_under(plan: &[&str]) -> People {
    let plans = vec![plan.iter().map(|line| (*line).to_owned()).collect()];
    let limits = HistoryLimits { rows: 3, ..HistoryLimits::default() };
    People {
        fold: Fold::new(Timeline::new(compiled(&plans).unwrap()), limits),
        limits: leadstream_oracle::Limits { rows: 3, ..leadstream_oracle::Limits::default() },
        of: BTreeMap::new(),
        clock: Timestamp::MIN,
        messages: VecDeque::new(),
        answers: Vec::new(),
    }
}

fn merge(id: &str, one: &str, other: &str) -> LinkRecord {
    let link = Link::Merge(one.to_owned(), other.to_owned());
    LinkRecord { source: "crm".to_owned(), id: id.to_owned(), time: day(50.0), link }
}

impl People {
    fn score(&self, id: &str, days: f64) -> i64 {
        let contact = &self.of[&self.root(id)];
        self.fold.scorecard(contact, Timestamp::from_millis(day(days))).plans[0].score.thousandths()
    }
}

#[test]
fn bases_become_one_with_what_is_in_them_s49() {
    let (mut people, mut told) = (forgetful(), Vec::new());
    for (contact, first) in [("ann", 0), ("bob", 1)] {
        people.event(contact, &event(&format!("{contact} hello"), 0.5, "hello"), &mut told);
        for number in 0..5 {
            let days = f64::from(first + 2 * number) + 1.0;
            let worth = event(&format!("{contact} {number}"), days, "worth").with("value", 7.0);
            people.event(contact, &worth, &mut told);
        }
        people.event(contact, &event(&format!("{contact} tagged"), days_of(first), "tagged"), &mut told);
    }
    let apart = people.score("ann", 20.0) + people.score("bob", 20.0);
    people.link(&merge("m", "bob", "ann"), "bob", &mut told);
    let ann = &people.of["ann"];
    assert!(ann.base.is_some() && people.of["bob"].is_blank());
    // The boundary is the later one, and all that was booked is there. What both said hello for had gone into the bases by then.
    assert!((people.score("ann", 20.0) - apart).abs() <= 1, "{} is not {apart}", people.score("ann", 20.0));
    assert_eq!(ann.state.tags[0].since.millis(), day(days_of(0)));
    assert!(told.iter().any(|event| event.kind.as_str() == "contact.merged" && *event.contact == *"bob"));
    // Nobody says hello a second time, whichever of them did.
    let before = people.score("ann", 60.0);
    people.event("bob", &event("again", 60.0, "hello"), &mut told);
    assert_eq!(people.score("ann", 60.0), before);
}

#[test]
fn what_both_bases_remember_counts_for_the_one_contact_s49() {
    let (mut people, mut told) = (forgetful_under(REMEMBERING), Vec::new());
    people.event("bob", &event("cart", 0.1, "added"), &mut told);
    for (contact, city, days) in [("ann", "Linz", 0.1), ("bob", "Graz", 0.2)] {
        let city = event(&format!("{contact} city"), days, "attributes").of_kind(Kind::Attributes).with("city", city);
        people.event(contact, &city, &mut told);
        people.event(contact, &event(&format!("{contact} item"), days, "bought").with("item", contact), &mut told);
        people.event(contact, &event(&format!("{contact} hi"), days, "greeted"), &mut told);
        for number in 0..5 {
            people.event(
                contact,
                &event(&format!("{contact} {number}"), days + f64::from(number) + 1.0, "worth"),
                &mut told,
            );
        }
    }
    people.event("bob", &event("later", 8.0, "seen"), &mut told);
    for contact in ["ann", "bob"] {
        let known = &people.of[contact];
        assert!(known.rows.len() == 3 && known.base.is_some());
    }
    people.link(&merge("m", "ann", "bob"), "ann", &mut told);
    // Two items, two greetings; a cart that waits.
    assert_eq!(people.score("bob", 51.0), 28_000);
    for (number, (what, item)) in
        [("bought", "ann"), ("bought", "bob"), ("bought", "new"), ("greeted", ""), ("asked", "")]
            .into_iter()
            .enumerate()
    {
        let days = 52.0 + number as f64;
        people.event("ann", &event(&format!("after {number}"), days, what).with("item", item), &mut told);
    }
    // One new item; the cap had been passed by both together; ten times worth, and the city that was written last.
    assert_eq!(people.score("bob", 57.0), 28_000 + 10_000 + 100_000 + 1_000_000);
    people.clock(day(61.0), &mut told);
    assert_eq!(
        people.score("bob", 61.0),
        1_138_000 - 3_000,
        "what bob left in the cart is remembered by when it was left"
    );
}

#[test]
fn parted_contacts_with_a_base_keep_it_with_the_survivor_and_share_its_boundary_s49_s51() {
    let (mut people, mut told) = (forgetful(), Vec::new());
    for number in 0..6 {
        for (contact, worth) in [("ann", 7.0), ("bob", 11.0)] {
            let worth = event(&format!("{contact} {number}"), f64::from(number) + 1.0, "worth").with("value", worth);
            people.event(contact, &worth, &mut told);
        }
    }
    people.link(&merge("m", "bob", "ann"), "bob", &mut told);
    let boundary = people.of["ann"].base.as_ref().unwrap().boundary;
    let split =
        LinkRecord { id: "s".to_owned(), link: Link::Split("crm".to_owned(), "m".to_owned()), ..merge("", "", "") };
    people.link(&LinkRecord { time: day(51.0), ..split }, "bob", &mut told);
    for contact in ["ann", "bob"] {
        assert_eq!(people.of[contact].base.as_ref().map(|base| base.boundary), Some(boundary), "{contact}");
    }
    // What lies in the base stays with ann; bob has what is still known of him.
    let rows = |contact: &str| people.of[contact].rows.len();
    assert_eq!(rows("ann") + rows("bob"), 3);
    let ledger = ledger_of(&people.of["bob"]);
    assert_eq!(ledger.len(), rows("bob"));
    assert!(people.of["bob"].base.as_ref().unwrap().state.plans.iter().all(|plan| plan.engagement.groups().is_empty()));
    // What is older than the boundary is too late for either.
    for contact in ["ann", "bob"] {
        let old = event(&format!("{contact} old"), 0.5, "worth").with("value", 7.0);
        assert_eq!(people.event(contact, &old, &mut told), Outcome::TooLate);
    }
}

fn days_of(first: i32) -> f64 {
    f64::from(first) + 12.0
}

#[test]
fn a_contact_with_a_base_and_one_without_are_as_if_always_one_s49() {
    let (mut people, mut told) = (forgetful(), Vec::new());
    let (mut one, mut silence) = (forgetful(), Vec::new());
    for number in 0..8 {
        let contact = if number < 6 { "ann" } else { "bob" };
        let worth = event(&number.to_string(), f64::from(number), "worth").with("value", 7.0);
        people.event(contact, &worth, &mut told);
        one.event("ann", &worth, &mut silence);
    }
    people.link(&merge("m", "bob", "ann"), "bob", &mut told);
    assert_eq!(people.of["ann"].rows.len(), 3);
    assert_eq!(people.score("ann", 30.0), one.score("ann", 30.0));
    assert_eq!(ledger_of(&people.of["ann"]), ledger_of(&one.of["ann"]));
}

fn config() -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, max_shrink_iters: 2000, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 48;
    }
    config.max_global_rejects = config.cases.saturating_mul(1_000);
    config
}

fn everything() -> Profile {
    let profile = Profile::everything().steady();
    Profile { groups: Groups { versions: false, ..profile.groups }, ..profile }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn contacts_that_are_merged_and_split_are_what_the_oracle_says_s48_s50_s51(
        (case, commands) in case(&everything()).prop_flat_map(|case| (Just(case.clone()), dealt(&case)))
    ) {
        prop_assume!(compiles(&case));
        run(&case, &commands);
    }
}
