//! One contact's case dealt out to two ids, which a record makes one at some time and another may part again (S48 to S51).

use proptest::prelude::*;

use crate::case::{Case, Command};
use crate::identity::ContactCommand;
use crate::links::{Link, LinkRecord};

/// The id that the case's contact is merged from. It never is the root.
pub const OTHER_ID: &str = "c0";

/// The identity of the merge record.
pub const MERGE: (&str, &str) = ("crm", "merge");

/// The case's events, each delivered to one of two ids or to both, with a merge record among them.
///
/// For cases without plan changes and departures. The clock commands are those of the case.
pub fn dealt(case: &Case) -> BoxedStrategy<Vec<ContactCommand>> {
    let contact = case.contact.clone();
    let commands = case.commands.clone();
    let to = prop_oneof![3 => Just((true, false)), 3 => Just((false, true)), 1 => Just((true, true))];
    (proptest::collection::vec(to, commands.len()), 0..=commands.len())
        .prop_map(move |(to, merged_at)| {
            let ids = |(first, second): (bool, bool)| -> Vec<String> {
                let first = first.then(|| contact.clone());
                first.into_iter().chain(second.then(|| OTHER_ID.to_owned())).collect()
            };
            let deal = |(command, to): (&Command, &(bool, bool))| match command {
                Command::Event(event) => Some(ContactCommand::Event { to: ids(*to), event: event.clone() }),
                Command::Clock(instant) => Some(ContactCommand::Clock(*instant)),
                Command::Forward { .. } | Command::Recompute { .. } => None,
            };
            let mut dealt: Vec<ContactCommand> = commands.iter().zip(&to).filter_map(deal).collect();
            let merge = LinkRecord {
                source: MERGE.0.to_owned(),
                id: MERGE.1.to_owned(),
                time: crate::generate::START_MS,
                link: Link::Merge(OTHER_ID.to_owned(), contact.clone()),
            };
            dealt.insert(merged_at.min(dealt.len()), ContactCommand::Link(merge));
            dealt
        })
        .boxed()
}
