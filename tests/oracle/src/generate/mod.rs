//! Random cases: plans and histories from small vocabularies, so that rules match, ties happen and windows are met at their edges.
//!
//! Owns the mixture. Invariants: every case generated is one the oracle accepts; it shrinks towards fewer plans, rules and events, no
//! delays and plain values.

mod conditions;
mod extras;
mod histories;
pub mod identities;
mod plans;

use proptest::prelude::*;

use crate::case::{Case, Command};
use crate::effect::Announce;
use crate::limits::{DAY_MS, Limits};
use histories::Timed;

/// 25 March 2026, 00:00 UTC: the clocks of Warsaw change four days later.
pub const START_MS: i64 = 1_774_396_800_000;

/// What the cases of a run may contain.
#[derive(Clone, Debug)]
pub struct Profile {
    /// How many plans score the contact at most, 1 to 3.
    pub plans_max: usize,
    /// How many events arrive at most, copies not counted.
    pub events_max: usize,
    /// Whether events arrive late and as copies; else each arrives once, in order.
    pub disorder: bool,
    /// Whether plans change while events arrive.
    pub forward: bool,
    /// Whether the limits are so small that rows depart and events are too late.
    pub departures: bool,
    /// Which groups of clauses plans and histories draw from beyond those that every profile has.
    pub groups: Groups,
}

/// Groups of clauses, each off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    /// Decay of points, by plan and by rule (S20, S21).
    pub decay: bool,
    /// Absence rules (S13).
    pub absence: bool,
    /// Compound rules (S15).
    pub compound: bool,
    /// Adjustments and feedback (S17, S38).
    pub commands: bool,
    /// Bands, grades, actions and routes (S27, S28, S34, S35).
    pub levels: bool,
    /// Held events and verdicts passed later (S56).
    pub verdicts: bool,
    /// Recomputes and plans that are retired, beside forward changes (S46, S47).
    pub versions: bool,
}

impl Profile {
    /// One plan, a short history in order: what a new fold should get right first.
    pub fn simple() -> Profile {
        Profile {
            plans_max: 1,
            events_max: 12,
            disorder: false,
            forward: false,
            departures: false,
            groups: Groups::default(),
        }
    }

    /// Several plans and disorder, but neither plan changes nor departures.
    pub fn usual() -> Profile {
        Profile {
            plans_max: 3,
            events_max: 20,
            disorder: true,
            forward: false,
            departures: false,
            groups: Groups::default(),
        }
    }

    /// Plan changes and departures too, and no group of clauses beyond the usual ones.
    pub fn full() -> Profile {
        Profile {
            plans_max: 3,
            events_max: 24,
            disorder: true,
            forward: true,
            departures: true,
            groups: Groups::default(),
        }
    }

    /// Points that decay.
    pub fn decay() -> Profile {
        Profile::of_groups(Groups { decay: true, ..Groups::default() })
    }

    /// Rules that fire when something does not happen.
    pub fn absence() -> Profile {
        Profile::of_groups(Groups { absence: true, ..Groups::default() })
    }

    /// Rules of several parts.
    pub fn compound() -> Profile {
        Profile::of_groups(Groups { compound: true, ..Groups::default() })
    }

    /// Adjustments and feedback of sales.
    pub fn commands() -> Profile {
        Profile::of_groups(Groups { commands: true, ..Groups::default() })
    }

    /// Bands, grades, actions and routes.
    pub fn levels() -> Profile {
        Profile::of_groups(Groups { levels: true, ..Groups::default() })
    }

    /// Events that are held, and verdicts passed later.
    pub fn verdicts() -> Profile {
        Profile::of_groups(Groups { verdicts: true, ..Groups::default() })
    }

    /// Recomputes and retired plans.
    pub fn versions() -> Profile {
        Profile::of_groups(Groups { versions: true, ..Groups::default() })
    }

    /// Every group at once.
    pub fn everything() -> Profile {
        Profile::of_groups(Groups {
            decay: true,
            absence: true,
            compound: true,
            commands: true,
            levels: true,
            verdicts: true,
            versions: true,
        })
    }

    /// Everything that `full` has, and these groups.
    pub fn of_groups(groups: Groups) -> Profile {
        Profile { events_max: 14, groups, ..Profile::full() }
    }

    /// The same profile with neither plan changes nor departures: what arrives in any order gives the same state.
    #[must_use]
    pub fn steady(self) -> Profile {
        Profile { forward: false, departures: false, ..self }
    }
}

/// Random cases of a profile.
pub fn case(profile: &Profile) -> BoxedStrategy<Case> {
    let plan = (plans::plan(), extras::extras(profile.groups)).prop_map(|(model, extras)| extras.added_to(model));
    let plans = proptest::collection::vec(plan, 1..=profile.plans_max);
    let history = histories::history(profile.events_max, profile.disorder, profile.groups);
    let changes = (plans::change(), extras::changes(profile.groups));
    let way = if profile.groups.versions { way().boxed() } else { Just(Way::default()).boxed() };
    let often = if profile.groups.versions { 0.9 } else { 0.4 };
    let change = proptest::option::weighted(often, (histories::instant(), changes, way));
    let forward = if profile.forward { change.boxed() } else { Just(None).boxed() };
    let limits = if profile.departures { small_limits().boxed() } else { Just(Limits::default()).boxed() };
    (plans, history, forward, limits)
        .prop_map(|(models, history, forward, limits)| {
            let mut commands: Vec<Command> = history.into_iter().map(Timed::into_command).collect();
            if let Some((from, (change, extra), way)) = forward {
                let changed: Vec<_> = models.iter().map(|model| extra.applied_to(change.apply(model))).collect();
                insert_change(&mut commands, from, way.of(from, plans::render(&changed)));
            }
            Case { about: String::new(), contact: "c1".to_owned(), limits, plans: plans::render(&models), commands }
        })
        .boxed()
}

/// How a change of plans is published.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    /// Whether the last of several plans is retired.
    retire: bool,
    /// Whether histories are recomputed, and told of.
    recompute: Option<Announce>,
}

fn way() -> impl Strategy<Value = Way> {
    let announce = prop_oneof![3 => Just(Announce::Events), 1 => Just(Announce::Silent)];
    (any::<bool>(), proptest::option::weighted(0.6, announce)).prop_map(|(retire, recompute)| Way { retire, recompute })
}

impl Way {
    fn of(self, from: i64, mut plans: Vec<Vec<String>>) -> Command {
        if self.retire && plans.len() > 1 {
            plans.pop();
        }
        match self.recompute {
            Some(announce) => Command::Recompute { from, plans, announce },
            None => Command::Forward { from, plans },
        }
    }
}

/// A change begins at the task clock or later (S45), so it is commanded before the clock passes it.
fn insert_change(commands: &mut Vec<Command>, from: i64, change: Command) {
    let passes = |command: &Command| matches!(command, Command::Clock(clock) if *clock > from);
    let end = commands.iter().position(passes).unwrap_or(commands.len());
    commands.insert(end / 2, change);
}

/// Windows, caps and once-per spans of the plans are 7 days at most, as long as the shortest horizon.
fn small_limits() -> impl Strategy<Value = Limits> {
    let bytes = prop_oneof![3 => Just(Limits::default().bytes), 1 => 200..2000_usize];
    (prop_oneof![Just(400), Just(7), Just(8)], prop_oneof![2 => Just(2000_usize), 1 => 3..8_usize], bytes).prop_map(
        |(horizon_days, rows, bytes)| Limits { horizon_ms: horizon_days * DAY_MS, rows, bytes, ..Limits::default() },
    )
}

/// The events and clock commands of a case in another order of arrival, with the last clock at the end: by L1 the same state results.
///
/// For cases without plan changes and departures.
pub fn shuffled(case: &Case) -> BoxedStrategy<Case> {
    let mut events = case.commands.clone();
    events.retain(|command| matches!(command, Command::Event(_)));
    let clock = case.commands.iter().filter_map(|command| match command {
        Command::Clock(clock) => Some(*clock),
        _ => None,
    });
    let last = clock.max().map(Command::Clock);
    let case = case.clone();
    Just(events)
        .prop_shuffle()
        .prop_map(move |events| Case { commands: events.into_iter().chain(last.clone()).collect(), ..case.clone() })
        .boxed()
}
