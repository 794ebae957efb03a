//! The running service as commands ask it, over HTTP.

use std::time::Duration;

use leadstream_http::view::Refusal;

use crate::arguments::ConfigurationArguments;
use crate::failure::Failure;
use crate::settings::configuration;

/// The largest answer that is read.
const LARGEST_ANSWER_BYTES: u64 = 1 << 30;

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

/// What it answers.
///
/// # Errors
/// Nobody who answers in time, and refusals in their own words.
pub(crate) fn ask(base: &str, address: &str, timeout: Duration) -> Result<String, Failure> {
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
        return Ok(body);
    }
    let reason = serde_json::from_str::<Refusal>(&body)
        .map_or_else(|_| format!("{base} answered {status}"), |refusal| refusal.error);
    Err(Failure::NotDone(reason))
}

/// The status of its answer alone.
///
/// # Errors
/// Why nobody answers in time.
pub(crate) fn status(address: &str, timeout: Duration) -> Result<u16, String> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(timeout)).http_status_as_error(false).build().into();
    let response = agent.get(address).call().map_err(|error| error.to_string())?;
    Ok(response.status().as_u16())
}
