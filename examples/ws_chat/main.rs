//! A chat in the browser: a page at `/`, and its WebSocket at `/ws`.
//!
//! `cargo run --release --example ws_chat -- localhost:8081`, then open <http://localhost:8081/> in some
//! windows, or <http://localhost:8081/#ann> to be called ann. The rooms are those of `chat`, and so are
//! `/join ROOM`, `/nick NAME` and `/who`.
//!
//! ```text
//!   socket --> receive --- bytes ---> session --- requests ---> hub
//!   socket <------ tungstenite <----- session <--- outbox ------'
//! ```
//!
//! tungstenite wants one stream to read and to write, and answers pings and closes on its own while it
//! reads. So it must have one owner, who may not wait for input as long as there may be something to write:
//!
//! 1. The session owns the WebSocket. Written is straight to the socket; read is what `receive`, the
//!    client's other goroutine, has brought, and when that is used up the answer is `WouldBlock`. Then
//!    the session waits in a `select!`: for bytes, for a line from the room, for the time of a ping.
//! 2. Reading with short deadlines from one goroutine would do as well, and be late with every line or
//!    burn the processor. Two WebSockets on clones of the stream would write their frames into each other.
//! 3. A stop is a close with code 1001: the client ends what it is at and closes too. It has
//!    [`LAST_WORDS`] for that.

#[path = "../support/rooms.rs"]
mod rooms;
#[path = "../support/server.rs"]
mod server;

mod http;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rooms::{Rooms, Seat};
use server::{Connection, listen_tcp, serve};
use sudog::chan::{Receiver, Sender, after, bounded, never};
use sudog::net::TcpStream;
use sudog::select;
use sudog::time::Ticker;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

const USAGE: &str = "\
usage: ws_chat HOST:PORT
Serve a chat: a page for browsers at http://HOST:PORT/, and its WebSocket at /ws.
";

/// The longest message, in bytes.
const MESSAGE: usize = 1 << 10;
/// How much is read at once.
const CHUNK: usize = 4 << 10;
/// How many lines are written at once.
const BATCH: usize = 64;
/// How long a client may leave that unread.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a client is asked whether it is still there; it has until the next time.
const PING: Duration = Duration::from_secs(30);
/// How long a client may take to close after we did.
const LAST_WORDS: Duration = Duration::from_secs(1);

type Result<T = ()> = std::result::Result<T, Error>;

#[sudog::main]
fn main() -> ExitCode {
    server::run(USAGE, |[address]| {
        let listener = listen_tcp(&address)?;
        let rooms = Rooms::open();
        serve(listener, move |connection| handle(&connection, &rooms))
    })
}

fn handle(connection: &Connection<TcpStream>, rooms: &Rooms) {
    // An error says that the client has gone.
    if let Ok(Some(early)) = http::answer(connection) {
        let seat = rooms.enter(connection.number());
        sudog::scope(|s| {
            let (arrivals_tx, arrivals) = bounded(1);
            s.spawn(move || receive(connection, &arrivals_tx));
            let mut session = Session::new(connection, &seat, early);
            // Here too; and whoever has made a mistake was told so.
            let _ = session.run(arrivals);
            seat.leave(connection.is_stopping());
            connection.socket().close().ok(); // wakes the one who receives
        });
    } else {
        connection.linger();
    }
}

/// What the socket brings. The client's end is that of the channel.
enum Arrival {
    Bytes(Vec<u8>),
    Stop,
}

/// Reads until the client's end or that of the session.
fn receive(connection: &Connection<TcpStream>, arrivals: &Sender<Arrival>) {
    let mut buffer = [0; CHUNK];
    let mut is_stopping = false;
    loop {
        let read = match is_stopping {
            false => connection.read_when_idle(&mut buffer),
            true => connection.socket().read(&mut buffer),
        };
        let arrival = match read {
            Ok(0) if connection.is_stopping() && !is_stopping => {
                is_stopping = true; // and if it was the client's end, we read it again
                Arrival::Stop
            }
            Ok(0) | Err(_) => return,
            Ok(n) => Arrival::Bytes(buffer[..n].to_vec()),
        };
        if arrivals.send(arrival).is_err() {
            return;
        }
    }
}

/// What tungstenite takes for the socket (point 1 on top).
struct Wire<'a> {
    connection: &'a Connection<TcpStream>,
    arrived: VecDeque<u8>,
    has_ended: bool,
}

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.arrived.read(buffer)? {
            0 if !self.has_ended => Err(ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.connection.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A client's own goroutine, which alone writes to it.
struct Session<'a> {
    socket: WebSocket<Wire<'a>>,
    seat: &'a Seat,
    /// When a client that we have closed must be done.
    end: Receiver<Instant>,
    /// Nothing has come since the last ping.
    is_silent: bool,
}

impl<'a> Session<'a> {
    /// A session with what the client has sent behind its request.
    fn new(connection: &'a Connection<TcpStream>, seat: &'a Seat, early: Vec<u8>) -> Session<'a> {
        let config = WebSocketConfig::default()
            .read_buffer_size(CHUNK)
            .max_message_size(Some(MESSAGE))
            .max_frame_size(Some(MESSAGE));
        let wire = Wire {
            connection,
            arrived: early.into(),
            has_ended: false,
        };
        Session {
            socket: WebSocket::from_raw_socket(wire, Role::Server, Some(config)),
            seat,
            end: never(),
            is_silent: false,
        }
    }

    /// Serves until the end of the connection.
    fn run(&mut self, arrivals: Receiver<Arrival>) -> Result {
        let pings = Ticker::new(PING);
        loop {
            self.start_writing()?; // tungstenite may
            if let Err(error) = self.hear() {
                return self.complain(error);
            }
            select! {
                recv(arrivals) -> arrival => match arrival {
                    Ok(Arrival::Bytes(bytes)) => {
                        self.is_silent = false;
                        self.socket.get_mut().arrived.extend(bytes);
                    }
                    Ok(Arrival::Stop) => self.close(CloseCode::Away, "the server ends")?,
                    Err(_) => self.socket.get_mut().has_ended = true,
                },
                recv(self.seat.outbox) -> line, if self.socket.can_write() => match line {
                    Ok(line) => self.write(&line)?,
                    Err(_) => self.close(CloseCode::Policy, "too slow")?, // we were let go
                },
                recv(pings.receiver()) -> _, if self.socket.can_write() => {
                    if self.is_silent {
                        return Ok(());
                    }
                    self.is_silent = true;
                    self.start_writing()?;
                    self.socket.send(Message::Ping(Vec::new().into()))?;
                },
                recv(self.end) -> _ => return Ok(()),
            }
        }
    }

    /// Hands on all messages that have come whole.
    fn hear(&mut self) -> Result {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => text.lines().for_each(|line| self.seat.say(line)),
                Ok(Message::Binary(_)) => self.close(CloseCode::Unsupported, "text only")?,
                Ok(_) => {} // tungstenite has seen to it
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Tells a client that has made a mistake which it was.
    fn complain(&mut self, error: Error) -> Result {
        let code = match error {
            Error::Protocol(_) => CloseCode::Protocol,
            Error::Capacity(_) => CloseCode::Size,
            Error::Utf8(_) => CloseCode::Invalid,
            // Closed as it should be, or gone.
            error => return Err(error),
        };
        if self.socket.can_write() {
            let reason: String = error.to_string().chars().take(100).collect();
            self.close(code, reason)?;
        }
        self.socket.get_ref().connection.linger();
        Ok(())
    }

    /// Gives the client its time for what is written next.
    fn start_writing(&self) -> Result {
        let socket = self.socket.get_ref().connection.socket();
        Ok(socket.set_write_deadline(Some(Instant::now() + PATIENCE))?)
    }

    /// Writes a line, and some of those that wait behind it, in one go.
    fn write(&mut self, first: &str) -> Result {
        self.start_writing()?;
        self.socket.write(Message::text(first))?;
        for line in self.seat.outbox.try_iter().take(BATCH) {
            self.socket.write(Message::text(&*line))?;
        }
        self.socket.flush()
    }

    fn close(&mut self, code: CloseCode, reason: impl Into<Cow<'static, str>>) -> Result {
        if self.socket.can_write() {
            self.start_writing()?;
            let reason = reason.into().as_ref().into();
            self.socket.close(Some(CloseFrame { code, reason }))?;
            self.socket.flush()?;
            self.end = after(LAST_WORDS);
        }
        Ok(())
    }
}
