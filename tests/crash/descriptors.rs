//! Who waits for a descriptor can be woken: no report; and one where nobody does any more.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use sudog::chan::bounded;
use sudog::spawn;

use super::deadlocks::assert_deadlock;
use super::{Case, assert_fine, start};

/// The output of a process that says something after a while; no thread of ours waits for it.
fn late_output() -> sudog::io::Pollable<std::process::ChildStdout> {
    let mut child = Command::new("sh");
    child
        .args(["-c", "sleep 0.3; echo done"])
        .stdout(Stdio::piped());
    let stdout = child.spawn().expect("sh starts").stdout.take();
    sudog::io::Pollable::new(stdout.expect("piped")).expect("a pipe can be waited for")
}

pub fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "a_goroutine_that_waits_for_a_descriptor_is_no_deadlock",
            vars: &[],
            program: || {
                start(|| {
                    let (tx, rx) = bounded(0);
                    spawn(move || {
                        let mut text = String::new();
                        late_output().read_to_string(&mut text).unwrap();
                        tx.send(text).unwrap();
                    });
                    print!("{}", rx.recv().unwrap());
                })
            },
            check: assert_fine,
        },
        Case {
            name: "a_thread_that_waits_for_a_descriptor_is_no_deadlock",
            vars: &[],
            program: || {
                start(|| {
                    let (tx, rx) = bounded(0);
                    thread::spawn(move || {
                        let mut text = String::new();
                        late_output().read_to_string(&mut text).unwrap();
                        tx.send(text).unwrap();
                    });
                    print!("{}", rx.recv().unwrap());
                })
            },
            check: assert_fine,
        },
        Case {
            name: "a_deadlock_is_seen_after_much_use_of_descriptors",
            vars: &[],
            program: || {
                start(|| {
                    let (mut a, mut b) = sudog::net::UnixStream::pair().unwrap();
                    let echo = spawn(move || {
                        let mut byte = [0];
                        while b.read(&mut byte).unwrap() == 1 {
                            b.write_all(&byte).unwrap();
                        }
                        b
                    });
                    for _ in 0..1_000 {
                        a.write_all(b"x").unwrap();
                        a.read_exact(&mut [0]).unwrap();
                    }
                    a.shutdown(std::net::Shutdown::Write).unwrap();
                    let _b = echo.join().unwrap();
                    let (_tx, rx) = bounded::<()>(0);
                    rx.recv()
                })
            },
            check: |output| assert_deadlock(output, &[["goroutine 1 ", "[chan receive]:"]]),
        },
    ]
}
