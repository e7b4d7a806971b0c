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
//! Three kinds of goroutines. The hub is one, and owns who is where (support/rooms.rs). A client has two:
//! one reads its lines; its session waits, in a `select!`, for a line to hand on or for one to write.
//! Only sessions ever wait for a client, and each for its own; what a client sends waits for it alone, too.
//!
//! The end runs through by itself: no more lines, so the session tells the hub, which drops the outbox,
//! so the session writes what is left in it and closes. A stop is the end of all lines, no more.

#[path = "support/rooms.rs"]
mod rooms;
#[path = "support/server.rs"]
mod server;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rooms::{Line, Rooms};
use server::{Connection, Socket, listen_tcp, serve};
use sudog::chan::{Receiver, Sender, bounded};
use sudog::select;

const USAGE: &str = "\
usage: chat HOST:PORT
Serve a chat. Clients send lines: a message for the room they are in, or /join ROOM, /nick NAME, /who.
";

/// The longest line, in bytes, its end included.
const LINE: usize = 1 << 10;
/// How much we write at once, and a bit.
const WRITE: usize = 64 << 10;
/// How long a client may leave that unread.
const PATIENCE: Duration = Duration::from_secs(10);

#[sudog::main]
fn main() -> ExitCode {
    server::run(USAGE, |[address]| {
        let listener = listen_tcp(&address)?;
        let rooms = Rooms::open();
        serve(listener, move |connection| session(&connection, &rooms))
    })
}

/// What a client has sent.
enum Heard {
    Line(String),
    TooLong,
}

/// A client's own goroutine, which alone writes to it.
fn session<S: Socket>(connection: &Connection<S>, rooms: &Rooms) {
    let seat = rooms.enter(connection.number());
    let (lines_tx, lines) = bounded(1);
    sudog::scope(|s| {
        s.spawn(move || listen(connection, &lines_tx));
        // An error says that the client has gone, or does not read.
        let result = loop {
            let written = select! {
                recv(lines) -> line => match line {
                    Ok(Heard::Line(line)) => {
                        seat.say(&line);
                        Ok(())
                    }
                    Ok(Heard::TooLong) => {
                        write(connection, "* not sent: longer than a line may be", &seat.outbox)
                    }
                    Err(_) => break Ok(()),
                },
                recv(seat.outbox) -> line => match line {
                    Ok(line) => write(connection, &line, &seat.outbox),
                    Err(_) => break Ok(()), // we were let go
                }
            };
            if written.is_err() {
                break written;
            }
        };
        drop(lines);
        // The hub drops its end at that; until then it may still have something to say.
        seat.leave(connection.is_stopping());
        let rest = |()| {
            let mut rest = seat.outbox.iter();
            rest.try_for_each(|line| write(connection, &line, &seat.outbox))
        };
        drop(result.and_then(rest));
        if connection.is_over() {
            connection.linger(); // what has come since would take the last lines with it
        }
        connection.socket().close(); // wakes the one who listens
    });
}

/// Writes a line, and many of those that wait behind it, in one go.
fn write<S: Socket>(
    mut connection: &Connection<S>,
    first: &str,
    outbox: &Receiver<Line>,
) -> io::Result<()> {
    let mut text = format!("{first}\n");
    while text.len() < WRITE
        && let Ok(line) = outbox.try_recv()
    {
        text.push_str(&line);
        text.push('\n');
    }
    let deadline = Instant::now() + PATIENCE;
    connection.socket().set_write_deadline(Some(deadline))?;
    connection.write_all(text.as_bytes())
}

/// Reads lines until the client's end or that of the session.
fn listen<S: Socket>(connection: &Connection<S>, lines: &Sender<Heard>) {
    let is_new = true;
    let input = Input { connection, is_new };
    let mut input = BufReader::with_capacity(LINE, input);
    let mut line = Vec::new();
    loop {
        line.clear();
        if connection.is_over() {
            return;
        }
        // Between two lines the client is idle, and a stop is its end.
        input.get_mut().is_new = input.buffer().is_empty();
        let heard = match read_line(&mut input, &mut line) {
            Ok(0) | Err(_) => return,
            Ok(length) if length > LINE => Heard::TooLong,
            Ok(_) => Heard::Line(String::from_utf8_lossy(&line).into_owned()),
        };
        if lines.send(heard).is_err() {
            return;
        }
    }
}

/// Reads a line, or the last piece of one, and returns its length; what is over [`LINE`] is thrown away.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    let mut length = 0;
    loop {
        let bytes = input.fill_buf()?;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let piece = &bytes[..end.map_or(bytes.len(), |end| end + 1)];
        if length + piece.len() <= LINE {
            line.extend_from_slice(piece);
        }
        let taken = piece.len();
        input.consume(taken);
        length = length.saturating_add(taken);
        if end.is_some() || taken == 0 {
            return Ok(length);
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
