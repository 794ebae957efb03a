//! What a contact waits for, as JSON.

use leadstream_core::explain::{Awaited, WaitingLine};
use serde::{Deserialize, Serialize};

/// Something that is decided and not booked yet, or what a rule of several events has of its parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitingView {
    /// The plan.
    pub plan: String,
    /// The rule.
    pub rule: String,
    /// The property that events must share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// The value that they must share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What it waits for.
    #[serde(flatten)]
    pub what: AwaitedView,
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum AwaitedView {
    /// That an instant comes before one of some events: then points are booked.
    Absence {
        /// The instant.
        due: String,
        /// The types of those events.
        unless: Vec<String>,
        /// The points, before cap and limits.
        points: f64,
        /// The event that began it.
        uid: String,
    },
    /// That a human event comes before an instant: then points are booked.
    Confirmation {
        /// The first instant at which it is too late.
        until: String,
        /// The points, before cap and limits.
        points: f64,
        /// The event that is held.
        uid: String,
    },
    /// Further parts: how many events there are of each.
    Parts {
        /// By part.
        parts: Vec<usize>,
    },
}

impl WaitingView {
    pub(super) fn of(line: &WaitingLine) -> WaitingView {
        let named = line.key.as_ref().filter(|(property, _)| !property.is_empty());
        WaitingView {
            plan: line.plan.to_string(),
            rule: line.rule.to_string(),
            property: named.map(|(property, _)| property.to_string()),
            key: line.key.as_ref().map(|(_, key)| key.clone()),
            what: match &line.what {
                Awaited::Absence { due, unless, points, cause } => AwaitedView::Absence {
                    due: due.to_string(),
                    unless: unless.iter().map(ToString::to_string).collect(),
                    points: points.as_number(),
                    uid: cause.to_string(),
                },
                Awaited::Confirmation { until, points, cause } => AwaitedView::Confirmation {
                    until: until.to_string(),
                    points: points.as_number(),
                    uid: cause.to_string(),
                },
                Awaited::Parts(parts) => AwaitedView::Parts { parts: parts.clone() },
            },
        }
    }
}
