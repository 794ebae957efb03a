//! `leadstream contact merge` and `split`: write the command into the topic of contacts, and wait until the service has carried it out.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use leadstream_config::Config;
use leadstream_http::segment;
use leadstream_http::view::ContactView;
use serde_json::{Value, json};

use super::writing::{confirm, refuse_what_cannot_be_written, write};
use crate::arguments::ConfigurationArguments;
use crate::connection::connect;
use crate::failure::Failure;
use crate::settings::configuration;
use crate::{service, terminal};

/// How long the service may take to carry a command out.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(200);
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Makes the contact of one id part of that of another.
pub(super) fn merge(
    given: &ConfigurationArguments,
    id: &str,
    into: &str,
    yes: bool,
    url: Option<&str>,
) -> Result<(), Failure> {
    let config = configuration(given)?.config;
    [id, into].into_iter().try_for_each(|id| refuse_what_cannot_be_written(&config, id))?;
    if id == into {
        return Err(Failure::input("a contact cannot be merged into itself"));
    }
    terminal::note(format!("this makes the contact of {id} part of the contact of {into}:"));
    terminal::note("  everything that was delivered to either counts as if it had always been one contact");
    terminal::note("  `leadstream contact split` parts them again");
    confirm(id, yes)?;
    let command = json!({ "command": "merge", "contact": id, "into": into, "time": now_ms() });
    carry_out(given, &config, id, url, &command, |base| {
        let (one, other) = (contact_of(base, id)?, contact_of(base, into)?);
        Ok(one.is_some() && one == other)
    })
}

/// Undoes the link that made an id part of a contact.
pub(super) fn split(
    given: &ConfigurationArguments,
    id: &str,
    link: Option<&str>,
    yes: bool,
    url: Option<&str>,
) -> Result<(), Failure> {
    let config = configuration(given)?.config;
    refuse_what_cannot_be_written(&config, id)?;
    let (base, mut was) = (service::base(given, url)?, None);
    let link = match link {
        Some(link) => link.to_owned(),
        None => {
            let view = asked(&base, id)?;
            let joined = view.ids.iter().find(|known| known.id == id);
            let joined = joined.ok_or_else(|| {
                let others: Vec<&str> = view.ids.iter().map(|known| known.id.as_str()).collect();
                Failure::input(match others[..] {
                    [] => format!("{id} is no part of another contact, and has no other ids"),
                    _ => format!(
                        "{id} is what the contact is called: name the id to be parted from it, one of {}",
                        others.join(", ")
                    ),
                })
            })?;
            let with: Vec<&str> =
                view.ids.iter().filter(|known| known.link == joined.link).map(|known| known.id.as_str()).collect();
            terminal::note(format!("this parts {} from the contact {}:", with.join(", "), view.contact));
            was = Some(view.contact);
            joined.link.clone()
        }
    };
    terminal::note(format!("  the link of the record {link} is undone, and each counts what was delivered to it"));
    confirm(id, yes)?;
    let command = json!({ "command": "split", "contact": id, "link": link, "time": now_ms() });
    carry_out(given, &config, id, url, &command, |base| Ok(was.is_none() || contact_of(base, id)? != was))
}

/// Writes the command, and asks the service until it is carried out.
#[expect(clippy::disallowed_methods, reason = "patience ends")]
fn carry_out(
    given: &ConfigurationArguments,
    config: &Config,
    id: &str,
    url: Option<&str>,
    command: &Value,
    is_done: impl Fn(&str) -> Result<bool, String>,
) -> Result<(), Failure> {
    let log = connect(config)?;
    write(&log, config, id, command)?;
    let base = service::base(given, url)?;
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        match is_done(&base) {
            Ok(true) => return terminal::print("done\n"),
            Ok(false) => std::thread::sleep(PAUSE),
            Err(reason) => {
                terminal::note(format!("nobody answers at {base} ({reason}), so nobody can say when it is done"));
                return terminal::print(
                    "the command is written; it is carried out as soon as the service has read it\n",
                );
            }
        }
    }
    let seconds = PATIENCE.as_secs();
    Err(Failure::NotDone(format!(
        "the command is written, and the service at {base} has not carried it out within {seconds} s: look at its log and at the dead letters"
    )))
}

fn address(base: &str, id: &str) -> String {
    format!("{base}/v1/contacts/{}", segment(id))
}

/// The contact that an id belongs to; the id itself where nothing is known of it. `None` while the service cannot tell.
fn contact_of(base: &str, id: &str) -> Result<Option<String>, String> {
    match service::answer(&address(base, id), TIMEOUT)? {
        (200, body) => Ok(serde_json::from_str::<ContactView>(&body).ok().map(|view| view.contact)),
        (404, _) => Ok(Some(id.to_owned())),
        _ => Ok(None),
    }
}

fn asked(base: &str, id: &str) -> Result<ContactView, Failure> {
    let address = address(base, id);
    let body = service::ask(base, &address, TIMEOUT)?;
    serde_json::from_str(&body)
        .map_err(|error| Failure::of(format!("{address} gave an answer that is none of ours"), error))
}

/// Records that link ids go by their time: a merge behind a split is another one than before it.
#[expect(clippy::disallowed_methods, reason = "a command is made now")]
fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
