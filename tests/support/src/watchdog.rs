//! Ends what a test started when the test process ends, however it ends.
//!
//! A watchdog is a shell that waits for the end of its standard input. The writing end is held by the test process alone, so the
//! operating system closes it even after a SIGKILL. (The parent-death signal of Linux would not do: it fires when the *thread* that
//! started the child ends, and the test harness runs each test on a thread of its own.)

use std::ffi::OsStr;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use crate::error::SupportError;

/// Runs its shell script once: when dropped, or when this process is gone.
#[derive(Debug)]
pub(crate) struct Watchdog {
    shell: Child,
}

impl Watchdog {
    /// Starts a watchdog that will run `script` with the arguments as `$1`, `$2`, ... The script finds `$verdict` set to `done` if
    /// [`Watchdog::dismiss`] was called, else empty.
    pub(crate) fn start<A: AsRef<OsStr>>(script: &str, arguments: &[A]) -> Result<Self, SupportError> {
        let shell = Command::new("sh")
            .arg("-c")
            .arg(format!("read -r verdict; {script}"))
            .arg("watchdog")
            .args(arguments)
            // Ctrl-C in a terminal goes to the whole process group; the watchdog must be there after it.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(SupportError::io("starting a watchdog with sh"))?;
        Ok(Self { shell })
    }

    /// Tells the watchdog that there is nothing left to end.
    pub(crate) fn dismiss(&mut self) {
        use std::io::Write as _;
        if let Some(mut input) = self.shell.stdin.take() {
            // A watchdog that is already gone cannot be dismissed, and need not be.
            let _ = input.write_all(b"done\n");
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // Waiting makes the end visible to the next line of the test: the port is free, the folder gone.
        let _ = self.shell.wait();
    }
}
