//! The head of a request: what httparse finds in the bytes, and what RFC 9112 lets it mean.
//!
//! Where two readers of the same bytes could disagree about where a request ends, the second request can be
//! hidden from one of them (request smuggling). So nothing is guessed here: a length that is not plain digits,
//! lengths that differ, a length beside a transfer coding, and a transfer coding in HTTP/1.0 are refused, and
//! after a refusal the connection ends. (That a line may end with a bare newline is as the RFC allows, and no
//! guess: one cannot be part of a line. A bare return can, to some, so it is refused.)

use std::mem::MaybeUninit;

use httparse::{Error, Header, Status};

use crate::body::{BODY_MAX, Body, Chunked};
use crate::response::Refusal;

/// The longest head we read, request line included.
pub const HEAD_MAX: usize = 64 * 1024;
/// As many fields may be in a head; each takes 32 bytes of stack.
const FIELDS_MAX: usize = 100;
/// As many do for most heads. They are tried first, because a stack keeps the pages that it has once used, and each
/// request has the processor find them again.
const FIELDS_FEW: usize = 16;

/// What we do for a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    Get,
    Head,
    /// Whatever else: it is not allowed on anything here.
    Other,
}

/// How the client wants the connection to go on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum After {
    Close,
    /// As HTTP/1.1 has it, without a word.
    Stay,
    /// As HTTP/1.0 has it, which wants to be told.
    StayAndSay,
}

/// A head that is complete. Everything in it is borrowed from the buffer it was read into.
#[derive(Debug)]
pub struct Request<'a> {
    pub method: Method,
    /// The path as it came, still percent-encoded, without the query.
    pub path: &'a [u8],
    pub after: After,
    /// The body that follows the head.
    pub body: Body,
    /// The client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    pub if_none_match: Option<&'a [u8]>,
    pub if_modified_since: Option<&'a [u8]>,
    /// How many bytes the head takes.
    pub head_len: usize,
}

/// Reads a head; `None` if there is more to come.
///
/// # Errors
/// How to refuse it. Where the next request would begin is unknown then.
pub fn parse(bytes: &[u8]) -> Result<Option<Request<'_>>, Refusal> {
    parse_fields::<FIELDS_FEW>(bytes)
}

#[cold]
#[inline(never)]
fn parse_with_many(bytes: &[u8]) -> Result<Option<Request<'_>>, Refusal> {
    parse_fields::<FIELDS_MAX>(bytes)
}

fn parse_fields<const N: usize>(bytes: &[u8]) -> Result<Option<Request<'_>>, Refusal> {
    let mut fields = [const { MaybeUninit::<Header<'_>>::uninit() }; N];
    let mut head = httparse::Request::new(&mut []);
    let head_len = match head.parse_with_uninit_headers(bytes, &mut fields) {
        Ok(Status::Complete(head_len)) if head_len <= HEAD_MAX => head_len,
        Ok(Status::Partial) if bytes.len() < HEAD_MAX => return Ok(None),
        Err(Error::TooManyHeaders) if N < FIELDS_MAX => return parse_with_many(bytes),
        Ok(_) | Err(Error::TooManyHeaders) => return Err(Refusal::HeadTooLarge),
        Err(Error::Version) if names_version(bytes) => return Err(Refusal::Version),
        Err(_) => return Err(Refusal::BadRequest),
    };
    let (Some(method), Some(target), Some(version)) = (head.method, head.path, head.version) else {
        return Err(Refusal::BadRequest);
    };
    let mut read = Fields::default();
    for field in head.headers.iter() {
        read.take(field)?;
    }
    let method = match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        _ => Method::Other,
    };
    // HTTP/1.1 wants exactly one; HTTP/1.0 knew none.
    if read.hosts > 1 || (read.hosts == 0 && version == 1) {
        return Err(Refusal::BadRequest);
    }
    Ok(Some(Request {
        method,
        path: path_of(target.as_bytes(), method)?,
        after: read.after(version),
        body: read.body(version)?,
        expects_continue: read.expects_continue && version == 1,
        if_none_match: read.if_none_match,
        if_modified_since: read.if_modified_since,
        head_len,
    }))
}

/// Whether a first line that is not of HTTP/1 is of another version.
#[cold]
fn names_version(bytes: &[u8]) -> bool {
    let line = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let mut words = line.trim_ascii_end().split(|byte| *byte == b' ');
    let version = words.nth(2);
    words.next().is_none() && version.is_some_and(|version| version.starts_with(b"HTTP/"))
}

/// The fields that matter to us.
#[derive(Default)]
struct Fields<'a> {
    hosts: usize,
    length: Option<u64>,
    /// There is a transfer coding, and whether it is `chunked` and nothing else.
    coding: Option<bool>,
    is_close: bool,
    is_keep_alive: bool,
    expects_continue: bool,
    if_none_match: Option<&'a [u8]>,
    if_modified_since: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn take(&mut self, field: &Header<'a>) -> Result<(), Refusal> {
        let (name, value) = (field.name, field.value);
        // Most fields are none of ours, and their length says so.
        match name.len() {
            4 if name.eq_ignore_ascii_case("host") => {
                if !value.iter().all(|byte| is_of_host(*byte)) {
                    return Err(Refusal::BadRequest);
                }
                self.hosts += 1;
            }
            6 if name.eq_ignore_ascii_case("expect") => {
                self.expects_continue = value.eq_ignore_ascii_case(b"100-continue");
            }
            10 if name.eq_ignore_ascii_case("connection") => {
                for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                    self.is_close |= option.eq_ignore_ascii_case(b"close");
                    self.is_keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            13 if name.eq_ignore_ascii_case("if-none-match") => self.if_none_match = Some(value),
            14 if name.eq_ignore_ascii_case("content-length") => {
                let length = digits(value).ok_or(Refusal::BadRequest)?;
                if self.length.is_some_and(|other| other != length) {
                    return Err(Refusal::BadRequest);
                }
                self.length = Some(length);
            }
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                let is_first = self.coding.is_none();
                self.coding = Some(is_first && value.eq_ignore_ascii_case(b"chunked"));
            }
            17 if name.eq_ignore_ascii_case("if-modified-since") => {
                self.if_modified_since = Some(value);
            }
            _ => {}
        }
        Ok(())
    }

    fn after(&self, version: u8) -> After {
        match version {
            _ if self.is_close => After::Close,
            1 => After::Stay,
            _ if self.is_keep_alive => After::StayAndSay,
            _ => After::Close,
        }
    }

    fn body(&self, version: u8) -> Result<Body, Refusal> {
        match (self.coding, self.length) {
            (None, length) => match length.unwrap_or(0) {
                length if length <= BODY_MAX => Ok(Body::Length(length)),
                _ => Err(Refusal::BodyTooLarge),
            },
            (Some(_), Some(_)) => Err(Refusal::BadRequest),
            (Some(_), None) if version == 0 => Err(Refusal::BadRequest),
            (Some(true), None) => Ok(Body::Chunked(Chunked::new())),
            (Some(false), None) => Err(Refusal::Coding),
        }
    }
}

/// What a `HOST:PORT` may have in it. We serve the same to all hosts, but who gets to see the request before or
/// after us may not.
fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=:[]".contains(&byte)
}

/// A number of nothing but digits. One that is too large for us is larger than any limit, too.
fn digits(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let append = |number: u64, digit: &u8| {
        number
            .saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    };
    Some(value.iter().fold(0, append))
}

/// The path in a request's target, which may also be a whole address, as for a proxy.
fn path_of(target: &[u8], method: Method) -> Result<&[u8], Refusal> {
    let end = target
        .iter()
        .position(|byte| matches!(byte, b'?' | b'#'))
        .unwrap_or(target.len());
    let path = &target[..end];
    if path.first() == Some(&b'/') {
        return Ok(path);
    }
    let has_scheme = |scheme: &str| {
        let start = path.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
    };
    let scheme = ["http://", "https://"].into_iter().find(|s| has_scheme(s));
    match scheme {
        Some(scheme) => {
            let rest = &path[scheme.len()..];
            let slash = rest.iter().position(|byte| *byte == b'/');
            match slash {
                _ if rest.is_empty() => Err(Refusal::BadRequest),
                Some(0) => Err(Refusal::BadRequest), // nobody's address
                Some(slash) => Ok(&rest[slash..]),
                None => Ok(b"/"),
            }
        }
        // `OPTIONS *` and `CONNECT host:port`: no path, and not allowed anyway.
        None if method == Method::Other => Ok(b"/"),
        None => Err(Refusal::BadRequest),
    }
}
