//! Rooms of guests who talk in lines: what `chat` and `ws_chat` have in common.
//!
//! One goroutine, the hub, owns who is where, and does one thing after the other: there is no lock. The
//! others send it requests, and each guest has an outbox, into which the hub puts lines.
//!
//! 1. The hub never waits for a guest. Who is further [`BEHIND`] than that is let go: its outbox ends,
//!    after what is in it. Lines count by what they weigh, from the hub's hand until they are dropped.
//! 2. That is done after the request during which it was seen, for all of them at once and with one line
//!    to each room. To do it on the spot would have the hub say so, find the next one too slow while it
//!    does, and go on like that, a level of its stack for each.
//! 3. After each request the hub lets the others run. It could fill an outbox before its owner, who is
//!    quick enough, has had a chance to look.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use sudog::chan::{Receiver, Sender, bounded, unbounded};
use sudog::{go, yield_now};

/// How far a guest may be behind the others, in bytes.
const BEHIND: usize = 4 << 20;
/// What a line weighs beside its text.
const LINE: usize = 64;
/// How many requests may wait for the hub.
const REQUESTS: usize = 64;
/// The longest name of a guest or a room, in characters.
const NAME: usize = 24;
/// The most names in a line.
const NAMES: usize = 50;
/// Where everyone begins.
const LOBBY: &str = "lobby";

/// What a guest may send beside messages.
const COMMANDS: &str = "/join ROOM, /nick NAME, /who";

/// A line without its end. The text is shared by all who get it.
pub struct Line {
    text: Arc<str>,
    behind: Arc<AtomicUsize>,
}

impl Line {
    fn weight(&self) -> usize {
        self.text.len() + LINE
    }
}

impl Deref for Line {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // Relaxed: a number and no more; only the hub adds to it.
        self.behind.fetch_sub(self.weight(), Relaxed);
    }
}

enum Request {
    Arrive(Sender<Line>),
    Hear(String),
    Leave { quietly: bool },
}

/// The way to the hub.
#[derive(Clone)]
pub struct Rooms(Sender<(u64, Request)>);

/// A guest's place.
pub struct Seat {
    rooms: Rooms,
    number: u64,
    /// What the others say. It ends when the guest has left or was let go.
    pub outbox: Receiver<Line>,
}

impl Rooms {
    pub fn open() -> Rooms {
        let (requests_tx, requests) = bounded(REQUESTS);
        go!(move || Hub::default().run(&requests));
        Rooms(requests_tx)
    }

    /// A guest's arrival, under a number that no other has.
    pub fn enter(&self, number: u64) -> Seat {
        let (outbox_tx, outbox) = unbounded();
        self.tell(number, Request::Arrive(outbox_tx));
        let rooms = self.clone();
        Seat {
            rooms,
            number,
            outbox,
        }
    }

    fn tell(&self, number: u64, request: Request) {
        let result = self.0.send((number, request));
        result.expect("the hub is there as long as somebody may ask");
    }
}

impl Seat {
    /// Hands a line on to the others, or does the command that it is.
    pub fn say(&self, text: &str) {
        self.rooms.tell(self.number, Request::Hear(printable(text)));
    }

    /// Leaves; `quietly` if nobody need know, as all do. What is in the outbox can still be read.
    pub fn leave(&self, quietly: bool) {
        self.rooms.tell(self.number, Request::Leave { quietly });
    }
}

/// Text that cannot play tricks on the terminals of others: no control characters, no end of a line, and
/// nothing that turns round the direction in which it is shown.
fn printable(text: &str) -> String {
    let is_trick = |c: char| {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        turns || matches!(c, '\u{2028}' | '\u{2029}') || (c.is_control() && c != '\t')
    };
    let text = text.trim_end_matches(['\r', '\n']);
    text.replace(is_trick, "\u{fffd}")
}

/// Who is here. One goroutine has it, and does one thing after the other.
#[derive(Default)]
struct Hub {
    guests: BTreeMap<u64, Guest>,
    /// Who has no room in the outbox, and is to be let go.
    slow: BTreeSet<u64>,
}

struct Guest {
    nick: String,
    room: String,
    outbox: Sender<Line>,
    /// What its lines weigh that nobody has dropped yet.
    behind: Arc<AtomicUsize>,
}

impl Guest {
    /// Puts a line into the outbox; false if there is too much in it.
    fn put(&self, text: &Arc<str>) -> bool {
        let (text, behind) = (Arc::clone(text), Arc::clone(&self.behind));
        let line = Line { text, behind };
        let before = self.behind.fetch_add(line.weight(), Relaxed);
        // Fails if the guest is leaving, and the hub will be told so.
        let is_quick = before < BEHIND;
        if is_quick {
            let _ = self.outbox.send(line);
        }
        is_quick
    }
}

impl Hub {
    fn run(&mut self, requests: &Receiver<(u64, Request)>) {
        for (number, request) in requests {
            match request {
                Request::Arrive(outbox) => self.arrive(number, outbox),
                Request::Hear(line) => self.hear(number, &line),
                Request::Leave { quietly } => self.leave(number, quietly),
            }
            self.let_go();
            yield_now();
        }
    }

    fn arrive(&mut self, number: u64, outbox: Sender<Line>) {
        let free = |nick: &String| !self.has(nick);
        let mut names = (number + 1..).map(|n| format!("guest{n}"));
        let nick = names.find(free).expect("there are enough numbers");
        let room = LOBBY.to_owned();
        let welcome = format!("* you are {nick} in {room}; {COMMANDS}");
        let here = format!("* {nick} has come");
        let guest = Guest {
            nick,
            room,
            outbox,
            behind: Arc::default(),
        };
        self.guests.insert(number, guest);
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
            ("/who", _) => self.who(number),
            ("", "") => {}
            (command, _) if command.starts_with('/') => {
                let answer = format!("* no such command: {command}; there are {COMMANDS}");
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
        let guest = &self.guests[&number];
        let nick = guest.nick.clone();
        if guest.room != room {
            self.say_near(number, &format!("* {nick} has gone to {room}"));
            self.guest(number).room = room.to_owned();
            self.say_near(number, &format!("* {nick} has come"));
        }
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
        self.guest(number).nick = nick.to_owned();
        self.say_to(number, &format!("* you are {nick}"));
        self.say_near(number, &format!("* {old} is now {nick}"));
    }

    /// One of whom we know that it is here: nobody goes before the request is done.
    fn guest(&mut self, number: u64) -> &mut Guest {
        self.guests.get_mut(&number).expect("it is here")
    }

    fn who(&mut self, number: u64) {
        let room = self.guest(number).room.clone();
        let near = self.guests.values().filter(|guest| guest.room == room);
        let nicks = near.map(|guest| &*guest.nick).collect();
        let answer = format!("* in {room}: {}", list(nicks));
        self.say_to(number, &answer);
    }

    fn leave(&mut self, number: u64, quietly: bool) {
        // Who was let go is not here any more.
        if let Some(guest) = self.guests.remove(&number)
            && !quietly
        {
            self.say_in(&guest.room, number, &format!("* {} has left", guest.nick));
        }
    }

    /// Has those go who are too slow, and those who turn out to be when that is said.
    fn let_go(&mut self) {
        while !self.slow.is_empty() {
            let slow = std::mem::take(&mut self.slow);
            let mut rooms: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for guest in slow.iter().filter_map(|number| self.guests.remove(number)) {
                rooms.entry(guest.room).or_default().push(guest.nick);
            }
            for (room, nicks) in rooms {
                let nicks = list(nicks.iter().map(|nick| &**nick).collect());
                self.say_in(&room, u64::MAX, &format!("* too slow, and let go: {nicks}"));
            }
        }
    }

    /// Says something to one.
    fn say_to(&mut self, number: u64, text: &str) {
        if !self.guest(number).put(&text.into()) {
            self.slow.insert(number);
        }
    }

    /// Says something to all others in the room of this one.
    fn say_near(&mut self, number: u64, text: &str) {
        let room = self.guest(number).room.clone();
        self.say_in(&room, number, text);
    }

    /// Says something to all in a room but this one.
    fn say_in(&mut self, room: &str, but: u64, text: &str) {
        let text = text.into();
        for (number, guest) in &self.guests {
            if *number != but && guest.room == room && !guest.put(&text) {
                self.slow.insert(*number);
            }
        }
    }
}

/// Names in their order, but not more than fit into a line.
fn list(mut names: Vec<&str>) -> String {
    names.sort_unstable();
    let more = names.len().saturating_sub(NAMES);
    names.truncate(NAMES);
    let names = names.join(", ");
    match more {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}

const NAME_RULE: &str = "at most 24 letters, digits, - or _";

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    !name.is_empty() && name.chars().count() <= NAME && name.chars().all(fits)
}
