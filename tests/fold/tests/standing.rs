//! Bands, grades, actions, routes, adjustments and feedback by worked examples (S17, S27, S28, S34, S35, S38), with what follows from late events and
//! changes of plans for them.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;

use leadstream_core::contact::{Contact, Level};
use leadstream_core::derived::{DerivedKind, Mark, Reason};
use leadstream_core::explain::{LedgerLine, LedgerOf, MissingReason};
use leadstream_core::plan::PlanSet;
use leadstream_core::{DerivedEvent, Event, EventKind, Fold, HistoryLimits, Points, Timeline, Timestamp, Uid, Value};

const HOUR_MS: i64 = 3_600_000;

fn plans(texts: &[&str]) -> Arc<PlanSet> {
    let compile = |text: &&str| {
        let compiled = leadstream_plan::compile("p.yaml", text, &leadstream_plan::Options::default());
        compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics))
    };
    Arc::new(PlanSet::new(texts.iter().map(compile).collect()))
}

struct Run {
    fold: Fold,
    contact: Contact,
    told: Vec<DerivedEvent>,
    number: u32,
}

impl Run {
    fn new(texts: &[&str]) -> Run {
        let fold = Fold::new(Timeline::new(plans(texts)), HistoryLimits::default());
        Run { fold, contact: Contact::new("c1"), told: Vec::new(), number: 0 }
    }

    /// An event at an hour. Returns what it led to, in short.
    fn event(
        &mut self,
        hours: i64,
        kind: EventKind,
        event_type: &str,
        properties: &[(&str, Value<'_>)],
    ) -> Vec<String> {
        self.number += 1;
        let mut event = Event { contact: "c1".into(), uid: Uid::of("s", &self.number.to_string()), ..Event::default() };
        event.time = hour(hours);
        event.kind = kind;
        event.event_type.set(event_type);
        event.source.set("s");
        properties.iter().for_each(|(name, value)| event.properties.set(name, *value));
        self.told.clear();
        self.fold.apply(&mut self.contact, &event, Timestamp::MIN, &mut self.told);
        self.shown()
    }

    /// So many points by what the contact does.
    fn earn(&mut self, hours: i64, points: f64) -> Vec<String> {
        self.event(hours, EventKind::Interaction, "worth", &[("value", Value::Number(points))])
    }

    fn know(&mut self, hours: i64, name: &str, value: Value<'_>) -> Vec<String> {
        self.event(hours, EventKind::Attributes, "known", &[(name, value)])
    }

    fn feedback(&mut self, hours: i64, outcome: &str, plan: Option<&str>) -> Vec<String> {
        let mut properties = vec![("outcome", Value::Text(outcome))];
        properties.extend(plan.map(|plan| ("plan", Value::Text(plan))));
        self.event(hours, EventKind::Feedback, "feedback", &properties)
    }

    fn adjust(&mut self, hours: i64, properties: &[(&str, Value<'_>)]) -> Vec<String> {
        let plan = [("plan", Value::Text("p"))];
        self.event(hours, EventKind::Adjust, "adjust", &[&plan, properties].concat())
    }

    fn clock(&mut self, hours: i64) -> Vec<String> {
        self.told.clear();
        self.fold.advance(&mut self.contact, hour(hours), &mut self.told);
        self.shown()
    }

    fn change(&mut self, hours: i64, texts: &[&str]) -> Vec<String> {
        assert!(self.fold.change_plans(hour(hours), plans(texts)));
        self.fold.refresh(&mut self.contact);
        self.clock(hours)
    }

    fn shown(&self) -> Vec<String> {
        let name = |level: &Level| match level {
            Level::None => "-".to_owned(),
            Level::On => "on".to_owned(),
            Level::Stage(name) | Level::Named(name) => name.to_string(),
            Level::Count(count) => count.to_string(),
            Level::Id(id) => id.to_string(),
        };
        let show = |event: &DerivedEvent| format!("{} {} {}", event.subject, name(&event.old), name(&event.new));
        self.told.iter().map(show).collect()
    }

    fn engagement(&self) -> String {
        self.fold.scorecard(&self.contact, Timestamp::MIN).plans[0].engagement.to_string()
    }
}

fn hour(hours: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + hours * HOUR_MS)
}

fn plan(rest: &str) -> String {
    format!("plan: p\nrules: [ {{ id: worth, on: worth, points: event.value }} ]\n{rest}")
}

const NOTHING: [&str; 0] = [];

#[test]
fn bands_follow_the_score_with_a_margin_and_leave_with_membership_s23_s27() {
    let mut run =
        Run::new(&[&plan("members: '!contact.gone || !has(contact.gone)'\nbands: { warm: 40, hot: 80, margin: 5 }")]);
    assert_eq!(run.earn(1, 39.0), NOTHING);
    assert_eq!(run.earn(2, 43.0), ["band cold hot"], "one edge, whatever is passed");
    assert_eq!(run.told[0].threshold.unwrap().to_string(), "80");
    assert_eq!(run.earn(3, -45.0), ["band hot warm"], "82 to 37: 40 - 5 is not above 37");
    assert_eq!(
        (run.told[0].threshold.unwrap().to_string(), run.told[0].score.unwrap().to_string()),
        ("75".into(), "37".into())
    );
    assert_eq!(run.earn(4, -2.0), NOTHING, "35 is where warm ends");
    assert_eq!(run.earn(5, -0.001), ["band warm cold"]);
    assert_eq!(run.earn(6, 4.0), NOTHING, "the margin lifts nobody");
    assert_eq!(run.earn(7, 2.0), ["band cold warm"]);
    assert_eq!(run.know(8, "gone", Value::Bool(true)), ["band warm cold"]);
    assert_eq!(run.told[0].reason, Reason::NotMember);
    assert_eq!(run.know(9, "gone", Value::Bool(false)), ["band cold warm"]);
}

#[test]
fn grades_are_of_members_and_their_first_comes_out_of_none_s28() {
    let mut run = Run::new(&[&plan(
        "members: contact.consent\nfit: [ { id: near, when: 'contact.city == \"Brno\"', points: 10 } ]\ngrade: { fit: { A: 10 }, engagement: { 1: 40, 3: 20 } }",
    )]);
    assert_eq!(run.earn(1, 100.0), NOTHING, "no member, no grade");
    assert_eq!(run.know(2, "consent", Value::Bool(true)), ["grade - D4"]);
    assert_eq!(run.told[0].threshold, None);
    assert_eq!(run.earn(3, 39.0), ["grade D4 D3"], "without a cut of 2");
    assert_eq!(run.know(4, "city", Value::Text("Brno")), ["grade D3 A3"]);
    assert_eq!(run.earn(5, 1.0), ["grade A3 A1"]);
    assert_eq!(run.know(6, "consent", Value::Null), ["grade A1 -"]);
}

#[test]
fn levels_that_follow_scores_change_to_the_millisecond_as_points_decay_s20_s33() {
    let mut run = Run::new(&[&plan(
        "decay: { half_life: 30d }\nbands: { warm: 40, hot: 80 }\ngrade: { fit: { A: 1 }, engagement: { 1: 80 } }\nactions: [ { id: call, at: 90, release: 80, rearm: on_release } ]",
    )]);
    assert_eq!(run.earn(0, 100.0), ["band cold hot", "grade - D1", "action:call 0 1"].map(|told| told.to_owned()));
    // The first instant at which it shows less than 80, by halving: an engagement of a half-life only falls.
    let shows = |millis: i64| run.fold.scorecard(&run.contact, Timestamp::from_millis(millis)).plans[0].engagement;
    let (mut at_least, mut below) = (hour(0).millis(), hour(24 * 30).millis());
    while below - at_least > 1 {
        let middle = at_least + (below - at_least) / 2;
        if shows(middle) >= Points::whole(80) { at_least = middle } else { below = middle }
    }
    run.told.clear();
    run.fold.advance(&mut run.contact, Timestamp::from_millis(below - 1), &mut run.told);
    assert_eq!(run.shown(), NOTHING);
    run.fold.advance(&mut run.contact, Timestamp::from_millis(below), &mut run.told);
    assert_eq!(run.shown(), ["band hot warm", "grade D1 D4"]);
    assert!(run.told.iter().all(|event| event.time.millis() == below));
    // The action has been released at that very instant too, with nothing told: the next rise counts.
    assert_eq!(run.earn(240, 20.0), ["band warm hot", "grade D4 D1", "action:call 1 2"]);
}

#[test]
fn conditions_read_the_levels_before_the_step_s59() {
    let text = "plan: p
rules:
  - { id: worth, on: worth, points: event.value }
  - { id: warm, on: worth, when: 'level(\"\", \"band\") == \"warm\"', points: 100, once_per: ever }
  - { id: graded, on: worth, when: 'level(\"p\", \"grade\") == \"D1\"', points: 1000, once_per: ever }
  - { id: owned, on: worth, when: 'level(\"\", \"route\") == \"anna\"', points: 10000, once_per: ever }
  - { id: asked, on: worth, when: 'level(\"\", \"action:call\") >= 1', points: 100000, once_per: ever }
qualify: { at: 40 }
bands: { warm: 40 }
grade: { fit: { A: 1 }, engagement: { 1: 40 } }
route: { to: [anna] }
actions: [ { id: call, at: 40 } ]
";
    let mut run = Run::new(&[text]);
    run.earn(1, 40.0);
    assert_eq!(run.engagement(), "40", "levels are those of before");
    run.earn(2, 0.0);
    assert_eq!(run.engagement(), "111140");
}

#[test]
fn an_action_counts_rises_and_again_only_where_it_re_arms_s34() {
    let mut run = Run::new(&[&plan(
        "actions: [ { id: once, at: 50 }, { id: again, at: 50, release: 20, rearm: on_release, emit: mail, data: { offer: spring } } ]",
    )]);
    assert_eq!(run.earn(1, 50.0), ["action:again 0 1", "action:once 0 1"], "by id (S39)");
    let request = run.told[0].request.clone().unwrap();
    assert_eq!((request.emit.as_deref(), request.data.len()), (Some("mail"), 1));
    assert_eq!((run.told[0].n, run.told[0].threshold.unwrap().to_string()), (1, "50".to_owned()));
    assert_eq!(run.earn(2, -30.0), NOTHING);
    assert_eq!(run.earn(3, 30.0), NOTHING, "20 is not below 20");
    assert_eq!(run.earn(4, -30.001), NOTHING);
    assert_eq!(run.earn(5, 100.0), ["action:again 1 2"]);
}

#[test]
fn the_flag_of_an_action_goes_on_without_membership_and_joining_counts_s23_s34() {
    let text =
        plan("members: '!has(contact.gone)'\nactions: [ { id: call, at: 50, rearm: on_release, score: 'tag:x' } ]");
    let mut run = Run::new(&[&text]);
    let tag = |run: &mut Run, hours, value| run.event(hours, EventKind::Tags, "tags", &[("x", value)]);
    assert_eq!(tag(&mut run, 1, Value::Number(60.0)), ["tag:x - on", "action:call 0 1"]);
    run.know(2, "gone", Value::Bool(true));
    assert_eq!(tag(&mut run, 3, Value::Bool(false)), ["tag:x on -"]);
    assert_eq!(tag(&mut run, 4, Value::Number(70.0)), ["tag:x - on"], "no member, no count; but the score was below");
    assert_eq!(run.know(5, "gone", Value::Null), ["action:call 1 2"]);
}

#[test]
fn the_flag_of_an_action_falls_without_a_step_and_without_membership_as_points_decay_s23_s33_s34() {
    let text = "plan: p
members: '!has(contact.gone)'
decay: { half_life: 1d }
rules: [ { id: worth, on: worth, points: event.value, tag: x } ]
actions: [ { id: call, at: 50, rearm: on_release, score: 'tag:x' } ]
";
    let mut run = Run::new(&[text]);
    assert_eq!(run.earn(1, 60.0), ["tag:x - on", "action:call 0 1"]);
    run.know(2, "gone", Value::Bool(true));
    // Ten days on hardly anything is left, and no step has seen that: the next one finds the score at 60 again.
    assert_eq!(run.event(240, EventKind::Tags, "tags", &[("x", Value::Number(60.0))]), NOTHING);
    assert_eq!(run.know(241, "gone", Value::Null), ["action:call 1 2"]);
}

#[test]
fn what_was_requested_cannot_be_unsent_and_is_not_requested_twice_s42() {
    let mut run = Run::new(&[&plan("actions: [ { id: call, at: 50, rearm: on_release } ]")]);
    run.earn(1, 10.0);
    assert_eq!(run.earn(4, 40.0), ["action:call 0 1"]);
    assert_eq!(run.earn(2, -30.0), NOTHING, "late: it never rose; nothing is told");
    assert_eq!(run.earn(5, 40.0), NOTHING, "its first rise now, which was told of");
    assert_eq!(run.earn(6, -60.0), NOTHING);
    assert_eq!(run.earn(7, 60.0), ["action:call 1 2"]);
    // A late rise that falls again before what is known: it counts all the same, and is told once.
    assert_eq!(run.earn(3, 45.0), NOTHING, "from 25 to 65 and on: as many rises as before");
    let told = run.event(8, EventKind::Interaction, "other", &[]);
    assert_eq!(told, NOTHING);
}

#[test]
fn a_lead_is_routed_each_time_it_qualifies_and_its_owner_is_lost_in_silence_s35() {
    let text = plan("qualify: { at: 50 }\nroute: { to: [anna, piotr, ola], by: contact.owner }");
    let mut run = Run::new(&[&text]);
    assert_eq!(run.earn(1, 60.0), ["qualify - on", "route - ola"], "the greatest hash for c1");
    assert_eq!((run.told[1].score.unwrap().to_string(), run.told[1].threshold), ("60".to_owned(), None));
    assert_eq!(run.know(2, "owner", Value::Text("anna")), NOTHING, "kept");
    assert_eq!(run.earn(3, -20.0), ["qualify on -"]);
    assert_eq!(run.earn(4, 20.0), ["qualify - on", "route - anna"]);
    run.know(5, "owner", Value::Text("somebody"));
    run.earn(6, -20.0);
    assert_eq!(run.earn(7, 20.0), ["qualify - on", "route - ola"]);
    // A late attribute: another owner, told once.
    assert_eq!(run.know(6, "owner", Value::Text("piotr")), ["route ola piotr"]);
    assert_eq!((run.told[0].marks.clone(), run.told[0].since), (vec![Mark::Late], hour(7)));
    assert!(run.told[0].corrects.is_some());
    // A late loss of the qualification loses the owner too, and only the one is told.
    assert_eq!(run.earn(6, -15.0), ["qualify on -"]);
    assert_eq!(run.earn(9, 15.0), ["qualify - on", "route - piotr"]);
}

#[test]
fn adjustments_are_held_by_limits_and_no_cap_and_computed_anew_s17() {
    let mut run = Run::new(&[&plan("limits: { ceiling: 100 }\nmembers: '!has(contact.gone)'")]);
    run.earn(1, 30.0);
    run.adjust(3, &[("set", Value::Number(50.0)), ("author", Value::Text("anna")), ("reason", Value::Text("a fair"))]);
    assert_eq!(run.engagement(), "50");
    run.earn(2, 10.0);
    assert_eq!(run.engagement(), "50", "a late event: what is missing is computed anew");
    run.adjust(4, &[("add", Value::Number(70.0))]);
    assert_eq!(run.engagement(), "100");
    run.adjust(5, &[("add", Value::Text("70"))]);
    run.adjust(6, &[("plan", Value::Text("q")), ("add", Value::Number(-70.0))]);
    run.know(7, "gone", Value::Bool(true));
    run.adjust(8, &[("add", Value::Number(-70.0))]);
    assert_eq!(run.engagement(), "100", "no points, another plan, no member");
    let explanation = run.fold.explain(&run.contact, hour(9));
    let ledger = explanation.ledgers.iter().find(|ledger| matches!(ledger.of, LedgerOf::Plan(_))).unwrap();
    let lines: Vec<_> = ledger
        .lines
        .iter()
        .filter_map(|line| if let LedgerLine::Booked(line) = line { Some(line) } else { None })
        .collect();
    let shown: Vec<_> = lines.iter().map(|line| format!("{} {} {}", line.rule, line.raw, line.applied)).collect();
    assert_eq!(shown, ["worth 30 30", "worth 10 10", "#adjust 10 10", "#adjust 70 50"]);
    assert_eq!((lines[2].author.as_deref(), lines[2].note.as_deref()), (Some("anna"), Some("a fair")));
    assert_eq!(lines[3].author, None);
}

#[test]
fn an_adjustment_is_booked_before_the_rules_of_its_step_s17_s22() {
    let text = "plan: p\nrules: [ { id: heard, on: adjust, points: 100 } ]\nlimits: { ceiling: 100 }\n";
    let mut run = Run::new(&[text]);
    run.adjust(1, &[("add", Value::Number(70.0))]);
    let booked = run.contact.ledger.as_slice().iter();
    let booked: Vec<_> = booked
        .map(|booked| (run.contact.rules.get(booked.rule).unwrap().rule.as_str(), booked.applied.to_string()))
        .collect();
    assert_eq!(booked, [("#adjust", "70".to_owned()), ("heard", "30".to_owned())]);
}

#[test]
fn an_adjustment_decays_as_the_plan_says_unless_it_says_none_s17_s20() {
    let mut run = Run::new(&[&plan("decay: { half_life: 1d }")]);
    run.adjust(0, &[("add", Value::Number(10.0))]);
    run.adjust(0, &[("add", Value::Number(10.0)), ("decay", Value::Text("none"))]);
    let card = run.fold.scorecard(&run.contact, hour(24));
    assert_eq!(card.plans[0].engagement.to_string(), "15");
}

#[test]
fn feedback_disqualifies_and_bars_until_something_is_earned_s38() {
    let mut run = Run::new(&[&plan("qualify: { at: 50, release: 40 }\nfeedback: { recycle: keep }")]);
    run.earn(1, 60.0);
    assert_eq!(run.feedback(2, "rejected", None), ["qualify on -"]);
    assert_eq!(run.told[0].reason, Reason::Feedback);
    assert_eq!(run.know(3, "any", Value::Bool(true)), NOTHING, "60 is at 50, and nothing was earned since");
    let missing = run.fold.explain(&run.contact, hour(3)).missing;
    assert_eq!(missing[0].reasons, [MissingReason::Feedback]);
    assert_eq!(run.earn(4, 0.0), NOTHING, "a booking of nothing is no interest");
    assert_eq!(run.earn(5, 5.0), ["qualify - on"]);
    assert_eq!(run.feedback(6, "lost", Some("q")), NOTHING, "another plan's");
    assert_eq!(run.feedback(7, "maybe", None), NOTHING, "no outcome");
    assert_eq!(run.feedback(8, "lost", Some("p")), ["qualify on -"]);
    assert_eq!(run.know(9, "any", Value::Null), NOTHING);
}

#[test]
fn feedback_ends_engagement_before_its_step_reads_it_and_restarts_the_cooldown_s7_s38() {
    let text = "plan: p
rules:
  - { id: worth, on: worth, points: event.value, cap: { points: 60, per: ever } }
  - { id: heard, on: feedback, when: 'score(\"plan:p\") > 0', points: 1000 }
qualify: { at: 50, cooldown: 7d }
";
    let mut run = Run::new(&[text]);
    run.earn(1, 50.0);
    assert_eq!(run.feedback(24, "won", None), ["qualify on -"]);
    assert_eq!(run.engagement(), "0", "the rule saw no score");
    run.earn(25, 60.0);
    assert_eq!(run.engagement(), "10", "the sum of the cap stays");
    run.adjust(26, &[("add", Value::Number(50.0))]);
    assert_eq!(run.clock(24 + 7 * 24 - 1), NOTHING);
    assert_eq!(run.clock(24 + 7 * 24), ["qualify - on"], "seven days from the feedback");
    let explanation = run.fold.explain(&run.contact, hour(200));
    for ledger in &explanation.ledgers {
        assert_eq!(ledger.lines.iter().map(LedgerLine::value).sum::<Points>(), ledger.score);
    }
}

#[test]
fn feedback_moves_between_stages_and_out_of_a_final_one_s36_s37_s38() {
    let text = plan(
        "pipeline: { by: engagement, stages: [ { name: lead }, { name: keen, enter: 20, leave_idle: 1d }, { name: customer, final: true } ] }
feedback: { recycle: keep, outcomes: { won: customer, lost: keen } }",
    );
    let mut run = Run::new(&[&text]);
    assert_eq!(run.earn(1, 5.0), NOTHING);
    assert_eq!(run.feedback(2, "won", None), ["stage lead customer"]);
    assert_eq!((run.told[0].kind, run.told[0].reason), (DerivedKind::StageAdvanced, Reason::Feedback));
    assert_eq!(run.told[0].via, []);
    assert_eq!(run.earn(3, -5.0), NOTHING, "final");
    assert_eq!(run.feedback(4, "lost", None), ["stage customer keen"]);
    assert_eq!((run.told[0].kind, run.told[0].threshold), (DerivedKind::StageRegressed, None));
    assert_eq!(run.clock(100), NOTHING, "silence does not take it out of a stage that feedback led into");
    assert_eq!(run.know(101, "any", Value::Bool(true)), ["stage keen lead"], "the next event does");
    assert_eq!(run.feedback(102, "rejected", None), NOTHING, "no stage for it");
    assert_eq!(run.earn(103, 30.0), ["stage lead keen"], "earned anew");
}

#[test]
fn a_band_that_was_told_too_low_is_corrected_since_the_instant_at_which_it_began_s44() {
    let text = "plan: p
rules:
  - { id: worth, on: worth, points: event.value }
  - { id: unread, after: worth, unless: email_clicked, within: 3d, points: -5 }
bands: { warm: 40, hot: 80 }
";
    let mut run = Run::new(&[text]);
    assert_eq!(run.earn(0, 82.0), ["band cold hot"]);
    let first = run.told[0].id;
    assert_eq!(run.event(4 * 24, EventKind::Interaction, "other", &[]), ["band hot warm"]);
    let second = &run.told[0];
    assert_eq!((second.time, second.n), (hour(3 * 24), 2));
    let lowered = second.id;
    assert_eq!(run.event(2 * 24, EventKind::Interaction, "email_clicked", &[]), ["band warm hot"]);
    let third = &run.told[0];
    assert_eq!((third.time, third.since, third.n), (hour(4 * 24), hour(0), 3));
    assert_eq!((third.corrects, &third.marks[..]), (Some(lowered), &[Mark::Late][..]));
    assert_ne!(first, third.id);
}

#[test]
fn a_change_of_plans_reads_bands_grades_and_actions_anew_s45() {
    let old = plan("qualify: { at: 20 }\nbands: { warm: 40 }\nroute: { to: [anna] }");
    let mut run = Run::new(&[&old]);
    assert_eq!(run.earn(1, 30.0), ["qualify - on", "route - anna"]);
    let new = plan(
        "qualify: { at: 20 }\nbands: { warm: 30 }\ngrade: { fit: { A: 1 }, engagement: { 1: 5 } }\nactions: [ { id: call, at: 10 } ]",
    );
    assert_eq!(run.change(2, &[&new]), ["band cold warm", "grade - D1", "action:call 0 1"]);
    assert!(run.told.iter().all(|event| event.marks == [Mark::Plan]));
    assert_eq!(
        run.contact.announced.subjects.iter().filter(|known| known.level == Level::Named("anna".into())).count(),
        0
    );
    // The route is gone, and with it the owner; what was requested stays counted while no version has the action.
    assert_eq!(run.change(3, &[&old]), ["grade D1 -", "band warm cold"].iter().rev().copied().collect::<Vec<_>>());
    assert!(run.told.iter().any(|event| event.reason == Reason::Plan));
    assert_eq!(run.change(4, &[&new]), ["band cold warm", "grade - D1"]);
}

#[test]
fn a_retired_plan_leaves_no_band_and_no_grade_and_its_owner_in_silence_s47() {
    let text = plan(
        "qualify: { at: 20 }\nbands: { warm: 10 }\ngrade: { fit: { A: 1 }, engagement: { 1: 5 } }\nroute: { to: [anna] }\nactions: [ { id: call, at: 10 } ]",
    );
    let other = "plan: q\nrules: [ { id: a, on: other, points: 1 } ]\n";
    for late in [false, true] {
        let mut run = Run::new(&[&text, other]);
        run.earn(1, 30.0);
        if late {
            run.event(9, EventKind::Interaction, "other", &[]);
        }
        assert_eq!(run.change(5, &[other]), ["band warm cold", "grade D1 -", "qualify on -"], "late {late}");
        assert!(run.told.iter().all(|event| event.reason == Reason::Plan));
        let standing = run.contact.state.plans[0].standing.clone().unwrap();
        assert_eq!((standing.owner.name, standing.actions[0].count), (None, 1));
    }
}

#[test]
fn a_plan_without_any_of_it_holds_nothing_of_it() {
    let mut run =
        Run::new(&[&plan("qualify: { at: 20 }\npipeline: { stages: [ { name: lead }, { name: keen, enter: 10 } ] }")]);
    run.earn(1, 30.0);
    run.earn(2, -20.0);
    run.adjust(3, &[("add", Value::Number(1.0))]);
    assert!(run.contact.state.plans[0].standing.is_none());
    run.feedback(4, "won", None);
    assert!(run.contact.state.plans[0].standing.is_some(), "what feedback left");
}
