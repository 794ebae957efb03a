//! Temperature bands and grades: names for how high scores are (S27, S28).

use leadstream_core::Word;
use leadstream_core::contact::COLD;
use leadstream_core::expr::ScoreRef;
use leadstream_core::plan::{BandCut, Bands, Grade};
use leadstream_core::points::Points;

use super::Compiler;
use super::keys::{self, entry, value};
use super::reach::Reach;
use crate::code::Code;
use crate::yaml::{Entry, Node};

/// The most bands of a plan (S58).
pub(crate) const BANDS_MAX: usize = 8;

/// How to write them.
const HELP: &str = "write `bands: { warm: 40, hot: 80 }`: each band with the score from which on it holds";

impl Compiler<'_> {
    /// Compiles the bands.
    pub(super) fn bands(&mut self, node: &Node, reach: &Reach) -> Option<Bands> {
        let entries = self.open_mapping(node, "a mapping of bands to their scores", HELP)?;
        let margin = value(entries, "margin").map_or(Some(Points::ZERO), |margin| self.margin(margin));
        let named: Vec<&Entry> = entries.iter().filter(|entry| entry.key != "margin").collect();
        if named.is_empty() {
            let line = self.first_line(node);
            self.sink.report(Code::BadBands, line, "these are no bands").help(HELP);
            return None;
        }
        if named.len() > BANDS_MAX {
            let line = self.first_line(node);
            self.sink
                .report(
                    Code::TooLarge,
                    line,
                    format!("a plan has at most {BANDS_MAX} bands, and this one {}", named.len()),
                )
                .help("take some out; for finer steps read the score itself");
            return None;
        }
        let mut cuts: Vec<(BandCut, &Entry)> =
            named.iter().filter_map(|entry| Some((self.band(entry)?, *entry))).collect();
        let mut is_sound = cuts.len() == named.len();
        cuts.sort_by_key(|(cut, _)| cut.at);
        for pair in cuts.windows(2) {
            let [(one, first), (other, second)] = pair else { continue };
            if one.at == other.at {
                self.sink
                    .report(
                        Code::BadBands,
                        second.value.span.clone(),
                        format!("the bands `{}` and `{}` begin at one score, {}", one.name, other.name, one.at),
                    )
                    .related(first.value.span.clone(), "this is the other")
                    .help("a contact is in one band at a time: give each a score of its own");
                is_sound = false;
            }
        }
        for (cut, entry) in &cuts {
            self.check_reach(&ScoreRef::Plan(None), cut.at, &entry.value, reach);
            if cut.at <= Points::ZERO {
                self.sink
                    .report(
                        Code::AlwaysReached,
                        entry.value.span.clone(),
                        format!("everybody reaches {} points with the first event", cut.at),
                    )
                    .help(format!("let the band begin above 0, where scores begin; who reaches no band is `{COLD}`"));
            }
        }
        let cuts = cuts.into_iter().map(|(cut, _)| cut).collect();
        is_sound.then_some(Bands { cuts, margin: margin? })
    }

    fn margin(&mut self, node: &Node) -> Option<Points> {
        let margin = self.points(node, "a margin")?;
        if margin < Points::ZERO {
            self.sink
                .report(Code::BadBands, node.span.clone(), "a margin is not negative")
                .help("a band is kept until the score falls by the margin below where it was entered");
            return None;
        }
        Some(margin)
    }

    fn band(&mut self, entry: &Entry) -> Option<BandCut> {
        let name = self.key_name(entry, "a band");
        if entry.key == COLD {
            self.sink
                .report(Code::BadName, entry.key_span.clone(), format!("`{COLD}` is the band of whoever has no other"))
                .help("leave it out, or give this band another name");
            return None;
        }
        let at = self.points(&entry.value, "the score of a band")?;
        Some(BandCut { name: name?, at })
    }

    /// A key that names something of the plan's own: as an id.
    fn key_name(&mut self, entry: &Entry, what: &str) -> Option<Word> {
        let is_plain = |next: char| next.is_ascii_alphanumeric() || matches!(next, '-' | '_' | '.');
        let name = entry.key.as_str();
        if name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name.chars().all(is_plain)
            && name.len() <= 100
        {
            return Some(Word::of(name));
        }
        self.sink
            .report(Code::BadName, entry.key_span.clone(), format!("`{name}` cannot be the name of {what}"))
            .help("use letters without accents, digits, `-`, `_` and `.`, at most 100 characters");
        None
    }

    /// Compiles the grade.
    pub(super) fn grade(&mut self, node: &Node, reach: &Reach) -> Option<Grade> {
        let entries = self.entries(node, &keys::GRADE)?;
        let mut axis = |key: &'static str, names: &keys::KeySet, score: &ScoreRef| {
            let Some(node) = value(entries, key) else {
                self.missing(
                    node,
                    "the grade",
                    key,
                    "write `grade: { fit: { A: 30, B: 20, C: 10 }, engagement: { 1: 100, 2: 50, 3: 20 } }`",
                );
                return None;
            };
            self.grade_cuts(node, names, score, reach)
        };
        let fit = axis("fit", &keys::LETTERS, &ScoreRef::Fit);
        let engagement = axis("engagement", &keys::DIGITS, &ScoreRef::Engagement);
        Some(Grade::new(fit?, engagement?))
    }

    /// The cuts of the best three of four, each below the one before; one may be left out.
    fn grade_cuts(
        &mut self,
        node: &Node,
        names: &keys::KeySet,
        score: &ScoreRef,
        reach: &Reach,
    ) -> Option<[Option<Points>; 3]> {
        let entries = self.entries(node, names)?;
        let mut cuts = [None; 3];
        let mut before: Option<(&Entry, Points)> = None;
        let mut is_sound = entries.iter().all(|entry| names.keys.contains(&entry.key.as_str()));
        for (place, name) in names.keys.iter().enumerate() {
            let Some(found) = entry(entries, name) else { continue };
            let Some(cut) = self.points(&found.value, "the cut of a grade") else {
                is_sound = false;
                continue;
            };
            if let Some((better, at)) = before.filter(|(_, at)| cut >= *at) {
                self.sink
                    .report(
                        Code::BadGrade,
                        found.value.span.clone(),
                        format!("`{name}` asks for {cut}, no less than the {at} of `{}`", better.key),
                    )
                    .related(better.value.span.clone(), "the better one")
                    .help("the better a grade is, the more it asks for");
                is_sound = false;
            }
            self.check_reach(score, cut, &found.value, reach);
            cuts[place] = Some(cut);
            before = Some((found, cut));
        }
        if entries.is_empty() {
            self.sink
                .report(Code::BadGrade, node.span.clone(), format!("{} has no cut", names.of))
                .help(format!("its keys are {}", keys::listed(names.keys)));
            return None;
        }
        is_sound.then_some(cuts)
    }
}
