//! A client's goroutine: read, answer all requests that are whole, write, and again.
//!
//! Requests that came together are answered together, so that a pipeline of any length is one read and
//! one write.
#![forbid(unsafe_code)]

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use sudog::net::TcpStream;

use crate::Shared;
use crate::commands;
use crate::protocol::{Parser, ProtocolError};
use crate::pubsub::Subscriber;
use crate::reply;
use crate::server::Connection;

/// What a buffer has room for at first, and what a larger one goes back to.
const INPUT_MIN: usize = 4 << 10;
const INPUT_USUAL: usize = 64 << 10;
/// A buffer doubles until it grows by so much at a time.
const INPUT_STEP: usize = 1 << 20;
/// Replies are written when they are this long, even if there are more requests.
const OUTPUT_MAX: usize = 256 << 10;

/// What of its memory the output keeps meanwhile.
const OUTPUT_USUAL: usize = 64 << 10;

/// How long to read on after the last reply: to close with bytes unread would lose it on its way.
const FAREWELL: Duration = Duration::from_secs(1);

pub struct Client {
    pub shared: Arc<Shared>,
    /// What it has subscribed to, if ever. It sends its rest before the connection counts as ended.
    pub subscriber: Option<Subscriber>,
    pub connection: Connection<TcpStream>,
    /// It has said QUIT, or something that no client of ours says.
    pub is_leaving: bool,
    parser: Parser,
}

/// Serves a client until one side ends; an error says that it has gone.
pub fn serve(shared: Arc<Shared>, connection: Connection<TcpStream>) -> io::Result<()> {
    shared.connections.fetch_add(1, Relaxed);
    let mut client = Client {
        shared,
        subscriber: None,
        connection,
        is_leaving: false,
        parser: Parser::new(),
    };
    let (mut input, mut out) = (Input::new(), Vec::new());
    while input.read(&client.connection)? {
        let answered = client.answer(&mut input, &mut out);
        if let Ok(Err(error)) = &answered {
            reply::error(&mut out, error.text());
        }
        let has_answered = !out.is_empty();
        client.flush(&mut out)?;
        // Who never waits for an answer has never a moment between two requests.
        let is_over = has_answered && client.connection.is_over();
        if answered?.is_err() || client.is_leaving || is_over {
            return client.say_farewell();
        }
        out.shrink_to(OUTPUT_USUAL);
    }
    match client.connection.is_over() {
        // More has come, which would take the last answers with it.
        true => client.say_farewell(),
        false => Ok(()),
    }
}

impl Client {
    /// Answers the requests that are whole.
    fn answer(
        &mut self,
        input: &mut Input,
        out: &mut Vec<u8>,
    ) -> io::Result<Result<(), ProtocolError>> {
        let (mut start, mut count) = (0, 0);
        let end = loop {
            let bytes = &mut input.bytes[start..input.filled];
            match self.parser.parse(bytes) {
                Ok(Some(len)) => {
                    // Taken out, as the command may change all else of the client.
                    let parser = std::mem::replace(&mut self.parser, Parser::new());
                    let args = parser.args(bytes);
                    if args.len() > 0 {
                        commands::execute(self, args, out);
                        count += 1;
                    }
                    self.parser = parser;
                    start += len;
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
            if self.is_leaving {
                break Ok(());
            }
            if out.len() > OUTPUT_MAX {
                self.flush(out)?;
            }
        };
        input.consume(start);
        self.shared.commands.fetch_add(count, Relaxed);
        Ok(end)
    }

    fn flush(&self, out: &mut Vec<u8>) -> io::Result<()> {
        match &self.subscriber {
            Some(subscriber) => subscriber.send(out),
            None => (&self.connection).write_all(out)?,
        }
        out.clear();
        Ok(())
    }

    /// Ends our side, and waits a little for the other to have seen it.
    fn say_farewell(mut self) -> io::Result<()> {
        self.subscriber = None; // which sends the rest
        let stream = self.connection.socket();
        stream.shutdown(Shutdown::Write)?;
        stream.set_read_deadline(Some(Instant::now() + FAREWELL))?;
        let mut ignored = [0; 4096];
        while (&self.connection).read(&mut ignored)? > 0 {}
        Ok(())
    }
}

/// What was read and not yet answered.
struct Input {
    /// The first `filled` were read.
    bytes: Vec<u8>,
    filled: usize,
}

impl Input {
    fn new() -> Input {
        Input {
            bytes: Vec::new(),
            filled: 0,
        }
    }

    /// Reads more; says whether there was any.
    fn read(&mut self, mut connection: &Connection<TcpStream>) -> io::Result<bool> {
        if self.filled == self.bytes.len() {
            let more = self.filled.clamp(INPUT_MIN, INPUT_STEP);
            self.bytes.resize(self.filled + more, 0);
        }
        let room = &mut self.bytes[self.filled..];
        loop {
            // A client is idle between requests, not in one.
            let read = match self.filled {
                0 => connection.read_when_idle(room),
                _ => connection.read(room),
            };
            match read {
                Ok(n) => {
                    self.filled += n;
                    return Ok(n > 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Removes the first `n`, and gives back what a large request has taken.
    fn consume(&mut self, n: usize) {
        // Of a large one that is not whole nothing is removed, and it must not be moved for each piece.
        if n > 0 {
            self.bytes.copy_within(n..self.filled, 0);
        }
        self.filled -= n;
        if self.filled <= INPUT_USUAL / 2 && self.bytes.len() > INPUT_USUAL {
            self.bytes.truncate(INPUT_USUAL);
            self.bytes.shrink_to_fit();
        }
    }
}
