//! Unix sockets and UDP, from goroutines and from threads.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sudog::net::{UdpSocket, UnixDatagram, UnixListener, UnixStream};

use crate::net_support::*;
use crate::support::{settle, wait_until};

/// A path for a socket, removed at the end.
struct Path(PathBuf);

impl Path {
    fn new() -> Path {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sudog-test-{}-{number}", std::process::id());
        Path(std::env::temp_dir().join(name))
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn udp() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").unwrap()
}

#[test]
fn unix_streams_connect_and_carry_bytes() {
    with_both_sides(|other| {
        let path = Path::new();
        let listener = UnixListener::bind(&path.0).unwrap();
        let name = path.0.clone();
        let client = other.spawn(move || {
            let mut stream = UnixStream::connect(&name).unwrap();
            assert_eq!(stream.peer_addr().unwrap().as_pathname(), Some(&*name));
            stream.write_all(b"question").unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        });
        let (mut stream, from) = listener.accept().unwrap();
        assert!(from.is_unnamed());
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!(text, "question");
        stream.write_all(b"answer").unwrap();
        drop(stream);
        assert_eq!(client.join(), "answer");
        let error = UnixListener::bind(&path.0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
    });
}

#[test]
fn unix_sockets_need_no_file() {
    on_both_sides(|| {
        let number = Path::new();
        let name = number.0.to_str().unwrap();
        let address = SocketAddr::from_abstract_name(name).unwrap();
        let listener = UnixListener::bind_addr(&address).unwrap();
        let mut client = UnixStream::connect_addr(&address).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(b"x").unwrap();
        server.read_exact(&mut [0]).unwrap();
        let local = listener.local_addr().unwrap();
        assert_eq!(local.as_abstract_name(), Some(name.as_bytes()));

        let address = SocketAddr::from_abstract_name(format!("{name}-d")).unwrap();
        let receiver = UnixDatagram::bind_addr(&address).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        assert_eq!(sender.send_to_addr(b"one", &address).unwrap(), 3);
        sender.connect_addr(&address).unwrap();
        assert_eq!(sender.send(b"three").unwrap(), 5);
        assert_eq!(receiver.recv(&mut [0; 8]).unwrap(), 3);
        assert_eq!(receiver.recv(&mut [0; 8]).unwrap(), 5);
        let nobody = sender.local_addr().unwrap();
        let error = receiver.send_to_addr(b"x", &nobody).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn where_no_unix_socket_is_the_error_says_so() {
    on_both_sides(|| {
        let path = Path::new();
        assert_eq!(
            UnixStream::connect(&path.0).unwrap_err().kind(),
            ErrorKind::NotFound
        );
        drop(UnixListener::bind(&path.0).unwrap());
        let error = UnixStream::connect(&path.0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let error = UnixDatagram::unbound().unwrap().send(b"x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotConnected);
    });
}

#[test]
fn deadlines_and_close_hold_for_unix_sockets_too() {
    with_both_sides(|other| {
        let path = Path::new();
        let listener = UnixListener::bind(&path.0).unwrap();
        listener.set_read_deadline(Some(Instant::now())).unwrap();
        assert_timed_out(listener.accept());
        listener.set_deadline(None).unwrap();
        let acceptor = listener.clone();
        let accept = other.spawn(move || acceptor.incoming().count());

        let (a, _b) = UnixStream::pair().unwrap();
        a.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        assert_timed_out((&a).read(&mut [0; 8]));
        a.set_read_timeout(None).unwrap();
        let mut reader = a.clone();
        let read = other.spawn(move || reader.read(&mut [0; 8]));

        let (c, _d) = UnixDatagram::pair().unwrap();
        c.set_deadline(Some(Instant::now() + Duration::from_millis(2)))
            .unwrap();
        assert_timed_out(c.recv(&mut [0; 8]));
        assert_timed_out(c.send(b"x"));
        c.set_deadline(None).unwrap();
        let receiver = c.clone();
        let recv = other.spawn(move || receiver.recv_from(&mut [0; 8]));
        settle();
        listener.close().unwrap();
        a.close().unwrap();
        c.close().unwrap();
        assert_eq!(accept.join(), 0);
        assert_closed(read.join());
        assert_closed(recv.join());
        assert_closed(c.send(b"x"));
        assert_closed(c.local_addr());
        assert_closed(a.local_addr());
    });
}

#[test]
fn a_datagram_waits_for_room_at_its_receiver() {
    with_both_sides(|other| {
        let path = Path::new();
        let receiver = UnixDatagram::bind(&path.0).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        sender
            .set_write_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        let mut sent = 0;
        // To a name, and not connected: the system will not say when there is room.
        while sender.send_to(b"fill", &path.0).is_ok() {
            sent += 1;
        }
        assert_timed_out(sender.send_to(b"late", &path.0));
        sender.set_write_timeout(None).unwrap();
        let name = path.0.clone();
        let blocked = other.spawn(move || sender.send_to(b"last", &name));
        settle();
        let mut buffer = [0; 8];
        for _ in 0..sent {
            assert_eq!(receiver.recv(&mut buffer).unwrap(), 4);
            assert_eq!(&buffer[..4], b"fill");
        }
        assert_eq!(blocked.join().unwrap(), 4);
        receiver.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..4], b"last");
    });
}

#[test]
fn a_connected_datagram_waits_for_room_at_its_receiver() {
    with_both_sides(|other| {
        let (sender, receiver) = UnixDatagram::pair().unwrap();
        let sending = other.spawn(move || {
            for number in 0..500_u32 {
                sender.send(&number.to_le_bytes()).unwrap();
            }
        });
        for number in 0..500_u32 {
            let mut bytes = [0; 4];
            receiver.recv(&mut bytes).unwrap();
            assert_eq!(u32::from_le_bytes(bytes), number);
        }
        sending.join();
    });
}

#[test]
fn udp_datagrams_come_whole_and_say_from_whom() {
    with_both_sides(|other| {
        let server = udp();
        let address = server.local_addr().unwrap();
        let client = other.spawn(move || {
            let client = udp();
            client.send_to(b"hello", address).unwrap();
            client.connect(address).unwrap();
            assert_eq!(client.peer_addr().unwrap(), address);
            client.send(b"again").unwrap();
            let mut buffer = [0; 8];
            let count = client.recv(&mut buffer).unwrap();
            (client.local_addr().unwrap(), buffer[..count].to_vec())
        });
        let mut buffer = [0; 3];
        let (count, from) = server.peek_from(&mut buffer).unwrap();
        assert_eq!((count, &buffer), (3, b"hel"));
        assert_eq!(server.recv_from(&mut buffer).unwrap(), (count, from));
        let mut buffer = [0; 8];
        assert_eq!(server.peek(&mut buffer).unwrap(), 5);
        assert_eq!(server.recv_from(&mut buffer).unwrap(), (5, from));
        assert_eq!(&buffer[..5], b"again");
        server.send_to(b"bye", from).unwrap();
        assert_eq!(client.join(), (from, b"bye".to_vec()));
    });
}

#[test]
fn each_datagram_goes_to_one_of_many_who_receive() {
    with_both_sides(|other| {
        let server = udp();
        let address = server.local_addr().unwrap();
        let receivers: Vec<_> = (0..4)
            .map(|_| {
                let server = server.clone();
                other.spawn(move || {
                    let mut sum = 0;
                    let mut buffer = [0; 8];
                    while let Ok(count) = server.recv(&mut buffer) {
                        sum += count;
                    }
                    sum
                })
            })
            .collect();
        let (client, echo) = (udp(), udp());
        for _ in 0..100 {
            client.send_to(b"x", address).unwrap();
            client.send_to(b"12345", address).unwrap();
            // So few at a time that the system drops none.
            client.send_to(b"?", echo.local_addr().unwrap()).unwrap();
            echo.recv(&mut [0; 8]).unwrap();
        }
        // They take what is there before they are told that there will be no more.
        let is_empty = || {
            let socket = socket2::SockRef::from(&server);
            matches!(socket.peek(&mut [std::mem::MaybeUninit::uninit()]), Err(e) if e.kind() == ErrorKind::WouldBlock)
        };
        wait_until(is_empty);
        server.set_read_deadline(Some(Instant::now())).unwrap();
        assert_eq!(receivers.into_iter().map(Task::join).sum::<usize>(), 600);
    });
}

#[test]
fn deadlines_and_close_hold_for_udp_too() {
    with_both_sides(|other| {
        let socket = udp();
        socket
            .set_read_timeout(Some(Duration::from_millis(2)))
            .unwrap();
        assert_timed_out(socket.recv_from(&mut [0; 8]));
        socket.set_read_timeout(None).unwrap();
        let receiver = socket.clone();
        let recv = other.spawn(move || receiver.recv_from(&mut [0; 8]));
        settle();
        socket.close().unwrap();
        assert_closed(recv.join());
        assert_closed(socket.send_to(b"x", "127.0.0.1:9"));
        assert_closed(socket.set_broadcast(true));
        assert_closed(socket.into_std());
    });
}

#[test]
fn sending_where_nobody_receives_is_an_error_of_the_next_call() {
    on_both_sides(|| {
        // It hears its own peer only, and nobody else gets its port.
        let (deaf, peer) = (udp(), udp());
        deaf.connect(peer.local_addr().unwrap()).unwrap();
        let address = deaf.local_addr().unwrap();
        let socket = udp();
        socket.connect(address).unwrap();
        socket.send(b"x").unwrap();
        let error = socket.recv(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let none = socket.send_to(b"x", &[][..]).unwrap_err();
        assert_eq!(none.kind(), ErrorKind::InvalidInput);
        let unconnected = udp().send(b"x").unwrap_err();
        assert_eq!(unconnected.raw_os_error(), Some(libc::EDESTADDRREQ));
    });
}

#[test]
fn udp_and_unix_sockets_become_stds_and_come_back() {
    on_both_sides(|| {
        let ours = UdpSocket::try_from(udp().into_std().unwrap()).unwrap();
        ours.send_to(b"x", ours.local_addr().unwrap()).unwrap();
        assert_eq!(ours.recv(&mut [0; 8]).unwrap(), 1);
        let (a, b) = UnixStream::pair().unwrap();
        let (mut a, mut b) = (
            a.into_std().unwrap(),
            UnixStream::try_from(b.into_std().unwrap()).unwrap(),
        );
        a.write_all(b"x").unwrap();
        b.read_exact(&mut [0]).unwrap();
        let (c, _d) = UnixDatagram::pair().unwrap();
        assert!(UnixDatagram::try_from(c.into_std().unwrap()).is_ok());
    });
}
