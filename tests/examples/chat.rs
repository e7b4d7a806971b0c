//! `chat`: rooms and names, and that nobody holds up the others.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;

use super::server::{Server, take_little};
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

    fn take_little(&self) {
        take_little(self.0.get_ref());
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
    let commands = "/join ROOM, /nick NAME, /who";
    let answer = format!("* no such command: /leap; there are {commands}");
    assert_eq!(ann.hear(), answer);
    server.stop();
    assert_eq!(ann.hear(), "");
}

#[test]
fn chat_is_not_held_up_by_who_does_not_read() {
    let server = Server::start("chat", ANY);
    let slow = Guest::new(&server, "slow");
    slow.take_little();
    let mut ann = Guest::new(&server, "ann");
    let mut bob = Guest::new(&server, "bob");
    ann.hear_until("* guest3 is now bob");
    let long = "x".repeat(1000);
    // Far more than the buffers of the system hold for the slow one, and bob hears each.
    for _ in 0..8_000 {
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
    // All of these end by themselves.
    for garbage in [
        &b"\0\xff\xfe\n\n/\n /nick\n/nick \n/join \x07\n"[..],
        &[b'x'; 4096],
    ] {
        let mut client = server.connect();
        client.write_all(garbage).expect("it is open");
        let _ = client.shutdown(std::net::Shutdown::Write);
        let _ = client.read_to_end(&mut Vec::new()); // may be reset: the rest is not read
    }
    // A line that is too long is named, and the next one is heard.
    let mut long = Guest::new(&server, "long");
    long.say(&"x".repeat(100_000));
    long.hear_until("* not sent: longer than a line may be");
    long.say(&"y".repeat(1023));
    ann.hear_until(&format!("long: {}", "y".repeat(1023)));
    drop(long);
    ann.hear_until("* long has left");
    // A byte at a time.
    for byte in "/who\n".bytes() {
        ann.0.get_mut().write_all(&[byte]).expect("it is open");
    }
    ann.hear_until("* in lobby: ann");
    server.stop();
}

#[test]
fn chat_lets_go_of_many_slow_ones_at_once() {
    let mut server = Server::start("chat", ANY);
    let nobody = server.counts();
    let mut ann = Guest::new(&server, "ann");
    let slow: Vec<_> = (0..60).map(|_| server.connect()).collect();
    slow.iter().for_each(take_little);
    for _ in &slow {
        while !ann.hear().ends_with("has come") {}
    }
    // As they do not read, all of them are found too slow by the very same line, and the hub survives.
    let long = "x".repeat(1000);
    let mut writer = ann.0.get_ref().try_clone().expect("a clone");
    let mut left = slow.len();
    while left > 0 {
        let lines = format!("{long}\n").repeat(100) + "/leap\n";
        writer.write_all(lines.as_bytes()).expect("it is open");
        loop {
            let line = ann.hear();
            if let Some(names) = line.strip_prefix("* too slow, and let go: ") {
                let (named, more) = names.split_once(" and ").unwrap_or((names, "0 more"));
                let more = more.strip_suffix(" more").expect("a number of them");
                left -= named.split(", ").count() + more.parse::<usize>().expect("a number");
            } else if line.ends_with(" has left") {
                left -= 1; // its own session has lost patience before
            } else if line.starts_with("* no such command: /leap") {
                break;
            }
        }
    }
    drop((slow, writer, ann));
    server.wait_for_counts(nobody);
    server.stop();
}

#[test]
fn chat_keeps_up_with_who_talks_without_a_pause() {
    let server = Server::start("chat", ANY);
    let mut ann = Guest::new(&server, "ann");
    let mut bob = Guest::new(&server, "bob");
    let mut writer = ann.0.get_ref().try_clone().expect("a clone");
    let talking = thread::spawn(move || {
        let lines: String = (0..50_000).map(|n| format!("{n}\n")).collect();
        writer.write_all(lines.as_bytes()).expect("it is open");
    });
    for n in 0..50_000 {
        bob.hear_until(&format!("ann: {n}"));
    }
    talking.join().expect("all is written");
    ann.say("/who");
    ann.hear_until("* in lobby: ann, bob");
    server.stop();
}
