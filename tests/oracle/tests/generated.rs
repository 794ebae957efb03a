//! Laws that every generated case obeys under the oracle itself: before it judges a fold, it must be consistent.

#![allow(clippy::unwrap_used, reason = "what a test calls fails as the test does")]

use std::collections::{BTreeMap, BTreeSet};

use leadstream_oracle::case::{Case, Command, plan_text};
use leadstream_oracle::generate::identities::{MERGE, OTHER_ID, dealt};
use leadstream_oracle::generate::{Profile, case, shuffled};
use leadstream_oracle::{
    ContactCommand, Contacts, Decay, DerivedEvent, Level, Link, LinkRecord, Oracle, OracleEvent, Outcome, Scorecard,
};
use proptest::prelude::*;

/// Everything that holds after every command, whatever the case.
fn assert_consistent(oracle: &Oracle, all: &[DerivedEvent]) {
    let reading = oracle.read();
    let card = reading.scorecard();
    let ledger = reading.ledger();
    let sum = |name: String| reading.explain(&name).unwrap().iter().map(|line| line.value).sum::<i64>();
    assert_eq!(sum("global".to_owned()), card.global);
    for (id, plan) in &card.plans {
        assert_eq!(sum(format!("plan:{id}")), plan.score);
        assert_eq!(sum(format!("engagement:{id}")), plan.engagement);
        let booked: Vec<_> = ledger.iter().filter(|record| record.plan == *id && !record.ended).collect();
        if booked.iter().all(|record| record.decay == Decay::None) {
            assert_eq!(booked.iter().map(|record| record.applied).sum::<i64>(), plan.engagement);
        }
    }
    assert_announced(oracle);
    assert_eq!(all.iter().map(|derived| derived.seq).collect::<Vec<_>>(), (1..=card.seq).collect::<Vec<_>>());
    assert!(all.is_sorted_by_key(|derived| derived.time), "time never goes back");
    let ids: BTreeSet<&str> = all.iter().map(|derived| derived.id.as_str()).collect();
    assert_eq!(ids.len(), all.len(), "no id twice");
}

/// After each command what was announced is what the fold says (S41, S42).
fn assert_announced(oracle: &Oracle) {
    let reading = oracle.read();
    let (card, levels) = (reading.scorecard(), reading.levels());
    let announced = oracle.announced_levels();
    let level = |plan: &str, subject: &str| announced.get(&(plan.to_owned(), subject.to_owned())).cloned();
    for (id, plan) in &card.plans {
        assert_eq!(level(id, "qualify").unwrap_or(Level::Is(false)), Level::Is(plan.qualified));
        let others = &levels[id];
        assert_eq!(level(id, "band").unwrap_or(Level::Named("cold".to_owned())), Level::Named(others.band.clone()));
        let named = |name: &Option<String>| name.clone().map_or(Level::None, Level::Named);
        assert_eq!(level(id, "grade").unwrap_or(Level::None), named(&others.grade));
        assert_eq!(level(id, "route").unwrap_or(Level::None), named(&others.owner));
        for (action, (count, _)) in &others.actions {
            // S42: what was asked for cannot be unsent.
            assert!(level(id, &format!("action:{action}")).unwrap_or(Level::Count(0)) >= Level::Count(*count));
        }
        let stage = plan.stage.clone().map_or(Level::None, Level::Named);
        assert_eq!(level(id, "stage").unwrap_or(Level::None), stage);
    }
    let tagged: BTreeSet<&str> = announced
        .iter()
        .filter(|(_, level)| **level == Level::Is(true))
        .filter_map(|((_, subject), _)| subject.strip_prefix("tag:"))
        .collect();
    assert_eq!(tagged, card.tags.keys().map(String::as_str).collect());
}

/// Runs the case, asserting its consistency after each command.
fn run(case: &Case) -> (Oracle, Vec<DerivedEvent>) {
    let mut oracle = case.oracle().unwrap();
    let mut all = Vec::new();
    for command in &case.commands {
        all.extend(oracle.command_of(command).unwrap().derived);
        assert_consistent(&oracle, &all);
    }
    (oracle, all)
}

/// What L1 says does not depend on the order of arrival: `since` of levels included, `seq` not.
fn state(oracle: &Oracle) -> Scorecard {
    Scorecard { seq: 0, ..oracle.scorecard() }
}

/// A case, and its events in another order of arrival.
fn shuffled_pair(profile: Profile) -> impl Strategy<Value = (Case, Case)> {
    case(&profile).prop_flat_map(|case| (Just(case.clone()), shuffled(&case)))
}

/// L1: both orders of arrival lead to the same state.
fn arrive_alike(case: &Case, other: &Case) {
    let clocks = case.commands.iter().filter_map(|command| match command {
        Command::Clock(clock) => Some(*clock),
        _ => None,
    });
    let last = clocks.max();
    let (mut one, _) = run(case);
    let (mut other, _) = run(other);
    // A fold goes to max(tau, task clock), and tau may have been moved by a timer that later events took back.
    let until = last.unwrap_or(i64::MIN).max(leadstream_oracle::generate::START_MS + 90 * leadstream_oracle::DAY_MS);
    one.clock(until);
    other.clock(until);
    assert_eq!(state(&one), state(&other));
    assert_eq!(one.read().levels(), other.read().levels());
    assert_eq!(one.ledger(), other.ledger());
}

/// 64 cases, unless `PROPTEST_CASES` says otherwise. A failing case is kept by hand, as a file in `cases/`.
fn config() -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 64;
    }
    config
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn l4_every_case_is_consistent_after_every_command(case in case(&Profile::full())) {
        run(&case);
    }

    #[test]
    fn l1_the_order_of_arrival_does_not_matter((case, other) in shuffled_pair(Profile::usual())) {
        arrive_alike(&case, &other);
    }

    #[test]
    fn s3_repeating_every_event_at_once_changes_nothing(case in case(&Profile::full())) {
        let (plain, derived) = run(&case);
        let mut oracle = case.oracle().unwrap();
        let mut all = Vec::new();
        for command in &case.commands {
            let effect = oracle.command_of(command).unwrap();
            let accepted = effect.outcome.is_some_and(|outcome| outcome != Outcome::TooLate);
            all.extend(effect.derived);
            if accepted {
                let again = oracle.command_of(command).unwrap();
                // A row that departed at once is forgotten, and its copy too late.
                prop_assert!(matches!(again.outcome, Some(Outcome::Duplicate | Outcome::TooLate)));
                prop_assert!(again.derived.is_empty());
            }
        }
        prop_assert_eq!(all, derived);
        prop_assert_eq!(oracle.scorecard(), plain.scorecard());
    }

    #[test]
    fn a_case_survives_its_json_form(case in case(&Profile::full())) {
        let json = format!("{case:?}");
        let read: Case = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(read, case);
    }
}

/// Fewer cases for the profiles of groups, which are slower.
fn fewer() -> ProptestConfig {
    let config = config();
    ProptestConfig { cases: (config.cases * 3 / 8).max(1), ..config }
}

proptest! {
    #![proptest_config(fewer())]

    #[test]
    fn l1_l4_with_decay((case, other) in shuffled_pair(Profile::decay().steady()), full in case(&Profile::decay())) {
        arrive_alike(&case, &other);
        run(&full);
    }

    #[test]
    fn l1_l4_with_absence((case, other) in shuffled_pair(Profile::absence().steady()), full in case(&Profile::absence())) {
        arrive_alike(&case, &other);
        run(&full);
    }

    #[test]
    fn l1_l4_with_compounds((case, other) in shuffled_pair(Profile::compound().steady()), full in case(&Profile::compound())) {
        arrive_alike(&case, &other);
        run(&full);
    }

    #[test]
    fn l1_l4_with_commands((case, other) in shuffled_pair(Profile::commands().steady()), full in case(&Profile::commands())) {
        arrive_alike(&case, &other);
        run(&full);
    }

    #[test]
    fn l1_l4_with_levels((case, other) in shuffled_pair(Profile::levels().steady()), full in case(&Profile::levels())) {
        arrive_alike(&case, &other);
        run(&full);
    }

    #[test]
    fn l1_l4_with_verdicts((case, other) in shuffled_pair(Profile::verdicts().steady()), full in case(&Profile::verdicts())) {
        arrive_alike(&case, &other);
        run(&full);
    }

    #[test]
    fn s48_a_merged_contact_is_as_if_it_had_always_been_one(
        (case, dealt) in case(&Profile::everything().steady()).prop_flat_map(|case| (Just(case.clone()), dealt(&case)))
    ) {
        let texts: Vec<String> = case.plans.iter().map(|lines| plan_text(lines)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut contacts = Contacts::new(&texts, case.limits.clone()).unwrap();
        let mut all: BTreeMap<String, Vec<DerivedEvent>> = BTreeMap::new();
        for command in &dealt {
            for derived in contacts.command_of(command).unwrap().derived {
                all.entry(derived.contact.clone()).or_default().push(derived);
            }
        }
        // L3: on each key numbers rise and time never goes back, whoever was merged into whom.
        for told in all.values() {
            prop_assert!(told.is_sorted_by(|one, next| one.seq < next.seq && one.time <= next.time));
        }
        let (mut one, _) = run(&case);
        let end = leadstream_oracle::generate::START_MS + 120 * leadstream_oracle::DAY_MS;
        one.clock(end);
        contacts.clock(end);
        let merged = contacts.contact(OTHER_ID);
        prop_assert_eq!(state(&merged), state(&one));
        prop_assert_eq!(merged.read().levels(), one.read().levels());
        prop_assert_eq!(merged.ledger(), one.ledger());
        assert_announced(&merged);
    }

    #[test]
    fn s51_a_split_contact_is_as_if_it_had_never_been_merged(
        (case, dealt) in case(&Profile::everything().steady()).prop_flat_map(|case| (Just(case.clone()), dealt(&case)))
    ) {
        let texts: Vec<String> = case.plans.iter().map(|lines| plan_text(lines)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut contacts = Contacts::new(&texts, case.limits.clone()).unwrap();
        let mut apart = contacts.clone();
        let end = leadstream_oracle::generate::START_MS + 120 * leadstream_oracle::DAY_MS;
        let mut first: BTreeMap<(String, String), OracleEvent> = BTreeMap::new();
        for command in &dealt {
            // Of copies with different content only one would be known after they met.
            if let ContactCommand::Event { event, .. } = command {
                let key = (event.source.clone(), event.id.clone());
                if first.entry(key).or_insert_with(|| event.clone()) != event {
                    continue;
                }
            }
            contacts.command_of(command).unwrap();
            if !matches!(command, ContactCommand::Link(_)) {
                apart.command_of(command).unwrap();
            }
        }
        let link = Link::Split(MERGE.0.to_owned(), MERGE.1.to_owned());
        let split = LinkRecord { source: "crm".to_owned(), id: "split".to_owned(), time: end, link };
        contacts.link(&split).unwrap();
        contacts.clock(end);
        apart.clock(end);
        for id in [case.contact.as_str(), OTHER_ID] {
            let (one, other) = (contacts.contact(id), apart.contact(id));
            prop_assert_eq!(state(&one), state(&other));
            prop_assert_eq!(one.ledger(), other.ledger());
            assert_announced(&one);
        }
    }

    #[test]
    fn l4_with_versions(case in case(&Profile::versions())) {
        run(&case);
    }

    #[test]
    fn l1_l4_with_everything((case, other) in shuffled_pair(Profile::everything().steady()), full in case(&Profile::everything())) {
        arrive_alike(&case, &other);
        run(&full);
    }

    #[test]
    fn s33_l7_many_ticks_of_the_clock_tell_what_one_tells(case in case(&Profile::everything().steady())) {
        let (mut one, mut many) = (case.oracle().unwrap(), case.oracle().unwrap());
        let mut clock = leadstream_oracle::generate::START_MS;
        for command in &case.commands {
            let told = one.command_of(command).unwrap().derived;
            let mut ticks = Vec::new();
            if let Command::Clock(instant) = command {
                let span = ((instant - clock) / 41).max(1);
                for tick in (0..40).map(|number| clock + number * span).filter(|tick| tick < instant) {
                    ticks.extend(many.clock(tick).derived);
                }
                clock = clock.max(*instant);
            }
            ticks.extend(many.command_of(command).unwrap().derived);
            prop_assert_eq!(ticks, told);
        }
    }
}
