//! Whether librdkafka will take the settings that a person gives, told before any client connects.
//!
//! It finds names that librdkafka does not know, values that it does not take, settings that have no effect where they stand, those that the commit
//! protocol rests on, and combinations that only show when a client is made. No message repeats the value of a setting, which may be a secret.

use rdkafka::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use rdkafka::producer::BaseProducer;

use crate::error::creation_reason;
use crate::ffi::{self, Verdict};
use crate::settings::{KafkaSettings, Role, reserved_reason};

/// A value with fewer bytes may be in a message by chance, and is no secret.
const SHORTEST_TOLD_APART: usize = 4;

/// Where a setting stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// For every client.
    Common,
    /// For consumers.
    Consumer,
    /// For producers.
    Producer,
}

impl Section {
    /// The name of its key.
    pub fn as_str(self) -> &'static str {
        match self {
            Section::Common => "common",
            Section::Consumer => "consumer",
            Section::Producer => "producer",
        }
    }
}

/// One setting that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblem {
    /// Where it stands and its name; none where only all together are wrong.
    pub setting: Option<(Section, String)>,
    /// Whether no client can be made with it; otherwise it has no effect.
    pub is_error: bool,
    /// Whether its name is wrong, and not its value.
    pub is_name: bool,
    /// What is wrong with it, without its value.
    pub message: String,
    /// What to write instead, where that can be said.
    pub hint: Option<String>,
}

/// A setting as librdkafka's own table has it.
struct Known {
    name: String,
    /// `*`, `C` or `P`.
    clients: String,
    /// The values that are allowed, where that can be said.
    range: String,
}

impl KafkaSettings {
    /// Everything that librdkafka, or the commit protocol, has against these settings. Nothing is connected.
    pub fn problems(&self) -> Vec<SettingProblem> {
        let known = known();
        let mut problems = Vec::new();
        for (section, settings) in
            [(Section::Common, &self.common), (Section::Consumer, &self.consumer), (Section::Producer, &self.producer)]
        {
            for (name, value) in settings {
                problems.extend(problem(section, name, value, &known));
            }
        }
        if problems.iter().all(|problem| !problem.is_error) {
            problems.extend(self.kerberos().or_else(|| self.together()));
        }
        problems
    }

    /// Kerberos, asked for or by librdkafka's default: it is not built in, since its libraries would be needed on every machine.
    fn kerberos(&self) -> Option<SettingProblem> {
        let all =
            [(Section::Common, &self.common), (Section::Consumer, &self.consumer), (Section::Producer, &self.producer)];
        let is = |value: &str, what: &str| value.trim().eq_ignore_ascii_case(what);
        let mut set = all.into_iter().flat_map(|(section, settings)| settings.iter().map(move |pair| (section, pair)));
        let named = set.clone().find(|(_, (name, value))| is_mechanism(name) && is(value, "GSSAPI"));
        let has_mechanism = set.clone().any(|(_, (name, _))| is_mechanism(name));
        let meant = named.or_else(|| {
            set.find(|(_, (name, value))| {
                !has_mechanism
                    && is(name, "security.protocol")
                    && (is(value, "sasl_ssl") || is(value, "sasl_plaintext"))
            })
        });
        let (section, (name, _)) = meant?;
        let message = if is_mechanism(name) {
            "Kerberos (GSSAPI) is not built into this program"
        } else {
            "without sasl.mechanism this means Kerberos (GSSAPI), which is not built into this program"
        };
        Some(SettingProblem {
            setting: Some((section, name.clone())),
            is_error: true,
            is_name: false,
            message: message.to_owned(),
            hint: Some("sasl.mechanism takes SCRAM-SHA-512, SCRAM-SHA-256, PLAIN and OAUTHBEARER; or use TLS client certificates".to_owned()),
        })
    }

    /// What shows only when a client is made of them: it gets no broker to connect to.
    fn together(&self) -> Option<SettingProblem> {
        let without_brokers = |role: Role| -> ClientConfig {
            let mut config = self.client(role, "check");
            config.remove("bootstrap.servers");
            config
        };
        let group = |role: Role| without_brokers(role).set("group.id", "check").clone();
        let consumers =
            [Role::Member, Role::Reader].into_iter().find_map(|role| group(role).create::<BaseConsumer>().err());
        let error = consumers.or_else(|| without_brokers(Role::Producer).create::<BaseProducer>().err())?;
        let mut reason = creation_reason(&error).replace("Client creation error: ", "");
        let all =
            [(Section::Common, &self.common), (Section::Consumer, &self.consumer), (Section::Producer, &self.producer)];
        let given = || all.into_iter().flat_map(|(section, settings)| settings.iter().map(move |pair| (section, pair)));
        // The words may name the setting, or repeat its value.
        let named = given().find(|(_, (name, _))| reason.contains(name.as_str()));
        let repeated =
            given().find(|(_, (_, value))| value.len() >= SHORTEST_TOLD_APART && reason.contains(value.as_str()));
        let meant = repeated.or(named).map(|(section, (name, _))| (section, name.clone()));
        for (_, (_, value)) in given().filter(|(_, (_, value))| value.len() >= SHORTEST_TOLD_APART) {
            reason = reason.replace(value.as_str(), "(its value)");
        }
        let is_file = meant.as_ref().is_some_and(|(_, name)| name.ends_with(".location"));
        Some(SettingProblem {
            setting: meant,
            is_error: true,
            is_name: false,
            message: format!("librdkafka makes no client of these settings: {reason}"),
            hint: is_file.then(|| "is there such a file, and may this process read it?".to_owned()),
        })
    }
}

/// Whether a setting names the way to log in; librdkafka has two names for it.
fn is_mechanism(name: &str) -> bool {
    matches!(name.trim().to_ascii_lowercase().as_str(), "sasl.mechanism" | "sasl.mechanisms")
}

fn problem(section: Section, name: &str, value: &str, known: &[Known]) -> Option<SettingProblem> {
    let found = |is_error, is_name, message: String, hint: Option<String>| {
        Some(SettingProblem { setting: Some((section, name.to_owned())), is_error, is_name, message, hint })
    };
    if let Some(reason) = reserved_reason(name) {
        return found(true, true, "is decided by Leadstream".to_owned(), Some(reason.to_owned()));
    }
    let entry = known.iter().find(|known| known.name == name.trim());
    match ffi::judge(name, value) {
        Verdict::Unknown => {
            let hint = closest(name, known).map(|close| format!("did you mean {close}?"));
            found(true, true, "librdkafka knows no such setting".to_owned(), hint)
        }
        Verdict::Refused(reason) => {
            let hint = match entry.map(|entry| entry.range.as_str()).filter(|range| !range.is_empty()) {
                Some(range) => Some(format!("allowed is {}", range.replace(" .. ", " to "))),
                None if reason.contains(value) => None,
                None => Some(reason),
            };
            found(true, false, "librdkafka does not take this value".to_owned(), hint)
        }
        Verdict::Taken => {
            let (others, whose) = match (section, entry.map(|entry| entry.clients.as_str())) {
                (Section::Consumer, Some("P")) => (Section::Producer, "producers"),
                (Section::Producer, Some("C")) => (Section::Consumer, "consumers"),
                _ => return None,
            };
            let message = format!("has no effect here: it is a setting of {whose}");
            found(false, true, message, Some(format!("move it to kafka.{}", others.as_str())))
        }
    }
}

/// All settings that librdkafka knows.
fn known() -> Vec<Known> {
    let of_line = |line: &str| {
        let mut columns = line.split('|').map(str::trim);
        let (name, clients, range) = (columns.next()?, columns.next()?, columns.next()?);
        let is_setting = matches!(clients, "*" | "C" | "P") && !name.is_empty();
        is_setting.then(|| Known { name: name.to_owned(), clients: clients.to_owned(), range: range.to_owned() })
    };
    ffi::table().lines().filter_map(of_line).collect()
}

/// The known setting that a misspelt one was probably meant to be: words in another order count as the same.
fn closest<'k>(name: &str, known: &'k [Known]) -> Option<&'k str> {
    let name = name.trim().to_lowercase().replace(['_', '-'], ".");
    let distance = |known: &str| strsim::damerau_levenshtein(&name, known);
    let near = known.iter().map(|known| (distance(&known.name), known.name.as_str()));
    let near =
        near.filter(|(distance, known)| *distance <= (known.len() / 4).max(1)).min_by_key(|(distance, _)| *distance);
    near.map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(common: &[(&str, &str)], consumer: &[(&str, &str)], producer: &[(&str, &str)]) -> Vec<String> {
        let texts = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let mut settings = KafkaSettings::new("127.0.0.1:1");
        (settings.common, settings.consumer, settings.producer) = (texts(common), texts(consumer), texts(producer));
        let line = |problem: &SettingProblem| {
            let place = problem
                .setting
                .as_ref()
                .map_or("all".to_owned(), |(section, name)| format!("{}.{name}", section.as_str()));
            let kind = if problem.is_error { "error" } else { "warning" };
            format!("{kind}: {place}: {} / {}", problem.message, problem.hint.as_deref().unwrap_or_default())
        };
        settings.problems().iter().map(line).collect()
    }

    #[test]
    fn settings_that_librdkafka_takes_are_no_problem() {
        let nothing: [String; 0] = [];
        assert_eq!(told(&[], &[], &[]), nothing);
        let common = [
            ("security.protocol", "sasl_ssl"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.username", "anna"),
            ("sasl.password", "p"),
        ];
        assert_eq!(told(&common, &[("fetch.min.bytes", "1")], &[("linger.ms", "5")]), nothing);
    }

    #[test]
    fn unknown_names_and_values_that_are_not_taken_are_told_with_what_is() {
        assert_eq!(
            told(
                &[("security.protcol", "ssl"), ("zebra", "1")],
                &[("fetch.min.bytes", "many")],
                &[("lingre.ms", "5"), ("compression.type", "zip"), ("linger.ms", "-1")]
            ),
            [
                "error: common.security.protcol: librdkafka knows no such setting / did you mean security.protocol?",
                "error: common.zebra: librdkafka knows no such setting / ",
                "error: consumer.fetch.min.bytes: librdkafka does not take this value / allowed is 1 to 100000000",
                "error: producer.compression.type: librdkafka does not take this value / allowed is none, gzip, snappy, lz4, zstd",
                "error: producer.linger.ms: librdkafka does not take this value / allowed is 0 to 900000",
                "error: producer.lingre.ms: librdkafka knows no such setting / did you mean linger.ms?",
            ]
        );
    }

    #[test]
    fn settings_that_the_protocol_rests_on_are_told_however_they_are_spelt() {
        let told = told(&[("Enable.Auto.Commit", "true"), ("topic.acks", "1")], &[], &[("transactional.id", "x")]);
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told.iter().all(|line| line.contains("is decided by Leadstream / ")), "{told:?}");
    }

    #[test]
    fn a_setting_in_the_wrong_section_is_a_warning() {
        assert_eq!(
            told(&[], &[("linger.ms", "5")], &[("fetch.min.bytes", "5")]),
            [
                "warning: consumer.linger.ms: has no effect here: it is a setting of producers / move it to kafka.producer",
                "warning: producer.fetch.min.bytes: has no effect here: it is a setting of consumers / move it to kafka.consumer",
            ]
        );
    }

    #[test]
    fn what_shows_only_when_a_client_is_made_is_told_without_connecting() {
        let told = told(&[("security.protocol", "ssl"), ("ssl.ca.location", "/nowhere/ca.pem")], &[], &[]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("error: common.ssl.ca.location: librdkafka makes no client"), "{told:?}");
        let told = self::told(&[("security.protocol", "sasl_ssl"), ("sasl.mechanism", "PLAINN")], &[], &[]);
        assert_eq!(
            told,
            [
                "error: common.sasl.mechanism: librdkafka makes no client of these settings: Unsupported SASL mechanism: (its value) / "
            ]
        );
    }

    #[test]
    fn kerberos_is_told_not_to_be_built_in_also_where_it_is_only_the_default() {
        let hint =
            "sasl.mechanism takes SCRAM-SHA-512, SCRAM-SHA-256, PLAIN and OAUTHBEARER; or use TLS client certificates";
        for (name, value) in [("sasl.mechanism", "GSSAPI"), ("sasl.mechanisms", "gssapi")] {
            let expected = format!("error: common.{name}: Kerberos (GSSAPI) is not built into this program / {hint}");
            assert_eq!(told(&[("security.protocol", "sasl_ssl"), (name, value)], &[], &[]), [expected]);
        }
        assert_eq!(
            told(&[("security.protocol", "SASL_PLAINTEXT")], &[], &[]),
            [format!(
                "error: common.security.protocol: without sasl.mechanism this means Kerberos (GSSAPI), which is not built into this program / {hint}"
            )]
        );
        // What really is missing is said where the mechanism is one that is there.
        let login = [("sasl.mechanism", "PLAIN"), ("sasl.username", "anna"), ("sasl.password", "secret")];
        assert!(told(&[&[("security.protocol", "sasl_plaintext")], &login[..]].concat(), &[], &[]).is_empty());
    }

    #[test]
    fn no_value_is_repeated() {
        for (name, value) in [
            ("sasl.mechanism", "hunter2"),
            ("ssl.key.pem", "hunter2"),
            ("linger.ms", "hunter2"),
            ("pasword", "hunter2"),
        ] {
            let told = told(&[("security.protocol", "sasl_ssl"), (name, value)], &[], &[]).join("\n");
            assert!(!told.contains("hunter2") && !told.is_empty(), "{told}");
        }
    }
}
