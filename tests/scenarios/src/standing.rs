//! What a contact stands at, as texts that compare with the cells of a table, whichever answer of the product it was read from.

use std::collections::BTreeMap;

use serde_json::Value;

/// What stands for nothing in a table.
pub const NOTHING: &str = "–";

/// Scores and levels of a contact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The global score.
    pub global: String,
    /// By plan, the values by column.
    pub plans: BTreeMap<String, BTreeMap<&'static str, String>>,
    /// Scores of tags.
    pub tags: BTreeMap<String, String>,
}

/// A value as tables write it.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => NOTHING.to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map_or_else(String::new, |number| number.to_string()),
        Value::Array(items) if items.is_empty() => NOTHING.to_owned(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(" "),
        Value::Object(members) if members.is_empty() => NOTHING.to_owned(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| format!("{name}: {}", shown(value))).collect::<Vec<_>>().join(", ")
        }
    }
}

impl Standing {
    /// Of a scorecard, as `replay` and the topic of scores have it, or of the answer to a question about a contact.
    pub fn of(card: &Value) -> Standing {
        let named = |value: &Value| if value.is_object() { shown(&value["name"]) } else { shown(value) };
        let plan = |plan: &Value| {
            let in_stage = if plan["stage"].is_object() { &plan["stage"]["score"] } else { &plan["stage_score"] };
            let actions = match &plan["actions"] {
                Value::Array(items) => items
                    .iter()
                    .map(|item| format!("{}: {}", shown(&item["action"]), shown(&item["count"])))
                    .collect::<Vec<_>>()
                    .join(", "),
                other => shown(other),
            };
            BTreeMap::from([
                ("score", shown(&plan["score"])),
                ("engagement", shown(&plan["engagement"])),
                ("fit", shown(&plan["fit"])),
                ("member", shown(&plan["member"])),
                ("qualified", if plan["qualified"] == true { "yes".to_owned() } else { "no".to_owned() }),
                ("qualified since", shown(&plan["qualified_since"])),
                ("stage", named(&plan["stage"])),
                ("stage score", shown(in_stage)),
                ("band", named(&plan["band"])),
                ("grade", named(&plan["grade"])),
                ("owner", named(&plan["owner"])),
                ("actions", if actions.is_empty() { NOTHING.to_owned() } else { actions }),
            ])
        };
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        Standing {
            global: shown(&card["global"]),
            plans: list(&card["plans"]).iter().map(|item| (shown(&item["plan"]), plan(item))).collect(),
            tags: list(&card["tags"]).iter().map(|tag| (shown(&tag["tag"]), shown(&tag["score"]))).collect(),
        }
    }
}
