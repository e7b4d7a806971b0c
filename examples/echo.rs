//! A server that sends back what it gets: a goroutine for each connection, and a loop in it.
//!
//! `cargo run --release --example echo -- localhost:7007` listens there, `unix:PATH` in place of the
//! address at a path; port 0 has the system choose one. Try it with `nc localhost 7007`.
//!
//! Each client gets its own bytes, in order, and the end of its input is the end of its output. At Ctrl-C
//! or SIGTERM what is under way is still sent back (see support/server.rs).

#[path = "support/server.rs"]
mod server;

use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::process::ExitCode;

use server::{Connection, Socket, listen_tcp, listen_unix, serve};

const USAGE: &str = "\
usage: echo ADDRESS
Send back to each client what it sends. ADDRESS is HOST:PORT or unix:PATH.
";

/// What is read at once: little, for those many who are idle, and more for those who send much.
const SIZES: RangeInclusive<usize> = 1 << 10..=64 << 10;

#[sudog::main]
fn main() -> ExitCode {
    server::run(USAGE, |[address]| match address.strip_prefix("unix:") {
        Some(path) => serve(listen_unix(path)?, handle),
        None => serve(listen_tcp(&address)?, handle),
    })
}

/// A connection's goroutine. It may end with an error, which says that the client has gone; no news.
fn handle<S: Socket>(connection: Connection<S>) {
    let _ = echo(connection);
}

fn echo<S: Socket>(mut connection: Connection<S>) -> io::Result<()> {
    let mut buffer = vec![0; *SIZES.start()];
    loop {
        let n = connection.when_idle(|socket| socket.read(&mut buffer))?;
        if n == 0 {
            return Ok(());
        }
        connection.write_all(&buffer[..n])?;
        // More is there, most likely.
        if n == buffer.len() && n < *SIZES.end() {
            buffer.resize(2 * n, 0);
        }
    }
}
