//! What a query reads: scorecards and the lines that add up to each score (S5, S18, S21, S55).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::event::Scalar;
use crate::fold::Folded;
use crate::number::Thousandths;
use crate::oracle::Oracle;
use crate::scores::{Contribution, ScoreName, lines, score};
use crate::state::Cut;

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
    /// Why they differ.
    pub cuts: BTreeSet<Cut>,
}

impl Oracle {
    /// The scorecard after everything commanded so far.
    pub fn scorecard(&self) -> Scorecard {
        self.card(&self.fold(i64::MAX, self.until()))
    }

    /// The scorecard at an instant, but never beyond the task clock (S5).
    pub fn scorecard_at(&self, instant: i64) -> Scorecard {
        let instant = instant.min(self.clock.unwrap_or(i64::MIN));
        self.card(&self.fold(instant, instant))
    }

    fn card(&self, folded: &Folded) -> Scorecard {
        let state = &folded.state;
        let plans = &self.timeline[state.plan_set].1;
        let of = |name: ScoreName| score(state, plans, &name);
        let plan_card = |id: &String| {
            let memory = state.plan(id);
            PlanCard {
                score: of(ScoreName::Plan(id.clone())),
                engagement: of(ScoreName::Engagement(id.clone())),
                fit: of(ScoreName::Fit(id.clone())),
                stage_score: of(ScoreName::Stage(id.clone())),
                member_since: memory.member_since,
                qualified: memory.qualified,
                qualified_since: memory.qualified_since,
                stage_since: memory.stay.as_ref().map(|stay| stay.entered).or(memory.stage_left),
                stage: memory.stay.map(|stay| stay.stage),
            }
        };
        let tag_card = |name: &String, since: i64| TagCard { score: of(ScoreName::Tag(name.clone())), since };
        let present = state.tags.iter().filter(|(_, tag)| tag.present);
        Scorecard {
            seq: self.seq,
            global: of(ScoreName::Global),
            plans: plans.keys().map(|id| (id.clone(), plan_card(id))).collect(),
            tags: present.map(|(name, tag)| (name.clone(), tag_card(name, tag.since))).collect(),
            attributes: state.attributes.clone(),
        }
    }

    /// The ledger after everything commanded so far, what left the horizon included, in the order of booking.
    pub fn ledger(&self) -> Vec<LedgerRecord> {
        let folded = self.fold(i64::MAX, self.until());
        let record = |booking: crate::state::Booking| LedgerRecord {
            time: booking.time,
            uid: booking.uid.map(|uid| uid.hex()),
            plan: booking.plan,
            rule: booking.rule,
            version: booking.version,
            raw: booking.raw,
            applied: booking.applied,
            cuts: booking.cuts,
        };
        folded.state.bookings.into_iter().map(record).collect()
    }

    /// The lines that add up to a score, `plan:ID`, `engagement:ID`, `fit:ID`, `stage:ID`, `tag:X` or `global`; none for another name.
    pub fn explain(&self, name: &str) -> Option<Vec<Contribution>> {
        let folded = self.fold(i64::MAX, self.until());
        let plans = &self.timeline[folded.state.plan_set].1;
        Some(lines(&folded.state, plans, &ScoreName::qualified(name)?, self.boundary()))
    }

    /// The levels announced: by plan (empty for tags) and subject, as the scorecard must have them.
    pub fn announced_levels(&self) -> BTreeMap<(String, String), crate::edge::Level> {
        let levels = self.announced.iter();
        levels.filter_map(|(subject, announced)| Some((subject.clone(), announced.level.clone()?))).collect()
    }
}
