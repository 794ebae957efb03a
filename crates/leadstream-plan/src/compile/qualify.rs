//! The threshold of a plan: which score, where it comes on and where it is released (S31, S32).

use leadstream_core::expr::ScoreRef;
use leadstream_core::plan::{Qualify, Rearm};
use leadstream_core::points::Points;
use leadstream_core::time::Span as Duration;

use super::keys::{self, value};
use super::reach::Reach;
use super::values::present;
use super::{Compiler, Need, Reference};
use crate::cel::Place;
use crate::code::Code;
use crate::yaml::{Node, Span};

/// What compiles to.
pub(super) type Compiled = Qualify;

impl Compiler<'_> {
    /// Compiles the threshold.
    pub(super) fn qualify(&mut self, node: &Node, reach: &Reach) -> Option<Qualify> {
        let entries = self.entries(node, &keys::QUALIFY)?;
        let score = value(entries, "score").map_or(Some(ScoreRef::Plan(None)), |score| self.threshold_score(score));
        let rearm = value(entries, "rearm")
            .map_or(Some("on_release"), |rearm| self.choice(rearm, "a way to come on again", &["on_release", "never"]));
        let cooldown = value(entries, "cooldown").map_or(Some(Duration::ZERO), |cooldown| self.duration(cooldown));
        let when = value(entries, "when").map(|when| self.condition(when, Place::Level));
        let release = value(entries, "release").map(|release| self.points(release, "a release"));
        let Some(at_node) = value(entries, "at") else {
            self.missing(node, "`qualify`", "at", "say from how many points on a lead qualifies: `at: 100`");
            return None;
        };
        let (score, at) = (score?, self.points(at_node, "a threshold")?);
        let release = present(release)?.unwrap_or(at);
        let release_span = value(entries, "release").map(|node| node.span.clone());
        if release > at {
            let help = "a lead qualifies at `at` and stays qualified until it falls below `release`: write a number at most as large";
            self.released_too_high(release, release_span.unwrap_or(0..0), at, at_node, help);
            return None;
        }
        self.check_reach(&score, at, at_node, reach);
        self.check_always(at, at_node);
        if let Some(floor) = reach.floor
            && matches!(score, ScoreRef::Plan(None) | ScoreRef::Engagement)
            && release <= floor
        {
            let span = release_span.unwrap_or_else(|| at_node.span.clone());
            self.sink
                .report(
                    Code::NeverReleased,
                    span,
                    format!("the score never falls below {release}: the plan's floor is {floor}"),
                )
                .help("raise `release` above the floor, or say `rearm: never` if that is meant");
        }
        Some(Qualify {
            score,
            at,
            release,
            rearm: if rearm? == "never" { Rearm::Never } else { Rearm::OnRelease },
            cooldown: cooldown?,
            when: present(when)?,
        })
    }

    pub(super) fn threshold_score(&mut self, node: &Node) -> Option<ScoreRef> {
        let text = &self.scalar(node, "the name of a score")?.text;
        if let Some(tag) = text.strip_prefix("tag:").filter(|tag| !tag.is_empty()) {
            self.needs(Need::TagPoints(tag.into()), node);
            return Some(ScoreRef::Tag(tag.into()));
        }
        let score = self.choice(
            node,
            "a score of a threshold (or `tag:NAME`)",
            &["plan", "engagement", "fit", "global", "stage"],
        )?;
        if score == "stage" && !self.environment.has.pipeline {
            self.sink
                .report(Code::UnknownScore, node.span.clone(), "this plan has no stages, so there is no stage score")
                .help("add a `pipeline`, or read another score");
            return None;
        }
        if score == "global" {
            self.needs(Need::GlobalPoints, node);
        }
        Some(match score {
            "engagement" => ScoreRef::Engagement,
            "fit" => ScoreRef::Fit,
            "global" => ScoreRef::Global,
            "stage" => ScoreRef::Stage(None),
            _ => ScoreRef::Plan(None),
        })
    }

    /// Notes what plans together must have.
    fn needs(&mut self, need: Need, node: &Node) {
        let environment = &mut self.environment;
        let plan = environment.plan_id.clone();
        environment.references.push(Reference { plan, need, span: node.span.clone() });
    }

    /// A threshold that would be released before it is reached.
    pub(super) fn released_too_high(
        &mut self,
        release: Points,
        span: Span,
        at: Points,
        at_node: &Node,
        help: &'static str,
    ) {
        self.sink
            .report(Code::ReleaseAboveAt, span, format!("`release` {release} is above `at` {at}"))
            .label("would be released here")
            .related(at_node.span.clone(), "reached here")
            .help(help);
    }

    /// Warns of a threshold that every contact is over from its first event on.
    pub(super) fn check_always(&mut self, at: Points, at_node: &Node) {
        if at <= Points::ZERO {
            self.sink
                .report(
                    Code::AlwaysReached,
                    at_node.span.clone(),
                    format!("everybody reaches {at} points with the first event"),
                )
                .help("write a number above 0, where scores begin");
        }
    }

    /// Reports a threshold above everything that the plan can give.
    pub(super) fn check_reach(&mut self, score: &ScoreRef, at: Points, node: &Node, reach: &Reach) {
        if let (Some(ceiling), ScoreRef::Plan(None) | ScoreRef::Engagement) = (reach.ceiling, score)
            && at > ceiling
        {
            self.sink
                .report(
                    Code::UnreachableThreshold,
                    node.span.clone(),
                    format!("no score reaches {at}: the plan's ceiling is {ceiling}"),
                )
                .help("lower it, or raise `limits.ceiling`");
            return;
        }
        if let Some(most) = reach.most(score)
            && at > most
        {
            self.sink
                .report(Code::UnreachableThreshold, node.span.clone(), format!("no score reaches {at}: all rules together give at most {most}"))
                .help(match most > Points::ZERO {
                    true => format!("lower it to {most} at most, or let the rules give more"),
                    false => "no rule gives points that this score counts: add one".to_owned(),
                })
                .help("each rule counts with its points where it fires `once_per: ever`, and with its cap where that is `per: ever`");
        }
    }
}
