//! Clauses of the semantics held to the fold by hand, where no other test names them.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;

use leadstream_core::explain::{PlanCard, Scorecard};
use leadstream_core::plan::PlanSet;
use leadstream_core::{
    Contact, DerivedEvent, Event, EventKind, Fold, HistoryLimits, Term, Timeline, Timestamp, Uid, Value,
};
use leadstream_plan::{Options, compile};

const DAY_MS: i64 = 86_400_000;

/// A contact on its way, and what was told of it.
struct Run {
    fold: Fold,
    contact: Contact,
    told: Vec<DerivedEvent>,
}

impl Run {
    fn new(plan: &str) -> Run {
        let compiled = compile("plan.yaml", plan, &Options::default());
        let plan = compiled.plan.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
        let timeline = Timeline::new(Arc::new(PlanSet::new(vec![plan])));
        Run { fold: Fold::new(timeline, HistoryLimits::default()), contact: Contact::new("c1"), told: Vec::new() }
    }

    /// An event of a day. Its id is its day and type.
    fn event(&mut self, day: i64, event_type: &str, properties: &[(&str, Value<'_>)]) -> &mut Run {
        let kind = match event_type {
            "attributes" => EventKind::Attributes,
            "tags" => EventKind::Tags,
            _ => EventKind::default(),
        };
        let mut event = Event {
            contact: "c1".to_owned(),
            uid: Uid::of("web", &format!("{day} {event_type}")),
            kind,
            event_type: Term::new(event_type),
            source: Term::new("web"),
            time: instant(day),
            ..Event::default()
        };
        for (name, value) in properties {
            event.properties.set(name, *value);
        }
        self.fold.apply(&mut self.contact, &event, Timestamp::MIN, &mut self.told);
        self
    }

    fn card(&self, day: i64) -> Scorecard {
        self.fold.scorecard(&self.contact, instant(day))
    }

    fn plan(&self, day: i64) -> PlanCard {
        self.card(day).plans[0].clone()
    }

    /// The kinds and subjects of what was told.
    fn lines(&self) -> Vec<String> {
        self.told.iter().map(|event| format!("{} {}", event.kind.as_str(), event.subject)).collect()
    }
}

fn instant(day: i64) -> Timestamp {
    Timestamp::from_millis(day * DAY_MS)
}

#[test]
fn a_clock_with_nothing_due_moves_nothing_and_the_last_step_never_goes_back_s1() {
    let plan = "plan: p\nrules: [ { id: a, on: page_viewed, points: 10 }, { id: away, idle: 30d, points: -1 } ]\n";
    let mut run = Run::new(plan);
    run.event(2, "page_viewed", &[]);
    let before = run.contact.clone();
    run.fold.advance(&mut run.contact, instant(20), &mut run.told);
    assert_eq!(run.contact.state, before.state, "nothing was due");
    assert_eq!(run.contact.state.tau, Some(instant(2)));
    run.fold.advance(&mut run.contact, instant(40), &mut run.told);
    assert_eq!(run.contact.state.tau, Some(instant(32)), "the step is the timer's, not the clock's");
    run.event(1, "page_viewed", &[]);
    assert_eq!(run.contact.state.tau, Some(instant(32)), "a late event is no step back");
    let mut in_order = Run::new(plan);
    in_order.event(1, "page_viewed", &[]).event(2, "page_viewed", &[]);
    in_order.fold.advance(&mut in_order.contact, instant(40), &mut in_order.told);
    assert_eq!(run.plan(40).score, in_order.plan(40).score, "the order of arrival does not enter");
    assert_eq!(run.plan(40).score.as_number(), 19.0);
}

#[test]
fn an_attribute_is_the_last_write_in_time_and_events_see_those_of_their_own_s16() {
    let plan = "plan: p\nrules: [ { id: local, on: page_viewed, when: 'contact.city == \"Kraków\"', points: 10 } ]\n\
                fit: [ { id: city, when: 'contact.city == \"Kraków\"', points: 5 } ]\n";
    let mut run = Run::new(plan);
    run.event(1, "page_viewed", &[]).event(3, "page_viewed", &[]).event(5, "page_viewed", &[]);
    run.event(4, "attributes", &[("city", Value::Text("Gdańsk"))]);
    assert_eq!((run.plan(5).engagement.as_number(), run.plan(5).fit.as_number()), (0.0, 0.0));
    // Comes late, changes what happened behind it, and does not hold any more.
    run.event(2, "attributes", &[("city", Value::Text("Kraków"))]);
    assert_eq!((run.plan(5).engagement.as_number(), run.plan(5).fit.as_number()), (10.0, 0.0));
    run.event(6, "attributes", &[("city", Value::Text("Kraków"))]);
    assert_eq!(run.plan(6).fit.as_number(), 5.0);
    run.event(7, "attributes", &[("city", Value::Null)]);
    assert_eq!(run.plan(7).fit.as_number(), 0.0, "a fit rule gives back what it gave");
}

#[test]
fn a_tag_has_a_score_of_its_own_that_ends_with_it_and_begins_at_nought_s25() {
    let plan = "plan: p\nrules:\n  - { id: look, on: page_viewed, points: 3, tag: shoes }\n  \
                - { id: club, on: signed_up, points: 4, cap: { points: 1 }, tags: [ { tag: club, points: 50 } ] }\n";
    let score = |run: &Run, tag: &str| {
        run.card(9).tags.iter().find(|found| *found.tag == *tag).map(|found| found.points.as_number())
    };
    let mut run = Run::new(plan);
    run.event(1, "page_viewed", &[]).event(2, "page_viewed", &[]).event(3, "signed_up", &[]);
    assert_eq!((score(&run, "shoes"), score(&run, "club")), (Some(6.0), Some(50.0)), "no cap touches its own points");
    run.event(4, "tags", &[("shoes", Value::Bool(false))]);
    assert_eq!((score(&run, "shoes"), run.plan(4).score.as_number()), (None, 7.0), "the plan keeps its points");
    run.event(5, "page_viewed", &[]);
    assert_eq!((score(&run, "shoes"), run.plan(5).score.as_number()), (Some(3.0), 10.0));
    assert_eq!(
        run.lines(),
        ["tag.added tag:shoes", "tag.added tag:club", "tag.removed tag:shoes", "tag.added tag:shoes"]
    );
}

#[test]
fn points_belong_to_the_stage_of_before_the_step_and_each_stage_begins_at_nought_s26() {
    let mut run = Run::new(
        "plan: p\nrules: [ { id: order, on: order_completed, points: 'event.value' } ]\n\
         pipeline: { stages: [ { name: lead }, { name: warm, enter: 50 }, { name: hot, enter: 60 } ] }\n",
    );
    let mut after = |day: i64, value: f64| {
        run.event(day, "order_completed", &[("value", Value::Number(value))]);
        let stage = run.plan(day).stage.unwrap();
        (stage.stage.to_string(), stage.points.as_number())
    };
    assert_eq!(after(1, 30.0), ("lead".to_owned(), 30.0), "the first points count in the first stage");
    assert_eq!(after(2, 45.0), ("warm".to_owned(), 0.0), "not 25");
    assert_eq!(after(3, 59.0), ("warm".to_owned(), 59.0));
    assert_eq!(after(4, 1000.0), ("hot".to_owned(), 0.0));
}

#[test]
fn a_level_that_is_held_already_is_not_told_again_s30() {
    let mut run = Run::new(
        "plan: p\nrules: [ { id: order, on: order_completed, points: 'event.value' } ]\nqualify: { at: 150 }\n",
    );
    for (day, value, told) in [(1, 140.0, 0), (2, 9.0, 0), (3, 2.0, 1), (4, 9.0, 1), (5, -11.0, 2), (6, 1.0, 3)] {
        run.event(day, "order_completed", &[("value", Value::Number(value))]);
        assert_eq!(run.told.len(), told, "{value} on day {day}: {:?}", run.lines());
    }
    assert_eq!(run.lines(), ["lead.qualified qualify", "lead.disqualified qualify", "lead.qualified qualify"]);
}

#[test]
fn a_fit_rule_among_the_contributions_has_no_event_and_the_time_of_the_step_s53() {
    let mut run = Run::new(
        "plan: p\nrules: [ { id: visit, on: page_viewed, points: 10 } ]\n\
         fit: [ { id: city, when: 'has(contact.city)', points: 10 } ]\nqualify: { at: 20 }\n",
    );
    run.event(1, "attributes", &[("city", Value::Text("Kraków"))]).event(3, "page_viewed", &[]);
    let [told] = &run.told[..] else { panic!("{:?}", run.lines()) };
    let lines: Vec<_> =
        told.contributions.iter().map(|line| (line.rule.to_string(), line.uid.is_some(), line.time)).collect();
    let expected = [("city".to_owned(), false, instant(3)), ("visit".to_owned(), true, instant(3))];
    assert_eq!(lines, expected, "equal ones: fit first");
}

#[test]
fn a_step_tells_tags_by_name_then_band_grade_stage_qualification_owner_and_actions_by_id_s39() {
    let mut run = Run::new(
        "plan: p\nrules: [ { id: form, on: form_submitted, points: 100, tags: [zebra, ape] } ]\n\
         actions: [ { id: b, at: 50, emit: b }, { id: a, at: 50, emit: a } ]\nroute: { to: [ola] }\n\
         qualify: { at: 100 }\npipeline: { stages: [ { name: lead }, { name: mql, enter: 50 } ] }\n\
         grade: { fit: { A: 30 }, engagement: { 1: 100 } }\nbands: { hot: 80 }\n",
    );
    run.event(1, "form_submitted", &[]);
    assert_eq!(
        run.lines(),
        [
            "tag.added tag:ape",
            "tag.added tag:zebra",
            "band.changed band",
            "grade.changed grade",
            "stage.advanced stage",
            "lead.qualified qualify",
            "lead.routed route",
            "action.requested action:a",
            "action.requested action:b",
        ]
    );
    assert_eq!(run.told.iter().map(|event| event.seq).collect::<Vec<_>>(), (1..=9).collect::<Vec<_>>());
}
