//! What a process offers beside scoring: outputs' form, local state, HTTP.

use std::net::{Ipv4Addr, SocketAddr};

use crate::show::{Show, Shown};
use crate::values::FilePath;

choice! {
    /// How the data of derived events and scorecards is written.
    pub enum OutputFormat {
        /// JSON objects.
        Json = "json",
        /// Leadstream's own Avro schemas.
        Avro = "avro",
    }
}

section! {
    /// How derived events and scorecards are written.
    pub struct Output {
        /// How their data is written. The CloudEvents attributes are record headers either way.
        pub format: OutputFormat = OutputFormat::Json,
        /// Registry id of `schemas/derived-event.avsc`: with it, Avro data of derived events is in Confluent's framing.
        pub derived_event_schema_id: Option<u32> = None,
        /// Registry id of `schemas/scorecard.avsc`: with it, Avro data of scorecards is in Confluent's framing.
        pub scorecard_schema_id: Option<u32> = None,
    }
}

section! {
    /// Local state. It can be deleted while the process is down: it is rebuilt from Kafka.
    pub struct Storage {
        /// Folder of the local state; a relative one starts at the folder of this file, `~/` is the user's home.
        pub directory: FilePath = FilePath::new("~/.local/state/leadstream"),
    }
}

section! {
    /// Erased people.
    pub struct Privacy {
        /// File with the secret under which erased ids are remembered, as hashes. The same for all instances, and never another one once somebody was erased. Without it the secret is the application's id, and whoever reads the topics can try out whether an id was erased.
        pub erasure_key_file: Option<FilePath> = None,
    }
}

section! {
    /// Health, metrics and queries.
    pub struct Http {
        /// Address and port to listen at. There is no authentication: beyond this machine, put a proxy in front.
        #[schemars(with = "String")]
        pub listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 8090)),
        /// `host:port` at which the other instances reach `listen`, to hand on questions about contacts that this one has. Default: `listen`, where that is one address of a network.
        pub advertise: Option<String> = None,
    }
}

impl Http {
    /// Where other instances are told to ask: what is advertised, else where it listens, unless only this machine understands that.
    pub fn reachable_at(&self) -> Option<String> {
        let listen = Some(self.listen).filter(|listen| !listen.ip().is_loopback() && !listen.ip().is_unspecified());
        self.advertise.clone().or_else(|| listen.filter(|listen| listen.port() != 0).map(|listen| listen.to_string()))
    }
}

impl Show for SocketAddr {
    fn show(&self) -> Shown {
        Shown::Text(self.to_string())
    }
}
