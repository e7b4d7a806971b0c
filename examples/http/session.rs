//! One connection: read, answer all that is complete, write once, and again.
//!
//! 1. `input[start..end]` is read and not yet answered. A request whose body has come with it is answered while
//!    it stays there; for one whose body has not, the head is copied, and the body passes through the same
//!    place. What follows it is the next request. No byte is looked at as two things.
//! 2. `limit` is when the bytes we wait for are due: none while nothing of a request has come, ten seconds
//!    from its first byte on for a head, and so for a body. `armed` is what the socket has of that. Most
//!    requests come whole, and then neither changes.
//! 3. Whoever is refused, or asked for it, is told that the connection ends. The write half is shut then,
//!    and what still comes is thrown away for a while: a close with bytes unread would reset the connection,
//!    and the client might never read why.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sudog::net::TcpStream;

use crate::Site;
use crate::body::Body;
use crate::date;
use crate::files::{Content, Found, Last, Page};
use crate::request::{self, After, HEAD_MAX, Method, Request};
use crate::response::{Clock, Output, Refusal};
use crate::server::Connection;

/// How long a head may take from its first byte on, and a body.
const DUE: Duration = Duration::from_secs(10);
/// How long a connection may be idle.
const IDLE: Duration = Duration::from_secs(75);
/// How long a client may not read before it counts as gone.
const STUCK: Duration = Duration::from_secs(30);
/// How long we throw away what comes after the end.
const LINGER: Duration = Duration::from_secs(1);

/// The size of an idle connection's buffer; it grows for long heads.
const INPUT: usize = 4 * 1024;
/// What an idle connection's output may keep of its memory.
const OUTPUT: usize = 16 * 1024;
/// So many bytes of responses are written even if there are more requests to answer.
const BATCH: usize = 64 * 1024;
/// The pieces of a large file.
const PIECE: usize = 128 * 1024;

pub struct Session<'a> {
    site: &'a Site,
    connection: &'a Connection<TcpStream>,
    input: Vec<u8>,
    start: usize,
    end: usize,
    /// Up to here it is known that no head ends.
    tried: usize,
    output: Output,
    last: Last,
    /// Requests that are answered and not counted yet.
    answered: u64,
    limit: Option<Instant>,
    armed: Option<Instant>,
}

/// What answering has come to.
enum Turn {
    /// The body of a request has to come, whose head is copied.
    AwaitBody {
        head: Vec<u8>,
        body: Body,
        has_begun: bool,
    },
    /// More has to come.
    Read,
    /// The last response is written.
    End,
    Refuse(Refusal),
}

impl<'a> Session<'a> {
    pub fn new(site: &'a Site, connection: &'a Connection<TcpStream>) -> io::Result<Session<'a>> {
        let stream = connection.socket();
        stream.set_read_timeout(Some(IDLE))?;
        stream.set_write_timeout(Some(STUCK))?;
        Ok(Session {
            site,
            connection,
            input: vec![0; INPUT],
            start: 0,
            end: 0,
            tried: 0,
            output: Output {
                bytes: Vec::new(),
                clock: Clock::new(),
            },
            last: Last::default(),
            answered: 0,
            limit: None,
            armed: None,
        })
    }

    /// Serves until the end of the connection.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn run(mut self) -> io::Result<()> {
        loop {
            self.send()?;
            let more = if self.start == self.end {
                self.wait()
            } else {
                self.read()
            };
            let turn = match more {
                // More may have come, which would take the last answers with it.
                Ok(false) if self.connection.is_over() => return self.linger(),
                Ok(false) => return Ok(()),
                Ok(true) => self.answer()?,
                Err(error) if is_timeout(&error) => Turn::Refuse(Refusal::Timeout),
                Err(error) => return Err(error),
            };
            if let Turn::Refuse(refusal) = turn {
                self.answered += 1;
                self.output.clock.read();
                let status = refusal.status();
                self.output.short(status, &[], Method::Other, After::Close);
            }
            let requests = std::mem::take(&mut self.answered);
            self.site.requests.fetch_add(requests, Ordering::Relaxed);
            if !matches!(turn, Turn::Read) {
                self.send()?;
                return self.linger();
            }
        }
    }

    /// Writes what there is to write.
    fn send(&mut self) -> io::Result<()> {
        if !self.output.bytes.is_empty() {
            self.stream().write_all(&self.output.bytes)?;
            self.output.bytes.clear();
        }
        Ok(())
    }

    /// Waits for the first bytes of a request; false if none come.
    fn wait(&mut self) -> io::Result<bool> {
        if self.output.bytes.capacity() > OUTPUT {
            self.output.bytes = Vec::new();
        }
        if self.input.len() > INPUT {
            self.input = vec![0; INPUT];
        }
        (self.start, self.end, self.tried) = (0, 0, 0);
        self.limit = None;
        self.arm()?;
        match self.connection.read_when_idle(&mut self.input) {
            Ok(count) => self.end = count,
            Err(error) if is_timeout(&error) => return Ok(false), // idle for too long
            Err(error) => return Err(error),
        }
        Ok(self.end > 0)
    }

    /// Reads more of what has begun; false if the client has ended instead.
    #[cold]
    fn read(&mut self) -> io::Result<bool> {
        self.limit = self.limit.or_else(due);
        self.arm()?;
        if self.start > 0 {
            self.input.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.tried -= self.start;
            self.start = 0;
        }
        if self.end == self.input.len() {
            self.input.resize((2 * self.end).min(HEAD_MAX), 0);
        }
        let count = (&mut &*self.connection).read(&mut self.input[self.end..])?;
        self.end += count;
        Ok(count > 0)
    }

    /// Has the socket keep `limit`.
    fn arm(&mut self) -> io::Result<()> {
        if self.armed != self.limit {
            self.armed = self.limit;
            self.stream().set_read_deadline(self.limit)?;
        }
        Ok(())
    }

    fn stream(&self) -> &'a TcpStream {
        self.connection.socket()
    }

    /// Answers all requests that are complete.
    #[inline(never)]
    fn answer(&mut self) -> io::Result<Turn> {
        self.output.clock.read();
        loop {
            self.skip_empty_lines();
            if self.start == self.end || !self.may_be_complete() {
                return Ok(Turn::Read);
            }
            let input = std::mem::take(&mut self.input);
            let turn = match request::parse(&input[self.start..self.end]) {
                Ok(Some(request)) => self.take(request, &input),
                Ok(None) => {
                    self.tried = self.end;
                    Ok(Some(Turn::Read))
                }
                Err(refusal) => Ok(Some(Turn::Refuse(refusal))),
            };
            self.input = input;
            let turn = match turn? {
                Some(Turn::AwaitBody {
                    head,
                    body,
                    has_begun,
                }) => self.take_with_body(&head, body, has_begun)?,
                turn => turn,
            };
            if let Some(turn) = turn {
                return Ok(turn);
            }
        }
    }

    /// Old clients end a body with an empty line that belongs to nothing.
    fn skip_empty_lines(&mut self) {
        loop {
            match &self.input[self.start..self.end] {
                [b'\n', ..] => self.start += 1,
                [b'\r', b'\n', ..] => self.start += 2,
                _ => break,
            }
        }
        self.tried = self.tried.max(self.start);
    }

    /// Looks for the end of a head among the bytes that are new, for those who send a head in many pieces:
    /// to parse it from its beginning for each would cost the square of its length.
    fn may_be_complete(&self) -> bool {
        let is_new = self.tried == self.start;
        if is_new || self.end - self.start >= HEAD_MAX {
            return true;
        }
        let new = &self.input[self.tried.saturating_sub(2).max(self.start)..self.end];
        let mut lines = new.split(|byte| *byte == b'\n');
        // What is before the first newline began earlier, and what follows the last is not complete.
        lines.next();
        lines.next_back();
        lines.any(|line| matches!(line, b"" | b"\r"))
    }

    /// Answers a request and passes over it; `None` if there may be another.
    fn take(&mut self, mut request: Request<'_>, input: &[u8]) -> io::Result<Option<Turn>> {
        let head = self.start..self.start + request.head_len;
        self.limit = None;
        self.start = head.end;
        if !request.body.is_over() {
            match request.body.pass(&input[self.start..self.end]) {
                Ok(count) => self.start += count,
                Err(refusal) => return Ok(Some(Turn::Refuse(refusal))),
            }
            if !request.body.is_over() {
                let has_begun = head.end < self.end;
                if !has_begun && request.expects_continue {
                    let line = b"HTTP/1.1 100 Continue\r\n\r\n";
                    self.output.bytes.extend_from_slice(line);
                }
                return Ok(Some(Turn::AwaitBody {
                    head: input[head].to_vec(),
                    body: request.body,
                    has_begun,
                }));
            }
        }
        self.respond(&request)
    }

    /// The same for one whose body has not come yet.
    #[cold]
    fn take_with_body(
        &mut self,
        head: &[u8],
        mut body: Body,
        mut has_begun: bool,
    ) -> io::Result<Option<Turn>> {
        self.tried = self.start;
        self.send()?;
        // For a body that has not begun this is how long it may take to.
        self.limit = due();
        while !body.is_over() {
            match self.read() {
                Ok(true) => {}
                Ok(false) => return Ok(Some(Turn::End)), // there is nobody to answer
                Err(error) if is_timeout(&error) => {
                    return Ok(Some(Turn::Refuse(Refusal::Timeout)));
                }
                Err(error) => return Err(error),
            }
            if !std::mem::replace(&mut has_begun, true) {
                self.limit = due();
            }
            match body.pass(&self.input[self.start..self.end]) {
                Ok(count) => self.start += count,
                Err(refusal) => return Ok(Some(Turn::Refuse(refusal))),
            }
            self.tried = self.start;
        }
        self.limit = None;
        self.output.clock.read();
        match request::parse(head) {
            Ok(Some(request)) => self.respond(&request),
            _ => unreachable!("it was understood before"),
        }
    }

    /// Writes the response, and says whether the connection ends with it.
    fn respond(&mut self, request: &Request<'_>) -> io::Result<Option<Turn>> {
        self.tried = self.start;
        self.answered += 1;
        let is_last = self.start == self.end || self.connection.is_over();
        let after = match request.after {
            _ if is_last && self.connection.is_stopping() => After::Close,
            after => after,
        };
        self.write_response(request, after)?;
        if after == After::Close {
            return Ok(Some(Turn::End));
        }
        if self.output.bytes.len() >= BATCH {
            self.send()?;
        }
        Ok(None)
    }

    fn write_response(&mut self, request: &Request<'_>, after: After) -> io::Result<()> {
        let (output, method) = (&mut self.output, request.method);
        if method == Method::Other {
            output.short(
                "405 Method Not Allowed",
                &[("Allow", "GET, HEAD")],
                method,
                after,
            );
        } else if request.path == b"/api/status" {
            return self.status(method, after);
        } else if let Some(page) = self.last.take(request.path, output.clock.now) {
            return self.page(page, request, after);
        } else {
            match self.site.files.find(request.path, output.clock.now) {
                Found::Page(page) => {
                    self.last.note(request.path);
                    return self.page(page, request, after);
                }
                Found::Moved(to) => {
                    let location = [("Location", &*to)];
                    output.short("301 Moved Permanently", &location, method, after);
                }
                Found::Missing => output.short("404 Not Found", &[], method, after),
                Found::Forbidden => output.short("403 Forbidden", &[], method, after),
                Found::Broken => output.short("500 Internal Server Error", &[], method, after),
            }
        }
        Ok(())
    }

    fn status(&mut self, method: Method, after: After) -> io::Result<()> {
        let output = &mut self.output;
        let mut json = [0; 256];
        let mut rest = &mut json[..];
        self.site.status(self.connection.open_count(), &mut rest)?;
        let length = 256 - rest.len();
        output.start("200 OK");
        output.field("Content-Type", "application/json");
        output.field("Cache-Control", "no-store");
        output.length(length);
        output.end_head(after);
        if method != Method::Head {
            output.bytes.extend_from_slice(&json[..length]);
        }
        Ok(())
    }

    /// Sends what the path of the request has led to, and keeps it at hand.
    fn page(&mut self, page: Arc<Page>, request: &Request<'_>, after: After) -> io::Result<()> {
        let result = self.write_page(&page, request, after);
        self.last.keep(page);
        result
    }

    fn write_page(&mut self, page: &Page, request: &Request<'_>, after: After) -> io::Result<()> {
        let output = &mut self.output;
        if is_known(page, request) {
            output.start("304 Not Modified");
            output.bytes.extend_from_slice(&page.validators);
            output.end_head(after);
            return Ok(());
        }
        output.start("200 OK");
        output.bytes.extend_from_slice(&page.fields);
        output.end_head(after);
        if request.method == Method::Head {
            return Ok(());
        }
        match &page.content {
            Content::Small(content) => output.bytes.extend_from_slice(content),
            Content::Large(file, length) => {
                self.send()?;
                self.send_file(file, *length)?;
            }
        }
        Ok(())
    }

    /// Sends as much of a file as was promised, though it may have changed since.
    ///
    /// # Errors
    /// Also if it has become shorter: to end the connection is the only way to say so.
    fn send_file(&mut self, file: &std::fs::File, length: u64) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        let mut at = 0;
        while at < length {
            let room = piece.len().min((length - at) as usize);
            let count = sudog::blocking(|| file.read_at(&mut piece[..room], at))?;
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.stream().write_all(&piece[..count])?;
            at += count as u64;
        }
        Ok(())
    }

    /// Lets the client read the last response before the connection is closed (point 3 on top).
    fn linger(&mut self) -> io::Result<()> {
        self.stream().shutdown(Shutdown::Write)?;
        self.limit = Instant::now().checked_add(LINGER);
        self.arm()?;
        while (&mut &*self.connection).read(&mut self.input)? > 0 {}
        Ok(())
    }
}

/// When the rest of what has just begun is due.
fn due() -> Option<Instant> {
    Instant::now().checked_add(DUE)
}

fn is_timeout(error: &io::Error) -> bool {
    error.kind() == ErrorKind::TimedOut
}

/// The client has the page as it is. A tag says more than a date, so a date beside one is passed over.
fn is_known(page: &Page, request: &Request<'_>) -> bool {
    match (request.if_none_match, request.if_modified_since) {
        (Some(tags), _) => tags.split(|byte| *byte == b',').any(|tag| {
            let tag = tag.trim_ascii();
            tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == page.etag.as_bytes()
        }),
        (None, Some(date)) => date::parse(date).is_some_and(|date| page.modified <= date),
        (None, None) => false,
    }
}
