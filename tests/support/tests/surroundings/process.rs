//! Guarded processes end when they are told to, and with the test; the binary to run in one is found.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use leadstream_test_support::{Process, SupportError, leadstream_binary};

const LIMIT: Duration = Duration::from_secs(10);

/// A shell that prints its script's output into a file of its own folder.
fn shell(script: &str) -> (tempfile::TempDir, Process) {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("output");
    let process = Process::spawn(Command::new("sh").args(["-c", script]), &output).unwrap();
    (folder, process)
}

fn proc_folder(process: &Process) -> PathBuf {
    PathBuf::from(format!("/proc/{}", process.id()))
}

#[test]
fn both_streams_of_a_process_are_kept() {
    let (folder, process) = shell("echo to stdout; echo to stderr >&2; exit 3");
    let output = folder.path().join("output");
    assert_eq!(process.wait(LIMIT).unwrap().code(), Some(3));
    assert_eq!(std::fs::read_to_string(output).unwrap(), "to stdout\nto stderr\n");
}

#[test]
fn a_process_can_end_in_order() {
    let (_folder, process) = shell("trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done");
    while !process.output().contains("ready") {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(process.terminate(LIMIT).unwrap().code(), Some(7));
}

#[test]
fn a_process_that_does_not_end_is_killed_and_what_it_printed_is_told() {
    let (_folder, process) = shell("trap '' TERM; echo still here; while :; do sleep 0.01; done");
    while !process.output().contains("still here") {
        std::thread::sleep(Duration::from_millis(5));
    }
    let proc_folder = proc_folder(&process);
    let error = process.terminate(Duration::from_millis(100)).unwrap_err();
    assert!(matches!(&error, SupportError::TooLate { seen, .. } if seen == "still here\n"), "{error}");
    assert!(!proc_folder.exists());
}

#[test]
fn killing_and_dropping_end_a_process_at_once() {
    let (_folder, process) = shell("sleep 1000");
    let killed = proc_folder(&process);
    process.kill().unwrap();
    assert!(!killed.exists());

    let (_folder, mut process) = shell("sleep 1000");
    assert!(!process.has_ended().unwrap());
    let dropped = proc_folder(&process);
    drop(process);
    assert!(!dropped.exists());
}

#[test]
fn a_suspended_process_stands_still_until_it_is_resumed() {
    let (_folder, process) = shell("while :; do echo on; sleep 0.01; done");
    let grows = |than: usize| {
        for _ in 0..40 {
            if process.output().len() > than {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    };
    assert!(grows(0));
    process.suspend().unwrap();
    let before = process.output().len();
    assert!(!grows(before), "it went on");
    process.resume().unwrap();
    assert!(grows(before));
}

#[test]
fn a_command_that_does_not_exist_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = Process::spawn(&mut Command::new("no-such-command"), &folder.path().join("output")).unwrap_err();
    assert!(error.to_string().starts_with("starting no-such-command: "), "{error}");
}

#[test]
fn the_binary_of_another_package_is_found() {
    let binary = leadstream_binary();
    assert!(binary.is_file(), "{}", binary.display());
    assert_eq!(binary.file_name().unwrap(), "leadstream");
}
