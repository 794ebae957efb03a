//! Verdicts from a user agent: the machines that say so themselves.
//!
//! The list is short and exact on purpose. A guess would take points from people (a telephone maker is called Cubot), so a word counts only
//! as the name of a product, and everything else is human until a source maps a verdict of its own (S56).

use leadstream_core::Verdict;

/// Products that call themselves machines, in lower case; each is compared with whole words of the user agent.
const MACHINES: &[&str] = &[
    "adsbot-google",
    "ahrefsbot",
    "amazonbot",
    "applebot",
    "baiduspider",
    "bingbot",
    "bytespider",
    "ccbot",
    "curl",
    "dotbot",
    "duckduckbot",
    "facebookexternalhit",
    "googlebot",
    "googleimageproxy",
    "gptbot",
    "headlesschrome",
    "mj12bot",
    "petalbot",
    "phantomjs",
    "pingdom.com_bot",
    "python-requests",
    "semrushbot",
    "slackbot",
    "twitterbot",
    "uptimerobot",
    "wget",
    "yandexbot",
];

/// The verdict on the sender of a user agent.
pub(crate) fn verdict(user_agent: &str) -> Verdict {
    let words = user_agent.split(|character: char| !(character.is_alphanumeric() || "-._".contains(character)));
    for word in words {
        if MACHINES.iter().any(|machine| word.eq_ignore_ascii_case(machine)) {
            return Verdict::Machine;
        }
    }
    Verdict::Human
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_who_say_so_are_machines_s56() {
        for (agent, expected) in [
            ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Verdict::Machine),
            ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/120.0 Safari/537.36", Verdict::Machine),
            ("Mozilla/5.0 (via ggpht.com GoogleImageProxy)", Verdict::Machine),
            ("Mozilla/5.0 (Linux; Android 10; CUBOT X20) AppleWebKit/537.36 Chrome/89.0", Verdict::Human),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_5) Chrome/77.0.3865.90 Safari/537.36", Verdict::Human),
            ("", Verdict::Human),
        ] {
            assert_eq!(verdict(agent), expected, "{agent}");
        }
        assert!(MACHINES.is_sorted());
    }
}
