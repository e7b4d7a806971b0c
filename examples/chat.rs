//! A chat over lines of text: rooms, names, and nobody who can hold up the others.
//!
//! `cargo run --release --example chat -- localhost:7008`, then `nc localhost 7008` in some terminals.
//! A line goes to all others in the room; `/join ROOM`, `/nick NAME` and `/who` do what they say.
//!
//! ```text
//!   socket --> listen --- lines ---> session --- requests ---> hub
//!   socket <------------------------ session <--- outbox ------'
//! ```
//!
//! Three kinds of goroutines. The hub is one, and owns who is where: there is no lock. A client has two:
//! one reads its lines; its session waits, in a `select!`, for a line to hand on or for one to write.
//! Only sessions ever wait for a client: the hub puts lines into their outboxes if there is room, and
//! lets go of who is [`OUTBOX`] lines behind. What a client sends waits for it alone, too.
//!
//! The end runs through by itself: no more lines, so the session tells the hub, which drops the outbox,
//! so the session writes what is left in it and closes. A stop is the end of all lines, no more.

#[path = "support/server.rs"]
mod server;

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use server::{Connection, Socket, listen_tcp, serve};
use sudog::chan::{Receiver, Sender, bounded};
use sudog::{go, select};

const USAGE: &str = "\
usage: chat HOST:PORT
Serve a chat. Clients send lines: a message for the room they are in, or /join ROOM, /nick NAME, /who.
";

/// The longest line, in bytes.
const LINE: usize = 1 << 10;
/// How many lines a client may be behind the others.
const OUTBOX: usize = 256;
/// How long a client may leave a line unread that we write.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest name of a client or a room, in characters.
const NAME: usize = 24;
/// Where everyone begins.
const LOBBY: &str = "lobby";

/// A line as it is written, shared by all who get it.
type Line = Arc<str>;

/// What sessions tell the hub, with the number of their connection.
enum Request {
    Arrive(Sender<Line>),
    Line(String),
    Leave,
}

#[sudog::main]
fn main() -> ExitCode {
    server::run(USAGE, |[address]| {
        let listener = listen_tcp(&address)?;
        let (requests_tx, requests) = bounded(64);
        go!(move || Hub::default().run(&requests));
        serve(listener, move |connection| {
            session(&connection, &requests_tx);
        })
    })
}

/// A client's own goroutine, which alone writes to it.
fn session<S: Socket>(connection: &Connection<S>, requests: &Sender<(u64, Request)>) {
    let number = connection.number();
    let tell = |request| requests.send((number, request)).expect("the hub is there");
    let (lines_tx, lines) = bounded(1);
    let (outbox_tx, outbox) = bounded(OUTBOX);
    tell(Request::Arrive(outbox_tx));
    sudog::scope(|s| {
        s.spawn(move || listen(connection, &lines_tx));
        loop {
            select! {
                recv(lines) -> line => match line {
                    Ok(line) => tell(Request::Line(line)),
                    Err(_) => break,
                },
                recv(outbox) -> line => {
                    // No line: the hub has let go of us.
                    let Ok(line) = line else { break };
                    if write(connection, &line, &outbox).is_err() {
                        break;
                    }
                }
            }
        }
        drop(lines);
        tell(Request::Leave);
        // The hub drops its end at that; until then it may still have something to say.
        let rest = outbox
            .iter()
            .try_for_each(|line| write(connection, &line, &outbox));
        drop(rest); // an error says that the client has gone
        connection.socket().close(); // wakes the one who listens
    });
}

/// Writes a line, and those that wait behind it, in one go.
fn write<S: Socket>(
    mut connection: &Connection<S>,
    first: &str,
    outbox: &Receiver<Line>,
) -> io::Result<()> {
    let mut text = first.to_owned();
    outbox.try_iter().for_each(|line| text.push_str(&line));
    let deadline = Instant::now() + PATIENCE;
    connection.socket().set_write_deadline(Some(deadline))?;
    connection.write_all(text.as_bytes())
}

/// Reads lines until the client's end, that of the session, or a line without end.
fn listen<S: Socket>(connection: &Connection<S>, lines: &Sender<String>) {
    let mut input = BufReader::with_capacity(
        LINE,
        Input {
            connection,
            is_new: true,
        },
    );
    let mut line = Vec::new();
    loop {
        line.clear();
        // Between two lines the client is idle, and a stop is its end.
        input.get_mut().is_new = true;
        let read = (&mut input).take(LINE as u64).read_until(b'\n', &mut line);
        let is_whole = line.len() < LINE || line.ends_with(b"\n");
        if read.is_err() || line.is_empty() || !is_whole {
            return;
        }
        if lines.send(printable(&line)).is_err() {
            return;
        }
    }
}

/// A connection of which the first read of each line waits as an idle one.
struct Input<'a, S: Socket> {
    connection: &'a Connection<S>,
    is_new: bool,
}

impl<S: Socket> Read for Input<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match std::mem::take(&mut self.is_new) {
            true => self.connection.read_when_idle(buffer),
            false => self.connection.socket().read(buffer),
        }
    }
}

/// A line as text that cannot play tricks on the terminals of others.
fn printable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end_matches(['\r', '\n']);
    text.replace(char::is_control, "\u{fffd}")
}

/// Who is here. One goroutine has it, and does one thing after the other.
#[derive(Default)]
struct Hub {
    guests: BTreeMap<u64, Guest>,
}

struct Guest {
    nick: String,
    room: String,
    outbox: Sender<Line>,
}

impl Hub {
    fn run(&mut self, requests: &Receiver<(u64, Request)>) {
        for (number, request) in requests {
            match request {
                Request::Arrive(outbox) => self.arrive(number, outbox),
                Request::Line(line) => self.hear(number, &line),
                Request::Leave => self.remove(number, "has left"),
            }
        }
    }

    fn arrive(&mut self, number: u64, outbox: Sender<Line>) {
        let free = |nick: &String| !self.has(nick);
        let mut names = (number + 1..).map(|n| format!("guest{n}"));
        let nick = names.find(free).expect("there are enough numbers");
        let room = LOBBY.to_owned();
        let welcome = format!("* you are {nick} in {room}; /join ROOM, /nick NAME, /who");
        let here = format!("* {nick} has come");
        self.guests.insert(number, Guest { nick, room, outbox });
        self.say_to(number, &welcome);
        self.say_near(number, &here);
    }

    /// Whether somebody has this name.
    fn has(&self, nick: &str) -> bool {
        self.guests.values().any(|guest| guest.nick == nick)
    }

    fn hear(&mut self, number: u64, line: &str) {
        // Who was let go may still have sent something.
        let Some(guest) = self.guests.get(&number) else {
            return;
        };
        let (command, argument) = line.split_once(' ').unwrap_or((line, ""));
        match (command, argument.trim()) {
            ("/join", room) => self.join(number, room),
            ("/nick", nick) => self.rename(number, nick),
            ("/who", "") => self.who(number),
            ("", "") => {}
            (command, _) if command.starts_with('/') => {
                let answer = format!("* no such command: {command}");
                self.say_to(number, &answer);
            }
            _ => {
                let message = format!("{}: {line}", guest.nick);
                self.say_near(number, &message);
            }
        }
    }

    fn join(&mut self, number: u64, room: &str) {
        if !is_name(room) {
            return self.say_to(number, &format!("* usage: /join ROOM, {NAME_RULE}"));
        }
        let nick = self.guests[&number].nick.clone();
        self.say_near(number, &format!("* {nick} has gone to {room}"));
        self.change(number, |guest| guest.room = room.to_owned());
        self.say_near(number, &format!("* {nick} has come"));
        self.who(number);
    }

    fn rename(&mut self, number: u64, nick: &str) {
        if !is_name(nick) {
            return self.say_to(number, &format!("* usage: /nick NAME, {NAME_RULE}"));
        }
        if self.has(nick) {
            return self.say_to(number, &format!("* {nick} is taken"));
        }
        let old = self.guests[&number].nick.clone();
        self.change(number, |guest| guest.nick = nick.to_owned());
        self.say_to(number, &format!("* you are {nick}"));
        self.say_near(number, &format!("* {old} is now {nick}"));
    }

    /// Changes a guest, if what was said last has not made us let go of it.
    fn change(&mut self, number: u64, change: impl FnOnce(&mut Guest)) {
        if let Some(guest) = self.guests.get_mut(&number) {
            change(guest);
        }
    }

    fn who(&mut self, number: u64) {
        let Some(asking) = self.guests.get(&number) else {
            return;
        };
        let near = self
            .guests
            .values()
            .filter(|guest| guest.room == asking.room);
        let mut nicks: Vec<_> = near.map(|guest| &*guest.nick).collect();
        nicks.sort_unstable();
        let answer = format!("* in {}: {}", asking.room, nicks.join(", "));
        self.say_to(number, &answer);
    }

    /// Says something to one.
    fn say_to(&mut self, number: u64, text: &str) {
        let line = format!("{text}\n").into();
        self.put(number, &line);
    }

    /// Says something to all others in the room of this one.
    fn say_near(&mut self, number: u64, text: &str) {
        if let Some(speaker) = self.guests.get(&number) {
            let room = speaker.room.clone();
            self.say_in(&room, number, text);
        }
    }

    /// Says something to all in a room but this one.
    fn say_in(&mut self, room: &str, but: u64, text: &str) {
        let line = format!("{text}\n").into();
        let is_there = |(number, guest): &(&u64, &Guest)| **number != but && guest.room == room;
        let there = self.guests.iter().filter(is_there);
        let there: Vec<_> = there.map(|(number, _)| *number).collect();
        there.into_iter().for_each(|number| self.put(number, &line));
    }

    /// Puts a line into an outbox, or lets go of its owner. Never waits.
    fn put(&mut self, number: u64, line: &Line) {
        let guest = self.guests.get(&number);
        if guest.is_some_and(|guest| guest.outbox.try_send(Arc::clone(line)).is_err()) {
            self.remove(number, "is too slow and was let go");
        }
    }

    /// Has one go, and says why to those who were near.
    fn remove(&mut self, number: u64, why: &str) {
        // Gone first: what is said of it may find others to be too slow, but never the same again.
        if let Some(guest) = self.guests.remove(&number) {
            self.say_in(&guest.room, number, &format!("* {} {why}", guest.nick));
        }
    }
}

const NAME_RULE: &str = "at most 24 letters, digits, - or _";

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    !name.is_empty() && name.chars().count() <= NAME && name.chars().all(fits)
}
