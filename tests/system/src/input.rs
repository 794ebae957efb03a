//! What an application is fed with: real orders where they are to be had, generated journeys elsewhere.
//!
//! Every input is in the order of time for each contact, and ends with one event of so many contacts at one instant that every partition
//! has seen it: then the clocks of all tasks stand where the replay's stands.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use flate2::read::GzDecoder;
use leadstream_test_support::{NewRecord, leadstream_binary, repository_root};

/// Names the folder with the data that tests share; by default it lies beside the repository.
const DATA_VARIABLE: &str = "TEST_SHARED_DATA";
/// One customer of so many is taken.
const CUSTOMERS_SHARE: u32 = 80;
/// One line of so many that name no customer is taken.
const NAMELESS_SHARE: usize = 300;
/// Contacts of the last event.
const LAST_CONTACTS: usize = 64;

/// How an application is set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The source's lines of the configuration, without its topic.
    pub source: String,
    /// The plan file.
    pub plan: PathBuf,
    /// Partitions of the source.
    pub partitions: i32,
    /// Event types that only this source has.
    pub event_types: &'static str,
}

impl Setup {
    /// Events in the Segment shape under the plan that figures are measured with.
    pub fn segment(keyed: bool) -> Setup {
        Setup {
            source: format!("\n    format: segment\n    keyed: {keyed}\n"),
            plan: repository("benches/plans/twenty-rules.yaml"),
            partitions: crate::PARTITIONS,
            event_types: "",
        }
    }

    /// Order lines in CSV.
    fn retail(keyed: bool) -> Setup {
        let source = format!(
            r#"
    format: csv
    keyed: {keyed}
    csv: {{ columns: [invoice, product, description, quantity, at, price, customer, country] }}
    contact: record.customer
    time_zone: Europe/London
    mapping:
      type: 'record.invoice.startsWith("C") ? "order_cancelled" : "product_ordered"'
      id: record.invoice + ":" + record.product + ":" + record.quantity + ":" + record.price
      time: record.at
      time_format: '%Y-%m-%d %H:%M:%S'
      skip_when: record.customer == ""
      properties:
        product: record.product
        quantity: int(record.quantity)
        value: double(record.quantity) * double(record.price)
        country: record.country
"#
        );
        let plan = repository("tests/system/plans/retail.yaml");
        Setup { source, plan, event_types: "product_ordered", ..Setup::segment(keyed) }
    }

    /// With another number of partitions of the source, which a source that is not keyed may have.
    #[must_use]
    pub fn partitioned(mut self, partitions: i32) -> Setup {
        self.partitions = partitions;
        self
    }
}

/// Records in order, and how they are read.
#[derive(Debug, Clone)]
pub struct Input {
    /// How they are read and scored.
    pub setup: Setup,
    /// All but the last event.
    pub records: Vec<NewRecord>,
    /// The last event, of many contacts.
    pub end: Vec<NewRecord>,
    /// Records without a contact, which are skipped.
    pub nameless: usize,
}

impl Input {
    /// Order lines of an online shop where the shared data are to be had, and generated journeys elsewhere.
    ///
    /// # Panics
    /// Where neither can be had.
    pub fn orders(keyed: bool) -> Input {
        let folder = std::env::var_os(DATA_VARIABLE).map_or_else(|| repository("../shared/data"), PathBuf::from);
        let file = folder.join("online_retail/online_retail.csv.gz");
        if file.exists() {
            return Input::retail(keyed, &file);
        }
        println!("{} is not there: generated events stand in for it", file.display());
        Input::generated(keyed, 8_000)
    }

    fn retail(keyed: bool, file: &Path) -> Input {
        // Half a million lines are read once, however many tests of a process take them.
        static TAKEN: OnceLock<(Vec<NewRecord>, usize)> = OnceLock::new();
        let (records, nameless) = TAKEN.get_or_init(|| taken(file)).clone();
        let last = |number| {
            let line = format!("end-{number},END,the end,1,2012-06-01 12:00:00,1.0,end-{number},United Kingdom");
            Order::of(&line).record(&line)
        };
        Input { setup: Setup::retail(keyed), records, end: (0..LAST_CONTACTS).map(last).collect(), nameless }
    }

    /// Generated journeys of visitors.
    ///
    /// # Panics
    /// Where they cannot be generated.
    pub fn generated(keyed: bool, events: u32) -> Input {
        let events = events.to_string();
        let mut command = std::process::Command::new(leadstream_binary());
        command.args(["generate", "--events", &events, "--contacts", "400", "--late", "0", "--to", "-"]);
        let output = command.env_remove("LEADSTREAM_CONFIG").output().expect("the binary can be started");
        assert!(output.status.success(), "{output:?}");
        let lines = String::from_utf8(output.stdout).expect("events are text");
        let records = lines.lines().map(segment_record).collect();
        let last = |number| {
            segment_record(&format!(
                r#"{{"type":"page","messageId":"end-{number}","userId":"end-{number}","timestamp":"2026-04-02T00:00:00Z"}}"#
            ))
        };
        Input { setup: Setup::segment(keyed), records, end: (0..LAST_CONTACTS).map(last).collect(), nameless: 0 }
    }

    /// Everything, the end with it.
    pub fn all(&self) -> Vec<NewRecord> {
        [&self.records[..], &self.end[..]].concat()
    }

    /// Everything as the lines of a file.
    pub fn lines(&self) -> String {
        lines_of(&self.all())
    }
}

/// The order lines of some customers and some of nobody, and how many are of nobody.
fn taken(file: &Path) -> (Vec<NewRecord>, usize) {
    let file = std::fs::File::open(file).expect("the orders can be opened");
    let mut reader = BufReader::new(GzDecoder::new(file));
    let (mut records, mut line) = (Vec::new(), Vec::new());
    let (mut seen, mut nameless) = (0, 0);
    while reader.read_until(b'\n', &mut line).expect("the orders can be read") > 0 {
        // Most lines are not taken, so only the customer is looked at before.
        let customer = line.rsplit(|byte| *byte == b',').nth(1).unwrap_or_default();
        let taken = match customer.split(|byte| *byte == b'.').next().and_then(number) {
            Some(number) => number.is_multiple_of(CUSTOMERS_SHARE),
            None if customer.is_empty() => {
                seen += 1;
                seen % NAMELESS_SHARE == 0
            }
            // The names of the columns.
            None => false,
        };
        if taken {
            let order = std::str::from_utf8(&line).expect("an order is text").trim_end();
            nameless += usize::from(customer.is_empty());
            records.push(Order::of(order).record(order));
        }
        line.clear();
    }
    (records, nameless)
}

/// The values of records as the lines of a file.
fn lines_of(records: &[NewRecord]) -> String {
    let line =
        |record: &NewRecord| String::from_utf8(record.value.clone().unwrap_or_default()).expect("a line is text");
    records.iter().map(|record| line(record) + "\n").collect()
}

/// The record of a message: keyed by its person; a line that is no message is a record without a key.
pub(crate) fn segment_record(line: &str) -> NewRecord {
    let Ok(message) = serde_json::from_str::<serde_json::Value>(line) else {
        return NewRecord { value: Some(line.into()), ..NewRecord::default() };
    };
    let contact = message.get("userId").or(message.get("anonymousId")).and_then(serde_json::Value::as_str);
    NewRecord::keyed(contact.unwrap_or_default(), line)
}

fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// What is needed of an order line. The description may hold commas, so fields are taken from the end.
struct Order<'a> {
    customer: &'a str,
    at: &'a str,
}

impl<'a> Order<'a> {
    fn of(line: &'a str) -> Order<'a> {
        let mut fields = line.rsplit(',').skip(1);
        let customer = fields.next().expect("a line has a customer");
        Order { customer, at: fields.nth(1).expect("a line has a time") }
    }

    /// Keyed by the customer, with the time of the order as Kafka's timestamp.
    fn record(&self, line: &str) -> NewRecord {
        let key = (!self.customer.is_empty()).then(|| self.customer.into());
        let timestamp_ms = Some(milliseconds(self.at));
        NewRecord { key, value: Some(line.into()), timestamp_ms, ..NewRecord::default() }
    }
}

/// Milliseconds since 1970 of `2010-12-01 08:26:00`, taken for UTC: the shop's clock is an hour off in summer, as receipts may be.
fn milliseconds(at: &str) -> i64 {
    let numbers: Vec<i64> = at.split(['-', ' ', ':']).map(|part| part.parse().expect("a time is numbers")).collect();
    let [year, month, day, hour, minute, second] = numbers[..] else { panic!("not a time: {at}") };
    // Days of the civil calendar, with years that begin in March so that the leap day is their last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468;
    (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000
}

/// A path of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    repository_root().join(path)
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn times_are_counted_from_1970() {
        assert_eq!(milliseconds("1970-01-01 00:00:00"), 0);
        assert_eq!(milliseconds("2010-12-01 08:26:00"), 1_291_191_960_000);
        assert_eq!(milliseconds("2012-02-29 23:59:59"), 1_330_559_999_000);
    }
}
