//! How well a plan would have told the leads that were won from those that were lost.

use leadstream_core::Points;

use super::labels::Label;
use super::{Judged, Standing};

/// Groups of leads by score.
const GROUPS: usize = 10;

/// A plan held against what became of leads.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Outcomes {
    /// All that could be judged.
    pub(super) all: Count,
    /// Those that had qualified before their outcome.
    pub(super) qualified: Count,
    /// All in about ten groups, highest scores first; equal scores are in one group.
    pub(super) groups: Vec<Group>,
    /// Leads with an outcome so old that their score of then is not kept.
    pub(super) not_kept: u64,
}

/// Leads with a score in a range.
#[derive(Debug, PartialEq)]
pub(super) struct Group {
    pub(super) lowest: Points,
    pub(super) highest: Points,
    pub(super) count: Count,
}

/// Leads, and how many of them were won.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Count {
    pub(super) leads: u64,
    pub(super) won: u64,
}

impl Count {
    fn add(&mut self, won: bool) {
        self.leads += 1;
        self.won += u64::from(won);
    }

    /// The share that was won; `None` of none.
    pub(super) fn precision(self) -> Option<f64> {
        (self.leads > 0).then(|| self.won as f64 / self.leads as f64)
    }

    /// How many times the share that was won of all.
    pub(super) fn lift(self, all: Count) -> Option<f64> {
        let base = all.precision().filter(|base| *base > 0.0)?;
        Some(self.precision()? / base)
    }
}

impl Outcomes {
    /// Of contacts with what became of them, and what the plan made of them: nothing where there was no plan.
    pub(super) fn of<'a>(contacts: impl Iterator<Item = (Option<&'a Label>, Option<&'a Standing>)>) -> Outcomes {
        let mut outcomes = Outcomes::default();
        let mut judged: Vec<(Judged, bool)> = Vec::new();
        for (label, standing) in contacts {
            let (Some(label), Some(standing)) = (label, standing) else { continue };
            match standing.judged {
                Some(seen) => judged.push((seen, label.won)),
                None => outcomes.not_kept += 1,
            }
        }
        judged.sort_by_key(|(seen, _)| std::cmp::Reverse(seen.score));
        for (seen, won) in &judged {
            outcomes.all.add(*won);
            if seen.had_qualified {
                outcomes.qualified.add(*won);
            }
        }
        outcomes.groups = groups(&judged);
        outcomes
    }
}

/// Cuts leads that are sorted by score, highest first, into groups of whole runs of equal scores.
fn groups(judged: &[(Judged, bool)]) -> Vec<Group> {
    let wanted = judged.len().div_ceil(GROUPS) as u64;
    let mut groups: Vec<Group> = Vec::new();
    for run in judged.chunk_by(|(one, _), (next, _)| one.score == next.score) {
        let score = run[0].0.score;
        let fits = |group: &&mut Group| group.count.leads + run.len() as u64 <= wanted;
        let group = match groups.last_mut().filter(fits) {
            Some(group) => group,
            None => groups.push_mut(Group { lowest: score, highest: score, count: Count::default() }),
        };
        group.lowest = score;
        run.iter().for_each(|(_, won)| group.count.add(*won));
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(leads: &[(i64, bool, bool)]) -> Outcomes {
        let leads: Vec<(Label, Standing)> = leads
            .iter()
            .map(|(score, had_qualified, won)| {
                let judged = Some(Judged { score: Points::whole(*score), had_qualified: *had_qualified });
                (Label { won: *won, at: None }, Standing { judged, ..Standing::default() })
            })
            .collect();
        Outcomes::of(leads.iter().map(|(label, standing)| (Some(label), Some(standing))))
    }

    #[test]
    fn precision_and_lift_are_shares_of_those_that_had_qualified() {
        let found =
            outcomes(&[(90, true, true), (80, true, false), (20, false, true), (10, false, false), (0, false, false)]);
        assert_eq!((found.all, found.qualified), (Count { leads: 5, won: 2 }, Count { leads: 2, won: 1 }));
        assert_eq!(found.qualified.precision(), Some(0.5));
        assert_eq!(found.qualified.lift(found.all), Some(1.25));
        assert_eq!(Outcomes::default().qualified.lift(Count::default()), None);
    }

    #[test]
    fn groups_are_tenths_and_never_part_equal_scores() {
        let apart: Vec<(i64, bool, bool)> = (0..40).map(|score| (score, false, score >= 36)).collect();
        let found = outcomes(&apart);
        assert_eq!(found.groups.len(), 10);
        assert_eq!(found.groups[0].count, Count { leads: 4, won: 4 });
        assert_eq!((found.groups[0].highest, found.groups[0].lowest), (Points::whole(39), Points::whole(36)));
        assert_eq!(found.groups.iter().map(|group| group.count.leads).sum::<u64>(), 40);
        let equal: Vec<(i64, bool, bool)> = (0..40).map(|place| (place / 30, false, false)).collect();
        assert_eq!(outcomes(&equal).groups.iter().map(|group| group.count.leads).collect::<Vec<_>>(), [10, 30]);
    }

    #[test]
    fn outcomes_of_leads_whose_past_is_gone_are_counted_apart() {
        let label = Label { won: true, at: None };
        let gone = Standing::default();
        let found = Outcomes::of([(Some(&label), Some(&gone)), (None, Some(&gone)), (Some(&label), None)].into_iter());
        assert_eq!((found.not_kept, found.all.leads), (1, 0));
    }
}
