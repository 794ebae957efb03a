//! The running service as commands ask it, over HTTP.

use std::thread;
use std::time::Duration;

use leadstream_http::view::Refusal;

use crate::arguments::ConfigurationArguments;
use crate::failure::Failure;
use crate::settings::configuration;
use crate::terminal;

/// The largest answer that is read.
const LARGEST_ANSWER_BYTES: u64 = 1 << 30;
/// How often a service is asked again that says it cannot answer yet: tasks change hands within seconds.
const ASKED_AGAIN: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// Where the service answers: the address given, or where it listens by the configuration.
///
/// # Errors
/// A configuration that is wrong.
pub(crate) fn base(given: &ConfigurationArguments, url: Option<&str>) -> Result<String, Failure> {
    match url {
        Some(url) => Ok(url.trim_end_matches('/').to_owned()),
        None => Ok(format!("http://{}", configuration(given)?.config.http.listen)),
    }
}

/// What it answers, asked again for a moment while it says that it cannot answer yet.
///
/// # Errors
/// Nobody who answers in time, and refusals in their own words.
pub(crate) fn ask(base: &str, address: &str, timeout: Duration) -> Result<String, Failure> {
    for asked in 0..ASKED_AGAIN {
        match ask_once(base, address, timeout)? {
            Answer::Given(body) => return Ok(body),
            Answer::Later(reason) if asked == 0 => {
                terminal::note(format!("{reason} (asking again for {} s)", (PAUSE * ASKED_AGAIN).as_secs()));
            }
            Answer::Later(_) => {}
        }
        thread::sleep(PAUSE);
    }
    match ask_once(base, address, timeout)? {
        Answer::Given(body) => Ok(body),
        Answer::Later(reason) => Err(Failure::NotDone(reason)),
    }
}

enum Answer {
    Given(String),
    /// The service cannot answer yet, for this reason.
    Later(String),
}

fn ask_once(base: &str, address: &str, timeout: Duration) -> Result<Answer, Failure> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(timeout)).http_status_as_error(false).build().into();
    let mut response = agent.get(address).call().map_err(|error| {
        Failure::NotDone(format!(
            "nobody answers at {base} ({error}): does `leadstream run` run, with the same http.listen?"
        ))
    })?;
    let status = response.status();
    let body = response.body_mut().with_config().limit(LARGEST_ANSWER_BYTES).read_to_string();
    let body = body.map_err(|error| Failure::of("the answer could not be read", error))?;
    if status.is_success() {
        return Ok(Answer::Given(body));
    }
    let reason = serde_json::from_str::<Refusal>(&body)
        .map_or_else(|_| format!("{base} answered {status}"), |refusal| refusal.error);
    if status == ureq::http::StatusCode::SERVICE_UNAVAILABLE {
        Ok(Answer::Later(reason))
    } else {
        Err(Failure::NotDone(reason))
    }
}

/// Its answer as it is, with the status.
///
/// # Errors
/// Why nobody answers in time.
pub(crate) fn answer(address: &str, timeout: Duration) -> Result<(u16, String), String> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(timeout)).http_status_as_error(false).build().into();
    let mut response = agent.get(address).call().map_err(|error| error.to_string())?;
    let body = response.body_mut().with_config().limit(LARGEST_ANSWER_BYTES).read_to_string();
    Ok((response.status().as_u16(), body.map_err(|error| error.to_string())?))
}
