//! Starts a broker, prints its address, and holds it until standard input ends: the helper that a test kills, to see that the
//! broker dies with it. By hand it is a throw-away Kafka: `cargo run -p leadstream-test-support --bin hold-broker`.

use std::io::{Read as _, Write as _};

use leadstream_test_support::{Broker, BrokerOptions, SupportError};

fn main() -> Result<(), SupportError> {
    let broker = Broker::start(BrokerOptions::default())?;
    let line = format!("{} {}\n", broker.bootstrap(), broker.data().display());
    let io = |source| SupportError::Io { action: "talking to whoever started this".to_owned(), source };
    std::io::stdout().write_all(line.as_bytes()).map_err(io)?;
    std::io::stdin().read_to_end(&mut Vec::new()).map_err(io)?;
    Ok(())
}
