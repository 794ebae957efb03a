//! Handing a question on to the instance that owns the contact.
//!
//! A question is handed on once: it carries [`FORWARDED`], and whoever gets such a question answers it or refuses it. The address comes from the
//! group's members and may be out of date, so the answer is checked: it must come from an instance of the same application, and be about the contact.

use std::fmt::Write;
use std::time::Duration;

use axum::http::StatusCode;

use crate::view::{ContactView, Refusal};
use crate::{Engine, Owner};

/// Header of a question that was handed on; its value is the application's id.
pub(crate) const FORWARDED: &str = "x-leadstream-forwarded";

/// How long the owner may take to accept a connection, and to answer: longer than it waits for its own worker.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(6);
/// The largest answer that is handed back.
const LARGEST_ANSWER_BYTES: u64 = 64 << 20;

/// An answer to hand back, or why there is none.
pub(crate) type Answer = Result<(StatusCode, Vec<u8>), String>;

/// Asks other instances.
pub(crate) struct Forwarder {
    agent: ureq::Agent,
    application: String,
}

impl Forwarder {
    pub(crate) fn new(application: String) -> Forwarder {
        let config = ureq::Agent::config_builder()
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(ANSWER_TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None);
        Forwarder { agent: config.build().into(), application }
    }

    /// Whether a question that was handed on is meant for this application.
    pub(crate) fn accepts(&self, application: &[u8]) -> bool {
        application == self.application.as_bytes()
    }

    /// Asks the owner of a task about a contact; once more where the group has another owner by now.
    pub(crate) fn ask(&self, engine: &dyn Engine, task: u32, id: &str, at: Option<&str>) -> Answer {
        let mut failure: Option<(Owner, String)> = None;
        for anew in [false, true] {
            let owner = engine.owner(task, anew).map_err(|reason| {
                format!("another instance owns task {task}, and the group does not tell which: {reason}")
            })?;
            let owner = owner.ok_or_else(|| format!("no instance owns task {task} at present"))?;
            if failure.as_ref().is_some_and(|(asked, _)| *asked == owner) {
                break;
            }
            let Some(address) = &owner.address else {
                let name = owner.name;
                return Err(format!(
                    "{name} owns task {task} and does not say where it can be asked: set http.advertise there"
                ));
            };
            match self.ask_at(address, id, at) {
                Ok(answer) => return Ok(answer),
                Err(reason) => failure = Some((owner, reason)),
            }
        }
        let (owner, reason) = failure.unwrap_or_default();
        let address = owner.address.unwrap_or_default();
        Err(format!("{} owns task {task}, and at {address} {reason}", owner.name))
    }

    fn ask_at(&self, address: &str, id: &str, at: Option<&str>) -> Answer {
        let mut url = format!("http://{address}/v1/contacts/{}", segment(id));
        if let Some(at) = at {
            let _ = write!(url, "?at={}", segment(at));
        }
        let mut response = self
            .agent
            .get(url)
            .header(FORWARDED, &self.application)
            .call()
            .map_err(|error| format!("nobody answers ({error})"))?;
        let status = StatusCode::from_u16(response.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
        let body = response.body_mut().with_config().limit(LARGEST_ANSWER_BYTES).read_to_vec();
        let body = body.map_err(|error| format!("the answer breaks off ({error})"))?;
        let is_ours = match status {
            StatusCode::OK => serde_json::from_slice::<ContactView>(&body).is_ok_and(|view| view.contact == id),
            StatusCode::MISDIRECTED_REQUEST => return Err("an instance answers that does not own it".to_owned()),
            _ => serde_json::from_slice::<Refusal>(&body).is_ok(),
        };
        if is_ours { Ok((status, body)) } else { Err(format!("somebody answers who is no instance of it ({status})")) }
    }
}

/// A segment of a path or a value of a query, every byte escaped that could mean something else.
pub fn segment(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_any_letters_become_one_segment_of_a_path() {
        assert_eq!(segment("c1042"), "c1042");
        assert_eq!(segment("a/b?c d@ż"), "a%2Fb%3Fc%20d%40%C5%BC");
    }
}
