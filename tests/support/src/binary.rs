//! Where the built `leadstream` is.
//!
//! Cargo tells a package's tests where its own binaries are, but not those of another package. So the binary is built here, by the
//! cargo that runs the tests and in their profile; where it is up to date that takes a moment.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::broker::repository_root;
use crate::error::SupportError;

/// Names the binary to test instead of building one: `scripts/test` sets it, having built everything, and so can a person who wants
/// to test a packaged binary.
const BINARY_VARIABLE: &str = "TEST_LEADSTREAM_BINARY";

/// The path of the binary `leadstream`, built at the first call of a process.
///
/// # Panics
/// If it cannot be built: no test that needs it can go on.
pub fn leadstream_binary() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os(BINARY_VARIABLE) {
        Some(path) => PathBuf::from(path),
        None => match build() {
            Ok(path) => path,
            Err(error) => panic!("the binary could not be built: {error}"),
        },
    })
}

/// The parts that matter of the messages that cargo prints.
#[derive(serde::Deserialize)]
struct CargoMessage {
    executable: Option<PathBuf>,
}

fn build() -> Result<PathBuf, SupportError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(repository_root());
    command.args([
        "build",
        "--quiet",
        "--package",
        "leadstream-cli",
        "--bin",
        "leadstream",
        "--message-format",
        "json",
    ]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command.output().map_err(SupportError::io("running cargo build"))?;
    let failed = |output: &[u8]| SupportError::Command {
        command: "cargo build --package leadstream-cli".to_owned(),
        output: String::from_utf8_lossy(output).into_owned(),
    };
    if !output.status.success() {
        return Err(failed(&output.stderr));
    }
    let lines = output.stdout.split(|&byte| byte == b'\n');
    let messages = lines.filter_map(|line| serde_json::from_slice::<CargoMessage>(line).ok());
    messages.filter_map(|message| message.executable).next_back().ok_or_else(|| failed(b"it named no executable"))
}
