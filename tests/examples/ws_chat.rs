//! `ws_chat`: the page as curl gets it, the socket as tungstenite's client has it, and all that is neither.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message, WebSocket, client};

use super::server::{Server, take_little};
use super::support::{assert_success, example, run, text};
use super::tool::tool;

const ANY: &str = "127.0.0.1:0";

/// Somebody at the socket.
pub struct Guest(WebSocket<TcpStream>);

impl Guest {
    pub fn new(server: &Server, nick: &str) -> Guest {
        let url = format!("ws://{}/ws", server.address);
        let (socket, _) = client(url, server.connect()).expect("a WebSocket");
        let mut guest = Guest(socket);
        assert!(guest.hear().starts_with("* you are guest"));
        guest.say(&format!("/nick {nick}"));
        guest.hear_until(&format!("* you are {nick}"));
        guest
    }

    pub fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).expect("it is open");
    }

    fn take_little(&self) {
        take_little(self.0.get_ref());
    }

    pub fn hear(&mut self) -> String {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => return text.to_string(),
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                // A process that was stopped and goes on; std's own loops see to this.
                Err(Error::Io(error)) if error.kind() == ErrorKind::Interrupted => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub fn hear_until(&mut self, expected: &str) {
        while self.hear() != expected {}
    }

    /// The code with which the server closes.
    fn end(&mut self) -> CloseCode {
        loop {
            match self.0.read() {
                Ok(Message::Close(frame)) => return frame.expect("it says why").code,
                Ok(_) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn ws_chat_carries_what_guests_say() {
    let mut server = Server::start("ws_chat", ANY);
    let nobody = server.counts();
    let mut ann = Guest::new(&server, "ann");
    let mut bob = Guest::new(&server, "bob");
    bob.say("two\nlines");
    ann.hear_until("bob: two");
    ann.hear_until("bob: lines");
    ann.0
        .send(Message::Ping("are you there".into()))
        .expect("it is open");
    let pong = loop {
        if let Message::Pong(bytes) = ann.0.read().expect("it is open") {
            break bytes;
        }
    };
    assert_eq!(&pong[..], b"are you there");
    bob.say("/join den");
    ann.hear_until("* bob has gone to den");
    bob.0.close(None).expect("it is open");
    assert!(matches!(
        bob.0.read(),
        Ok(Message::Text(_) | Message::Close(_))
    ));
    drop(bob);
    server.wait_for_counts((nobody.0 + 1, nobody.1 + 2));
    drop(ann);
    server.wait_for_counts(nobody);
    server.stop();
}

#[test]
fn ws_chat_says_good_bye_when_it_ends() {
    let server = Server::start("ws_chat", ANY);
    let mut ann = Guest::new(&server, "ann");
    server.signal(libc::SIGTERM);
    assert_eq!(ann.end(), CloseCode::Away);
    assert!(matches!(ann.0.read(), Err(Error::ConnectionClosed)));
    server.finish();
}

#[test]
fn ws_chat_is_not_held_up_by_who_does_not_read() {
    let server = Server::start("ws_chat", ANY);
    let slow = Guest::new(&server, "slow");
    slow.take_little();
    let mut ann = Guest::new(&server, "ann");
    let mut bob = Guest::new(&server, "bob");
    let long = "x".repeat(1000);
    for _ in 0..8_000 {
        ann.say(&long);
        bob.hear_until(&format!("ann: {long}"));
    }
    bob.say("/who");
    bob.hear_until("* in lobby: ann, bob");
    drop((ann, bob));
    server.signal(libc::SIGTERM);
    // The slow one's session may still be at its last write; nobody else is cut.
    let output = server.output();
    assert_eq!(output.status.code(), Some(0));
    let stderr = text(&output.stderr);
    assert!(
        ["", "cut 1 that did not finish\n"].contains(&stderr),
        "{stderr}"
    );
}

#[test]
fn ws_chat_tells_clients_what_they_did_wrong() {
    let mut server = Server::start("ws_chat", ANY);
    let nobody = server.counts();
    let long = Message::text("x".repeat(5000));
    let sends = [
        (long, CloseCode::Size),
        (Message::binary("bytes"), CloseCode::Unsupported),
    ];
    // Each has a name of its own: the one before may not be gone yet.
    for (n, (message, expected)) in sends.into_iter().enumerate() {
        let mut guest = Guest::new(&server, &format!("sends{n}"));
        guest.0.send(message).expect("it is open");
        assert_eq!(guest.end(), expected);
    }
    // No frame at all; text that is none; a frame that nobody has masked.
    let writes = [
        (&[0xff; 100][..], CloseCode::Protocol),
        (b"\x81\x81\0\0\0\0\xff", CloseCode::Invalid),
        (b"\x81\x02hi", CloseCode::Protocol),
    ];
    for (n, (bytes, expected)) in writes.into_iter().enumerate() {
        let mut guest = Guest::new(&server, &format!("writes{n}"));
        guest.0.get_mut().write_all(bytes).expect("it is open");
        assert_eq!(guest.end(), expected, "{bytes:?}");
    }
    server.wait_for_counts(nobody);
    server.stop();
}

#[test]
fn ws_chat_answers_requests_for_something_else() {
    let mut server = Server::start("ws_chat", ANY);
    let nobody = server.counts();
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    let foreign = format!("GET /ws HTTP/1.1\r\nHost: here\r\nOrigin: http://there\r\n{upgrade}");
    let long = format!("GET / HTTP/1.1\r\nA: {}", "x".repeat(20_000));
    let many = format!("GET / HTTP/1.1\r\n{}", "A: b\r\n".repeat(200));
    for (request, expected) in [
        ("GET /none HTTP/1.1\r\n\r\n", "404 Not Found"),
        (
            "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            "405 Method Not Allowed",
        ),
        ("GET /ws HTTP/1.1\r\n\r\n", "426 Upgrade Required"),
        ("GET / HTTP/9.9\r\n\r\n", "400 Bad Request"),
        ("\0\u{1}\u{2}garbage\r\n\r\n", "400 Bad Request"),
        ("HEAD / HTTP/1.1\r\n\r\n", "200 OK"),
        (&foreign, "403 Forbidden"),
        (&long, "431 Request Header Fields Too Large"),
        (&many, "431 Request Header Fields Too Large"),
    ] {
        let mut client = server.connect();
        write!(client, "{request}\r\n").expect("it is open");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("an answer");
        let start = format!("HTTP/1.1 {expected}\r\n");
        assert!(answer.starts_with(&start), "{request:.50}: {answer}");
    }
    server.wait_for_counts(nobody);
    server.stop();
}

#[test]
fn ws_chat_gives_curl_the_page() {
    let server = Server::start("ws_chat", ANY);
    let Some(mut curl) = tool("curl", "--version") else {
        return;
    };
    let url = format!("http://{}/", server.address);
    let output = run(curl.args(["--silent", "--show-error", "--fail", &url]));
    assert_success(&output);
    assert_eq!(
        text(&output.stdout),
        include_str!("../../examples/ws_chat/page.html")
    );
    server.stop();
}

#[test]
fn ws_chat_shows_its_usage_and_names_a_taken_port() {
    let server = Server::start("ws_chat", ANY);
    let output = run(example("ws_chat").arg(&server.address));
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let start = format!(
        "ws_chat: cannot listen at {}: Address already",
        server.address
    );
    assert!(stderr.starts_with(&start), "{stderr}");
    server.stop();
    let help = run(example("ws_chat").arg("--help"));
    assert_success(&help);
    let output = run(&mut example("ws_chat"));
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).starts_with("ws_chat: wrong number of arguments\nusage: ws_chat ")
    );
}
