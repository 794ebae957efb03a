//! The plans of the simulation, built by hand.

use std::sync::Arc;

use leadstream_core::expr::ScoreRef;
use leadstream_core::id::Name;
use leadstream_core::plan::{
    Absence, Action, BandCut, Bands, Compound, Limits, Part, Pipeline, Plan, PlanSet, Qualify, Rearm, Route, Rule,
    Stage, TagEffect, Trigger,
};
use leadstream_core::{HistoryLimits, PlanVersion, Points, Span, Term, Word};
use leadstream_runtime::{NumberedPlans, PlansInForce};

/// Which plans are in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plans {
    /// Without timers: what is told does not depend on when the clock ticks.
    Timeless,
    /// With a cooldown, and rules for silence, for what does not follow, and for two events together.
    Timed,
    /// As [`Plans::Timed`], with bands, a route and an action.
    Levelled,
}

/// The plans, as a worker takes them.
pub fn plans(which: Plans) -> PlansInForce {
    // Short enough for rows to leave within a run.
    let history = HistoryLimits { horizon: Span::from_millis(600_000), rows: 24, bytes: 3_000 };
    PlansInForce::only(Arc::new(PlanSet::new(vec![plan(which, 10, 50)])), history)
}

/// A set that comes later: those of even numbers give 11 points for a view and qualify from 15 on, those of odd ones are as the first.
pub fn later_set(which: Plans, ordinal: u64) -> NumberedPlans {
    let (view, at) = if ordinal.is_multiple_of(2) { (11, 15) } else { (10, 50) };
    NumberedPlans::of(ordinal, Arc::new(PlanSet::new(vec![plan(which, view, at)])))
}

fn plan(which: Plans, view: i64, at: i64) -> Plan {
    let timed = which != Plans::Timeless;
    let levelled = which == Plans::Levelled;
    let mut rules = vec![rule("view", "viewed", view), rule("buy", "bought", 35), rule("complain", "complained", -25)];
    rules[1].tags = vec![TagEffect { tag: Arc::from("customer"), points: None }];
    if timed {
        let mut idle = rule("away", "", -5);
        idle.trigger =
            Trigger::Idle { idle: Span::from_millis(40_000), every: Some(Span::from_millis(40_000)), times: 3 };
        rules.push(idle);
        let types = |event_type: &str| vec![Term::new(event_type)];
        let mut unseen = rule("unseen", "", -3);
        let (after, unless) = (types("bought"), types("viewed"));
        unseen.trigger = Trigger::Absence(Absence { after, unless, within: Span::from_millis(20_000), matching: None });
        let mut both = rule("both", "", 2);
        let part = |event_type: &str| Part { types: types(event_type), when: None };
        both.trigger = Trigger::Compound(Compound {
            parts: vec![part("complained"), part("bought")],
            within: Span::from_millis(60_000),
            matching: None,
            in_order: true,
            shape: Name::of("complained, then bought"),
        });
        rules.extend([unseen, both]);
    }
    let stage = |name: &str, enter, leave_below| Stage {
        name: Word::of(name),
        enter,
        enter_when: None,
        leave_below,
        leave_when: None,
        leave_idle: None,
        is_final: false,
    };
    let cut = |name: &str, at| BandCut { name: Word::of(name), at: Points::whole(at) };
    let call = Action {
        id: Word::of("call"),
        score: ScoreRef::Engagement,
        at: Points::whole(40),
        release: Points::whole(20),
        rearms: true,
        request: Arc::default(),
    };
    Plan {
        global: true,
        limits: Limits { floor: Some(Points::ZERO), ceiling: None },
        qualify: Some(Qualify {
            score: ScoreRef::Plan(None),
            at: Points::whole(at),
            release: Points::whole(at.min(30)),
            rearm: Rearm::OnRelease,
            cooldown: if timed { Span::from_millis(30_000) } else { Span::ZERO },
            when: None,
        }),
        pipeline: Some(Pipeline {
            by: ScoreRef::Stage(None),
            stages: vec![stage("lead", None, None), stage("warm", Some(Points::whole(40)), Some(Points::whole(5)))],
        }),
        bands: levelled.then(|| Bands { cuts: vec![cut("mild", 20), cut("hot", 60)], margin: Points::whole(5) }),
        route: levelled.then(|| Route { to: vec![Word::of("anna"), Word::of("piotr")], by: None }),
        actions: if levelled { vec![call] } else { Vec::new() },
        ..Plan::new("p", PlanVersion::of(&format!("simulation {view} {at}")), rules)
    }
}

fn rule(id: &str, event_type: &str, points: i64) -> Rule {
    Rule::new("p", id, Trigger::Event(vec![Term::new(event_type)]), Points::whole(points))
}
