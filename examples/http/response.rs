//! Responses, written into the buffer that leaves with one write for all requests that came together.

use std::io::Write;
use std::time::SystemTime;

use crate::date;
use crate::request::{After, Method};

/// Why a request is not served, and the connection ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Refusal {
    BadRequest,
    Timeout,
    BodyTooLarge,
    HeadTooLarge,
    Coding,
    Version,
}

impl Refusal {
    pub fn status(self) -> &'static str {
        match self {
            Refusal::BadRequest => "400 Bad Request",
            Refusal::Timeout => "408 Request Timeout",
            Refusal::BodyTooLarge => "413 Content Too Large",
            Refusal::HeadTooLarge => "431 Request Header Fields Too Large",
            Refusal::Coding => "501 Not Implemented",
            Refusal::Version => "505 HTTP Version Not Supported",
        }
    }
}

/// The time of a batch of requests, read once, and its text, written once a second.
pub struct Clock {
    /// Milliseconds since 1970.
    pub now: u64,
    second: u64,
    text: date::Text,
}

impl Clock {
    pub fn new() -> Clock {
        Clock {
            now: 0,
            second: 0,
            text: date::format(0),
        }
    }

    pub fn read(&mut self) {
        let now = date::since_epoch(SystemTime::now());
        self.now = now.as_millis() as u64;
        if now.as_secs() != self.second {
            self.second = now.as_secs();
            self.text = date::format(self.second);
        }
    }
}

/// What is to be written. Keeps its memory from one batch to the next.
pub struct Output {
    pub bytes: Vec<u8>,
    pub clock: Clock,
}

impl Output {
    /// Begins a response: the status and the fields that describe the content.
    pub fn start(&mut self, status: &str) {
        self.bytes.extend_from_slice(b"HTTP/1.1 ");
        self.bytes.extend_from_slice(status.as_bytes());
        self.bytes.extend_from_slice(b"\r\n");
    }

    pub fn field(&mut self, name: &str, value: &str) {
        for part in [name, ": ", value, "\r\n"] {
            self.bytes.extend_from_slice(part.as_bytes());
        }
    }

    pub fn length(&mut self, length: usize) {
        write!(self.bytes, "Content-Length: {length}\r\n").expect("a vector takes everything");
    }

    /// Ends the head with the fields that every response has.
    pub fn end_head(&mut self, after: After) {
        self.bytes.extend_from_slice(b"Date: ");
        self.bytes.extend_from_slice(&self.clock.text);
        self.bytes.extend_from_slice(match after {
            After::Stay => b"\r\n\r\n",
            After::StayAndSay => b"\r\nConnection: keep-alive\r\n\r\n",
            After::Close => b"\r\nConnection: close\r\n\r\n",
        });
    }

    /// A whole response whose content is its status, for people to read.
    pub fn short(&mut self, status: &str, more: &[(&str, &str)], method: Method, after: After) {
        self.start(status);
        for (name, value) in more {
            self.field(name, value);
        }
        self.field("Content-Type", "text/plain; charset=utf-8");
        self.length(status.len() + 1);
        self.end_head(after);
        if method != Method::Head {
            self.bytes.extend_from_slice(status.as_bytes());
            self.bytes.push(b'\n');
        }
    }
}
