//! Requests, as RESP2 has them: arrays of byte strings, or lines as a person types them.
//!
//! The parser goes over bytes that come in any pieces, and keeps its place between them, so that no byte
//! is looked at twice however slowly a request comes. Strings stay where they were read; a request is a
//! list of spans. What a length announces reserves nothing: memory grows with the bytes that are there.
#![forbid(unsafe_code)]

use std::ops::Range;

use crate::number;

/// The longest line: a request as typed, or the length of an array or string.
const LINE_MAX: usize = 64 << 10;
const BULK_MAX: i64 = 512 << 20;
/// The most strings of a request that may be announced.
const ARRAY_MAX: i64 = i32::MAX as i64;
/// For so many strings there is room once it was needed.
const SPANS_USUAL: usize = 1 << 10;
/// The most bytes of a request, all strings and lengths together.
const REQUEST_MAX: usize = 1 << 30;
const _: () = assert!(REQUEST_MAX < u32::MAX as usize / 2, "a span is two `u32`");

/// What a client did that leaves unclear where its next request begins.
#[derive(Debug)]
pub enum ProtocolError {
    LongLine,
    LongArrayLength,
    ArrayLength,
    LongBulkLength,
    NoBulk(u8),
    BulkLength,
    BulkEnd,
    Quotes,
    LongRequest,
}

impl ProtocolError {
    /// The text of the reply, in the words of Redis where it has some.
    pub fn text(&self) -> Vec<u8> {
        let what = match self {
            ProtocolError::LongLine => "too big inline request",
            ProtocolError::LongArrayLength => "too big mbulk count string",
            ProtocolError::ArrayLength => "invalid multibulk length",
            ProtocolError::LongBulkLength => "too big bulk count string",
            ProtocolError::BulkLength => "invalid bulk length",
            ProtocolError::BulkEnd => "expected CRLF after bulk",
            ProtocolError::Quotes => "unbalanced quotes in request",
            ProtocolError::LongRequest => "too big request",
            ProtocolError::NoBulk(found) => {
                return [
                    b"ERR Protocol error: expected '$', got '",
                    &[*found][..],
                    b"'",
                ]
                .concat();
            }
        };
        format!("ERR Protocol error: {what}").into()
    }
}

/// The strings of a request; the first is the command's name.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
}

/// Where a string of a request is, from the request's first byte on.
type Span = Range<u32>;

fn span(range: Range<usize>) -> Span {
    // `REQUEST_MAX` and what is read at once are far below.
    range.start as u32..range.end as u32
}

impl<'a> Args<'a> {
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// The string at `at`. Commands are called with as many as they ask for.
    pub fn at(&self, at: usize) -> &'a [u8] {
        string(self.bytes, &self.spans[at])
    }

    /// The strings from `from` on.
    pub fn from(&self, from: usize) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        let bytes = self.bytes;
        self.spans[from..].iter().map(|span| string(bytes, span))
    }
}

fn string<'a>(bytes: &'a [u8], span: &Span) -> &'a [u8] {
    &bytes[span.start as usize..span.end as usize]
}

/// What is expected next.
#[derive(Clone, Copy)]
enum State {
    /// The first byte of a request.
    Start,
    /// The length of a string, and then as many strings less one.
    Length { left: usize },
    /// A string of this length, and then as many strings less one.
    Bulk { len: usize, left: usize },
}

/// Finds requests in what was read.
pub struct Parser {
    state: State,
    /// Where the next piece of the request begins, from the request's own first byte.
    at: usize,
    /// How far the line that begins at `at` was searched for its end.
    searched: usize,
    spans: Vec<Span>,
}

impl Parser {
    pub fn new() -> Parser {
        Parser {
            state: State::Start,
            at: 0,
            searched: 0,
            spans: Vec::new(),
        }
    }

    /// Goes on with the request that begins with the first of `bytes`; gives its length once it is whole.
    ///
    /// The bytes that were there before must be there again. Lines with quotes are changed in place.
    pub fn parse(&mut self, bytes: &mut [u8]) -> Result<Option<usize>, ProtocolError> {
        if let State::Start = self.state {
            self.spans.clear();
            self.spans.shrink_to(SPANS_USUAL);
            match bytes.first() {
                None => return Ok(None),
                Some(b'*') => {
                    let Some(line) = self.line(bytes, ProtocolError::LongArrayLength)? else {
                        return Ok(None);
                    };
                    let count = length(&bytes[line.start + 1..line.end]);
                    let count = count.filter(|&count| count <= ARRAY_MAX);
                    match count.ok_or(ProtocolError::ArrayLength)? {
                        ..=0 => return Ok(Some(self.finish())), // asks for nothing
                        left => {
                            self.state = State::Length {
                                left: left as usize,
                            }
                        }
                    }
                }
                Some(_) => {
                    let Some(line) = self.line(bytes, ProtocolError::LongLine)? else {
                        return Ok(None);
                    };
                    self.split(bytes, line)?;
                    return Ok(Some(self.finish()));
                }
            }
        }
        self.parse_array(bytes)
    }

    /// The strings of the request that `parse` has just found at the beginning of `bytes`.
    pub fn args<'a>(&'a self, bytes: &'a [u8]) -> Args<'a> {
        let spans = &self.spans;
        Args { bytes, spans }
    }

    fn parse_array(&mut self, bytes: &[u8]) -> Result<Option<usize>, ProtocolError> {
        loop {
            match self.state {
                State::Start | State::Length { left: 0 } => return Ok(Some(self.finish())),
                State::Length { left } => {
                    match bytes.get(self.at) {
                        None => break,
                        Some(b'$') => {}
                        Some(&other) => return Err(ProtocolError::NoBulk(other)),
                    }
                    let Some(line) = self.line(bytes, ProtocolError::LongBulkLength)? else {
                        break;
                    };
                    let len = length(&bytes[line.start + 1..line.end]);
                    let len = len.filter(|len| (0..=BULK_MAX).contains(len));
                    let len = len.ok_or(ProtocolError::BulkLength)? as usize;
                    self.state = State::Bulk { len, left };
                }
                State::Bulk { len, left } => {
                    let end = self.at + len;
                    let Some(after) = bytes.get(end..end + 2) else {
                        break;
                    };
                    // Redis passes over the two, whatever they are. A length that is wrong shows here.
                    if after != b"\r\n" {
                        return Err(ProtocolError::BulkEnd);
                    }
                    self.spans.push(span(self.at..end));
                    self.begin_at(end + 2);
                    self.state = State::Length { left: left - 1 };
                }
            }
        }
        if bytes.len() > REQUEST_MAX {
            return Err(ProtocolError::LongRequest);
        }
        Ok(None)
    }

    /// Takes the line at `at`, if it is whole: without its newline, but with the return before it.
    fn line(
        &mut self,
        bytes: &[u8],
        too_long: ProtocolError,
    ) -> Result<Option<Range<usize>>, ProtocolError> {
        let start = self.at;
        let found = bytes[self.searched..].iter().position(|&b| b == b'\n');
        let end = found.map_or(bytes.len(), |n| self.searched + n);
        let has_return = bytes[start..end].ends_with(b"\r");
        if end - start - usize::from(has_return) > LINE_MAX {
            return Err(too_long);
        }
        if found.is_none() {
            self.searched = end;
            return Ok(None);
        }
        self.begin_at(end + 1);
        Ok(Some(start..end))
    }

    fn begin_at(&mut self, at: usize) {
        (self.at, self.searched) = (at, at);
    }

    /// Gives the length of the request, and is ready for the next.
    fn finish(&mut self) -> usize {
        let len = self.at;
        self.begin_at(0);
        self.state = State::Start;
        len
    }

    /// Splits a line as a person types it, at blanks; `"` and `'` hold together what has some.
    ///
    /// What quotes say is never longer than they are, so it is put in their place.
    fn split(&mut self, bytes: &mut [u8], line: Range<usize>) -> Result<(), ProtocolError> {
        let mut at = line.start;
        loop {
            while at < line.end && is_blank(bytes[at]) {
                at += 1;
            }
            if at == line.end {
                return Ok(());
            }
            let (start, mut to) = (at, at);
            while at < line.end && !ends_word(bytes[at]) {
                if let quote @ (b'"' | b'\'') = bytes[at] {
                    (at, to) = unquote(&mut bytes[..line.end], at + 1, to, quote)?;
                    break;
                }
                bytes[to] = bytes[at];
                (at, to) = (at + 1, to + 1);
            }
            self.spans.push(span(start..to));
        }
    }
}

fn is_blank(byte: u8) -> bool {
    const VERTICAL_TAB: u8 = 0x0b;
    byte.is_ascii_whitespace() || byte == VERTICAL_TAB || byte == 0
}

/// As Redis has it, not every blank does.
fn ends_word(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0)
}

/// A length as it must be written, on a line that ends with a return.
fn length(line: &[u8]) -> Option<i64> {
    number::parse(line.strip_suffix(b"\r")?)
}

/// Moves what is quoted from `at` on to `to`; gives where both end. A blank must follow, or nothing.
fn unquote(
    line: &mut [u8],
    mut at: usize,
    mut to: usize,
    quote: u8,
) -> Result<(usize, usize), ProtocolError> {
    loop {
        let (byte, taken) = match (&line[at..], quote) {
            ([], _) => return Err(ProtocolError::Quotes),
            ([end, rest @ ..], _) if *end == quote => {
                return match rest.first() {
                    Some(&next) if !is_blank(next) => Err(ProtocolError::Quotes),
                    _ => Ok((at + 1, to)),
                };
            }
            ([b'\\', b'\'', ..], b'\'') => (b'\'', 2),
            ([b'\\', b'x', high, low, ..], b'"')
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                (hex(*high) << 4 | hex(*low), 4)
            }
            ([b'\\', letter, ..], b'"') => (escaped(*letter), 2),
            ([byte, ..], _) => (*byte, 1),
        };
        line[to] = byte;
        (at, to) = (at + taken, to + 1);
    }
}

fn hex(digit: u8) -> u8 {
    char::from(digit).to_digit(16).expect("a digit was seen") as u8
}

fn escaped(letter: u8) -> u8 {
    match letter {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    }
}
