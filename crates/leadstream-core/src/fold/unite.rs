//! What two contacts have, as one: what was told of them (S50), and the states that their rows left for good (S49).
//!
//! Of rows nothing has to be united, they are folded anew. A base is sums of what is gone: here it is approximated, exactly where one side has none.

use std::sync::Arc;

use crate::contact::{
    Announced, Attribute, Base, Contact, FactStatistics, Ledger, Level, Pending, PlanState, RuleIndex, RuleState,
    SharedList, Standing, State, SubjectId, SubjectState, TagState, Waits,
};
use crate::decay::{Group, Sum};
use crate::fold::Fold;
use crate::id::Hash;
use crate::plan::{Plan, PlanSet};

/// S51: the numbers without the levels.
pub(super) fn numbers_only(announced: &Announced) -> Announced {
    let mut numbers = announced.clone();
    for state in &mut numbers.subjects {
        (state.level, state.last_id) = (state.subject.blank_level(), Hash::default());
    }
    numbers
}

/// S50: on if either is; the further stage, the higher band, the greater count, of other levels the survivor's; numbers as the greater.
pub(super) fn unite_announced(ours: &mut Announced, theirs: &Announced, plans: &PlanSet) {
    ours.seq = ours.seq.max(theirs.seq);
    ours.time = ours.time.max(theirs.time);
    ours.forgotten_n = ours.forgotten_n.max(theirs.forgotten_n);
    ours.numbers_from = ours.numbers_from.max(theirs.numbers_from);
    for their in &theirs.subjects {
        let Some(our) = ours.subjects.iter_mut().find(|state| state.subject == their.subject) else {
            ours.subjects.push(SubjectState { ..their.clone() });
            continue;
        };
        if their.n > our.n {
            (our.n, our.last_id) = (their.n, their.last_id);
        }
        let plan = plans.plans().iter().find(|plan| *plan.id == *our.subject.plan()).map(|plan| &**plan);
        if rank(&their.level, &our.subject, plan) > rank(&our.level, &our.subject, plan) {
            our.level = their.level.clone();
        }
    }
}

/// Which of two levels of a subject is the one of both together: the greater.
fn rank(level: &Level, subject: &SubjectId, plan: Option<&Plan>) -> u64 {
    let place = |found: Option<usize>| found.map_or(1, |at| 2 + at as u64);
    match (level, subject) {
        (Level::None, _) => 0,
        (Level::Count(count), _) => *count,
        (Level::Stage(name), SubjectId::Stage(_)) => {
            let stages = plan.and_then(|plan| plan.pipeline.as_ref()).map(|pipeline| &pipeline.stages);
            place(stages.and_then(|stages| stages.iter().position(|stage| stage.name == *name)))
        }
        (Level::Named(name), SubjectId::Band(_)) => {
            let cuts = plan.and_then(|plan| plan.bands.as_ref()).map(|bands| &bands.cuts);
            place(cuts.and_then(|cuts| cuts.iter().position(|cut| cut.name == *name)))
        }
        (Level::On | Level::Stage(_) | Level::Named(_) | Level::Id(_), _) => 1,
    }
}

impl Fold {
    /// S49: the boundary is the later one; each side folds its rows up to it, and the two states become one.
    pub(super) fn unite_bases(&mut self, contact: &mut Contact, part: &mut Contact) {
        let boundary_of = |contact: &Contact| contact.base.as_ref().map(|base| base.boundary);
        let Some(boundary) = boundary_of(contact).max(boundary_of(part)) else { return };
        for side in [&mut *contact, &mut *part] {
            let count = side.rows.as_slice().partition_point(|row| row.order() <= boundary);
            if count > 0 {
                // The bookings that leave with the rows must be there: those of a part may not be.
                side.judge_anew();
                self.refold(side, 0, boundary.0, None);
                self.depart_oldest(side, count);
            }
        }
        let plans = Arc::clone(&self.view(contact).at(boundary.0).plans);
        let indexes: Vec<RuleIndex> = part
            .rules
            .iter()
            .map(|name| {
                let known = contact.rules.state_index(name.key);
                known.unwrap_or_else(|| contact.rules.insert(&Arc::new(name.clone())))
            })
            .collect();
        let parts = |contact: &mut Contact| match contact.base.take().map(Arc::unwrap_or_clone) {
            Some(Base { state, verdicts, .. }) => (state, verdicts),
            None => (State::default(), Vec::new()),
        };
        let (mut state, mut verdicts) = parts(contact);
        let (mut theirs, their_verdicts) = parts(part);
        let indexed = |rule: &mut RuleIndex| *rule = indexes.get(*rule as usize).copied().unwrap_or_default();
        theirs.rules.iter_mut().for_each(|state| indexed(&mut state.rule));
        theirs.once.iter_mut().for_each(|once| indexed(&mut once.rule));
        theirs.rolling.iter_mut().for_each(|booking| indexed(&mut booking.rule));
        unite_states(&mut state, theirs, &plans);
        verdicts.extend(their_verdicts);
        contact.ledger = Ledger::starting_at(state.booked);
        contact.base = Some(Arc::new(Base { boundary, state, verdicts }));
    }
}

fn unite_states(ours: &mut State, theirs: State, plans: &PlanSet) {
    // All by name: whoever adds a part is told here.
    let State {
        tau,
        last_event,
        first_event,
        activity,
        plans_since,
        attributes,
        tags,
        plans: their_plans,
        rules,
        once,
        rolling,
        facts,
        booked,
        waiting,
    } = theirs;
    ours.attributes = unite_attributes(&ours.attributes, &attributes);
    ours.tau = ours.tau.max(tau);
    ours.last_event = ours.last_event.max(last_event);
    ours.first_event = [ours.first_event, first_event].into_iter().flatten().min();
    ours.activity.iter_mut().zip(activity).for_each(|(our, their)| *our = (*our).max(their));
    ours.plans_since = ours.plans_since.max(plans_since);
    ours.booked += booked;
    unite_tags(&mut ours.tags, tags);
    for their in their_plans {
        match ours.plans.iter_mut().find(|plan| plan.key == their.key) {
            Some(our) => unite_plan(our, their, plans),
            None => ours.plans.push(their),
        }
    }
    ours.plans.sort_by_key(|plan| plan.plan);
    for their in rules {
        match ours.rules.iter_mut().find(|state| state.rule == their.rule) {
            Some(our) => unite_rule(our, &their),
            None => ours.rules.push(their),
        }
    }
    for their in once {
        match ours.once.iter_mut().find(|once| (once.rule, once.key) == (their.rule, their.key)) {
            Some(our) => our.fired = our.fired.max(their.fired),
            None => ours.once.push(their),
        }
    }
    ours.once.sort_by_key(|once| once.fired);
    let surplus = ours.once.len().saturating_sub(ONCE_KEYS_MAX);
    ours.once.drain(..surplus);
    ours.rolling.extend(rolling);
    ours.rolling.sort_by_key(|booking| booking.time);
    ours.facts = unite_facts(&ours.facts, &facts);
    if let Some(their) = waiting.get() {
        ours.waiting.change(|our| unite_waits(our, their));
    }
}

/// S58.
const ONCE_KEYS_MAX: usize = 2_000;

fn unite_attributes(ours: &[Attribute], theirs: &[Attribute]) -> SharedList<Attribute> {
    let mut united = ours.to_vec();
    for their in theirs {
        match united.iter_mut().find(|our| our.name == their.name) {
            Some(our) if our.time < their.time => *our = their.clone(),
            Some(_) => {}
            None => united.push(their.clone()),
        }
    }
    SharedList::new(united)
}

fn unite_tags(ours: &mut Vec<TagState>, theirs: Vec<TagState>) {
    for their in theirs {
        match ours.binary_search_by(|our| our.tag.cmp(&their.tag)) {
            Ok(at) => {
                let our = &mut ours[at];
                our.since = our.since.min(their.since);
                our.points = united_sum(&our.points, &their.points);
                our.first_contribution = our.first_contribution.min(their.first_contribution);
            }
            Err(at) => ours.insert(at, their),
        }
    }
}

fn unite_plan(our: &mut PlanState, their: PlanState, plans: &PlanSet) {
    let plan = plans.plans().iter().find(|plan| plan.key == our.key).map(|plan| &**plan);
    our.member_since = match (our.member, their.member) {
        (true, true) => our.member_since.min(their.member_since),
        (false, true) => their.member_since,
        (_, false) => our.member_since,
    };
    our.member |= their.member;
    our.active_before = our.active_before.max(their.active_before);
    our.engagement = united_sum(&our.engagement, &their.engagement);
    our.first_contribution = our.first_contribution.min(their.first_contribution);
    if our.fit_rules.is_empty() {
        (our.fit, our.fit_rules) = (their.fit, their.fit_rules);
    }
    if their.qualify.on && !our.qualify.on {
        our.qualify.since = their.qualify.since;
    }
    our.qualify.on |= their.qualify.on;
    our.qualify.last_on = our.qualify.last_on.max(their.qualify.last_on);
    our.qualify.held |= their.qualify.held;
    our.qualify.allowed |= their.qualify.allowed;
    our.stage_left = our.stage_left.max(their.stage_left);
    let rank_of = |stage| rank(&Level::Stage(stage), &SubjectId::Stage(our.plan), plan);
    match (&mut our.stage, their.stage) {
        (Some(ours), Some(theirs)) if ours.stage == theirs.stage => {
            ours.entered = ours.entered.min(theirs.entered);
            ours.points = united_sum(&ours.points, &theirs.points);
            ours.first_contribution = ours.first_contribution.min(theirs.first_contribution);
            ours.armed |= theirs.armed;
            ours.resting &= theirs.resting;
            ours.may_advance |= theirs.may_advance;
            ours.by_feedback |= theirs.by_feedback;
        }
        (Some(ours), Some(theirs)) if rank_of(theirs.stage) > rank_of(ours.stage) => *ours = theirs,
        (Some(_), _) => {}
        (ours @ None, theirs) => *ours = theirs,
    }
    if let Some(their) = their.standing {
        match our.standing.is_some() {
            true => {
                let name = our.plan;
                unite_standing(our.standing_mut(), &their, |band| {
                    rank(&Level::Named(band), &SubjectId::Band(name), plan)
                });
            }
            false => our.standing = Some(their),
        }
    }
}

fn unite_standing(our: &mut Standing, their: &Standing, rank: impl Fn(crate::word::Word) -> u64) {
    if their.band.name.map(&rank) > our.band.name.map(&rank) {
        our.band = their.band;
    }
    if our.grade.name.is_none() {
        our.grade = their.grade;
    }
    if our.owner.name.is_none() {
        our.owner = their.owner;
    }
    for their in &their.actions {
        let action = our.action_mut(their.action, their.since);
        action.count = action.count.max(their.count);
        action.spent |= their.spent;
        action.since = action.since.max(their.since);
    }
    if their.feedback.map(|feedback| feedback.at) > our.feedback.map(|feedback| feedback.at) {
        our.feedback = their.feedback;
    }
}

fn unite_rule(our: &mut RuleState, their: &RuleState) {
    our.once_fired = our.once_fired.max(their.once_fired);
    our.idle_passed = our.idle_passed.max(their.idle_passed);
    if (our.period, our.period_end) == (their.period, their.period_end) {
        our.capped = (our.capped + their.capped).saturated();
    } else if their.period_end > our.period_end {
        (our.period, our.period_end, our.capped) = (their.period, their.period_end, their.capped);
    }
}

fn unite_facts(ours: &[FactStatistics], theirs: &[FactStatistics]) -> SharedList<FactStatistics> {
    let mut united = ours.to_vec();
    for their in theirs {
        match united.iter_mut().find(|our| (our.key, our.verdict) == (their.key, their.verdict)) {
            Some(our) => {
                our.count += their.count;
                our.first = our.first.min(their.first);
                our.last = our.last.max(their.last);
                our.recent.extend(&their.recent);
                our.recent.sort();
            }
            None => united.push(their.clone()),
        }
    }
    SharedList::new(united)
}

fn unite_waits(our: &mut Waits, their: &Waits) {
    for window in &their.windows {
        let is_same = |known: &Pending| (known.award.rule.key, &known.key) == (window.award.rule.key, &window.key);
        match our.windows.iter().position(is_same) {
            Some(at) if our.windows[at].until < window.until => our.windows[at] = window.clone(),
            Some(_) => {}
            None if our.has_room() => our.windows.push(window.clone()),
            None => {}
        }
    }
    our.windows.sort_by(|one, other| one.order().cmp(&other.order()));
    for held in &their.holds {
        if our.has_room() {
            our.holds.push(held.clone());
        }
    }
    our.holds.sort_by_key(|held| held.until);
    for their in &their.gathered {
        match our.find_gathered(their.plan, their.rule, &their.key) {
            Ok(at) if our.gathered[at].shape == their.shape => {
                for (our, their) in our.gathered[at].instants.iter_mut().zip(&their.instants) {
                    our.extend(their);
                    our.sort();
                }
            }
            Ok(_) => {}
            Err(at) => our.gathered.insert(at, their.clone()),
        }
    }
}

/// Two sums as one.
fn united_sum(ours: &Sum, theirs: &Sum) -> Sum {
    let mut groups: Vec<Group> = ours.groups().to_vec();
    for their in theirs.groups() {
        match groups.iter_mut().find(|our| our.decay == their.decay && our.plan == their.plan) {
            Some(our) => our.unite(their),
            None => groups.push(their.clone()),
        }
    }
    Sum::new((ours.fixed + theirs.fixed).saturated(), groups)
}
