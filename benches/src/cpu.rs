//! CPU time of this thread and of other processes.

use std::io;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// CPU time, user and system, that this thread has used.
pub fn thread_time() -> Duration {
    duration(ClockId::ThreadCPUTime)
}

/// CPU time, user and system, that this process has used in all its threads.
pub fn own_time() -> Duration {
    duration(ClockId::ProcessCPUTime)
}

fn duration(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// CPU time, user and system, that a process has used in all its threads; steps of a hundredth of a second.
///
/// # Errors
/// The process is gone, or `/proc` cannot be read.
pub fn process_time(pid: u32) -> io::Result<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    ticks_of(&text)
        .map(|ticks| Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second()))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a stat file of another shape"))
}

/// `utime` and `stime` are the 12th and 13th field behind the name, which may itself hold spaces and brackets.
fn ticks_of(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_move_the_fields() {
        assert_eq!(ticks_of("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 31 11 0 0"), Some(42));
        assert_eq!(ticks_of("7 (a) S 1 2"), None);
    }

    #[test]
    fn the_time_of_this_process_grows() {
        let before = own_time();
        let mut sum = 0u64;
        while own_time() - before < Duration::from_millis(30) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let seen = process_time(std::process::id()).expect("this process runs");
        assert!(seen + Duration::from_millis(20) >= before, "{seen:?} {before:?}");
    }
}
