//! Ten thousand connections at once, and clients that come, go, and say a byte a second.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::server::{Server, ask};
use super::support::PATIENCE;

const MANY: usize = 10_000;

/// Lets this process and its children have so many descriptors; fewer if the system does not allow it.
fn allow_descriptors(wanted: usize) -> usize {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a local of the right type, which the call fills.
    let got = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    assert_eq!(got, 0);
    limit.rlim_cur = limit.rlim_cur.max(limit.rlim_max.min(wanted as u64));
    // SAFETY: the pointer is to a local of the right type, which the call only reads.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
    assert_eq!(set, 0);
    limit.rlim_cur as usize
}

#[test]
fn echo_holds_ten_thousand_idle_connections() {
    // Ours and the server's: both processes have one end of each, and the tests beside us have some.
    let spare = 1000;
    let count = MANY.min(allow_descriptors(MANY + spare).saturating_sub(spare));
    if count < MANY {
        eprintln!("only {count} connections instead of {MANY}: RLIMIT_NOFILE allows no more");
    }
    let mut server = Server::start("echo", "0.0.0.0:0");
    let (_, port) = server.address.rsplit_once(':').expect("a port");
    let port: u16 = port.parse().expect("a number");
    let nobody = server.counts();
    let connect = |n: usize| {
        // Some addresses, as one of them has ports for 28,000 connections, which all tests share.
        let address = format!("127.0.0.{}", 1 + n % 8);
        let stream = TcpStream::connect((&*address, port)).expect("the server accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        stream
    };
    let present = connect(0);
    assert_eq!(ask(&present, b"present"), b"present");
    let (descriptors, memory) = (server.descriptor_count() - 1, server.memory_bytes());
    drop(present);

    let clients: Vec<_> = (0..count).map(connect).collect();
    for client in &clients {
        assert_eq!(ask(client, b"x"), b"x");
    }
    assert_eq!(server.counts(), (nobody.0 + count, nobody.1 + count));
    let each = server.memory_bytes().saturating_sub(memory) / count;
    println!("{count} idle connections, {each} bytes for each");
    // 256 KiB would be a whole stack of each; only what is touched may count.
    assert!(each < 64 << 10, "{each} bytes for each connection");

    // One among many is served at once, and so is each of them, still.
    let late = connect(0);
    assert_eq!(ask(&late, b"late"), b"late");
    for client in clients.iter().step_by(97) {
        assert_eq!(ask(client, b"again"), b"again");
    }
    drop((clients, late));
    server.wait_for_descriptors(descriptors);
    server.wait_for_counts(nobody);
    server.stop();
}

#[test]
fn servers_end_with_many_idle_connections() {
    for name in ["echo", "chat", "tls_echo", "ws_chat"] {
        let server = Server::start(name, "127.0.0.1:0");
        let clients: Vec<_> = (0..200).map(|_| server.connect()).collect();
        server.signal(libc::SIGTERM);
        for mut client in clients {
            // The end, after what it may have said; or a reset, if it had not come to accept this one.
            let _ = client.read_to_end(&mut Vec::new());
        }
        server.finish();
    }
}

#[test]
fn servers_leak_nothing_in_a_storm() {
    for name in ["chat", "tls_echo", "ws_chat"] {
        let mut server = Server::start(name, "127.0.0.1:0");
        let nobody = server.counts();
        let mut present = server.connect();
        present.write_all(b"/who\r\n\r\n").expect("it is open");
        let _ = present.read(&mut [0; 1]);
        let with_one = server.descriptor_count();
        drop(present);
        server.wait_for_counts(nobody);
        let before = server.descriptor_count();
        assert!(before <= with_one);
        let storm = || {
            for n in 0..100 {
                let mut client = server.connect();
                match n % 3 {
                    0 => drop(client),
                    1 => drop(client.write_all(&[b'x'; 100])),
                    _ => drop(client.write_all(b"GET /ws HTTP/1.1\r\n\r\n")),
                }
            }
        };
        thread::scope(|s| (0..4).for_each(|_| drop(s.spawn(storm))));
        server.wait_for_counts(nobody);
        server.wait_for_descriptors(before);
        server.stop();
    }
}

#[test]
fn who_says_a_byte_a_second_is_served_and_holds_up_nobody() {
    let second = Duration::from_secs(1);
    let echo = Server::start("echo", "127.0.0.1:0");
    let chat = Server::start("chat", "127.0.0.1:0");
    let ws_chat = Server::start("ws_chat", "127.0.0.1:0");
    let (slow_echo, mut slow_chat, mut slow_ws) =
        (echo.connect(), chat.connect(), ws_chat.connect());
    let requests = [&b"/who\n"[..], b"GET / "];
    for n in 0..5 {
        let start = Instant::now();
        assert_eq!(ask(&slow_echo, &[n]), [n]);
        slow_chat
            .write_all(&requests[0][n as usize..][..1])
            .expect("it is open");
        slow_ws
            .write_all(&requests[1][n as usize..][..1])
            .expect("it is open");
        // Others come and are served meanwhile.
        assert_eq!(ask(&echo.connect(), b"quick"), b"quick");
        let mut quick = ws_chat.connect();
        quick
            .write_all(b"GET / HTTP/1.0\r\n\r\n")
            .expect("it is open");
        let mut page = String::new();
        quick.read_to_string(&mut page).expect("a page");
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
        thread::sleep(second.saturating_sub(start.elapsed()));
    }
    let mut heard = String::new();
    while !heard.contains("* in lobby: guest1\n") {
        let mut byte = [0];
        slow_chat.read_exact(&mut byte).expect("an answer");
        heard.push(char::from(byte[0]));
    }
    slow_ws.write_all(b" HTTP/1.0\r\n\r\n").expect("it is open");
    let mut page = String::new();
    slow_ws.read_to_string(&mut page).expect("a page");
    assert!(page.ends_with("</html>\n"), "{page}");
    [echo, chat, ws_chat].into_iter().for_each(Server::stop);
}
