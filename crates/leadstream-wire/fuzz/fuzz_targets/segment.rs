//! Records of the Segment shape.
#![no_main]

mod check;

use std::cell::RefCell;

use leadstream_wire::{Decoder, Shape, SourceFormat};

thread_local! {
    static DECODERS: RefCell<[Decoder; 2]> = RefCell::new({
        let plain = SourceFormat::new("s", Shape::Segment);
        let mut own = plain.clone();
        own.contact = Some("record.traits.email".into());
        own.time_zone = Some("Europe/Warsaw".into());
        own.contact_prefix = "x:".into();
        [plain, own].map(|format| Decoder::compile(&format).expect("a sound format"))
    });
}

libfuzzer_sys::fuzz_target!(|value: &[u8]| {
    DECODERS.with_borrow_mut(|[plain, own]| {
        check::check(plain, value, None);
        check::check(own, value, Some(1_760_000_000_000));
    });
});
