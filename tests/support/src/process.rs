//! A process that a test starts, stops in order or kills, and that cannot outlive the test.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::SupportError;
use crate::watchdog::Watchdog;

/// Kills the process `$1`, unless it was waited for already.
const END_PROCESS: &str = r#"[ "$verdict" = done ] || kill -KILL "$1""#;

/// A running child whose output goes to a file. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    output: PathBuf,
    watchdog: Watchdog,
}

impl Process {
    /// Starts a command. What it prints, on either stream, is appended to the file `output`.
    ///
    /// # Errors
    /// When the file cannot be written or the command cannot be started.
    pub fn spawn(command: &mut Command, output: &Path) -> Result<Self, SupportError> {
        let file = File::options().create(true).append(true).open(output);
        let file = file.map_err(SupportError::io(format!("opening {}", output.display())))?;
        let second = file.try_clone().map_err(SupportError::io("sharing an output file"))?;
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).stdout(file).stderr(second).spawn();
        let mut child = child.map_err(SupportError::io(format!("starting {name}")))?;
        match Watchdog::start(END_PROCESS, &[child.id().to_string()]) {
            Ok(watchdog) => Ok(Self { child, output: output.to_owned(), watchdog }),
            Err(error) => {
                // Without a watchdog it might outlive the test, so it does not get to run.
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed until now. Empty where nothing can be read, since it is for messages and waiting.
    #[must_use]
    pub fn output(&self) -> String {
        std::fs::read(&self.output).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Kills it with SIGKILL and waits for its end.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn kill(mut self) -> Result<(), SupportError> {
        self.end().map_err(SupportError::io("killing a process"))
    }

    /// Stops it where it stands, as a machine that is overloaded may for a while, until [`Process::resume`].
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn suspend(&self) -> Result<(), SupportError> {
        self.signal(Signal::STOP, "sending SIGSTOP")
    }

    /// Lets a suspended process go on.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn resume(&self) -> Result<(), SupportError> {
        self.signal(Signal::CONT, "sending SIGCONT")
    }

    /// Asks it to end with SIGTERM and waits for that.
    ///
    /// # Errors
    /// When it has not ended within `limit`; it is killed then.
    pub fn terminate(self, limit: Duration) -> Result<ExitStatus, SupportError> {
        self.signal(Signal::TERM, "sending SIGTERM")?;
        self.wait(limit)
    }

    fn signal(&self, signal: Signal, action: &str) -> Result<(), SupportError> {
        // A child that is not waited for keeps its pid, so this cannot hit another program.
        let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) else { return Ok(()) };
        kill_process(pid, signal).map_err(|error| SupportError::io(action)(error.into()))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it has not ended within `limit`; it is killed then.
    pub fn wait(mut self, limit: Duration) -> Result<ExitStatus, SupportError> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().map_err(SupportError::io("waiting for a process"))? {
                return Ok(status);
            }
            if start.elapsed() > limit {
                return Err(SupportError::TooLate {
                    what: "the end of a process".to_owned(),
                    limit,
                    seen: self.output(),
                });
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether it has ended by itself.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn has_ended(&mut self) -> Result<bool, SupportError> {
        Ok(self.ending()?.is_some())
    }

    /// How it has ended by itself, where it has.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn ending(&mut self) -> Result<Option<ExitStatus>, SupportError> {
        self.child.try_wait().map_err(SupportError::io("asking for a process"))
    }

    fn end(&mut self) -> std::io::Result<()> {
        let killed = self.child.kill();
        let waited = self.child.wait();
        self.watchdog.dismiss();
        killed.and(waited.map(|_| ()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only for a process that is gone, which is what is wanted.
        let _ = self.end();
    }
}
