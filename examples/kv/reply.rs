//! Replies, as RESP2 has them, written to the end of what the client is to get.
#![forbid(unsafe_code)]

use crate::number::Decimal;

pub const OK: &[u8] = b"+OK\r\n";
pub const PONG: &[u8] = b"+PONG\r\n";
pub const NULL: &[u8] = b"$-1\r\n";

pub fn integer(out: &mut Vec<u8>, number: i64) {
    header(out, b':', number);
}

pub fn array(out: &mut Vec<u8>, len: usize) {
    header(out, b'*', len as i64);
}

pub fn bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    header(out, b'$', bytes.len() as i64);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

pub fn simple(out: &mut Vec<u8>, text: &str) {
    line(out, b'+', text.as_bytes());
}

/// Writes an error. Its first word is a code, by which clients tell errors.
pub fn error(out: &mut Vec<u8>, text: impl AsRef<[u8]>) {
    let mut text = text.as_ref();
    while let [before @ .., b'\r' | b'\n'] = text {
        text = before;
    }
    line(out, b'-', text);
}

fn header(out: &mut Vec<u8>, kind: u8, number: i64) {
    out.push(kind);
    out.extend_from_slice(Decimal::new(number).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Writes a line. Text that a client sent may be in it, and must not end it.
fn line(out: &mut Vec<u8>, kind: u8, text: &[u8]) {
    out.push(kind);
    out.extend(text.iter().map(|&byte| match byte {
        b'\r' | b'\n' => b' ',
        other => other,
    }));
    out.extend_from_slice(b"\r\n");
}
