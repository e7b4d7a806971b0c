//! TCP: what std's and Go's tests of it ask for, from goroutines and from threads.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use sudog::net::{TcpListener, TcpStream, is_closed};

use crate::net_support::*;
use crate::support::{goroutine, settle};

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

#[test]
fn bytes_arrive_in_order_whoever_is_at_the_ends() {
    with_both_sides(|other| {
        let (mut client, mut server) = pair();
        let echo = other.spawn(move || {
            let mut buffer = [0; 1000];
            loop {
                match server.read(&mut buffer).unwrap() {
                    0 => return,
                    n => server.write_all(&buffer[..n]).unwrap(),
                }
            }
        });
        let mut writer = client.clone();
        let sender = other.spawn(move || {
            for number in 0..50_000_u32 {
                writer.write_all(&number.to_le_bytes()).unwrap();
            }
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut number = [0; 4];
        for expected in 0..50_000_u32 {
            client.read_exact(&mut number).unwrap();
            assert_eq!(u32::from_le_bytes(number), expected);
        }
        assert_eq!(client.read(&mut number).unwrap(), 0);
        sender.join();
        echo.join();
    });
}

#[test]
fn a_half_that_was_shut_down_ends_and_the_other_goes_on() {
    on_both_sides(|| {
        let (mut client, mut server) = pair();
        client.write_all(b"question").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut text = String::new();
        server.read_to_string(&mut text).unwrap();
        assert_eq!(text, "question");
        assert_eq!(
            client.write(b"more").unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
        server.write_all(b"answer").unwrap();
        drop(server);
        text.clear();
        client.read_to_string(&mut text).unwrap();
        assert_eq!(text, "answer");
    });
}

#[test]
fn shutting_the_read_half_down_ends_a_read_that_is_blocked() {
    with_both_sides(|other| {
        let (client, _server) = pair();
        let mut reader = client.clone();
        let read = other.spawn(move || reader.read(&mut [0; 8]));
        settle();
        client.shutdown(Shutdown::Read).unwrap();
        assert_eq!(read.join().unwrap(), 0);
    });
}

#[test]
fn a_read_that_is_blocked_gives_up_at_its_deadline_and_not_before() {
    on_both_sides(|| {
        let (mut client, _server) = pair();
        let deadline = Instant::now() + Duration::from_millis(20);
        client.set_read_deadline(Some(deadline)).unwrap();
        assert_timed_out(client.read(&mut [0; 8]));
        assert!(Instant::now() >= deadline);
    });
}

#[test]
fn a_deadline_that_has_passed_fails_calls_that_could_go_on_and_none_after_it_was_moved() {
    on_both_sides(|| {
        let (mut client, mut server) = pair();
        server.write_all(b"12").unwrap();
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        let past = Some(Instant::now() - Duration::from_secs(1));
        client.set_read_deadline(past).unwrap();
        assert_timed_out(client.read(&mut byte));
        assert_timed_out(client.peek(&mut byte));
        client.write_all(b"the other direction").unwrap();
        client.set_write_deadline(past).unwrap();
        assert_timed_out(client.write(b"x"));
        client.set_deadline(None).unwrap();
        client.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"2");
        client.write_all(b"x").unwrap();
    });
}

#[test]
fn a_deadline_that_is_moved_holds_for_those_who_are_blocked() {
    with_both_sides(|other| {
        let (client, _server) = pair();
        client
            .set_deadline(Some(Instant::now() + Duration::from_secs(1000)))
            .unwrap();
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let mut reader = client.clone();
                other.spawn(move || reader.read(&mut [0; 8]))
            })
            .collect();
        settle();
        let soon = Instant::now() + Duration::from_millis(5);
        client.set_read_deadline(Some(soon)).unwrap();
        for reader in readers {
            assert_timed_out(reader.join());
        }
        assert!(Instant::now() >= soon);
    });
}

#[test]
fn a_deadline_that_is_put_off_does_not_end_what_it_would_have_ended() {
    with_both_sides(|other| {
        let (client, mut server) = pair();
        client
            .set_deadline(Some(Instant::now() + Duration::from_millis(10)))
            .unwrap();
        let mut reader = client.clone();
        let read = other.spawn(move || reader.read(&mut [0; 8]));
        client.set_deadline(None).unwrap();
        sudog::blocking(|| std::thread::sleep(Duration::from_millis(20)));
        server.write_all(b"late").unwrap();
        // Only a read that began after the deadline was put off is sure to be spared.
        if let Ok(count) = read.join() {
            assert_eq!(count, 4);
        }
    });
}

#[test]
fn a_timeout_limits_each_call_by_itself() {
    on_both_sides(|| {
        let (mut client, mut server) = pair();
        let limit = Duration::from_millis(10);
        client.set_read_timeout(Some(limit)).unwrap();
        assert_eq!(client.read_timeout().unwrap(), Some(limit));
        assert_eq!(client.write_timeout().unwrap(), None);
        for _ in 0..2 {
            let start = Instant::now();
            assert_timed_out(client.read(&mut [0; 8]));
            assert!(start.elapsed() >= limit);
        }
        server.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
        let zero = client.set_read_timeout(Some(Duration::ZERO)).unwrap_err();
        assert_eq!(zero.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn the_earlier_of_deadline_and_timeout_counts() {
    on_both_sides(|| {
        let (mut client, _server) = pair();
        client
            .set_read_timeout(Some(Duration::from_secs(1000)))
            .unwrap();
        client
            .set_read_deadline(Some(Instant::now() + Duration::from_millis(5)))
            .unwrap();
        assert_timed_out(client.read(&mut [0; 8]));
        client
            .set_read_deadline(Some(Instant::now() + Duration::from_secs(1000)))
            .unwrap();
        client
            .set_read_timeout(Some(Duration::from_millis(5)))
            .unwrap();
        assert_timed_out(client.read(&mut [0; 8]));
    });
}

#[test]
fn a_write_that_is_blocked_gives_up_at_its_deadline() {
    on_both_sides(|| {
        let (mut client, _server) = pair();
        client
            .set_write_timeout(Some(Duration::from_millis(10)))
            .unwrap();
        let bytes = vec![0; 1 << 20];
        loop {
            match client.write(&bytes) {
                Ok(count) => assert!(count > 0),
                Err(error) => break assert_timed_out(Err::<(), _>(error)),
            }
        }
    });
}

#[test]
fn an_accept_gives_up_at_its_deadline_and_can_be_taken_up_again() {
    with_both_sides(|other| {
        let listener = listener();
        listener
            .set_deadline(Some(Instant::now() + Duration::from_millis(5)))
            .unwrap();
        assert_timed_out(listener.accept());
        let address = listener.local_addr().unwrap();
        let client = other.spawn(move || TcpStream::connect(address).unwrap());
        listener.set_deadline(None).unwrap();
        listener.accept().unwrap();
        client.join();
    });
}

#[test]
fn close_wakes_all_who_are_blocked_and_fails_all_who_come_later() {
    with_both_sides(|other| {
        let (client, _server) = pair();
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let mut reader = client.clone();
                other.spawn(move || reader.read(&mut [0; 8]))
            })
            .collect();
        let mut writer = client.clone();
        let writer = other.spawn(move || writer.write_all(&vec![0; 64 << 20]));
        settle();
        client.close().unwrap();
        readers
            .into_iter()
            .for_each(|reader| assert_closed(reader.join()));
        assert_closed(writer.join());
        let now = Some(Instant::now());
        assert_closed((&client).read(&mut [0; 8]));
        assert_closed((&client).read(&mut []));
        assert_closed((&client).write(b"x"));
        assert_closed(client.peek(&mut [0; 8]));
        assert_closed(client.close());
        assert_closed(client.shutdown(Shutdown::Both));
        assert_closed(client.set_deadline(now));
        assert_closed(client.set_read_deadline(now));
        assert_closed(client.set_write_deadline(now));
        assert_closed(client.set_read_timeout(None));
        assert_closed(client.read_timeout());
        assert_closed(client.set_nodelay(true));
        assert_closed(client.local_addr());
        assert_closed(client.peer_addr());
        assert_closed(client.take_error());
        assert_closed(client.try_clone());
        assert_closed(client.into_std());
    });
}

#[test]
fn the_peer_of_a_closed_stream_is_told_although_there_are_clones() {
    on_both_sides(|| {
        let (client, mut server) = pair();
        let clone = client.clone();
        client.close().unwrap();
        assert_eq!(server.read(&mut [0; 8]).unwrap(), 0);
        assert_closed((&clone).read(&mut [0; 8]));
    });
}

#[test]
fn close_ends_accept_and_incoming() {
    with_both_sides(|other| {
        let listener = listener();
        let acceptors: Vec<_> = (0..3)
            .map(|_| {
                let acceptor = listener.clone();
                other.spawn(move || acceptor.incoming().count())
            })
            .collect();
        let acceptor = listener.clone();
        let one = other.spawn(move || acceptor.accept());
        settle();
        listener.close().unwrap();
        for acceptor in acceptors {
            assert_eq!(acceptor.join(), 0);
        }
        assert_closed(one.join());
        assert!(listener.incoming().next().is_none());
        assert!(is_closed(&listener.accept().unwrap_err()));
        assert_closed(listener.local_addr());
    });
}

#[test]
fn the_number_of_a_closed_socket_is_taken_until_the_last_clone_goes() {
    on_both_sides(|| {
        let (client, _server) = pair();
        let number = client.as_raw_fd();
        let borrowed = client.clone();
        let borrowed = borrowed.as_fd();
        client.close().unwrap();
        drop(client);
        let others: Vec<_> = (0..50).map(|_| pair()).collect();
        let numbers = others
            .iter()
            .flat_map(|(a, b)| [a.as_raw_fd(), b.as_raw_fd()]);
        assert!(numbers.into_iter().all(|other| other != number));
        let mut file = std::fs::File::from(borrowed.try_clone_to_owned().unwrap());
        assert!(file.read(&mut [0; 8]).is_err() && file.write(b"x").is_err());
    });
}

#[test]
fn each_connection_goes_to_one_of_many_who_accept() {
    with_both_sides(|other| {
        let listener = listener();
        let address = listener.local_addr().unwrap();
        let acceptors: Vec<_> = (0..10)
            .map(|_| {
                let listener = listener.clone();
                other.spawn(move || listener.accept().unwrap().1.port())
            })
            .collect();
        let clients: Vec<_> = (0..10)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        let mut accepted: Vec<_> = acceptors.into_iter().map(Task::join).collect();
        let mut connected: Vec<_> = clients
            .iter()
            .map(|c| c.local_addr().unwrap().port())
            .collect();
        accepted.sort_unstable();
        connected.sort_unstable();
        assert_eq!(accepted, connected);
    });
}

#[test]
fn each_byte_goes_to_one_of_many_who_read() {
    with_both_sides(|other| {
        let (client, mut server) = pair();
        let readers: Vec<_> = (0..8)
            .map(|_| {
                let mut client = client.clone();
                other.spawn(move || {
                    let mut byte = [0];
                    let mut sum = 0;
                    while client.read(&mut byte).unwrap() == 1 {
                        sum += u64::from(byte[0]);
                    }
                    sum
                })
            })
            .collect();
        let mut sum = 0;
        for round in 0..200_u64 {
            let byte = (round % 251) as u8;
            sum += 3 * u64::from(byte);
            server.write_all(&[byte; 3]).unwrap();
        }
        server.shutdown(Shutdown::Write).unwrap();
        assert_eq!(readers.into_iter().map(Task::join).sum::<u64>(), sum);
    });
}

#[test]
fn many_write_to_one_stream_and_no_byte_is_lost() {
    with_both_sides(|other| {
        let (client, mut server) = pair();
        let writers: Vec<_> = (0..8_u8)
            .map(|number| {
                let mut client = client.clone();
                other.spawn(move || client.write_all(&vec![number; 200_000]).unwrap())
            })
            .collect();
        let mut counts = [0_usize; 8];
        let mut buffer = vec![0; 65_536];
        while counts.iter().sum::<usize>() < 1_600_000 {
            let count = server.read(&mut buffer).unwrap();
            buffer[..count]
                .iter()
                .for_each(|number| counts[usize::from(*number)] += 1);
        }
        assert_eq!(counts, [200_000; 8]);
        writers.into_iter().for_each(Task::join);
    });
}

#[test]
fn several_buffers_are_read_and_written_in_one_call() {
    on_both_sides(|| {
        let (mut client, mut server) = pair();
        let written = client
            .write_vectored(&[IoSlice::new(b"one "), IoSlice::new(b"two")])
            .unwrap();
        assert_eq!(written, 7);
        let (mut a, mut b) = ([0; 3], [0; 10]);
        let mut buffers = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
        assert_eq!(server.read_vectored(&mut buffers).unwrap(), 7);
        assert_eq!((&a, &b[..4]), (b"one", &b" two"[..]));
        assert_eq!(server.read(&mut []).unwrap(), 0);
        assert_eq!(
            client.write_vectored(&[IoSlice::new(b"x"); 3000]).unwrap(),
            1024
        );
        client.flush().unwrap();
    });
}

#[test]
fn connecting_where_nobody_listens_is_refused() {
    on_both_sides(|| {
        let (_held, address) = nobody();
        let error = TcpStream::connect(address).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let second = Duration::from_secs(1);
        let error = TcpStream::connect_timeout(&address, second).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let zero = TcpStream::connect_timeout(&address, Duration::ZERO).unwrap_err();
        assert_eq!(zero.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn a_connect_that_nobody_answers_gives_up_in_time() {
    on_both_sides(|| {
        // A queue of one is full with two, and the next is not answered.
        let full =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
        full.bind(&any.into()).unwrap();
        full.listen(0).unwrap();
        let address = full.local_addr().unwrap().as_socket().unwrap();
        let limit = Duration::from_millis(50);
        let mut held = Vec::new();
        let error = loop {
            let start = Instant::now();
            match TcpStream::connect_timeout(&address, limit) {
                Ok(stream) => held.push(stream),
                Err(error) => {
                    assert!(start.elapsed() >= limit);
                    break error;
                }
            }
            assert!(held.len() < 10, "the queue is not full");
        };
        assert_timed_out(Err::<(), _>(error));
    });
}

#[test]
fn a_name_is_resolved_and_its_addresses_are_tried() {
    on_both_sides(|| {
        let listener = listener();
        let port = listener.local_addr().unwrap().port();
        let (_held, nobody) = nobody();
        let all = [nobody, listener.local_addr().unwrap()];
        assert_eq!(
            TcpStream::connect(&all[..]).unwrap().peer_addr().unwrap(),
            all[1]
        );
        assert!(TcpStream::connect(("localhost", port)).is_ok());
        let none = TcpStream::connect(&[][..]).unwrap_err();
        assert_eq!(none.kind(), ErrorKind::InvalidInput);
        let addresses = sudog::net::lookup_host(&format!("localhost:{port}")).unwrap();
        assert!(addresses.iter().any(|address| address.port() == port));
        assert!(sudog::net::lookup_host("no port").is_err());
    });
}

#[test]
fn a_stream_becomes_stds_and_comes_back() {
    on_both_sides(|| {
        let (client, mut server) = pair();
        let clone = client.clone();
        assert!(client.into_std().is_err());
        let mut theirs = clone.into_std().unwrap();
        server.write_all(b"ab").unwrap();
        let mut byte = [0];
        theirs.read_exact(&mut byte).unwrap();
        theirs
            .set_read_timeout(Some(Duration::from_millis(1)))
            .unwrap();
        theirs.read_exact(&mut byte).unwrap();
        assert_eq!(
            theirs.read(&mut byte).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        let mut ours = TcpStream::try_from(theirs).unwrap();
        server.write_all(b"c").unwrap();
        ours.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"c");
        let theirs = listener().into_std().unwrap();
        let ours = TcpListener::try_from(theirs).unwrap();
        let _client = TcpStream::connect(ours.local_addr().unwrap()).unwrap();
        ours.accept().unwrap();
    });
}

#[test]
fn options_are_those_that_were_set() {
    goroutine(|| {
        let (client, server) = pair();
        assert!(!client.nodelay().unwrap());
        client.set_nodelay(true).unwrap();
        assert!(client.nodelay().unwrap());
        client.set_ttl(42).unwrap();
        assert_eq!(client.ttl().unwrap(), 42);
        assert_eq!(client.peer_addr().unwrap(), server.local_addr().unwrap());
        assert!(client.take_error().unwrap().is_none());
        let text = format!("{client:?}");
        assert!(text.starts_with("TcpStream { addr: 127.0.0.1:"), "{text}");
        let text = format!("{:?}", listener());
        assert!(text.starts_with("TcpListener { addr: 127.0.0.1:"), "{text}");
    });
}
