//! The internal envelope: no bytes make the reader panic, and what it read is written so that it is read again.
#![no_main]

use leadstream_core::Event;
use leadstream_wire::envelope::{Message, read, write_event, write_watermark};

libfuzzer_sys::fuzz_target!(|value: &[u8]| {
    let (mut event, mut again, mut bytes) = (Event::default(), Event::default(), Vec::new());
    let Ok(message) = read(b"c1", value, &mut event) else { return };
    match &message {
        Message::Event => write_event(&event, &mut bytes),
        Message::Watermark(watermark) => write_watermark(watermark, &mut bytes),
    }
    assert_eq!(read(b"c1", &bytes, &mut again).as_ref(), Ok(&message));
    assert_eq!(format!("{event:?}"), format!("{again:?}"));
});
