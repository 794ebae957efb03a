//! The configuration as a whole; each of its sections is a file of this folder.
//!
//! Every key is described where it is declared, and that description is what the JSON Schema shows an editor.

pub(crate) mod application;
pub(crate) mod clock;
pub(crate) mod engine;
pub(crate) mod history;
pub(crate) mod kafka;
pub(crate) mod log;
pub(crate) mod memory;
pub(crate) mod service;
pub(crate) mod source;
pub(crate) mod topics;

use application::Application;
use clock::Clock;
use engine::Engine;
use history::History;
use kafka::Kafka;
use log::Log;
use memory::Memory;
use service::{Http, Output, Privacy, Storage};
use source::{Contacts, Source};
use topics::{TopicNames, Topics};

use crate::values::FilePath;

section! {
    /// The configuration of a Leadstream process.
    pub struct Config {
        /// Who this is: the prefix of topics, consumer group and transactional ids, and this instance's name.
        pub application: Application = Application::default(),
        /// The Kafka cluster.
        pub kafka: Kafka = Kafka::default(),
        /// The topics that carry interaction events, one entry each.
        pub sources: Vec<Source> = Vec::new(),
        /// The topic of commands about contacts: attributes, consent, tags.
        pub contacts: Contacts = Contacts::default(),
        /// The topics of Leadstream's own: names, and how they are created.
        pub topics: Topics = Topics::default(),
        /// Plan files, as paths or patterns with `*`; relative ones start at the folder of this file.
        pub plans: Vec<FilePath> = vec![FilePath::new("plans/*.yaml")],
        /// Event types of your own that plans may name without a warning, in snake_case.
        pub event_types: Vec<String> = Vec::new(),
        /// How derived events and scorecards are written.
        pub output: Output = Output::default(),
        /// Threads, commits and write-back.
        pub engine: Engine = Engine::default(),
        /// What moves time where no events arrive.
        pub clock: Clock = Clock::default(),
        /// How much of each contact's past is kept, which is how late an event may come.
        pub history: History = History::default(),
        /// The memory of the whole process.
        pub memory: Memory = Memory::default(),
        /// Local state.
        pub storage: Storage = Storage::default(),
        /// Erased people.
        pub privacy: Privacy = Privacy::default(),
        /// Health, metrics and queries.
        pub http: Http = Http::default(),
        /// Logging.
        pub log: Log = Log::default(),
    }
}

impl Config {
    /// The names of Leadstream's own topics, the derived and the overridden ones.
    pub fn topic_names(&self) -> TopicNames {
        self.topics.names(self.application.id.as_str())
    }
}
