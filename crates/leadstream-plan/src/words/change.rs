//! Two versions of a plan side by side: what changed, and what that means for contacts when the new one comes into force (S45).

use std::fmt::Write as _;

use super::{Kind, Line, TESTS, Words};

/// All kinds in the order in which changes are shown.
const KINDS: [Kind; 13] = [
    Kind::Head,
    Kind::Facts,
    Kind::Rules,
    Kind::Fit,
    Kind::Limits,
    Kind::Qualify,
    Kind::Stages,
    Kind::Bands,
    Kind::Grade,
    Kind::Route,
    Kind::Actions,
    Kind::Feedback,
    Kind::Other,
];

/// What is different between two versions of a plan.
#[derive(Clone, Debug)]
pub struct Difference {
    heading: String,
    changes: Vec<Change>,
    is_reordered: bool,
}

/// One sentence that is not in both, or not the same in both.
#[derive(Clone, Debug)]
struct Change {
    kind: Kind,
    name: String,
    old: Option<String>,
    new: Option<String>,
}

/// What changes from one plan to another.
pub fn compare(old: &Words, new: &Words) -> Difference {
    let mut changes = Vec::new();
    for kind in KINDS {
        let (before, after) = (scoring(kind, old), scoring(kind, new));
        let (before, after) = (before.as_slice(), after.as_slice());
        let text =
            |lines: &[Line], name: &str| lines.iter().find(|line| line.name == name).map(|line| line.text.clone());
        for line in before {
            let now = text(after, &line.name);
            if now.as_ref() != Some(&line.text) {
                changes.push(Change { kind, name: line.name.clone(), old: Some(line.text.clone()), new: now });
            }
        }
        let added = after.iter().filter(|line| text(before, &line.name).is_none());
        changes.extend(added.map(|line| Change {
            kind,
            name: line.name.clone(),
            old: None,
            new: Some(line.text.clone()),
        }));
    }
    let plans = if old.plan == new.plan {
        format!("plan {}", new.plan)
    } else {
        format!("plan {} beside plan {}: another id is another plan, with scores of its own", old.plan, new.plan)
    };
    let heading = format!("{plans}\nversion {} to {}", old.version, new.version);
    Difference { heading, changes, is_reordered: is_reordered(old.lines(Kind::Rules), new.lines(Kind::Rules)) }
}

/// Lines that say something about scores: tests do not.
fn scoring(kind: Kind, words: &Words) -> Vec<Line> {
    let says_something = |line: &&Line| kind != Kind::Other || line.name != TESTS;
    words.lines(kind).iter().filter(says_something).cloned().collect()
}

/// Whether rules that are in both stand in another order.
fn is_reordered(old: &[Line], new: &[Line]) -> bool {
    let names = |lines: &[Line], others: &[Line]| -> Vec<String> {
        let in_both = lines.iter().filter(|line| others.iter().any(|other| other.name == line.name));
        in_both.map(|line| line.name.clone()).collect()
    };
    names(old, new) != names(new, old)
}

impl Difference {
    /// Whether both say the same about scores.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && !self.is_reordered
    }

    /// The changes as a page of text: `-` is gone, `+` is new, `~` is different.
    pub fn render(&self) -> String {
        let mut page = format!("{}\n", self.heading);
        if self.is_empty() {
            page.push_str("\nboth say the same: only spelling, order of keys, comments or tests differ, if anything\n");
            return page;
        }
        let mut last = None;
        for change in &self.changes {
            if last.replace(change.kind) != Some(change.kind) {
                // What never fails: a text takes what is written to it.
                let _ = writeln!(page, "\n{}", change.kind.heading());
            }
            change.render(&mut page);
        }
        page.push_str("\nFrom the instant on at which the new version is in force\n");
        for meaning in self.meanings() {
            let _ = writeln!(page, "  {meaning}");
        }
        page
    }

    fn any(&self, is: impl Fn(&Change) -> bool) -> bool {
        self.changes.iter().any(is)
    }

    /// What follows for contacts, a sentence for each kind of change.
    fn meanings(&self) -> Vec<&'static str> {
        let rule = |change: &Change| change.kind == Kind::Rules;
        let head = |change: &Change, name: &str| change.kind == Kind::Head && change.name == name;
        let of = |kind: Kind| self.any(|change| change.kind == kind);
        let meanings = [
            (self.any(|change| rule(change) && change.new.is_none()), "points that a removed rule has booked stay"),
            (
                self.any(|change| rule(change) && change.old.is_none()),
                "a new rule sees what happens from then on: nobody gets points for the past",
            ),
            (
                self.any(|change| rule(change) && change.old.is_some() && change.new.is_some()),
                "a changed rule books by its new words; what it booked stays, and so does what it remembers: once keys, and what counts in its cap unless the cap's period is another",
            ),
            (
                self.any(|change| {
                    rule(change) && change.old.as_ref().is_some_and(|old| old.contains(" follows within "))
                }),
                "who waits for what does not follow goes on waiting by the old words: points, time and tags; which machines count, caps, floor and ceiling are those of the new ones",
            ),
            (
                self.any(|change| rule(change) && change.old.as_ref().is_some_and(|old| old.contains(" come within "))),
                "a rule of several events begins anew to put them together where its parts, its time, their order or what they share is another",
            ),
            (
                self.is_reordered,
                "rules stand in another order, which matters where two of them set and take away one tag in one step",
            ),
            (of(Kind::Fit), "fit rules count at once for every contact, by its attributes then"),
            (of(Kind::Limits), "the score is held inside the new limits at once; engagement is, as points are booked"),
            (
                of(Kind::Qualify),
                "every contact is looked at once: who is over the threshold qualifies, who is under the release no longer does; both are told, marked `plan`",
            ),
            (
                of(Kind::Stages),
                "every contact is looked at once: a stage that is gone is left for the first one, and from there contacts advance as their score says; told, marked `plan`",
            ),
            (
                of(Kind::Bands) || of(Kind::Grade),
                "every contact is looked at once: who has another band or grade by the new cuts is told of, marked `plan`",
            ),
            (
                of(Kind::Route),
                "who is qualified keeps its owner, unless there is no route any more; the next qualification goes by the new one",
            ),
            (
                of(Kind::Actions),
                "an action that is new, or lower, is requested at once for every contact whose score is there, marked `plan`; what was requested stays so, by the action's id",
            ),
            (of(Kind::Feedback), "feedback does what the new words say; what earlier feedback did stays"),
            (
                self.any(|change| head(change, "members")),
                "who no longer takes part has no fit, stage, grade or qualification, is cold and books nothing, and keeps the engagement; who joins begins without points for the past",
            ),
            (
                self.any(|change| head(change, "global")),
                "the global score of every contact with points here changes at once",
            ),
            (
                self.any(|change| head(change, "time zone")),
                "calendar days, weeks and months of caps begin and end in the other zone",
            ),
            (of(Kind::Facts), "conditions count by the new facts, in what is kept of each contact's history too"),
        ];
        let mut said: Vec<&str> =
            meanings.into_iter().filter_map(|(holds, meaning)| holds.then_some(meaning)).collect();
        said.push("events of before, also late ones, are judged by the version of their time");
        said
    }
}

impl Change {
    fn render(&self, page: &mut String) {
        let _ = match (&self.old, &self.new) {
            (Some(old), None) => writeln!(page, "  - {}: {old}", self.name),
            (None, Some(new)) => writeln!(page, "  + {}: {new}", self.name),
            (Some(old), Some(new)) => writeln!(page, "  ~ {}\n      was  {old}\n      is   {new}", self.name),
            (None, None) => Ok(()),
        };
    }
}
