//! What happens in a test: events of one contact, and what becomes known of it.
//!
//! Events get identities that rise with their places, so that what happens at one instant happens in the order of the file.

use leadstream_core::event::Term;
use leadstream_core::plan::FeedbackOutcome;
use leadstream_core::{Event, EventKind, Properties, Timestamp, Uid, Value, Verdict};

use super::Compiler;
use super::examples::Times;
use super::keys::{self, entry, value};
use crate::code::Code;
use crate::yaml::{Content, Entry, Node, Scalar};

/// The contact of every test.
pub(crate) const CONTACT: &str = "example";

/// Keys of an entry beside the type of its event.
const WORDS: [&str; 5] = ["at", "contact", "verdict", "feedback", "adjust"];

/// What people write for an event's type, time or properties; none of it is an event type.
const OTHER_WORDS: [(&str, &str); 9] = [
    ("on", "the type of the event is the key itself: `page_viewed: { path: /a }`"),
    ("type", "the type of the event is the key itself: `page_viewed: { path: /a }`"),
    ("event", "the type of the event is the key itself: `page_viewed: { path: /a }`"),
    ("properties", "properties stand under the type of the event: `page_viewed: { path: /a }`"),
    ("time", "did you mean `at`?"),
    ("when", "did you mean `at`?"),
    ("attributes", "did you mean `contact`?"),
    ("traits", "did you mean `contact`?"),
    ("tags", "tags that the contact is given stand under `contact`: `contact: { tags: [vip] }`"),
];

/// How an entry looks.
const EXAMPLE: &str = "write `- { page_viewed: { path: /a }, at: 1d }`, or `- { contact: { country: PL }, at: 0d }`";

/// The most that the properties of an event may have, in bytes of their names and values (S58): more would be cut when it comes.
const PROPERTIES_MAX_BYTES: usize = 1 << 10;

/// The events of a test as they are put together.
struct Gathered {
    events: Vec<Event>,
    last: Timestamp,
}

impl Gathered {
    fn push(&mut self, kind: EventKind, event_type: &str, verdict: Verdict, properties: Properties) {
        let mut uid = [0; 16];
        uid[..8].copy_from_slice(&(self.events.len() as u64 + 1).to_be_bytes());
        self.events.push(Event {
            contact: CONTACT.to_owned(),
            uid: Uid(uid),
            time: self.last,
            kind,
            event_type: Term::new(event_type),
            source: Term::new("test"),
            verdict,
            clamped: false,
            properties,
        });
    }
}

impl Compiler<'_> {
    /// The events of a test, in the order of the file.
    pub(super) fn given(&mut self, node: &Node, times: &mut Times) -> Option<Vec<Event>> {
        let items = self.list(node, "a list of what happens", EXAMPLE)?;
        if self.is_too_long(node, items, "a test", "events") {
            return None;
        }
        let mut gathered = Gathered { events: Vec::new(), last: times.origin };
        let mut is_sound = true;
        for item in items {
            is_sound &= self.given_entry(item, times, &mut gathered).is_some();
        }
        is_sound.then_some(gathered.events)
    }

    fn given_entry(&mut self, node: &Node, times: &mut Times, gathered: &mut Gathered) -> Option<()> {
        let Content::Mapping(entries) = &node.content else {
            self.wrong_kind(node, "an event with its time", EXAMPLE);
            return None;
        };
        match value(entries, "at") {
            Some(at) => gathered.last = self.instant(at, times)?,
            // What has no time of its own happens with what stands before it, and the first thing at the beginning.
            None if gathered.events.is_empty() => times.has_spans = true,
            None => {}
        }
        let verdict = value(entries, "verdict").map_or(Some(Verdict::Human), |verdict| self.verdict(verdict));
        let happening = self.happening(node, entries)?;
        if let Some(kind) = command_kind(&happening.key) {
            return self.command(kind, &happening.value, entries, gathered);
        }
        if happening.key == "contact" {
            if let Some(verdict) = entry(entries, "verdict") {
                self.sink
                    .report(Code::MisplacedKey, verdict.key_span.clone(), "`verdict` has no meaning here")
                    .help("who caused it matters for events only");
            }
            return self.known(&happening.value, gathered);
        }
        let help = "write `page_viewed: { path: /a }`, or `page_viewed: {}` for an event without properties";
        let of_event = self.open_mapping(&happening.value, "the properties of the event", help)?;
        let properties = self.properties(of_event, &happening.value, false)?;
        gathered.push(EventKind::Interaction, &happening.key, verdict?, properties);
        Some(())
    }

    /// The one thing that an entry says.
    fn happening<'n>(&mut self, node: &Node, entries: &'n [Entry]) -> Option<&'n Entry> {
        let mut found: Option<&'n Entry> = None;
        let mut is_sound = true;
        for entry in entries.iter().filter(|entry| entry.key != "at" && entry.key != "verdict") {
            let is_own = entry.key == "contact" || command_kind(&entry.key).is_some();
            if !is_own && !self.is_event_type(entry) {
                is_sound = false;
                continue;
            }
            if let Some(first) = found {
                self.sink
                    .report(Code::MisplacedKey, entry.key_span.clone(), "an entry says one thing that happens")
                    .label("second one")
                    .related(first.key_span.clone(), "first one")
                    .help("begin another entry: `- { .. }`; without `at` it happens at the same time");
                is_sound = false;
            }
            found = found.or(Some(entry));
        }
        if found.is_none() && is_sound {
            let line = self.first_line(node);
            self.sink.report(Code::MissingKey, line, "this entry does not say what happens").help(EXAMPLE);
        }
        found.filter(|_| is_sound)
    }

    fn is_event_type(&mut self, entry: &Entry) -> bool {
        if let Some((_, help)) = OTHER_WORDS.iter().find(|(word, _)| *word == entry.key)
            && !self.environment.catalogue.contains(&entry.key)
        {
            let message = format!("`{}` is not an event type", entry.key);
            self.sink.report(Code::UnknownKey, entry.key_span.clone(), message).help(*help);
            return false;
        }
        let words = WORDS.map(str::to_owned);
        self.environment.catalogue.check(&entry.key, &words, entry.key_span.clone(), &mut self.sink)
    }

    /// What the CRM says beside attributes and tags: feedback, and points by hand.
    fn command(&mut self, kind: EventKind, node: &Node, around: &[Entry], gathered: &mut Gathered) -> Option<()> {
        if let Some(verdict) = entry(around, "verdict") {
            self.sink
                .report(Code::MisplacedKey, verdict.key_span.clone(), "`verdict` has no meaning here")
                .help("who caused it matters for events only");
        }
        let (set, event_type) = if kind == EventKind::Feedback {
            (&keys::GIVEN_FEEDBACK, "feedback")
        } else {
            (&keys::GIVEN_ADJUST, "adjust")
        };
        let entries = self.entries(node, set)?;
        let mut properties = Properties::new();
        if kind == EventKind::Feedback {
            let Some(outcome) = value(entries, "outcome") else {
                self.missing(node, "the feedback", "outcome", "write `feedback: { outcome: won }`");
                return None;
            };
            let outcome = self.choice(outcome, "an outcome", &FeedbackOutcome::ALL.map(FeedbackOutcome::as_str))?;
            properties.set("outcome", Value::Text(outcome));
        } else {
            let change = ["add", "set"].into_iter().filter_map(|key| Some((key, value(entries, key)?)));
            let [(key, points)] = change.collect::<Vec<_>>()[..] else {
                let line = self.first_line(node);
                self.sink
                    .report(Code::MissingKey, line, "an adjustment says either `add` or `set`")
                    .help("write `adjust: { add: 10 }` for more points, `adjust: { set: 50 }` for so many");
                return None;
            };
            properties.set(key, Value::Number(self.points(points, "an adjustment")?.as_number()));
            if let Some(decay) = value(entries, "decay") {
                properties.set("decay", Value::Text(self.choice(decay, "a decay of an adjustment", &["none"])?));
            }
            let plan = self.environment.plan_id.clone();
            properties.set("plan", Value::Text(&plan));
        }
        gathered.push(kind, event_type, Verdict::Human, properties);
        Some(())
    }

    /// What becomes known of the contact: attributes, and tags that the CRM gives or takes.
    fn known(&mut self, node: &Node, gathered: &mut Gathered) -> Option<()> {
        let help = "write `contact: { country: PL, tags: [vip] }`";
        let entries = self.open_mapping(node, "the contact's attributes", help)?;
        let attributes: Vec<Entry> = entries.iter().filter(|entry| entry.key != "tags").cloned().collect();
        let properties = self.properties(&attributes, node, true);
        let tags = value(entries, "tags").map(|tags| self.given_tags(tags));
        let properties = properties?;
        if let Some(id) = entry(entries, "id") {
            self.sink
                .report(Code::MisplacedKey, id.key_span.clone(), "the contact of a test has no id of its own")
                .help(format!("`contact.id` is \"{CONTACT}\" in every test"));
            return None;
        }
        if !properties.is_empty() || tags.is_none() {
            gathered.push(EventKind::Attributes, "", Verdict::Human, properties);
        }
        if let Some(tags) = tags {
            gathered.push(EventKind::Tags, "", Verdict::Human, tags?);
        }
        Some(())
    }

    fn given_tags(&mut self, node: &Node) -> Option<Properties> {
        let mut tags = Properties::new();
        if let Content::Mapping(entries) = &node.content {
            for entry in entries {
                tags.set(&entry.key, Value::Bool(self.truth(&entry.value)?));
            }
            return Some(tags);
        }
        let help = "write `tags: [vip]`, or `tags: { vip: true, trial: false }` to take one away";
        for item in self.list(node, "a list of tags", help)? {
            tags.set(&self.tag(item)?, Value::Bool(true));
        }
        Some(tags)
    }

    /// Properties of an event, or attributes of the contact, where null unsets. Mappings inside are flattened with dots, as decoders do.
    fn properties(&mut self, entries: &[Entry], node: &Node, may_unset: bool) -> Option<Properties> {
        let mut properties = Properties::new();
        let mut bytes = 0;
        let is_sound = self.flatten("", entries, may_unset, &mut properties, &mut bytes);
        if bytes > PROPERTIES_MAX_BYTES && !may_unset {
            let line = self.first_line(node);
            self.sink
                .report(
                    Code::TooLarge,
                    line,
                    format!("the properties have {bytes} bytes, more than {PROPERTIES_MAX_BYTES}"),
                )
                .help("of an event that comes no more than that is kept, so give the test only what conditions read");
            return None;
        }
        is_sound.then_some(properties)
    }

    fn flatten(
        &mut self,
        before: &str,
        entries: &[Entry],
        may_unset: bool,
        properties: &mut Properties,
        bytes: &mut usize,
    ) -> bool {
        let mut is_sound = true;
        for entry in entries {
            let name = format!("{before}{}", entry.key);
            match &entry.value.content {
                Content::Mapping(inner) => {
                    is_sound &= self.flatten(&format!("{name}."), inner, may_unset, properties, bytes);
                }
                Content::Scalar(scalar) if scalar.is_null() && !may_unset => {
                    let message = format!("the property `{name}` has no value");
                    self.sink
                        .report(Code::WrongKind, entry.key_span.clone(), message)
                        .help("leave it out: a property is there or it is not");
                    is_sound = false;
                }
                Content::Scalar(scalar) => {
                    *bytes += name.len() + scalar.text.len();
                    properties.set(&name, value_of(scalar));
                }
                Content::Sequence(_) => {
                    self.wrong_kind(
                        &entry.value,
                        "a text, a number or a truth value",
                        "lists are not kept: write one value",
                    );
                    is_sound = false;
                }
            }
        }
        is_sound
    }

    fn verdict(&mut self, node: &Node) -> Option<Verdict> {
        Some(match self.choice(node, "a verdict", &["human", "suspect", "machine"])? {
            "machine" => Verdict::Machine,
            "suspect" => Verdict::Suspect,
            _ => Verdict::Human,
        })
    }
}

/// The kind of event of what the CRM says beside attributes and tags.
fn command_kind(key: &str) -> Option<EventKind> {
    match key {
        "feedback" => Some(EventKind::Feedback),
        "adjust" => Some(EventKind::Adjust),
        _ => None,
    }
}

/// A value as YAML 1.2 means it.
pub(super) fn value_of(scalar: &Scalar) -> Value<'_> {
    if scalar.is_null() {
        return Value::Null;
    }
    if let Some(truth) = scalar.as_bool() {
        return Value::Bool(truth);
    }
    let looks_numeric =
        scalar.text.trim_start_matches(['+', '-']).starts_with(|next: char| next.is_ascii_digit() || next == '.');
    match scalar.text.parse::<f64>() {
        Ok(number) if !scalar.is_quoted && looks_numeric && number.is_finite() => Value::Number(number),
        _ => Value::Text(&scalar.text),
    }
}
