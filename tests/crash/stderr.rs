//! Standard error that nobody reads: what the runtime warns of waits, and nothing else does.

use std::fs::File;
use std::io::{Read, Write, pipe};
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sudog::Builder;

use super::{Case, assert_fine, start};

/// The other end of standard error.
static READER: Mutex<Option<File>> = Mutex::new(None);

/// Makes standard error a pipe that is full.
fn fill_stderr() {
    let (reader, writer) = pipe().expect("a pipe");
    *READER.lock().unwrap() = Some(File::from(std::os::fd::OwnedFd::from(reader)));
    let set_flags = |flags: libc::c_int| {
        // SAFETY: passes numbers.
        let result = unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETFL, flags) };
        assert_eq!(result, 0);
    };
    set_flags(libc::O_NONBLOCK);
    while (&writer).write(&[b'.'; 4096]).is_ok() {}
    set_flags(0);
    // SAFETY: both descriptors are ours.
    let result = unsafe { libc::dup2(writer.as_raw_fd(), 2) };
    assert_eq!(result, 2);
}

/// Reads what was written to standard error until that has all of `texts`.
fn read_until(texts: &[&str]) {
    let mut reader = READER.lock().unwrap().take().expect("it was filled");
    let (mut seen, mut bytes) = (String::new(), [0; 4096]);
    while !texts.iter().all(|text| seen.contains(text)) {
        let count = reader.read(&mut bytes).expect("a pipe");
        seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
}

/// A loop has the only P, and there is much to warn of.
fn full() -> ExitCode {
    static IS_OVER: AtomicBool = AtomicBool::new(false);

    fill_stderr();
    start(|| {
        let hog = Builder::new().name("hog").spawn(|| {
            while !IS_OVER.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        // Each time the P is to be taken from the loop, or the sleep to be ended by sysmon.
        for _ in 0..10 {
            sudog::time::sleep(Duration::from_millis(10));
        }
        // What was put off comes now, and what came of itself all the time comes again.
        read_until(&["'hog' has held its thread for ", "SCHED "]);
        IS_OVER.store(true, Ordering::Relaxed);
        hog.expect("a good name").join().unwrap();
        println!("done");
    })
}

pub fn cases() -> Vec<Case> {
    vec![Case {
        name: "a_full_stderr_holds_up_only_what_is_written_there",
        vars: &[
            ("SUDOG_MAXPROCS", "1"),
            ("SUDOG_DEBUG", "stall=20ms,schedtrace=5"),
        ],
        program: full,
        check: assert_fine,
    }]
}
