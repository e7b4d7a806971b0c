//! Reads that do not ask the system, since a short one has said that there is no more: what they must not miss.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::thread;
use std::time::{Duration, Instant};

use sudog::net::TcpStream;
use sudog::spawn;

use crate::net_support::{on_both_sides, pair, with_both_sides};
use crate::support::{LIMIT, alone_on, goroutine};

/// Long enough for the poller to have seen what has come. Were it not, the test would see less and pass.
fn until_it_is_seen() {
    sudog::blocking(|| thread::sleep(Duration::from_millis(10)));
}

fn read(mut stream: &TcpStream) -> Vec<u8> {
    let mut buffer = [0; 64];
    let count = stream.read(&mut buffer).unwrap();
    buffer[..count].to_vec()
}

#[test]
fn the_end_that_came_with_the_last_bytes_is_met_after_a_short_read() {
    on_both_sides(|| {
        for _ in 0..20 {
            let (mut near, far) = pair();
            near.write_all(b"first").unwrap();
            assert_eq!(read(&far), b"first");
            near.write_all(b"last").unwrap();
            near.shutdown(Shutdown::Write).unwrap();
            until_it_is_seen();
            assert_eq!(read(&far), b"last");
            assert_eq!(read(&far), b"");
            assert_eq!(read(&far), b"");
        }
    });
}

#[test]
fn what_follows_urgent_data_is_met_after_a_read_that_ended_there() {
    on_both_sides(|| {
        for _ in 0..20 {
            let (mut near, far) = pair();
            near.write_all(b"before").unwrap();
            socket2::SockRef::from(&near)
                .send_out_of_band(b"!")
                .unwrap();
            near.write_all(b"behind").unwrap();
            until_it_is_seen();
            assert_eq!(read(&far), b"before");
            assert_eq!(read(&far), b"behind");
        }
    });
}

#[test]
fn messages_one_by_one_all_come() {
    with_both_sides(|side| {
        let (near, far) = pair();
        let echo = side.spawn(move || {
            for _ in 0..2_000 {
                let message = read(&far);
                (&far).write_all(&message).unwrap();
            }
            assert_eq!(read(&far), b"");
        });
        for n in 0..2_000_u32 {
            (&near).write_all(&n.to_le_bytes()).unwrap();
            assert_eq!(read(&near), n.to_le_bytes());
        }
        near.shutdown(Shutdown::Write).unwrap();
        echo.join();
    });
}

#[test]
fn a_shut_read_half_is_met_after_a_short_read() {
    on_both_sides(|| {
        let (mut near, far) = pair();
        near.write_all(b"all").unwrap();
        assert_eq!(read(&far), b"all");
        far.shutdown(Shutdown::Read).unwrap();
        assert_eq!(read(&far), b"");
    });
}

/// Asks the system itself, which takes nothing of the event away.
fn wait_until_readable(stream: &TcpStream) {
    let mut descriptor = libc::pollfd {
        fd: stream.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let limit = LIMIT.as_millis() as i32;
    // SAFETY: the pointer is to one local of the right type.
    assert_eq!(unsafe { libc::poll(&mut descriptor, 1, limit) }, 1);
}

/// The bytes came before the read, which does not ask the system, and its time is over before the event is seen.
#[test]
fn what_came_before_a_read_is_not_missed_when_its_time_is_over() {
    alone_on(1, || {
        goroutine(|| {
            for _ in 0..5 {
                let (mut near, far) = pair();
                far.set_read_timeout(Some(LIMIT)).unwrap();
                // The only P looks for events now, so nobody else does soon.
                sudog::time::sleep(Duration::from_millis(1));
                near.write_all(b"first").unwrap();
                assert_eq!(read(&far), b"first");
                near.write_all(b"then").unwrap();
                wait_until_readable(&far);
                far.set_read_timeout(Some(Duration::from_millis(3)))
                    .unwrap();
                let busy = spawn(|| {
                    let start = Instant::now();
                    while start.elapsed() < Duration::from_millis(6) {
                        std::hint::spin_loop();
                    }
                });
                assert_eq!(read(&far), b"then");
                busy.join().unwrap();
            }
        });
    });
}
