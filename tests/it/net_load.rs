//! Many connections, many times, and the limits of the system: nothing is lost, and nothing is left.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::thread;
use std::time::Duration;

use sudog::io::Pollable;
use sudog::net::{TcpListener, TcpStream, UnixStream};
use sudog::runtime::{num_goroutines, wait_idle};
use sudog::{spawn, yield_now};

use crate::net_support::*;
use crate::support::{LIMIT, alone_here, alone_on, rounds, stress, wait_until};

/// A server that echoes until it is closed, a goroutine per connection.
fn echo_server() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let acceptor = listener.clone();
    spawn(move || {
        for stream in acceptor.incoming() {
            let mut stream = stream.unwrap();
            spawn(move || {
                let mut buffer = [0; 512];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..count]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    listener
}

fn ask(stream: &mut TcpStream, number: u64) {
    stream.write_all(&number.to_le_bytes()).unwrap();
    let mut answer = [0; 8];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(u64::from_le_bytes(answer), number);
}

#[test]
fn a_storm_of_connections_leaves_nothing_behind() {
    alone_here(|| {
        stress(|mut rng| {
            // The poller and its like stay.
            let _first = pair();
            let before = descriptors();
            let goroutines = num_goroutines();
            let listener = echo_server();
            let address = listener.local_addr().unwrap();
            let clients: Vec<_> = (0..20)
                .map(|_| {
                    let mut rng = rng.split();
                    spawn(move || {
                        for _ in 0..rounds(20) {
                            let mut stream = TcpStream::connect(address).unwrap();
                            match rng.below(4) {
                                0 => {}
                                1 => stream.close().unwrap(),
                                2 => drop(stream.write(b"and gone")),
                                _ => (0..3).for_each(|_| ask(&mut stream, rng.next())),
                            }
                        }
                    })
                })
                .collect();
            clients
                .into_iter()
                .for_each(|client| client.join().unwrap());
            listener.close().unwrap();
            drop(listener);
            wait_until(|| num_goroutines() == goroutines);
            wait_until(|| descriptors() == before);
        });
        assert!(wait_idle(LIMIT));
    });
}

#[test]
fn streams_that_are_closed_while_they_are_used_end_their_calls() {
    stress(|mut rng| {
        for _ in 0..rounds(50) {
            let (a, b) = pair();
            let users: Vec<_> = (0..4)
                .map(|number| {
                    let mut stream = if number % 2 == 0 {
                        a.clone()
                    } else {
                        b.clone()
                    };
                    let mut rng = rng.split();
                    spawn(move || {
                        let mut buffer = [0; 64];
                        loop {
                            let result = match rng.below(2) {
                                0 => stream.read(&mut buffer),
                                _ => stream.write(&buffer),
                            };
                            match result {
                                Ok(0) | Err(_) => return,
                                Ok(_) => {}
                            }
                        }
                    })
                })
                .collect();
            (0..rng.below(20)).for_each(|_| yield_now());
            a.close().unwrap();
            users.into_iter().for_each(|user| user.join().unwrap());
            assert_closed((&a).read(&mut [0; 8]));
        }
    });
}

/// As many descriptors as there may be.
fn raise_limit() -> usize {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: plain data for both calls.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
    }
    limit.rlim_cur as usize
}

#[test]
fn ten_thousand_connections_wait_at_once() {
    alone_here(|| {
        // Every park of theirs goes to another thread in the chaos build, which takes its time.
        let wanted = if cfg!(sudog_chaos) { 1_000 } else { 10_000 };
        let allowed = (raise_limit().saturating_sub(200) / 2).min(wanted);
        if allowed < wanted {
            println!("only {allowed} connections: the limit of descriptors is too low");
        }
        crate::support::goroutine(move || {
            let listener = echo_server();
            let address = listener.local_addr().unwrap();
            let _first = pair();
            let before = descriptors();
            let mut clients = Vec::new();
            for number in 0..allowed as u64 {
                let mut stream = TcpStream::connect(address).unwrap();
                if number % 100 == 0 {
                    ask(&mut stream, number);
                }
                clients.push(stream);
            }
            // One goroutine each, besides the acceptor and us.
            wait_until(|| num_goroutines() == allowed + 2);
            for (number, client) in clients.iter_mut().enumerate() {
                ask(client, number as u64);
            }
            drop(clients);
            wait_until(|| num_goroutines() == 2 && descriptors() == before);
            listener.close().unwrap();
        });
    });
}

#[test]
fn connections_that_wait_use_no_cpu() {
    alone_here(|| {
        let pairs: Vec<_> = (0..100).map(|_| pair()).collect();
        let readers: Vec<_> = pairs
            .iter()
            .map(|(client, _)| {
                let mut client = client.clone();
                spawn(move || client.read(&mut [0; 8]).unwrap())
            })
            .collect();
        let mut own = pairs[0].1.clone();
        let blocked = thread::spawn(move || own.read(&mut [0; 8]).unwrap());
        crate::idle::assert_idle();
        pairs
            .iter()
            .for_each(|(_, server)| (&*server).write_all(b"x").unwrap());
        readers
            .into_iter()
            .for_each(|reader| assert_eq!(reader.join().unwrap(), 1));
        (&pairs[0].0).write_all(b"xy").unwrap();
        assert_eq!(blocked.join().unwrap(), 2);
        crate::idle::assert_idle();
    });
}

#[test]
fn who_always_finds_something_to_read_lets_others_run() {
    alone_on(1, || {
        crate::support::goroutine(|| {
            let (mut client, mut server) = UnixStream::pair().unwrap();
            let (tx, rx) = sudog::chan::bounded::<()>(0);
            let busy = spawn(move || {
                // Never empty, and so never parked.
                client.write_all(&[0; 64]).unwrap();
                let mut byte = [0];
                while rx.try_recv().is_err() {
                    server.read_exact(&mut byte).unwrap();
                    client.write_all(&byte).unwrap();
                }
            });
            yield_now();
            tx.send(()).unwrap();
            busy.join().unwrap();
        });
    });
}

#[test]
fn too_many_descriptors_are_an_error_and_the_connection_stays() {
    alone_here(|| {
        crate::support::goroutine(|| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let limit = libc::rlimit {
                rlim_cur: descriptors() as u64 + 20,
                rlim_max: libc::RLIM_INFINITY,
            };
            let mut old = limit;
            // SAFETY: plain data for both calls.
            unsafe {
                libc::getrlimit(libc::RLIMIT_NOFILE, &mut old);
                let new = libc::rlimit {
                    rlim_max: old.rlim_max,
                    ..limit
                };
                assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &new), 0);
            }
            let mut taken = Vec::new();
            while let Ok(file) = std::fs::File::open("/dev/null") {
                taken.push(file);
            }
            for _ in 0..3 {
                let error = listener.accept().unwrap_err();
                assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
            }
            drop(taken);
            let (_, from) = listener.accept().unwrap();
            assert_eq!(from, client.local_addr().unwrap());
            // SAFETY: as above.
            unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &old) };
        });
    });
}

/// Writes until it fails.
fn write_until_it_fails(mut to: impl Write) -> ErrorKind {
    loop {
        if let Err(error) = to.write(&[0; 1 << 16]) {
            return error.kind();
        }
    }
}

#[test]
fn writing_where_nobody_reads_is_an_error_and_no_signal() {
    alone_here(|| {
        // SAFETY: a signal that nobody handles; std ignores it by default.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        on_both_sides(|| {
            let is_gone = |kind| matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset);
            let (client, server) = pair();
            drop(server);
            assert!(is_gone(write_until_it_fails(&client)));
            let (a, b) = UnixStream::pair().unwrap();
            drop(b);
            assert!(is_gone(write_until_it_fails(&a)));
            let buffers = [std::io::IoSlice::new(b"x")];
            assert!(is_gone((&a).write_vectored(&buffers).unwrap_err().kind()));
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let writer = Pollable::new(writer).unwrap();
            assert!(is_gone(write_until_it_fails(&writer)));
            let (mut source, from) = pair();
            source.write_all(b"x").unwrap();
            let error = sudog::io::copy(&mut &from, &mut &a).unwrap_err();
            assert!(is_gone(error.kind()), "{error:?}");
            let mut file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
            let error = sudog::io::copy(&mut file, &mut &a).unwrap_err();
            assert!(is_gone(error.kind()), "{error:?}");
        });
    });
}

#[test]
fn every_descriptor_is_closed_in_a_child_that_is_executed() {
    alone_here(|| {
        let (client, _server) = pair();
        let retired = pair().0;
        retired.close().unwrap();
        let numbers = [client.as_raw_fd(), retired.as_fd().as_raw_fd()];
        let listing = std::process::Command::new("ls")
            .arg("/proc/self/fd")
            .output()
            .unwrap();
        let listing = String::from_utf8(listing.stdout).unwrap();
        let open: Vec<i32> = listing.lines().map(|line| line.parse().unwrap()).collect();
        assert!(
            numbers
                .iter()
                .all(|number| !open.contains(number) || *number < 4),
            "{listing}"
        );
    });
}

#[test]
fn threads_and_goroutines_share_a_listener_and_its_connections() {
    with_both_sides(|other| {
        let listener = echo_server();
        let address = listener.local_addr().unwrap();
        let clients: Vec<_> = (0..8_u64)
            .map(|number| {
                let side = if number % 2 == 0 { other } else { Side::Thread };
                side.spawn(move || {
                    let mut stream = TcpStream::connect(address).unwrap();
                    (0..100).for_each(|round| ask(&mut stream, number * 1000 + round));
                })
            })
            .collect();
        clients.into_iter().for_each(Task::join);
        thread::sleep(Duration::from_millis(1));
        listener.close().unwrap();
    });
}
