//! The page of `ws_chat` in a browser: a headless Chromium, asked over its debugging protocol, which is
//! JSON on a WebSocket. Only a few fields of that matter here, and are found as text.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tungstenite::{Message, WebSocket, client};

use super::server::Server;
use super::support::{PATIENCE, Tree};
use super::tool::tool;
use super::ws_chat::Guest;

/// What the browser is called, here and there.
const NAMES: [&str; 3] = ["chromium-headless-shell", "chromium", "google-chrome"];

/// A browser, killed at the end.
struct Browser {
    child: Child,
    address: String,
    _profile: Tree,
}

impl Browser {
    fn start() -> Option<Browser> {
        let mut command = NAMES.iter().find_map(|name| tool(name, "--version"))?;
        let profile = Tree::new("browser");
        let root = profile.root.to_str().expect("text");
        // Without a sandbox, as root has none; it is only to see our own page.
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ]);
        command.args([
            "--remote-debugging-port=0",
            &format!("--user-data-dir={root}"),
        ]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = command.spawn().expect("it starts");
        let mut lines = BufReader::new(child.stderr.take().expect("it is a pipe")).lines();
        let address = lines.by_ref().find_map(|line| {
            let line = line.expect("text");
            let url = line.strip_prefix("DevTools listening on ws://")?;
            Some(url.split('/').next().expect("an address").to_owned())
        });
        thread::spawn(move || lines.for_each(drop)); // so that it can go on writing
        Some(Browser {
            child,
            address: address.expect("it says where it listens"),
            _profile: profile,
        })
    }

    fn open(&self, url: &str) -> Page {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let host = &self.address;
        write!(
            stream,
            "PUT /json/new?{url} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        .expect("it is open");
        let answer = read_json(&mut stream);
        let (_, rest) = answer
            .split_once(r#""webSocketDebuggerUrl": ""#)
            .expect(&answer);
        let (socket, _) = rest.split_once('"').expect(&answer);
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let (socket, _) = client(socket, stream).expect("a WebSocket");
        Page { socket, number: 0 }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The group: Debian's command is a script that waits for the browser.
        // SAFETY: it only sends a signal; the child was not waited for, so the number is its group's still.
        unsafe { libc::kill(-(self.child.id() as libc::pid_t), libc::SIGKILL) };
        let _ = self.child.wait();
    }
}

/// Reads an object, whether or not the connection ends behind it.
fn read_json(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece).expect("an answer") {
            0 => break,
            n => text.extend_from_slice(&piece[..n]),
        }
        if text.trim_ascii_end().ends_with(b"}") {
            break;
        }
    }
    String::from_utf8(text).expect("text")
}

struct Page {
    socket: WebSocket<TcpStream>,
    number: u32,
}

impl Page {
    /// Has the page evaluate an expression without `"` in it, and returns the answer as it comes.
    fn evaluate(&mut self, expression: &str) -> String {
        self.number += 1;
        let id = format!(r#""id":{}"#, self.number);
        let request = format!(
            r#"{{{id},"method":"Runtime.evaluate","params":{{"expression":"{expression}"}}}}"#
        );
        self.socket
            .send(Message::text(request))
            .expect("it is open");
        loop {
            let answer = self.socket.read().expect("it is open").to_string();
            if answer.contains(&id) {
                return answer;
            }
        }
    }

    fn wait_for(&mut self, expected: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = self.evaluate("document.body.innerText");
            if shown.contains(expected) {
                return;
            }
            assert!(Instant::now() < deadline, "no {expected:?} in {shown}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn ws_chat_page_talks_and_shows_what_others_say() {
    let server = Server::start("ws_chat", "127.0.0.1:0");
    let Some(browser) = Browser::start() else {
        return;
    };
    let mut bob = Guest::new(&server, "bob");
    let mut page = browser.open(&format!("http://{}/%23ann", server.address));
    while !bob.hear().ends_with(" is now ann") {}
    page.wait_for("* you are ann");
    bob.say("<b>hello</b> page");
    page.wait_for("bob: <b>hello</b> page"); // as text, and not as HTML
    page.evaluate("input.value = 'hello from the page'; form.requestSubmit()");
    bob.hear_until("ann: hello from the page");
    page.wait_for("hello from the page");
    server.signal(libc::SIGTERM);
    page.wait_for("* the connection has ended: the server ends");
    drop(bob);
    server.finish();
}
