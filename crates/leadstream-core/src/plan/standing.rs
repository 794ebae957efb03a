//! What plans say of levels that follow scores: bands, grades, routes, actions; and of feedback (S27, S28, S34, S35, S38).

use std::sync::Arc;

use crate::expr::{Expr, Literal, ScoreRef};
use crate::id::Hasher;
use crate::points::Points;
use crate::word::Word;

/// Temperature bands by the plan's score (S27).
#[derive(Clone, Debug, PartialEq)]
pub struct Bands {
    /// At least one band, the lowest first.
    pub cuts: Vec<BandCut>,
    /// A band is kept until the score falls so far below its cut; not negative.
    pub margin: Points,
}

/// A band.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BandCut {
    /// Its name, unique in the plan and not [`crate::contact::COLD`].
    pub name: Word,
    /// Entered at or above this score.
    pub at: Points,
}

impl Bands {
    /// The place of a band.
    pub fn place(&self, name: Option<Word>) -> Option<usize> {
        self.cuts.iter().position(|cut| Some(cut.name) == name)
    }

    /// The band at a score, out of another one.
    pub fn band(&self, present: Option<Word>, score: Points) -> Option<Word> {
        let present = self.place(present);
        let is_kept = |place: usize, cut: &BandCut| {
            present.is_some_and(|present| place <= present) && cut.at - self.margin <= score
        };
        let bands = self.cuts.iter().enumerate().rev();
        bands.clone().find(|(place, cut)| cut.at <= score || is_kept(*place, cut)).map(|(_, cut)| cut.name)
    }

    /// What a change of band was compared with: upwards the cut of the new one, downwards that of the old one less the margin.
    pub fn threshold(&self, old: Option<Word>, new: Option<Word>) -> Option<Points> {
        let cut = |band| self.place(band).map(|place| self.cuts[place].at);
        if cut(new) > cut(old) { cut(new) } else { cut(old).map(|cut| cut - self.margin) }
    }
}

/// Letters A to D by fit and digits 1 to 4 by engagement (S28).
#[derive(Clone, Debug, PartialEq)]
pub struct Grade {
    /// The cuts of A, B and C, falling; one that is not given is never reached.
    pub fit: [Option<Points>; 3],
    /// The cuts of 1, 2 and 3, falling.
    pub engagement: [Option<Points>; 3],
    /// The grades by place of letter and digit.
    names: [[Word; 4]; 4],
}

impl Grade {
    /// Grades with these cuts.
    pub fn new(fit: [Option<Points>; 3], engagement: [Option<Points>; 3]) -> Grade {
        let named = |letter: usize, digit: usize| Word::of(&format!("{}{}", ["A", "B", "C", "D"][letter], digit + 1));
        let names = std::array::from_fn(|letter| std::array::from_fn(|digit| named(letter, digit)));
        Grade { fit, engagement, names }
    }

    /// All grades, the best first.
    pub fn all(&self) -> impl Iterator<Item = Word> {
        self.names.iter().flatten().copied()
    }

    /// The grade of a fit and an engagement.
    pub fn grade(&self, fit: Points, engagement: Points) -> Word {
        self.names[reached(&self.fit, fit)][reached(&self.engagement, engagement)]
    }
}

/// The place of the first cut that a score reaches, behind all of them where it reaches none.
pub(crate) fn reached(cuts: &[Option<Points>; 3], score: Points) -> usize {
    cuts.iter().position(|cut| cut.is_some_and(|cut| cut <= score)).unwrap_or(cuts.len())
}

/// Who gets a qualified lead (S35).
#[derive(Clone, Debug)]
pub struct Route {
    /// At least one candidate.
    pub to: Vec<Word>,
    /// Says who, where it is one of them.
    pub by: Option<Expr>,
}

impl Route {
    /// The candidate that a contact belongs to where nothing else says: that with the greatest H(lp(contact) lp(candidate)). Candidates that come or go
    /// move no contact between the others.
    pub fn rendezvous(&self, contact: &str) -> Option<Word> {
        let weight = |candidate: &Word| Hasher::new().text(contact).text(candidate).finish();
        self.to.iter().copied().max_by_key(weight)
    }
}

/// Something to be done at a score (S34).
#[derive(Clone, Debug)]
pub struct Action {
    /// Its id, unique in the plan.
    pub id: Word,
    /// The score that is read.
    pub score: ScoreRef,
    /// Counted when the score rises to this.
    pub at: Points,
    /// Counted again only after the score fell below this, at most `at`.
    pub release: Points,
    /// Whether it is ever counted again.
    pub rearms: bool,
    /// What is asked for.
    pub request: Arc<Request>,
}

/// What an action asks for: the receiver's business.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// What to do, in a word.
    pub emit: Option<Arc<str>>,
    /// With what.
    pub data: Vec<(Arc<str>, Literal)>,
}

/// What sales says of a lead (S38).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedbackOutcome {
    /// It bought.
    Won = 0,
    /// It did not.
    Lost = 1,
    /// It was none.
    Rejected = 2,
}

impl FeedbackOutcome {
    /// All of them.
    pub const ALL: [FeedbackOutcome; 3] = [FeedbackOutcome::Won, FeedbackOutcome::Lost, FeedbackOutcome::Rejected];

    /// The outcome as events and plans spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            FeedbackOutcome::Won => "won",
            FeedbackOutcome::Lost => "lost",
            FeedbackOutcome::Rejected => "rejected",
        }
    }

    /// The outcome of a word.
    pub fn of(word: &str) -> Option<FeedbackOutcome> {
        FeedbackOutcome::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }
}

/// What follows from feedback (S38).
#[derive(Clone, Debug, Default)]
pub struct FeedbackPolicy {
    /// Whether engagement goes on; else it ends, and interest is earned anew.
    pub keeps: bool,
    /// The stage that each outcome leads to, by its number.
    pub outcomes: [Option<Word>; 3],
}

impl FeedbackPolicy {
    /// The stage that an outcome leads to.
    pub fn stage(&self, outcome: FeedbackOutcome) -> Option<Word> {
        self.outcomes[outcome as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bands(margin: i64) -> Bands {
        let cuts =
            [("warm", 40), ("hot", 80)].map(|(name, at)| BandCut { name: Word::of(name), at: Points::whole(at) });
        Bands { cuts: cuts.to_vec(), margin: Points::whole(margin) }
    }

    #[test]
    fn a_band_is_kept_within_its_margin_and_lower_ones_with_it_s27() {
        let hot = Some(Word::of("hot"));
        let band = |present, score: i64| bands(5).band(present, Points::whole(score)).map(Word::as_str);
        let falling: Vec<_> = [82, 75, 74, 37, 35, 34].map(|score| band(hot, score)).to_vec();
        assert_eq!(falling, [Some("hot"), Some("hot"), Some("warm"), Some("warm"), Some("warm"), None]);
        let rising: Vec<_> = [34, 39, 40, 79, 80].map(|score| band(None, score)).to_vec();
        assert_eq!(rising, [None, None, Some("warm"), Some("warm"), Some("hot")]);
        assert_eq!(band(Some(Word::of("warm")), 75), Some("warm"), "the margin keeps, and lifts nobody");
        assert_eq!(band(Some(Word::of("boiling")), 37), None, "a band that is gone is as good as cold");
    }

    #[test]
    fn a_grade_is_a_letter_of_fit_and_a_digit_of_engagement_s28() {
        let cut = |points| Some(Points::whole(points));
        let grade = Grade::new([cut(30), None, cut(10)], [cut(100), cut(50), None]);
        let named = |fit, engagement| grade.grade(Points::whole(fit), Points::whole(engagement)).as_str();
        assert_eq!([named(30, 100), named(29, 99), named(9, 49), named(10, 50)], ["A1", "C2", "D4", "C2"]);
    }

    #[test]
    fn who_leaves_the_candidates_moves_only_his_own_leads_s35() {
        let route = |to: &[&str]| Route { to: to.iter().map(|name| Word::of(name)).collect(), by: None };
        let (all, fewer) = (route(&["anna", "piotr", "ola"]), route(&["anna", "ola"]));
        let contacts: Vec<String> = (0..200).map(|number| format!("c{number}")).collect();
        for contact in &contacts {
            let before = all.rendezvous(contact);
            assert!(before == Some(Word::of("piotr")) || before == fewer.rendezvous(contact));
        }
        let of = |name| contacts.iter().filter(|contact| all.rendezvous(contact) == Some(Word::of(name))).count();
        assert!([of("anna"), of("piotr"), of("ola")].iter().all(|share| *share > 40));
        assert_eq!(all.rendezvous("c1").map(Word::as_str), Some("ola"));
    }
}
