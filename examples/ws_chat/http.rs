//! What comes before the WebSocket: one request, and one answer to it.
//!
//! The page is given to who asks for `/`; who asks for `/ws` and for an upgrade gets that, from tungstenite,
//! and everybody else is told what is wrong. A page of another site may not open the socket: browsers
//! would let it, and it could listen in from whatever its reader has open.

use std::io::{self, ErrorKind, Write};
use std::time::{Duration, Instant};

use sudog::net::TcpStream;
use tungstenite::handshake::machine::TryParse;
use tungstenite::handshake::server::{Request, create_response, write_response};

use crate::server::Connection;

const PAGE: &str = include_str!("page.html");
/// All that is in the page is in the page.
const PAGE_FIELDS: &str = "Content-Type: text/html; charset=utf-8\r\n\
    Content-Security-Policy: default-src 'none'; connect-src 'self'; img-src data:; \
    script-src 'unsafe-inline'; style-src 'unsafe-inline'\r\n";

/// The longest head of a request.
const HEAD: usize = 16 << 10;
/// The most fields in it.
const FIELDS: usize = 100;
/// How long a head may take.
const DUE: Duration = Duration::from_secs(10);
/// How long a client may leave our answer unread.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is wrong with a request, as status and as further fields.
type Refusal = (&'static str, &'static str);

const BAD: Refusal = ("400 Bad Request", "");
const FORBIDDEN: Refusal = ("403 Forbidden", "");
const NOT_FOUND: Refusal = ("404 Not Found", "");
const NOT_ALLOWED: Refusal = ("405 Method Not Allowed", "Allow: GET, HEAD\r\n");
const TIMEOUT: Refusal = ("408 Request Timeout", "");
const NO_UPGRADE: Refusal = (
    "426 Upgrade Required",
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
);
const TOO_LARGE: Refusal = ("431 Request Header Fields Too Large", "");

/// What a request comes to.
enum Answer {
    /// The page, or what would be sent before it.
    Page {
        is_head: bool,
    },
    /// What tungstenite says, after which the connection is its own.
    Upgrade(Vec<u8>),
    Refuse(Refusal),
}

/// Answers a request; `Some` with what came behind it if the rest is a WebSocket.
///
/// # Errors
/// Those of the connection, also if it ends before a whole request.
pub fn answer(mut connection: &Connection<TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let socket = connection.socket();
    let mut bytes = Vec::new();
    socket.set_read_deadline(Some(Instant::now() + DUE))?;
    let answer = loop {
        if let Some((length, answer)) = understand(&bytes) {
            bytes.drain(..length);
            break answer;
        }
        match read_more(connection, &mut bytes) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            // A browser may open a connection for later, and leaves it alone.
            Err(error) if error.kind() == ErrorKind::TimedOut && !bytes.is_empty() => {
                break Answer::Refuse(TIMEOUT);
            }
            Err(error) => return Err(error),
        }
    };
    socket.set_read_deadline(None)?;
    socket.set_write_deadline(Some(Instant::now() + PATIENCE))?;
    match answer {
        Answer::Upgrade(response) => {
            connection.write_all(&response)?;
            return Ok(Some(bytes));
        }
        Answer::Page { is_head } => {
            let body = if is_head { "" } else { PAGE };
            let text = head("200 OK", PAGE_FIELDS, PAGE.len()) + body;
            connection.write_all(text.as_bytes())?;
        }
        Answer::Refuse((status, fields)) => {
            let body = format!("{status}\n");
            let fields = format!("Content-Type: text/plain\r\n{fields}");
            let text = head(status, &fields, body.len()) + &body;
            connection.write_all(text.as_bytes())?;
        }
    }
    Ok(None)
}

fn head(status: &str, fields: &str, length: usize) -> String {
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\nConnection: close\r\n\r\n")
}

/// Reads something; as an idle connection as long as nothing has come.
fn read_more(connection: &Connection<TcpStream>, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let mut piece = [0; 4 << 10];
    let n = match bytes.is_empty() {
        true => connection.read_when_idle(&mut piece),
        false => io::Read::read(&mut &*connection, &mut piece),
    }?;
    bytes.extend_from_slice(&piece[..n]);
    Ok(n)
}

/// The length of a request's head and the answer, once it is whole or cannot become right.
fn understand(bytes: &[u8]) -> Option<(usize, Answer)> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let answer = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length <= HEAD => {
            return Some((length, choose(&request, &bytes[..length])));
        }
        Ok(httparse::Status::Partial) if bytes.len() < HEAD => return None,
        Ok(_) | Err(httparse::Error::TooManyHeaders) => Answer::Refuse(TOO_LARGE),
        Err(_) => Answer::Refuse(BAD),
    };
    Some((0, answer))
}

fn choose(request: &httparse::Request<'_, '_>, head: &[u8]) -> Answer {
    let target = request.path.unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    match (path, request.method.unwrap_or_default()) {
        ("/", "GET") => Answer::Page { is_head: false },
        ("/", "HEAD") => Answer::Page { is_head: true },
        ("/ws", "GET") if is_foreign(request) => Answer::Refuse(FORBIDDEN),
        ("/ws", "GET") => upgrade(head).map_or(Answer::Refuse(NO_UPGRADE), Answer::Upgrade),
        ("/" | "/ws", _) => Answer::Refuse(NOT_ALLOWED),
        _ => Answer::Refuse(NOT_FOUND),
    }
}

/// Whether a page of another site asks.
fn is_foreign(request: &httparse::Request<'_, '_>) -> bool {
    let field = |name: &str| {
        let mut fields = request.headers.iter();
        let field = fields.find(|field| field.name.eq_ignore_ascii_case(name));
        field.map(|field| field.value)
    };
    let site = |origin: &[u8]| {
        let at = origin.windows(3).position(|part| part == b"://")?;
        Some(origin[at + 3..].to_vec())
    };
    match (field("Origin"), field("Host")) {
        (None, _) => false, // no browser
        (Some(origin), host) => site(origin).as_deref() != host,
    }
}

/// The answer to a request for a WebSocket, if it is one.
fn upgrade(head: &[u8]) -> Option<Vec<u8>> {
    let (_, request) = Request::try_parse(head).ok()??;
    let mut bytes = Vec::new();
    write_response(&mut bytes, &create_response(&request).ok()?).ok()?;
    Some(bytes)
}
