//! Messages between ids (S48): every one reads back as it was written, what is damaged is refused, and bytes of version 1 stay as they are.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use leadstream_core::identity::{Asked, Change, Identity, Joined, Keeper, Kept, Link, LinkRecord, Notice, Request};
use leadstream_core::{Contact, Event, Part, Timestamp, Uid, Value};
use leadstream_wire::stored::StoredError;
use leadstream_wire::stored::contact::{ImageWriter, read_image};
use leadstream_wire::stored::message::{Message, MessageWriter};
use proptest::prelude::*;

fn id(text: &str) -> Arc<str> {
    Arc::from(text)
}

fn record(link: Link) -> LinkRecord {
    LinkRecord { uid: Uid([7; 16]), time: Timestamp::from_millis(1_000), link }
}

fn request(asked: Asked) -> Request {
    Request { uid: Uid([9; 16]), time: Timestamp::from_millis(-5), clamped: true, asked, via: id("ann") }
}

fn merge() -> Link {
    Link::Merge(id("anonymous"), id("ann"))
}

fn keeper() -> Box<Keeper> {
    Box::new(Keeper {
        links: vec![Kept { record: record(merge()), times: 2 }],
        followers: BTreeSet::from([id("bob")]),
        waiting: VecDeque::from([(request(Asked::Erase), id("ann"))]),
        under_way: Some((request(Asked::Link(Link::Split(Uid([7; 16])))), 3)),
    })
}

fn event(uid: u8, millis: i64) -> Event {
    let mut event = Event { contact: "anonymous".to_owned(), uid: Uid([uid; 16]), ..Event::default() };
    event.time = Timestamp::from_millis(millis);
    event.event_type.set("page_viewed");
    event.source.set("web");
    event.properties.set("path", Value::Text("/a"));
    event
}

/// A contact of three ids, with rows of each.
fn contact() -> Contact {
    let mut contact = Contact::new("ann");
    for uid in 1..=4 {
        contact.rows.insert(&event(uid, i64::from(uid)));
    }
    let mut identity = Identity { ids: ["ann", "anonymous", "bob"].map(id).to_vec(), ..Identity::default() };
    let (time, uid) = (Timestamp::from_millis(7), Uid([8; 16]));
    identity.joined.push(Joined { id: id("anonymous"), uid, time, seen: true });
    identity.origins.set(Uid([2; 16]), 0b010);
    identity.origins.set(Uid([3; 16]), 0b101);
    (identity.kept_by, identity.keeper) = (Some(id("a")), Some(keeper()));
    contact.identity = Some(Arc::new(identity));
    contact
}

fn messages() -> Vec<Message> {
    let change = Change {
        record: record(merge()),
        times: 1,
        keeper: id("ann"),
        root: id("ann"),
        ids: vec![id("ann"), id("anonymous")],
        gives: vec![(id("bob"), vec![id("bob"), id("carl")])],
    };
    let part = Part {
        record: record(Link::Split(Uid([1; 16]))),
        times: 1,
        keeper: id("a"),
        from: id("ann"),
        contact: contact(),
        parted: true,
    };
    let link = || request(Asked::Link(merge()));
    let seen = Link::Follow(id("anonymous"), id("ann"));
    vec![
        Message::Notice(Notice::Ask(request(Asked::Link(seen)))),
        Message::Event(event(1, 5)),
        Message::Part(Box::new(part)),
        Message::Notice(Notice::Ask(link())),
        Message::Notice(Notice::Join { request: link(), other: id("bob"), handed: None }),
        Message::Notice(Notice::Join { request: link(), other: id("bob"), handed: Some((id("carl"), keeper())) }),
        Message::Notice(Notice::Keep(keeper())),
        Message::Notice(Notice::KeptBy(None)),
        Message::Notice(Notice::KeptBy(Some(id("a")))),
        Message::Notice(Notice::Change(Box::new(change))),
        Message::Notice(Notice::Arrived),
        Message::Notice(Notice::Erase { request: request(Asked::Erase), tells: true }),
    ]
}

fn written(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    MessageWriter::default().write(message, &mut bytes);
    bytes
}

#[test]
fn every_message_reads_back_as_it_was_written() {
    for message in messages() {
        let bytes = written(&message);
        let read = Message::read(&bytes).unwrap();
        assert_eq!(written(&read), bytes);
        match (&read, &message) {
            (Message::Notice(read), Message::Notice(message)) => assert_eq!(read, message),
            (Message::Part(read), Message::Part(part)) => {
                assert_eq!((&read.record, &read.from, &read.keeper), (&part.record, &part.from, &part.keeper));
                assert_eq!(read.contact.identity, part.contact.identity);
            }
            (Message::Event(read), Message::Event(event)) => {
                assert_eq!((&read.contact, read.uid, read.time), (&event.contact, event.uid, event.time));
            }
            _ => panic!("another message than was written: {read:?}"),
        }
    }
}

#[test]
fn a_message_that_is_cut_anywhere_is_refused_and_never_guessed() {
    for message in messages() {
        let bytes = written(&message);
        for end in 0..bytes.len() {
            assert!(Message::read(&bytes[..end]).is_err(), "{end} bytes of {message:?}");
        }
        let mut longer = bytes;
        longer.push(0);
        assert!(Message::read(&longer).is_err(), "one byte more than {message:?}");
    }
    assert_eq!(Message::read(&[2, 1]).unwrap_err(), StoredError::UnknownVersion(2));
    assert_eq!(Message::read(&[1, 99]).unwrap_err(), StoredError::Malformed("an unknown kind of message"));
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of(hexadecimal: &str) -> Vec<u8> {
    (0..hexadecimal.len()).step_by(2).map(|at| u8::from_str_radix(&hexadecimal[at..at + 2], 16).unwrap()).collect()
}

/// A line for each message, and one for the image of a contact of several ids. `LEADSTREAM_WRITE_GOLDEN` writes a file that is not there yet.
#[test]
fn the_bytes_of_version_1_stay_as_they_are_and_stay_readable() {
    let file =
        std::path::PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("tests/golden/v1/messages.txt");
    let mut image = Vec::new();
    ImageWriter::default().write(&contact(), &mut image);
    let now: Vec<String> = messages().iter().map(written).chain([image]).map(|bytes| hexadecimal(&bytes)).collect();
    if std::env::var_os("LEADSTREAM_WRITE_GOLDEN").is_some() && !file.exists() {
        std::fs::write(&file, now.join("\n") + "\n").unwrap();
    }
    let golden = std::fs::read_to_string(&file).unwrap();
    assert_eq!(now, golden.lines().collect::<Vec<_>>());
    for line in golden.lines().take(messages().len()) {
        assert_eq!(hexadecimal(&written(&Message::read(&bytes_of(line)).unwrap())), line);
    }
}

#[test]
fn what_is_known_of_an_identity_comes_back_with_the_contact() {
    let contact = contact();
    let mut image = Vec::new();
    ImageWriter::default().write(&contact, &mut image);
    assert_eq!(read_image("ann", &image).unwrap().identity, contact.identity);
    let mut without = Vec::new();
    ImageWriter::default().write(&Contact { identity: None, ..contact.clone() }, &mut without);
    // Nobody pays who was never merged: not one byte.
    assert!(image.len() > without.len() && image.windows(3).any(|window| window == b"bob"));
    assert_eq!(read_image("ann", &without).unwrap().identity, None);
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), kind in 0u8..11) {
        let mut framed = vec![1, kind];
        framed.extend(&bytes);
        let _ = Message::read(&framed);
        let _ = Message::read(&bytes);
    }

    #[test]
    fn no_damage_makes_a_reader_panic(at in 0usize..10_000, value in any::<u8>(), which in 0usize..11) {
        let mut bytes = written(&messages()[which]);
        let at = at % bytes.len();
        bytes[at] = value;
        let _ = Message::read(&bytes);
    }
}
