//! The events that every candidate is fed with: Segment-shaped JSON of about 430 bytes, the same bytes for the same number.
//!
//! 200,000 contacts by default, some far more active than others (the busiest has about six hundred times the share of a quiet one); each
//! contact's events come in order of time, with no repeats, over thirty days, so that every candidate can do the whole job. [`Disorder`] makes some
//! of them late or comes with them twice.

mod disorder;

use std::fmt::Write;

pub use disorder::Disorder;
use disorder::Disturbance;

/// How many contacts there are unless told.
pub const CONTACTS: u64 = 200_000;

/// The first instant: 2025-09-01T00:00:00Z.
const START_MS: u64 = 1_756_684_800_000;

/// All events lie within so long.
const SPAN_MS: u64 = 30 * 86_400_000;

const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/139.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0",
];

/// Makes the events of one run, one after the other.
#[derive(Debug)]
pub struct Messages {
    random: fastrand::Rng,
    contacts: u64,
    total: u64,
    next: u64,
    text: String,
    key: String,
    /// None where everything comes in order and once.
    disturbance: Option<Disturbance>,
}

/// One event, valid until the next is made.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The contact's id, which keys the record.
    pub key: &'a str,
    /// The JSON.
    pub text: &'a str,
    /// When it happened, in milliseconds since the epoch.
    pub time_ms: u64,
}

impl Messages {
    /// `total` events of `contacts` contacts.
    pub fn new(total: u64, contacts: u64) -> Messages {
        Messages {
            random: fastrand::Rng::with_seed(20),
            contacts,
            total,
            next: 0,
            text: String::with_capacity(512),
            key: String::new(),
            disturbance: None,
        }
    }

    /// The same with so many of them late or repeated; with none of either it is the same bytes as without.
    pub fn disturbed(total: u64, contacts: u64, disorder: Disorder) -> Messages {
        let disturbance = (disorder != Disorder::default()).then(|| Disturbance::new(disorder));
        Messages { disturbance, ..Messages::new(total, contacts) }
    }

    /// The next event; none after the last.
    pub fn make(&mut self) -> Option<Message<'_>> {
        if self.next >= self.total {
            return None;
        }
        let number = self.next;
        self.next += 1;
        if let Some(disturbance) = &mut self.disturbance
            && let Some(time_ms) = disturbance.repeat(&mut self.key, &mut self.text)
        {
            return Some(Message { key: &self.key, text: &self.text, time_ms });
        }
        let mut time_ms = START_MS + (u128::from(number) * u128::from(SPAN_MS) / u128::from(self.total)) as u64;
        if let Some(disturbance) = &mut self.disturbance {
            time_ms = START_MS + disturbance.delay(time_ms - START_MS);
        }
        // Whose it is: the density falls with the cube root of the contact's rank.
        let contact = (self.random.f64().powf(1.5) * self.contacts as f64) as u64;
        self.key.clear();
        let _ = write!(self.key, "c{contact:07}");
        self.write(number, contact, time_ms);
        if let Some(disturbance) = &mut self.disturbance {
            disturbance.remember(&self.key, &self.text, time_ms);
        }
        Some(Message { key: &self.key, text: &self.text, time_ms })
    }

    fn write(&mut self, number: u64, contact: u64, time_ms: u64) {
        self.text.clear();
        let kind = Kind::of(self.random.u32(..1000));
        let out = &mut self.text;
        let (message_type, event) = kind.names();
        let _ = write!(out, r#"{{"type":"{message_type}","#);
        if message_type == "track" {
            let _ = write!(out, r#""event":"{event}","#);
        }
        let scrambled = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let _ = write!(
            out,
            r#""messageId":"{:08x}-{:04x}-4e53-9a0f-{number:012x}","userId":"c{contact:07}","timestamp":""#,
            scrambled >> 32,
            scrambled >> 16 & 0xffff,
        );
        write_instant(time_ms, out);
        let agent = AGENTS[(contact % 3) as usize];
        let _ = write!(
            out,
            r#"","context":{{"library":{{"name":"analytics.js","version":"2.11.1"}},"ip":"10.{}.{}.{}","locale":"pl-PL","userAgent":"{agent}"}},"#,
            contact >> 16 & 255,
            contact >> 8 & 255,
            contact & 255,
        );
        kind.write_properties(&mut self.random, number, out);
        out.push('}');
    }
}

/// What happens, in the shares in which it happens.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Page,
    Opened,
    Clicked,
    Added,
    Form,
    Download,
    Order,
    Unsubscribed,
    Identify,
    Searched,
}

impl Kind {
    fn of(thousandth: u32) -> Kind {
        match thousandth {
            0..600 => Kind::Page,
            600..730 => Kind::Opened,
            730..780 => Kind::Clicked,
            780..840 => Kind::Added,
            840..865 => Kind::Form,
            865..890 => Kind::Download,
            890..915 => Kind::Order,
            915..918 => Kind::Unsubscribed,
            918..938 => Kind::Identify,
            _ => Kind::Searched,
        }
    }

    /// The message's type and the name of the event.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Kind::Page => ("page", ""),
            Kind::Opened => ("track", "Email Opened"),
            Kind::Clicked => ("track", "Email Clicked"),
            Kind::Added => ("track", "Product Added"),
            Kind::Form => ("track", "Form Submitted"),
            Kind::Download => ("track", "File Downloaded"),
            Kind::Order => ("track", "Order Completed"),
            Kind::Unsubscribed => ("track", "Unsubscribed"),
            Kind::Identify => ("identify", ""),
            Kind::Searched => ("track", "Products Searched"),
        }
    }

    fn write_properties(self, random: &mut fastrand::Rng, number: u64, out: &mut String) {
        let campaign = random.u32(..40);
        let product = random.u32(..500);
        let _ = match self {
            Kind::Page => {
                let path = page_path(random);
                write!(
                    out,
                    r#""properties":{{"url":"https://shop.example{path}","path":"{path}","title":"Everything for runners","referrer":"https://search.example/"}}"#
                )
            }
            Kind::Opened => write!(
                out,
                r#""properties":{{"email_id":"mail-{campaign:04}","campaign_name":"autumn-{campaign}","email_subject":"News of the week from the shop"}}"#
            ),
            Kind::Clicked => write!(
                out,
                r#""properties":{{"email_id":"mail-{campaign:04}","campaign_name":"autumn-{campaign}","link_url":"https://shop.example/offers/{product}"}}"#
            ),
            Kind::Added => write!(
                out,
                r#""properties":{{"product_id":"p{product}","name":"Trail shoe {product}","category":"shoes","price":{}.9,"quantity":1,"currency":"PLN"}}"#,
                50 + product
            ),
            Kind::Form if campaign.is_multiple_of(4) => write!(
                out,
                r#""properties":{{"form_id":"contact-{campaign}","form_name":"Ask for an offer","path":"/contact","topic":"a fitting"}}"#
            ),
            Kind::Form => write!(
                out,
                r#""properties":{{"form_id":"contact-{campaign}","form_name":"Ask for an offer","path":"/contact","phone":"+48 600 {product:06}"}}"#
            ),
            Kind::Download => write!(
                out,
                r#""properties":{{"path":"/files/brochure-{campaign}.pdf","file_name":"brochure-{campaign}.pdf","file_size":{}}}"#,
                20_000 + product * 17
            ),
            Kind::Order => write!(
                out,
                r#""properties":{{"order_id":"o{number}","total":{total}.5,"revenue":{total}.5,"currency":"PLN","coupon":"AUTUMN","shipping":15}}"#,
                total = 40 + product * 2 + if product.is_multiple_of(9) { 900 } else { 0 }
            ),
            Kind::Unsubscribed => write!(out, r#""properties":{{"email_id":"mail-{campaign:04}","list":"news"}}"#),
            Kind::Identify => write!(
                out,
                r#""traits":{{"age":{},"city":"{}","country":"{}","first_name":"Anna","plan":"free","newsletter":true}}"#,
                18 + product % 60,
                ["Kraków", "Warszawa", "Gdańsk", "Łódź", "Brno"][(product % 5) as usize],
                if product % 5 == 4 { "CZ" } else { "PL" }
            ),
            Kind::Searched => {
                write!(out, r#""properties":{{"query":"trail shoe {product}","results":{campaign},"path":"/search"}}"#)
            }
        };
    }
}

fn page_path(random: &mut fastrand::Rng) -> String {
    match random.u32(..100) {
        0..5 => "/pricing".to_owned(),
        5..20 => format!("/offers/{}", random.u32(..300)),
        20..45 => format!("/shoes/trail-{}", random.u32(..400)),
        45..55 => format!("/jackets/rain-{}", random.u32(..200)),
        55..75 => format!("/blog/2025/how-to-run-{}", random.u32(..150)),
        _ => "/".to_owned(),
    }
}

/// Writes RFC 3339 in UTC; only dates of September 2025 come up.
fn write_instant(time_ms: u64, out: &mut String) {
    let since = time_ms - START_MS;
    let (day, rest) = (since / 86_400_000 + 1, since % 86_400_000);
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60);
    let _ = write!(out, "2025-09-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", rest % 1000);
}

#[cfg(test)]
mod tests {
    use leadstream_wire::{Decoder, EventBatch, InputRecord, Shape, SourceFormat};

    use super::*;

    #[test]
    fn every_event_decodes_and_has_its_size_and_its_time() {
        let mut decoder = Decoder::compile(&SourceFormat::new("web", Shape::Segment)).expect("a sound format");
        let mut messages = Messages::new(20_000, CONTACTS);
        let (mut bytes, mut batch) = (0, EventBatch::new());
        while let Some(message) = messages.make() {
            bytes += message.text.len();
            let value = Some(message.text.as_bytes());
            let record = InputRecord { timestamp_ms: Some(message.time_ms as i64), value, ..InputRecord::default() };
            batch.clear();
            decoder.decode(&record, &mut batch).expect("a sound message");
            assert_eq!((batch.len(), &*batch.events()[0].contact), (1, message.key));
            assert_eq!(batch.events()[0].time.millis(), message.time_ms as i64);
        }
        assert!((440..470).contains(&(bytes / 20_000)), "{} bytes", bytes / 20_000);
    }

    #[test]
    fn the_same_number_makes_the_same_bytes() {
        let (mut one, mut other) = (Messages::new(1000, 10), Messages::new(1000, 10));
        while let Some(message) = one.make() {
            assert_eq!(Some(message.text), other.make().map(|message| message.text));
        }
    }
}
