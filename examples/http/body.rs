//! The body of a request, which is read over: nothing here takes one. But where it ends the next request
//! begins, so that must be found without a doubt.
//!
//! A body has a length, or comes in chunks, each with its own (RFC 9112, 7.1):
//!
//! ```text
//! 1a4;name=value CRLF        hexadecimal digits; what follows the `;` means nothing to us
//! ..... 420 bytes ..... CRLF
//! 0 CRLF                     the last
//! Field: value CRLF          fields, if any
//! CRLF
//! ```
//!
//! Where the grammar has CRLF there must be both, for the lenient readers of lines disagree about the rest.

use crate::request::HEAD_MAX;
use crate::response::Refusal;

/// The longest body we read.
pub const BODY_MAX: u64 = 1024 * 1024;
/// The longest line that begins a chunk.
const LINE_MAX: usize = 256;

/// What is still to come of a body.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// So many bytes.
    Length(u64),
    Chunked(Chunked),
}

impl Body {
    pub fn is_over(&self) -> bool {
        matches!(self, Body::Length(0))
            || matches!(self, Body::Chunked(chunked) if chunked.place == Place::End)
    }

    /// Passes over what is here of it; gives how many bytes that are. What is left of them is not its own.
    ///
    /// # Errors
    /// If it is none, or too long.
    pub fn pass(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        match self {
            Body::Length(left) => {
                let here = (*left).min(bytes.len() as u64);
                *left -= here;
                Ok(here as usize)
            }
            Body::Chunked(chunked) => chunked.pass(bytes),
        }
    }
}

/// Where we are in a body of chunks.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunked {
    place: Place,
    /// What is left of the chunk, or was read of its length.
    left: u64,
    /// How many bytes of content there were and will be, as far as announced.
    announced: u64,
    /// The length of the line so far; in the fields at the end, of all of them.
    line: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// Before the first digit.
    Size,
    Digits,
    Extension,
    SizeLf,
    Content,
    ContentCr,
    ContentLf,
    /// At the beginning of a line at the end.
    FieldStart,
    Field,
    FieldLf,
    LastLf,
    End,
}

impl Chunked {
    pub fn new() -> Chunked {
        Chunked {
            place: Place::Size,
            left: 0,
            announced: 0,
            line: 0,
        }
    }

    fn pass(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let mut at = 0;
        while at < bytes.len() && self.place != Place::End {
            if self.place == Place::Content {
                let here = self.left.min((bytes.len() - at) as u64);
                self.left -= here;
                at += here as usize;
                if self.left == 0 {
                    self.place = Place::ContentCr;
                }
            } else {
                self.step(bytes[at])?;
                at += 1;
            }
        }
        Ok(at)
    }

    /// Goes over a byte that is not content.
    fn step(&mut self, byte: u8) -> Result<(), Refusal> {
        self.line += 1;
        self.place = match (self.place, byte) {
            (Place::Size | Place::Digits, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                self.left = self.left * 16 + u64::from(digit);
                if self.announced + self.left > BODY_MAX {
                    return Err(Refusal::BodyTooLarge);
                }
                Place::Digits
            }
            (Place::Digits | Place::Extension, b'\r') => Place::SizeLf,
            (Place::Digits, b';' | b' ' | b'\t') => Place::Extension,
            (Place::Extension, byte) if is_text(byte) => Place::Extension,
            (Place::SizeLf, b'\n') if self.left == 0 => self.begin_line(Place::FieldStart),
            (Place::SizeLf, b'\n') => {
                self.announced += self.left;
                Place::Content
            }
            (Place::ContentCr, b'\r') => Place::ContentLf,
            (Place::ContentLf, b'\n') => self.begin_line(Place::Size),
            (Place::FieldStart, b'\r') => Place::LastLf,
            (Place::LastLf, b'\n') => Place::End,
            (Place::FieldStart | Place::Field, byte) if is_text(byte) => Place::Field,
            (Place::Field, b'\r') => Place::FieldLf,
            (Place::FieldLf, b'\n') => Place::FieldStart,
            _ => return Err(Refusal::BadRequest),
        };
        match self.place {
            Place::Digits | Place::Extension if self.line > LINE_MAX => Err(Refusal::BadRequest),
            Place::Field if self.line > HEAD_MAX => Err(Refusal::HeadTooLarge),
            _ => Ok(()),
        }
    }

    fn begin_line(&mut self, place: Place) -> Place {
        self.line = 0;
        place
    }
}

/// What a line may have in it.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}
