//! What a firing does: caps on its points, tags set and removed.

use std::sync::Arc;

use leadstream_core::plan::{Cap, CapPeriod, PointsOf, TagEffect};
use leadstream_core::points::Points;

use super::Compiler;
use super::keys::{self, value};
use crate::code::Code;
use crate::duration;
use crate::yaml::{Content, Entry, Node, Span};

/// A tag that a rule sets, and where that is said.
type Placed = (TagEffect, Span);

impl Compiler<'_> {
    /// A cap on the points of a rule.
    pub(super) fn cap(&mut self, node: &Node, points: Option<&PointsOf>) -> Option<Cap> {
        if matches!(&node.content, Content::Scalar(scalar) if !scalar.is_null()) {
            self.wrong_kind(node, "a cap with its points", "write `cap: { points: 30, per: day }`");
            return None;
        }
        let entries = self.entries(node, &keys::CAP)?;
        let period = value(entries, "per").map_or(Some(CapPeriod::Award), |per| self.cap_period(per));
        let Some(points_node) = value(entries, "points") else {
            self.missing(
                node,
                "the cap",
                "points",
                "say how many points it lets through: `cap: { points: 30, per: day }`",
            );
            return None;
        };
        let cap = Cap { points: self.points(points_node, "a cap")?, period: period? };
        if cap.points <= Points::ZERO {
            self.sink
                .report(Code::BadNumber, points_node.span.clone(), "a cap must be above 0")
                .help("a cap of 30 keeps a rule's points between -30 and 30: it is written without a sign");
            return None;
        }
        if let (CapPeriod::Award, Some(PointsOf::Fixed(fixed))) = (cap.period, points) {
            let size = Points::from_thousandths(fixed.thousandths().abs());
            if size <= cap.points {
                self.sink
                    .report(
                        Code::CapWithoutEffect,
                        points_node.span.clone(),
                        format!("a single firing gives {fixed} points and never meets this cap"),
                    )
                    .help("say over which period it counts: `per: day`, `per: 7d`, `per: ever`");
            }
        }
        Some(cap)
    }

    fn cap_period(&mut self, node: &Node) -> Option<CapPeriod> {
        let scalar = self.scalar(node, "a period such as `day` or `7d`")?;
        if duration::looks_like_one(&scalar.text) {
            return self.duration_in_horizon(node).map(CapPeriod::Rolling);
        }
        let what = "a period (`day`, `week` and `month` follow the calendar, `7d` is rolling)";
        Some(match self.choice(node, what, &["day", "week", "month", "ever"])? {
            "day" => CapPeriod::Day,
            "week" => CapPeriod::Week,
            "month" => CapPeriod::Month,
            _ => CapPeriod::Ever,
        })
    }

    /// The tags that a rule sets and those that it removes.
    pub(super) fn tag_effects(&mut self, entries: &[Entry]) -> (Option<Vec<TagEffect>>, Option<Vec<Arc<str>>>) {
        let single = value(entries, "tag").map(|node| self.tag_effect(node));
        let several = value(entries, "tags").map_or_else(Vec::new, |node| {
            let items = self.list(node, "a list of tags", "write `tags: [sport, outdoor]`, or `tag: sport` for one");
            items.map_or_else(|| vec![None], |items| items.iter().map(|item| self.tag_effect(item)).collect())
        });
        let removed: Vec<Option<(Arc<str>, Span)>> = value(entries, "untag").map_or_else(Vec::new, |node| {
            self.one_or_many(node).iter().map(|item| Some((self.tag(item)?, item.span.clone()))).collect()
        });
        let set: Option<Vec<Placed>> = single.into_iter().chain(several).collect();
        let removed: Option<Vec<(Arc<str>, Span)>> = removed.into_iter().collect();
        if let (Some(set), Some(removed)) = (&set, &removed) {
            self.check_tags(set, removed);
        }
        let set = set.map(|set| set.into_iter().map(|(effect, _)| effect).collect());
        (set, removed.map(|removed| removed.into_iter().map(|(tag, _)| tag).collect()))
    }

    fn tag_effect(&mut self, node: &Node) -> Option<Placed> {
        if matches!(node.content, Content::Scalar(_)) {
            return Some((TagEffect { tag: self.tag(node)?, points: None }, node.span.clone()));
        }
        let entries = self.entries(node, &keys::TAG)?;
        let Some(tag_node) = value(entries, "tag") else {
            self.missing(node, "this entry", "tag", "write `{ tag: sport, points: 5 }`");
            return None;
        };
        let tag = self.tag(tag_node);
        let points = match value(entries, "points") {
            Some(points) => Some(self.points(points, "an amount of points")?),
            None => None,
        };
        Some((TagEffect { tag: tag?, points }, tag_node.span.clone()))
    }

    fn check_tags(&mut self, set: &[Placed], removed: &[(Arc<str>, Span)]) {
        let all: Vec<(&Arc<str>, &Span, &str)> = set
            .iter()
            .map(|(effect, span)| (&effect.tag, span, "set"))
            .chain(removed.iter().map(|(tag, span)| (tag, span, "removed")))
            .collect();
        for (place, (tag, span, deed)) in all.iter().enumerate() {
            if let Some((_, first, first_deed)) = all[..place].iter().find(|(other, ..)| other == tag) {
                let message = if deed == first_deed {
                    format!("the tag `{tag}` is {deed} twice")
                } else {
                    format!("the tag `{tag}` is both set and removed")
                };
                self.sink
                    .report(Code::ContradictoryTags, (*span).clone(), message)
                    .label(format!("{deed} here"))
                    .related((*first).clone(), format!("{first_deed} here"))
                    .help("keep one of the two");
            }
        }
    }
}
