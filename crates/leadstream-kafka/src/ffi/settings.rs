//! What librdkafka knows about its own settings, and whether it takes a value: without any client, and without the network.

use std::ffi::{CString, c_char};
use std::ptr;

use rdkafka_sys as sys;

use super::text;

/// Longer than any message of librdkafka about a setting.
const MESSAGE_BYTES: usize = 512;

/// What librdkafka says about a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is taken.
    Taken,
    /// It knows no such setting.
    Unknown,
    /// It does not take the value, in its words, which may repeat the value.
    Refused(String),
}

/// Asks librdkafka to take one setting, by itself.
pub(crate) fn judge(name: &str, value: &str) -> Verdict {
    let refused = |reason: &str| Verdict::Refused(reason.to_owned());
    let (Ok(name), Ok(value)) = (CString::new(name), CString::new(value)) else {
        return refused("it has a zero byte in it");
    };
    let mut message = [0; MESSAGE_BYTES];
    // SAFETY: the configuration is ours from here to its destruction, name and value are C strings that outlive the call, and the message is
    // written inside its bounds and ended with a zero byte.
    let (result, message) = unsafe {
        let settings = sys::rd_kafka_conf_new();
        let place: *mut c_char = message.as_mut_ptr();
        let result = sys::rd_kafka_conf_set(settings, name.as_ptr(), value.as_ptr(), place, MESSAGE_BYTES);
        sys::rd_kafka_conf_destroy(settings);
        (result, text(place))
    };
    match result {
        sys::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK => Verdict::Taken,
        sys::rd_kafka_conf_res_t::RD_KAFKA_CONF_UNKNOWN => Verdict::Unknown,
        sys::rd_kafka_conf_res_t::RD_KAFKA_CONF_INVALID => refused(message.trim()),
    }
}

/// The table of all settings that librdkafka prints for people: `name | C/P | range | default | importance | description`. Empty where the
/// system has no memory for it.
pub(crate) fn table() -> String {
    let (mut bytes, mut length) = (ptr::null_mut::<c_char>(), 0);
    // SAFETY: the stream is ours and closed once; closing it makes `bytes` a zero-ended buffer of `length` bytes that is ours to free, also where
    // nothing was written.
    unsafe {
        let stream = libc::open_memstream(&mut bytes, &mut length);
        if stream.is_null() {
            return String::new();
        }
        sys::rd_kafka_conf_properties_show(stream);
        libc::fclose(stream);
        let table = text(bytes);
        libc::free(bytes.cast());
        table
    }
}
