//! What a contact waits for in a plan, as text.

use std::fmt::Write as _;

use leadstream_http::view::{AwaitedView, ContactView, WaitingView};

/// So many lines are shown of one plan; the rest is counted.
const LINES_SHOWN: usize = 20;

/// Adds what the contact waits for in a plan.
pub(super) fn render(view: &ContactView, plan: &str, text: &mut String) -> std::fmt::Result {
    let of_plan = || view.waiting.iter().filter(|waiting| waiting.plan == plan);
    for waiting in of_plan().take(LINES_SHOWN) {
        render_line(waiting, text)?;
    }
    match of_plan().count().saturating_sub(LINES_SHOWN) {
        0 => Ok(()),
        more => writeln!(text, "  waiting     and {more} more"),
    }
}

fn render_line(waiting: &WaitingView, text: &mut String) -> std::fmt::Result {
    let rule = &waiting.rule;
    let key = match (&waiting.property, &waiting.key) {
        (Some(property), Some(key)) => format!(" with {property} {key}"),
        (None, Some(key)) => format!(" for {key}"),
        _ => String::new(),
    };
    match &waiting.what {
        AwaitedView::Absence { due, unless, points, .. } => {
            writeln!(text, "  {points:>+10}  {due}  {rule:<20} unless {}{key} comes before", unless.join(" or "))
        }
        AwaitedView::Confirmation { until, points, .. } => {
            writeln!(text, "  {points:>+10}  {until}  {rule:<20} only if a human event{key} comes before")
        }
        AwaitedView::Parts { parts } => {
            let there = parts.iter().filter(|count| **count > 0).count();
            writeln!(text, "  {:>10}  {rule}: {there} of {} parts are there{key}", "", parts.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for_is_said_in_words() {
        let waiting = |rule: &str, what| WaitingView {
            plan: "p".to_owned(),
            rule: rule.to_owned(),
            property: Some("email_id".to_owned()),
            key: Some("m1".to_owned()),
            what,
        };
        let (due, uid) = ("2026-01-04T00:00:00.000Z".to_owned(), String::new());
        let lines = [
            waiting(
                "ignored",
                AwaitedView::Absence {
                    due: due.clone(),
                    unless: vec!["email_clicked".to_owned()],
                    points: -5.0,
                    uid: uid.clone(),
                },
            ),
            waiting("click", AwaitedView::Confirmation { until: due, points: 7.5, uid }),
            WaitingView { property: None, ..waiting("both", AwaitedView::Parts { parts: vec![2, 0] }) },
        ];
        let mut text = String::new();
        lines.iter().for_each(|line| render_line(line, &mut text).unwrap());
        let expected = "          -5  2026-01-04T00:00:00.000Z  ignored              unless email_clicked with email_id m1 comes before
        +7.5  2026-01-04T00:00:00.000Z  click                only if a human event with email_id m1 comes before
              both: 1 of 2 parts are there for m1
";
        assert_eq!(text, expected);
    }
}
