//! Who is in a group, and where each member says it can be asked.
//!
//! Kafka's group protocol would carry such an address in the user data of a subscription, which librdkafka does not let us write. So it stands in the
//! client id of the member, behind [`MARK`], which a coordinator keeps and tells whoever may describe the group.
//!
//! A static member that comes back within its session keeps the client id that it came with first, whatever it says now. So one whose address has
//! changed must come under another instance id; and whoever asks at an address must check who answers.

use leadstream_runtime::log::TopicPartition;

use crate::ffi::DescribedMember;

/// Stands between the rest of a client id and the address.
const MARK: char = '@';

/// A member of a consumer group. Its address is the one that it came with first under its instance id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    /// Its static identity; empty for a member without one.
    pub instance_id: String,
    /// The machine it came from, as the broker saw it.
    pub host: String,
    /// Where it says it can be asked, as `host:port`; `None` where it does not say.
    pub advertised: Option<String>,
    /// What it owns.
    pub assigned: Vec<TopicPartition>,
}

impl From<DescribedMember> for GroupMember {
    fn from(member: DescribedMember) -> Self {
        Self {
            instance_id: member.instance_id,
            // Brokers write a slash in front of an address that has no name.
            host: member.host.trim_start_matches('/').to_owned(),
            advertised: advertised(&member.client_id).map(str::to_owned),
            assigned: member.assigned,
        }
    }
}

/// A client id that says where its owner can be asked.
pub(crate) fn client_id(client_id: &str, advertised: Option<&str>) -> String {
    match advertised {
        Some(address) => format!("{client_id}{MARK}{address}"),
        None => client_id.to_owned(),
    }
}

fn advertised(client_id: &str) -> Option<&str> {
    let (_, address) = client_id.rsplit_once(MARK)?;
    let (host, port) = address.rsplit_once(':')?;
    (!host.is_empty() && port.parse::<u16>().is_ok()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_back_from_the_client_id() {
        for address in ["10.0.0.7:8090", "[::1]:8090", "leadstream-0.scoring:80"] {
            assert_eq!(advertised(&client_id("leadstream@home-a-0", Some(address))), Some(address));
        }
    }

    #[test]
    fn a_client_id_without_an_address_has_none() {
        assert_eq!(client_id("leadstream-a-0", None), "leadstream-a-0");
        assert_eq!(advertised("leadstream-a-0"), None);
        for other in ["leadstream-a-0@", "me@home-a-0", "leadstream-a-0@:80", "leadstream-a-0@host:no"] {
            assert_eq!(advertised(other), None, "{other}");
        }
    }
}
