//! Leadstream's own interactions and commands, in JSON, in Avro and in framed Avro; the first byte chooses.
#![no_main]

mod check;

use std::cell::RefCell;
use std::collections::BTreeMap;

use leadstream_wire::{Decoder, Encoding, Shape, SourceFormat};

const INTERACTION: &str = include_str!("../../../../schemas/interaction.avsc");
const CONTACT: &str = include_str!("../../../../schemas/contact.avsc");

thread_local! {
    static DECODERS: RefCell<Vec<Decoder>> = RefCell::new({
        let framed = |text: &str| Encoding::ConfluentAvro(BTreeMap::from([(1, text.to_owned())]));
        [
            Shape::Interactions(Encoding::Json),
            Shape::Interactions(Encoding::Avro(INTERACTION.into())),
            Shape::Interactions(framed(INTERACTION)),
            Shape::Contacts(Encoding::Json),
            Shape::Contacts(Encoding::Avro(CONTACT.into())),
            Shape::Contacts(framed(CONTACT)),
        ]
        .into_iter()
        .map(|shape| Decoder::compile(&SourceFormat::new("s", shape)).expect("a sound format"))
        .collect()
    });
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((first, value)) = data.split_first() else { return };
    DECODERS.with_borrow_mut(|decoders| {
        let at = usize::from(*first) % decoders.len();
        check::check(&mut decoders[at], value, Some(1_760_000_000_000));
    });
});
