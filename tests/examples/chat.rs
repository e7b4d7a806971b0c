//! `chat`: rooms and names, and that nobody holds up the others.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::server::Server;
use super::support::text;

const ANY: &str = "127.0.0.1:0";

struct Guest(BufReader<TcpStream>);

impl Guest {
    fn new(server: &Server, nick: &str) -> Guest {
        let mut guest = Guest(BufReader::new(server.connect()));
        assert!(guest.hear().starts_with("* you are guest"));
        guest.say(&format!("/nick {nick}"));
        guest.hear_until(&format!("* you are {nick}"));
        guest
    }

    fn say(&mut self, line: &str) {
        let line = format!("{line}\n");
        let stream = self.0.get_mut();
        stream.write_all(line.as_bytes()).expect("it is open");
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line of text");
        line.trim_end().to_owned()
    }

    fn hear_until(&mut self, expected: &str) {
        loop {
            let line = self.hear();
            assert!(!line.is_empty(), "the end, before {expected}");
            if line == expected {
                return;
            }
        }
    }
}

#[test]
fn chat_keeps_rooms_apart() {
    let server = Server::start("chat", ANY);
    let mut ann = Guest::new(&server, "ann");
    let mut bob = Guest::new(&server, "bob");
    let mut eve = Guest::new(&server, "eve");
    ann.say("/join den");
    ann.hear_until("* in den: ann");
    bob.say("/join den");
    ann.hear_until("* bob has come");
    eve.say("/nick ann");
    eve.hear_until("* ann is taken");
    eve.say("nobody hears this");
    eve.say("/who");
    eve.hear_until("* in lobby: eve");
    bob.say("hi\u{1b}[2J");
    assert_eq!(ann.hear(), "bob: hi\u{fffd}[2J");
    drop(bob);
    assert_eq!(ann.hear(), "* bob has left");
    ann.say("/who");
    assert_eq!(ann.hear(), "* in den: ann");
    ann.say("/leap");
    assert_eq!(ann.hear(), "* no such command: /leap");
    server.stop();
    assert_eq!(ann.hear(), "");
}

#[test]
fn chat_is_not_held_up_by_who_does_not_read() {
    let server = Server::start("chat", ANY);
    let _slow = Guest::new(&server, "slow");
    let mut ann = Guest::new(&server, "ann");
    let mut bob = Guest::new(&server, "bob");
    ann.hear_until("* guest3 is now bob");
    let long = "x".repeat(1000);
    // Far more than the buffers of the system hold for the slow one, and bob hears each.
    for _ in 0..20_000 {
        ann.say(&long);
        bob.hear_until(&format!("ann: {long}"));
    }
    bob.say("/who");
    bob.hear_until("* in lobby: ann, bob");
    server.signal(libc::SIGTERM);
    // The slow one's session may still be at its last write; nobody else is cut.
    let output = server.output();
    assert_eq!(output.status.code(), Some(0));
    let stderr = text(&output.stderr);
    let expected = ["", "cut 1 that did not finish\n"];
    assert!(expected.contains(&stderr), "{stderr}");
}

#[test]
fn chat_survives_garbage_and_lines_without_end() {
    let server = Server::start("chat", ANY);
    let mut ann = Guest::new(&server, "ann");
    for garbage in [
        &b"\0\xff\xfe\n\n/\n /nick\n/nick \n/join \x07\n"[..],
        &[b'x'; 4096],
    ] {
        let mut client = server.connect();
        client.write_all(garbage).expect("it is open");
        let _ = client.shutdown(std::net::Shutdown::Write);
        let _ = client.read_to_end(&mut Vec::new()); // may be reset: the rest is not read
    }
    for byte in "/who\n".bytes() {
        ann.0.get_mut().write_all(&[byte]).expect("it is open");
    }
    ann.hear_until("* in lobby: ann");
    server.stop();
}
