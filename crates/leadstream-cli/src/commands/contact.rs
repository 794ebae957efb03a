//! `leadstream contact`. `show` asks the running service and tells a person what a contact's scores are made of.

mod linking;
mod waiting;
pub(super) mod writing;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use leadstream_http::segment;
use leadstream_http::view::{ContactView, LineView, MissingView, PlanView};

use super::{erasure, traces};
use crate::arguments::{ConfigurationArguments, ContactCommand};
use crate::failure::Failure;
use crate::{service, terminal};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Events of the history that are shown.
const HISTORY_SHOWN: usize = 20;

/// Runs it.
pub(crate) fn run(given: &ConfigurationArguments, command: &ContactCommand) -> Result<(), Failure> {
    let (id, at, json, url) = match command {
        ContactCommand::Show { id, at, json, url } => (id, at, json, url),
        ContactCommand::Erase { id, verify: true, .. } => return traces::run(given, id),
        ContactCommand::Erase { id, yes, url, .. } => return erasure::erase(given, id, *yes, url.as_deref()),
        ContactCommand::Merge { id, into, yes, url } => return linking::merge(given, id, into, *yes, url.as_deref()),
        ContactCommand::Split { id, link, yes, url } => {
            return linking::split(given, id, link.as_deref(), *yes, url.as_deref());
        }
        ContactCommand::Reinstate { id, from, yes, url } => {
            return erasure::reinstate(given, id, *from, *yes, url.as_deref());
        }
    };
    let base = service::base(given, url.as_deref())?;
    let mut address = format!("{base}/v1/contacts/{}", segment(id));
    if let Some(at) = at {
        let _ = write!(address, "?at={at}");
    }
    let body = service::ask(&base, &address, TIMEOUT)?;
    if *json {
        return terminal::print(&format!("{body}\n"));
    }
    let view: ContactView = serde_json::from_str(&body)
        .map_err(|error| Failure::of(format!("{address} gave an answer that is none of ours"), error))?;
    terminal::print(&render(&view))
}

/// The explanation as text.
pub(super) fn render(view: &ContactView) -> String {
    let mut text = format!("contact {}, as of {}\n", view.contact, view.at);
    // Writing to a text cannot fail.
    if let Some(asked) = &view.asked {
        let _ = writeln!(text, "(asked for at {asked}; nobody knows more yet)");
    }
    for id in &view.ids {
        let how = if id.how == "seen" { "seen with it" } else { "merged into it" };
        let _ = writeln!(text, "also {}, {how} at {} (link {})", id.id, id.since, id.link);
    }
    let _ = writeln!(text, "global score {}", view.global);
    for plan in &view.plans {
        let _ = render_plan(view, plan, &mut text);
    }
    let _ = render_rest(view, &mut text);
    // Columns are padded; what nothing follows is not.
    text.lines().fold(String::with_capacity(text.len()), |shown, line| shown + line.trim_end() + "\n")
}

fn render_plan(view: &ContactView, plan: &PlanView, text: &mut String) -> std::fmt::Result {
    write!(text, "\nplan {}: {} points (engagement {}, fit {})", plan.plan, plan.score, plan.engagement, plan.fit)?;
    if !plan.member {
        write!(text, ", takes no part")?;
    }
    writeln!(text)?;
    match (plan.qualified, &plan.qualified_since) {
        (Some(true), Some(since)) => writeln!(text, "  qualified since {since}")?,
        (Some(true), None) => writeln!(text, "  qualified")?,
        (Some(false), _) => writeln!(text, "  not qualified: {}", missing(&plan.missing))?,
        (None, _) => {}
    }
    if let Some(stage) = &plan.stage {
        writeln!(text, "  in stage {} since {}, {} points in it", stage.name, stage.since, stage.score)?;
    }
    for (what, level) in [("band", &plan.band), ("grade", &plan.grade), ("owner", &plan.owner)] {
        if let Some(level) = level {
            let since = level.since.as_ref().map_or_else(String::new, |since| format!(" since {since}"));
            writeln!(text, "  {what} {}{since}", level.name)?;
        }
    }
    for action in &plan.actions {
        let times = if action.count == 1 { "once".to_owned() } else { format!("{} times", action.count) };
        writeln!(text, "  action {} {times}, the last time at {}", action.action, action.since)?;
    }
    let name = format!("plan:{}", plan.plan);
    if let Some(ledger) = view.ledgers.iter().find(|ledger| ledger.of == name) {
        for line in ledger.lines.iter().filter(|line| line.value != 0.0) {
            render_line(line, text)?;
        }
        render_nothing(&ledger.lines, text)?;
        writeln!(text, "  {:>10}  in all", ledger.score)?;
    }
    waiting::render(view, &plan.plan, text)
}

/// Bookings that give nothing, such as those of rules that only tag or whose cap is full, in one line.
fn render_nothing(lines: &[LineView], text: &mut String) -> std::fmt::Result {
    let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.value == 0.0 && line.kind == "booked") {
        *rules.entry(line.rule.as_deref().unwrap_or_default()).or_default() += 1;
    }
    if rules.is_empty() {
        return Ok(());
    }
    let times =
        |(rule, count): (&str, usize)| if count == 1 { rule.to_owned() } else { format!("{rule} {count} times") };
    let rules: Vec<String> = rules.into_iter().map(times).collect();
    writeln!(text, "  {:>+10}  {}", 0, rules.join(", "))
}

fn render_line(line: &LineView, text: &mut String) -> std::fmt::Result {
    let rule = line.rule.as_deref().unwrap_or_default();
    match line.kind.as_str() {
        "booked" => {
            let unknown = if line.uid.is_some() { "(an event of before what is kept)" } else { "(a timer)" };
            let event = line.event.as_deref().unwrap_or(unknown);
            write!(text, "  {:>+10}  {}  {rule:<20} {event}", line.value, line.time.as_deref().unwrap_or_default())?;
            if let (Some(raw), [_, ..]) = (line.raw, &line.reduced_by[..]) {
                write!(text, " ({raw} before the {})", line.reduced_by.join(" and the "))?;
            }
            let said = [(" by ", &line.author), (": ", &line.reason)];
            for (before, said) in said {
                write!(text, "{}", said.as_ref().map_or_else(String::new, |said| format!("{before}{said}")))?;
            }
            writeln!(text)
        }
        "fit" => writeln!(text, "  {:>+10}  {:<24}  {rule:<20}", line.value, "while it holds"),
        "base" => writeln!(text, "  {:>+10}  before what is kept", line.value),
        "limit" => writeln!(text, "  {:>+10}  floor or ceiling of the plan", line.value),
        other => writeln!(text, "  {:>+10}  {other}", line.value),
    }
}

pub(super) fn missing(missing: &[MissingView]) -> String {
    let reasons: Vec<String> = missing
        .iter()
        .map(|reason| match reason {
            MissingView::NotMember => "takes no part in the plan".to_owned(),
            MissingView::Points { points } => format!("{points} points are missing"),
            MissingView::Condition => "the plan's condition does not hold".to_owned(),
            MissingView::Cooldown { until } => format!("the cooldown lasts until {until}"),
            MissingView::OnlyOnce => "it was once, and the plan qualifies only once".to_owned(),
            MissingView::Feedback => "since the feedback it has earned nothing".to_owned(),
        })
        .collect();
    if reasons.is_empty() { "with the next event".to_owned() } else { reasons.join("; ") }
}

fn render_rest(view: &ContactView, text: &mut String) -> std::fmt::Result {
    if !view.tags.is_empty() {
        writeln!(text, "\ntags")?;
        for tag in &view.tags {
            writeln!(text, "  {:<24} {:>10} points, since {}", tag.tag, tag.score, tag.since)?;
        }
    }
    if !view.attributes.is_empty() {
        writeln!(text, "\nattributes")?;
        for attribute in &view.attributes {
            writeln!(
                text,
                "  {:<24} {}  from {} at {}",
                attribute.name, attribute.value, attribute.source, attribute.time
            )?;
        }
    }
    writeln!(text, "\nhistory (the last {} of {} events)", HISTORY_SHOWN.min(view.history.len()), view.history.len())?;
    for event in view.history.iter().rev().take(HISTORY_SHOWN).rev() {
        let booked: Vec<String> =
            event.booked.iter().map(|booked| format!("{} {:+}", booked.rule, booked.points)).collect();
        let verdict = if event.verdict == "human" { String::new() } else { format!(" [{}]", event.verdict) };
        writeln!(text, "  {}  {:<24}{verdict} {}", event.time, event.event, booked.join(", "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use leadstream_http::view::{ActionView, LevelView};

    use super::*;

    #[test]
    fn what_is_missing_is_said_in_words() {
        let reasons = [MissingView::Points { points: 12.5 }, MissingView::Condition];
        assert_eq!(missing(&reasons), "12.5 points are missing; the plan's condition does not hold");
    }

    #[test]
    fn bookings_that_give_nothing_take_one_line() {
        let line = |rule: &str, kind: &str, value| LineView {
            kind: kind.to_owned(),
            rule: Some(rule.to_owned()),
            value,
            ..LineView::default()
        };
        let lines = [
            line("tag", "booked", 0.0),
            line("visit", "booked", 1.0),
            line("visit", "booked", 0.0),
            line("visit", "booked", 0.0),
            line("age", "fit", 0.0),
        ];
        let mut text = String::new();
        render_nothing(&lines, &mut text).unwrap();
        assert_eq!(text, "          +0  tag, visit 2 times\n");
        text.clear();
        render_nothing(&lines[1..2], &mut text).unwrap();
        assert_eq!(text, "");
    }

    #[test]
    fn bands_grades_owners_and_actions_have_a_line_each_and_adjustments_say_who_and_why() {
        let since = Some("2026-03-14T09:26:53.589Z".to_owned());
        let level =
            |name: &str, since: &Option<String>| Some(LevelView { name: name.to_owned(), since: since.clone() });
        let plan = PlanView {
            plan: "cars".to_owned(),
            version: String::new(),
            member: true,
            score: 82.0,
            engagement: 72.0,
            fit: 10.0,
            qualified: Some(true),
            qualified_since: None,
            stage: None,
            missing: Vec::new(),
            band: level("hot", &since),
            grade: level("A2", &None),
            owner: level("anna", &since),
            actions: [1, 3]
                .map(|count| ActionView { action: "call".to_owned(), count, since: "now".to_owned() })
                .to_vec(),
        };
        let mut text = String::new();
        render_plan(&ContactView { plans: vec![plan.clone()], ..blank() }, &plan, &mut text).unwrap();
        assert_eq!(
            text,
            "\nplan cars: 82 points (engagement 72, fit 10)\n  qualified\n  band hot since 2026-03-14T09:26:53.589Z\n  grade A2\n  owner anna since 2026-03-14T09:26:53.589Z\n  \
             action call once, the last time at now\n  action call 3 times, the last time at now\n"
        );
        let line = LineView {
            kind: "booked".to_owned(),
            rule: Some("#adjust".to_owned()),
            value: 5.0,
            author: Some("anna".to_owned()),
            reason: Some("met at the fair".to_owned()),
            ..LineView::default()
        };
        text.clear();
        render_line(&line, &mut text).unwrap();
        assert!(text.ends_with(" by anna: met at the fair\n"), "{text}");
    }

    fn blank() -> ContactView {
        ContactView {
            contact: String::new(),
            ids: Vec::new(),
            at: String::new(),
            asked: None,
            epoch: 0,
            seq: 0,
            global: 0.0,
            plans: Vec::new(),
            tags: Vec::new(),
            attributes: Vec::new(),
            ledgers: Vec::new(),
            history: Vec::new(),
            waiting: Vec::new(),
        }
    }

    #[test]
    fn everything_that_made_a_booking_less_is_shown() {
        let reduced_by = ["weight", "cap", "limit"].map(str::to_owned).to_vec();
        let line =
            LineView { kind: "booked".to_owned(), value: 5.0, raw: Some(40.0), reduced_by, ..LineView::default() };
        let mut text = String::new();
        render_line(&line, &mut text).unwrap();
        assert!(text.ends_with(" (40 before the weight and the cap and the limit)\n"), "{text}");
    }
}
