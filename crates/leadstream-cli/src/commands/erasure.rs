//! `leadstream contact erase` and `reinstate`: write the command into the topic of contacts, and wait until the service has carried it out.
//!
//! Invariant: nothing is written before whoever typed it was told what goes and has agreed. The service alone erases: the command works as well where no
//! service runs, and is carried out when one does.

use std::time::{Duration, Instant};

use leadstream_config::Config;
use leadstream_core::Timestamp;
use leadstream_http::segment;
use serde_json::{Value, json};

use super::contact::writing::{confirm, refuse_what_cannot_be_written, write};
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
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// What the service answers for an erased id.
const GONE: u16 = 410;

/// Erases.
pub(super) fn erase(given: &ConfigurationArguments, id: &str, yes: bool, url: Option<&str>) -> Result<(), Failure> {
    let config = configuration(given)?.config;
    refuse_what_cannot_be_written(&config, id)?;
    let names = config.topic_names();
    terminal::note(format!("this erases {id} from the application {} for good:", config.application.id));
    terminal::note(
        "  scores, history, levels and everything else that is known go, in every instance, and in the topics",
    );
    terminal::note("  where it is one of several ids of a contact, all of them go");
    terminal::note(format!("  {}, {} and {}", names.contacts_changelog, names.redo, names.scores));
    terminal::note(format!("  contact.erased is told in {}, with the id", names.activity));
    terminal::note("  later events of the id are refused, until it is reinstated");
    terminal::note(
        "what was told and what others wrote ends with the retention of its topic; `--verify` shows what is left",
    );
    confirm(id, yes)?;
    carry_out(given, &config, id, url, &json!({ "command": "erase", "contact": id }), true)
}

/// Reinstates.
pub(super) fn reinstate(
    given: &ConfigurationArguments,
    id: &str,
    from: Timestamp,
    yes: bool,
    url: Option<&str>,
) -> Result<(), Failure> {
    let config = configuration(given)?.config;
    refuse_what_cannot_be_written(&config, id)?;
    terminal::note(format!("{id} counts again in the application {}:", config.application.id));
    terminal::note(format!("  what happens from {from} on is taken; nothing that was erased comes back"));
    confirm(id, yes)?;
    let command = json!({ "command": "reinstate", "contact": id, "from": from.millis() });
    carry_out(given, &config, id, url, &command, false)
}

fn carry_out(
    given: &ConfigurationArguments,
    config: &Config,
    id: &str,
    url: Option<&str>,
    command: &Value,
    to_be_gone: bool,
) -> Result<(), Failure> {
    let log = connect(config)?;
    write(&log, config, id, command)?;
    let base = service::base(given, url)?;
    if await_service(&base, id, to_be_gone)? {
        let done = if to_be_gone { "erased" } else { "reinstated" };
        return terminal::print(&format!("{done}\n"));
    }
    terminal::print("the command is written; it is carried out as soon as the service has read it\n")
}

/// Asks the service until it says that the command is carried out. False where nobody can be asked, which is said.
#[expect(clippy::disallowed_methods, reason = "patience ends")]
fn await_service(base: &str, id: &str, to_be_gone: bool) -> Result<bool, Failure> {
    let address = format!("{base}/v1/contacts/{}", segment(id));
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        match service::answer(&address, ANSWER_TIMEOUT) {
            Ok((status, _)) if status >= 500 => {}
            Ok((status, _)) if (status == GONE) == to_be_gone => return Ok(true),
            Ok(_) => {}
            Err(reason) => {
                terminal::note(format!("nobody answers at {base} ({reason}), so nobody can say when it is done"));
                return Ok(false);
            }
        }
        std::thread::sleep(PAUSE);
    }
    let seconds = PATIENCE.as_secs();
    Err(Failure::NotDone(format!(
        "the command is written, and the service at {base} has not carried it out within {seconds} s: look at its log and at the dead letters"
    )))
}
