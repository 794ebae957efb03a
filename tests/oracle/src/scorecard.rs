//! What a query reads: scorecards and the lines that add up to each score (S5, S18, S21, S55).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::bands::COLD;
use crate::decay::Decay;
use crate::edge::Level;
use crate::event::Scalar;
use crate::fold::Folded;
use crate::number::Thousandths;
use crate::oracle::Oracle;
use crate::scores::{Contribution, PlanSet, ScoreName, lines, score};
use crate::state::{ActionState, Booking, Cut};

/// The scores and levels of the contact.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scorecard {
    /// The number of the contact's last derived event.
    pub seq: u64,
    /// The global score.
    pub global: Thousandths,
    /// By plan id, the plans in force.
    pub plans: BTreeMap<String, PlanCard>,
    /// By name, the tags that are set.
    pub tags: BTreeMap<String, TagCard>,
    /// The attributes.
    pub attributes: BTreeMap<String, Scalar>,
}

/// What a plan says of the contact.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanCard {
    /// The clamped plan score.
    pub score: Thousandths,
    /// The points booked.
    pub engagement: Thousandths,
    /// The points of the fit rules that hold.
    pub fit: Thousandths,
    /// The points booked in the present stage.
    pub stage_score: Thousandths,
    /// Since when the contact is a member; none: it is not.
    pub member_since: Option<i64>,
    /// Whether it is qualified.
    pub qualified: bool,
    /// Since when that is so; none where it never changed.
    pub qualified_since: Option<i64>,
    /// The stage.
    pub stage: Option<String>,
    /// Since when that is so; none where there was never one.
    pub stage_since: Option<i64>,
}

/// The levels of a plan beside stage and qualification, and what feedback left.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LevelCard {
    /// The band; `cold` for everybody without another one.
    pub band: String,
    /// Since when that is so; none where it never changed.
    pub band_since: Option<i64>,
    /// The grade, for members of a plan with grades.
    pub grade: Option<String>,
    /// Since when that is so; none where it never changed.
    pub grade_since: Option<i64>,
    /// The owner, for the qualified of a plan that routes.
    pub owner: Option<String>,
    /// By id, how often each action was requested, and whether it has to re-arm before it is again.
    pub actions: BTreeMap<String, (u64, bool)>,
    /// Whether the score has yet to fall, or points to be booked, since feedback (S38).
    pub after_feedback: bool,
}

/// A tag that is set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TagCard {
    /// The tag's score.
    pub score: Thousandths,
    /// Since when it is set.
    pub since: i64,
}

/// A record of the ledger: one firing of a rule (S18).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LedgerRecord {
    /// When it was booked, milliseconds UTC.
    pub time: i64,
    /// The uid of the causing event in hexadecimal; none for an idle rule.
    pub uid: Option<String>,
    /// The uid of the event at whose step it was booked; none for a timer's.
    pub by: Option<String>,
    /// The plan.
    pub plan: String,
    /// The rule.
    pub rule: String,
    /// The version of the plan that booked it.
    pub version: String,
    /// The rule's points.
    pub raw: Thousandths,
    /// What was booked after weight, cap and limits.
    pub applied: Thousandths,
    /// How they decay.
    pub decay: Decay,
    /// Why they differ.
    pub cuts: BTreeSet<Cut>,
    /// Whether they ended by feedback: worth nothing, whatever their decay (S38).
    pub ended: bool,
}

/// One fold, to be read in several ways.
pub struct Reading<'a> {
    oracle: &'a Oracle,
    folded: Folded,
}

impl Oracle {
    /// The state after everything commanded so far.
    pub fn read(&self) -> Reading<'_> {
        let mut folded = self.fold(i64::MAX, self.until());
        folded.state.now = self.until();
        Reading { oracle: self, folded }
    }

    /// The state at an instant, but never beyond the task clock (S5). The levels announced and `seq` are those of now.
    pub fn read_at(&self, instant: i64) -> Reading<'_> {
        let instant = instant.min(self.clock.unwrap_or(i64::MIN));
        let mut folded = self.fold(instant, instant);
        folded.state.now = instant;
        Reading { oracle: self, folded }
    }

    /// The scorecard after everything commanded so far.
    pub fn scorecard(&self) -> Scorecard {
        self.read().scorecard()
    }

    /// The ledger after everything commanded so far.
    pub fn ledger(&self) -> Vec<LedgerRecord> {
        self.read().ledger()
    }

    /// The levels announced, by plan (empty for tags) and subject.
    pub fn announced_levels(&self) -> BTreeMap<(String, String), Level> {
        let levels = self.announced.of.iter();
        levels.filter_map(|(subject, announced)| Some((subject.clone(), announced.level.clone()?))).collect()
    }
}

impl Reading<'_> {
    fn plans(&self) -> &PlanSet {
        &self.oracle.timeline.versions[self.folded.state.plan_set].plans
    }

    /// The scores and levels.
    pub fn scorecard(&self) -> Scorecard {
        let state = &self.folded.state;
        let of = |name: ScoreName| score(state, self.plans(), &name);
        let tag_card = |name: &String, since: i64| TagCard { score: of(ScoreName::Tag(name.clone())), since };
        let present = state.tags.iter().filter(|(_, tag)| tag.present);
        Scorecard {
            seq: self.oracle.announced.seq,
            global: of(ScoreName::Global),
            plans: self.plans().keys().map(|id| (id.clone(), self.plan_card(id))).collect(),
            tags: present.map(|(name, tag)| (name.clone(), tag_card(name, tag.since))).collect(),
            attributes: state.attributes.clone(),
        }
    }

    fn plan_card(&self, id: &str) -> PlanCard {
        let memory = self.folded.state.plan(id);
        let of = |name: fn(String) -> ScoreName| score(&self.folded.state, self.plans(), &name(id.to_owned()));
        PlanCard {
            score: of(ScoreName::Plan),
            engagement: of(ScoreName::Engagement),
            fit: of(ScoreName::Fit),
            stage_score: of(ScoreName::Stage),
            member_since: memory.member_since,
            qualified: memory.qualified,
            qualified_since: memory.qualified_since,
            stage_since: memory.stay.as_ref().map(|stay| stay.entered).or(memory.stage_left),
            stage: memory.stay.map(|stay| stay.stage),
        }
    }

    /// By plan id, the levels beside stage and qualification.
    pub fn levels(&self) -> BTreeMap<String, LevelCard> {
        self.plans().keys().map(|id| (id.clone(), self.level_card(id))).collect()
    }

    fn level_card(&self, id: &str) -> LevelCard {
        let memory = self.folded.state.plan(id);
        let of_actions = |(id, action): (&String, &ActionState)| (id.clone(), (action.count, action.spent));
        LevelCard {
            band: memory.band.unwrap_or_else(|| COLD.to_owned()),
            band_since: memory.band_since,
            grade: memory.grade,
            grade_since: memory.grade_since,
            owner: memory.owner,
            actions: memory.actions.iter().map(of_actions).collect(),
            after_feedback: memory.after_feedback,
        }
    }

    /// Every firing, what left the horizon included, in the order of booking.
    pub fn ledger(&self) -> Vec<LedgerRecord> {
        let record = |booking: &Booking| LedgerRecord {
            time: booking.time,
            uid: booking.uid.map(|uid| uid.hex()),
            by: booking.by.map(|uid| uid.hex()),
            plan: booking.plan.clone(),
            rule: booking.rule.clone(),
            version: booking.version.clone(),
            raw: booking.raw,
            applied: booking.applied,
            decay: booking.decay.clone(),
            cuts: booking.cuts.clone(),
            ended: booking.ended,
        };
        self.folded.state.bookings.iter().map(record).collect()
    }

    /// The lines that add up to a score, `plan:ID`, `engagement:ID`, `fit:ID`, `stage:ID`, `tag:X` or `global`; none for another name.
    pub fn explain(&self, name: &str) -> Option<Vec<Contribution>> {
        Some(lines(&self.folded.state, self.plans(), &ScoreName::qualified(name)?, self.oracle.boundary()))
    }
}
