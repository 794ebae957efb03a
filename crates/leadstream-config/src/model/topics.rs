//! The topics of Leadstream's own. Their names follow from the application id unless one is given.

use crate::values::{Retention, TopicName};

section! {
    /// The topics of Leadstream's own.
    pub struct Topics {
        /// Partitions of each topic that is created, and so the number of tasks. Fixed once the application has state.
        pub partitions: u32 = 4,
        /// Copies of each partition of a topic that is created.
        pub replication_factor: u32 = 1,
        /// How long the contacts topic keeps its records: it is a log of commands, not a table.
        pub contacts_retention: Retention = Retention::Unlimited,
        /// How long the re-keyed events are kept, by event time: short retention deletes replayed history at once.
        pub interactions_retention: Retention = Retention::Unlimited,
        /// In: attributes, consent, tags, points by hand, feedback of sales.
        pub contacts: Option<TopicName> = None,
        /// Internal: events re-keyed to the contact.
        pub interactions: Option<TopicName> = None,
        /// Internal: what ids of one person say to each other when they become one contact, or are parted.
        pub identities: Option<TopicName> = None,
        /// Internal: one state record for each contact.
        pub contacts_changelog: Option<TopicName> = None,
        /// Internal: what each commit changed.
        pub redo: Option<TopicName> = None,
        /// Internal: plan versions and which were in force when.
        pub plans: Option<TopicName> = None,
        /// Out: qualified, disqualified.
        pub qualifications: Option<TopicName> = None,
        /// Out: stages advanced and regressed.
        pub stages: Option<TopicName> = None,
        /// Out: the latest scorecard of each contact.
        pub scores: Option<TopicName> = None,
        /// Out: tags added and removed.
        pub activity: Option<TopicName> = None,
        /// Out: records that could not be read.
        pub dead_letters: Option<TopicName> = None,
    }
}

/// The names in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicNames {
    /// In: attributes, consent, tags, points by hand, feedback of sales.
    pub contacts: TopicName,
    /// Internal: events re-keyed to the contact.
    pub interactions: TopicName,
    /// Internal: what ids of one person say to each other when they become one contact, or are parted.
    pub identities: TopicName,
    /// Internal: one state record for each contact.
    pub contacts_changelog: TopicName,
    /// Internal: what each commit changed.
    pub redo: TopicName,
    /// Internal: plan versions and which were in force when.
    pub plans: TopicName,
    /// Out: qualified, disqualified.
    pub qualifications: TopicName,
    /// Out: stages advanced and regressed.
    pub stages: TopicName,
    /// Out: the latest scorecard of each contact.
    pub scores: TopicName,
    /// Out: tags added and removed.
    pub activity: TopicName,
    /// Out: records that could not be read.
    pub dead_letters: TopicName,
}

impl Topics {
    /// The names in use: `<application>.<topic>` where nothing else is said.
    pub(crate) fn names(&self, application: &str) -> TopicNames {
        let name = |given: &Option<TopicName>, suffix: &str| {
            given.clone().unwrap_or_else(|| TopicName::known(&format!("{application}.{suffix}")))
        };
        TopicNames {
            contacts: name(&self.contacts, "contacts"),
            interactions: name(&self.interactions, "interactions"),
            identities: name(&self.identities, "identities"),
            contacts_changelog: name(&self.contacts_changelog, "contacts-changelog"),
            redo: name(&self.redo, "redo"),
            plans: name(&self.plans, "plans"),
            qualifications: name(&self.qualifications, "qualifications"),
            stages: name(&self.stages, "stages"),
            scores: name(&self.scores, "scores"),
            activity: name(&self.activity, "activity"),
            dead_letters: name(&self.dead_letters, "dead-letters"),
        }
    }
}

impl TopicNames {
    /// Key in the configuration and name of every topic.
    pub fn all(&self) -> [(&'static str, &TopicName); 11] {
        [
            ("contacts", &self.contacts),
            ("interactions", &self.interactions),
            ("identities", &self.identities),
            ("contacts_changelog", &self.contacts_changelog),
            ("redo", &self.redo),
            ("plans", &self.plans),
            ("qualifications", &self.qualifications),
            ("stages", &self.stages),
            ("scores", &self.scores),
            ("activity", &self.activity),
            ("dead_letters", &self.dead_letters),
        ]
    }
}
