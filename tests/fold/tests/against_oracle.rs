//! The fold against the oracle, command by command, on random plans and histories; and the laws that need no oracle.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::PathBuf;

use leadstream_core::Contact;
use leadstream_core::explain::LedgerLine;
use leadstream_fold_tests::{
    Subject, compiles, contributions_of, derived_of, image_of, ledger_of, levels_of, looks_further_back, outcome_of,
    scorecard_of,
};
use leadstream_oracle::case::{Case, Command};
use leadstream_oracle::generate::{Groups, Profile, case, shuffled};
use leadstream_oracle::{LineKind, Oracle};
use leadstream_wire::stored::StoredError;
use leadstream_wire::stored::contact::{apply_change, put_change, read_image};
use leadstream_wire::stored::redo::{RedoContent, RedoHead, RedoPacker, RedoRecord};
use proptest::prelude::*;

/// What the fold and the oracle must agree on after every command.
fn compare(subject: &Subject, oracle: &Oracle) {
    if !subject.contact.is_blank() {
        assert_eq!(
            scorecard_of(&subject.fold, &subject.contact, subject.clock),
            oracle.scorecard(),
            "scorecards differ"
        );
        let mut expected = oracle.read().levels();
        expected.values_mut().for_each(|card| card.actions.retain(|_, counted| *counted != (0, false)));
        assert_eq!(levels_of(&subject.fold, &subject.contact, subject.clock), expected, "levels differ");
    }
    let mut expected: Vec<_> = oracle
        .ledger()
        .into_iter()
        .filter(|record| !departed(&subject.contact, record.time, record.by.as_deref()))
        .map(|r| (r.time, r.uid, r.plan, r.rule, r.version, r.raw, r.applied, r.cuts.into_iter().collect()))
        .collect();
    expected.sort();
    assert_eq!(ledger_of(&subject.contact), expected, "ledgers differ");
    adds_up(subject);
}

/// Whether a booking lies in the base, whose lines nobody keeps: timers at an instant go before its events.
fn departed(contact: &Contact, time: i64, by: Option<&str>) -> bool {
    let Some(base) = &contact.base else { return false };
    let boundary = (base.boundary.0.millis(), base.boundary.1.to_string());
    match by {
        Some(uid) => (time, uid.to_owned()) <= boundary,
        None => time <= boundary.0,
    }
}

/// L4: every ledger adds up to its score.
fn adds_up(subject: &Subject) {
    let explanation = subject.fold.explain(&subject.contact, subject.clock);
    for ledger in &explanation.ledgers {
        let sum: leadstream_core::Points = ledger.lines.iter().map(LedgerLine::value).sum();
        assert_eq!(sum, ledger.score, "{:?} does not add up: {ledger:#?}", ledger.of);
        let without_base = subject.contact.base.is_none();
        let has_base = ledger.lines.iter().any(|line| matches!(line, LedgerLine::Base { .. }));
        assert!(!(without_base && has_base), "a base line without a base: {ledger:#?}");
    }
}

/// What is stored of a contact gives the same contact, whole and as a change since the savepoint, and undoing gives back what was before it.
fn survives_storage(subject: &Subject, earlier: &Contact) -> Contact {
    let mut read = read_image(&subject.contact.id, &image_of(&subject.contact)).unwrap();
    subject.fold.refresh(&mut read);
    assert_eq!(read.next_due, subject.contact.next_due);
    assert_same(&read, &subject.contact);
    if subject.savepoint.leads_to(&subject.contact) {
        let mut grown = read_image(&subject.contact.id, &image_of(earlier)).unwrap();
        let mut packer = RedoPacker::new(1 << 20);
        packer.push_change("c", |words, bytes| put_change(&subject.contact, &subject.savepoint, words, bytes));
        packer.records(&head(), |bytes| apply_redo(&mut grown, bytes)).unwrap();
        assert_same(&grown, &subject.contact);
        let mut undone = subject.contact.clone();
        assert!(undone.undo(subject.savepoint.clone()));
        assert_same(&undone, earlier);
    }
    read
}

fn head() -> RedoHead<'static> {
    let clock = leadstream_core::Timestamp::MIN;
    RedoHead { epoch: 1, writer: 1, low: 0, clock, plans: [0; 16], plan_sets: Vec::new(), offsets: Vec::new() }
}

/// Applies the only entry of a redo record.
fn apply_redo(contact: &mut Contact, bytes: &[u8]) -> Result<(), StoredError> {
    let record = RedoRecord::read(bytes)?;
    let [entry] = record.entries.as_slice() else { panic!("one entry was packed") };
    match entry.content {
        RedoContent::Change(body) => apply_change(contact, body, &record.words),
        ref other => panic!("a change was packed, not {other:?}"),
    }
}

fn assert_same(one: &Contact, other: &Contact) {
    assert_eq!(image_of(one), image_of(other), "images differ");
    assert_eq!(one.state, other.state);
    assert_eq!(one.ledger, other.ledger);
    assert_eq!(one.announced, other.announced);
    assert_eq!(one.recomputed, other.recomputed);
}

fn run(case: &Case) {
    let mut oracle = case.oracle().unwrap();
    let mut subject = Subject::new(case);
    // What lives on in memory, and what is read out of its stored form after every command, must not differ.
    let mut stored = Subject::new(case);
    let mut earlier = subject.contact.clone();
    subject.savepoint = subject.contact.savepoint();
    for (at, command) in in_time(&case.commands).iter().enumerate() {
        if let (Command::Forward { from, plans } | Command::Recompute { from, plans, .. }, Some(base)) =
            (command, &subject.contact.base)
            // What departed is folded for good: a change cannot begin before it, which takes event times a horizon ahead of the clock.
            && (*from <= base.boundary.0.millis()
                // A fact declared later cannot look into the base (S12); the oracle remembers all.
                || looks_further_back(subject.fold.timeline().latest().plans.plans(), plans))
        {
            return;
        }
        let expected = oracle.command_of(command).unwrap();
        let (outcome, derived) = subject.command(command);
        assert_eq!(outcome.map(outcome_of), expected.outcome, "outcome of command {at}: {command:?}");
        assert_eq!(
            derived.len(),
            expected.derived.len(),
            "command {at}: {command:?}\n{derived:#?}\n{:#?}",
            expected.derived
        );
        for (derived, expected) in derived.iter().zip(&expected.derived) {
            let mut seen = derived_of(derived);
            let mut wanted = expected.clone();
            // Reasons are words for people; contributions are compared below without the base, which is no rule's.
            wanted.reason = None;
            wanted.contributions.clear();
            if let leadstream_oracle::Cause::Timer { plan, .. } = &mut wanted.cause {
                *plan = None;
            }
            if let leadstream_oracle::Cause::Timer { plan, .. } = &mut seen.cause {
                *plan = None;
            }
            // Of a plan that is not in force any more the fold tells neither version nor score; the oracle knows it as it was.
            let is_of_gone_plan = seen.plan.is_some() && seen.version.is_none();
            if is_of_gone_plan {
                (wanted.version, wanted.score, wanted.threshold) = (None, None, None);
                wanted.via.clear();
            }
            assert_eq!(seen, wanted, "command {at}: {command:?}");
            if is_of_gone_plan {
                assert!(derived.contributions.is_empty(), "{derived:#?}");
                continue;
            }
            let rules = expected.contributions.iter().filter(|c| matches!(c.kind, LineKind::Fit | LineKind::Booking));
            let wanted: Vec<_> = rules.map(|c| (c.rule.clone(), c.uid.clone(), c.value)).collect();
            let mut seen = contributions_of(derived);
            if wanted.len() < expected.contributions.len() {
                seen.truncate(wanted.len());
            }
            assert_eq!(seen, wanted, "contributions of {derived:#?}");
        }
        compare(&subject, &oracle);
        let (_, again) = stored.command(command);
        assert_eq!(again, derived, "command {at} after reading the contact: {command:?}");
        assert_same(&stored.contact, &subject.contact);
        stored.contact = survives_storage(&subject, &earlier);
        if at % 3 == 2 || !subject.savepoint.leads_to(&subject.contact) {
            earlier = subject.contact.clone();
            subject.savepoint = subject.contact.savepoint();
        }
    }
}

/// The commands with the clock just before each recompute: the oracle carries it out at once and the fold when its clock comes to it, and so nothing is due
/// in between.
fn in_time(commands: &[Command]) -> Vec<Command> {
    let clock = |command: &Command| match command {
        Command::Recompute { from, .. } => Some(Command::Clock(from - 1)),
        _ => None,
    };
    commands.iter().flat_map(|command| clock(command).into_iter().chain([command.clone()])).collect()
}

/// The folder of this package. Asked for when the test runs: a path that is built in would be that of the checkout that was built last.
fn package() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default()
}

/// What once made the two disagree stays a test, and so do the worked examples.
#[test]
fn the_fold_and_the_oracle_agree_on_the_kept_cases() {
    let folder = package().join("../oracle/cases");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect();
    assert!(!files.is_empty());
    for path in files {
        let kept: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        run(&serde_json::from_value(kept["case"].clone()).unwrap());
    }
}

/// Levels that follow scores, commands of the CRM, and points that decay, at once.
fn following() -> Profile {
    Profile::of_groups(Groups { decay: true, levels: true, commands: true, ..Groups::default() })
}

/// 128 cases, unless `PROPTEST_CASES` says otherwise. Some cases do not compile, and more are rejected the more there are.
fn config() -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, max_shrink_iters: 2000, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 128;
    }
    config.max_global_rejects = config.cases.saturating_mul(1_000);
    config
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_fold_and_the_oracle_agree_on_every_command(case in case(&Profile::full())) {
        prop_assume!(compiles(&case));
        run(&case);
    }

    #[test]
    fn the_fold_and_the_oracle_agree_on_usual_cases(case in case(&Profile::usual())) {
        prop_assume!(compiles(&case));
        run(&case);
    }

    #[test]
    fn the_fold_and_the_oracle_agree_where_points_decay_s20_s21_s33(case in case(&Profile::decay())) {
        prop_assume!(compiles(&case));
        run(&case);
    }

    #[test]
    fn the_fold_and_the_oracle_agree_where_something_does_not_follow_s13(case in case(&Profile::absence())) {
        prop_assume!(compiles(&case));
        run(&case);
    }

    #[test]
    fn the_fold_and_the_oracle_agree_on_bands_grades_actions_and_routes_s27_s28_s34_s35(case in case(&Profile::levels())) {
        prop_assume!(compiles(&case));
        run(&case);
    }

    #[test]
    fn the_fold_and_the_oracle_agree_on_rules_of_several_events_s15(case in case(&Profile::compound())) {
        prop_assume!(compiles(&case));
        run(&case);
    }

    #[test]
    fn the_fold_and_the_oracle_agree_on_adjustments_and_feedback_s17_s38(case in case(&Profile::commands())) {
        prop_assume!(compiles(&case));
        run(&case);
    }

    #[test]
    fn the_fold_and_the_oracle_agree_on_events_that_are_held_and_judged_s56(case in case(&Profile::verdicts())) {
        prop_assume!(compiles(&case));
        run(&case);
    }

    #[test]
    fn the_fold_and_the_oracle_agree_on_everything_that_follows_scores_that_decay_s33(case in case(&following())) {
        prop_assume!(compiles(&case));
        run(&case);
    }

    #[test]
    fn the_fold_and_the_oracle_agree_on_recomputes_and_retired_plans_s46_s47(case in case(&Profile::versions())) {
        prop_assume!(compiles(&case));
        run(&case);
    }

    #[test]
    fn the_fold_and_the_oracle_agree_where_all_of_that_meets(case in case(&Profile::everything())) {
        prop_assume!(compiles(&case));
        run(&case);
    }

    #[test]
    fn l1_the_order_of_arrival_does_not_matter(
        (case, other) in case(&Profile::usual()).prop_flat_map(|case| (Just(case.clone()), shuffled(&case)))
    ) {
        prop_assume!(compiles(&case) && compiles(&other));
        arrive_in_any_order(&case, &other);
    }

    #[test]
    fn l1_the_order_of_arrival_does_not_matter_to_what_waits_and_to_verdicts_either(
        (case, other) in case(&Profile::everything().steady()).prop_flat_map(|case| (Just(case.clone()), shuffled(&case)))
    ) {
        prop_assume!(compiles(&case) && compiles(&other));
        arrive_in_any_order(&case, &other);
    }
}

fn arrive_in_any_order(case: &Case, other: &Case) {
    let end = Command::Clock(leadstream_oracle::generate::START_MS + 120 * leadstream_oracle::DAY_MS);
    let fold = |case: &Case| {
        let mut subject = Subject::new(case);
        case.commands.iter().chain([&end]).for_each(|command| {
            subject.command(command);
        });
        subject
    };
    let (one, other) = (fold(case), fold(other));
    let state = |subject: &Subject| leadstream_oracle::Scorecard {
        seq: 0,
        ..scorecard_of(&subject.fold, &subject.contact, subject.clock)
    };
    assert_eq!(state(&one), state(&other));
    assert_eq!(ledger_of(&one.contact), ledger_of(&other.contact));
    assert_eq!(one.contact.state.waiting, other.contact.state.waiting);
}
