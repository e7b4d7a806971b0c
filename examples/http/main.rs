//! `http`: serves the files of a directory over HTTP/1.1, and JSON at `/api/status`.
//!
//! Run it with `cargo run --release --example http -- 127.0.0.1:8080 src` and open
//! <http://127.0.0.1:8080/lib.rs>.
//!
//! A goroutine for each connection reads what has come, answers all requests that are complete (pipelining)
//! with one write, and goes on. Ctrl-C or SIGTERM ends it: no more connections, idle ones are closed, requests
//! begun are finished, and what is not done after five seconds is cut.
//!
//! What is where: `request` reads heads, `body` passes over bodies, `files` finds what is asked for, `response`
//! writes, and `session` does it in turn within the limits.

mod body;
mod date;
mod files;
mod request;
mod response;
#[path = "../support/server.rs"]
mod server;
mod session;

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use files::Files;
use server::{listen_tcp, serve};
use session::Session;

const USAGE: &str = "\
usage: http HOST:PORT DIRECTORY
Serve the files of DIRECTORY over HTTP/1.1, and JSON at /api/status.

All that is in there is served, hidden files too. A path that is a directory
gives its index.html. Links are followed, but not out of DIRECTORY. Limits:
64 KiB for the head of a request, 1 MiB for its body, 10 s for each, 75 s for
an idle connection.
";

/// What all connections share.
pub struct Site {
    files: Files,
    /// Requests answered or refused.
    requests: AtomicU64,
    started: Instant,
}

impl Site {
    /// Writes the JSON of `/api/status`.
    fn status(&self, connections: usize, json: &mut impl io::Write) -> io::Result<()> {
        writeln!(
            json,
            r#"{{"status":"ok","uptime_seconds":{},"connections":{connections},"requests":{},"goroutines":{},"max_procs":{}}}"#,
            self.started.elapsed().as_secs(),
            self.requests.load(Ordering::Relaxed),
            sudog::runtime::num_goroutines(),
            sudog::runtime::max_procs(),
        )
    }
}

#[sudog::main]
fn main() -> ExitCode {
    server::run(USAGE, |[address, directory]| {
        let files = Files::new(Path::new(&directory));
        let files = files.map_err(|error| format!("cannot serve {directory}: {error}"))?;
        let site = Site {
            files,
            requests: AtomicU64::new(0),
            started: Instant::now(),
        };
        serve(listen_tcp(&address)?, move |connection| {
            // An error means that the other end has gone, which is its right.
            let _ = Session::new(&site, &connection).and_then(Session::run);
        })
    })
}
