//! `http`: serves the files of a directory over HTTP/1.1, and JSON at `/api/status`.
//!
//! Run it with `cargo run --release --example http -- 127.0.0.1:8080 .` and open <http://127.0.0.1:8080/>.
//! A goroutine for each connection reads what has come, answers all requests that are complete (pipelining)
//! with one write, and goes on. Ctrl-C or SIGTERM ends it: no more connections, idle ones are closed, requests
//! begun are finished, and what is not done after five seconds is cut.
//!
//! ```text
//! http: serving . at http://127.0.0.1:8080/
//! ```
//!
//! What is where: `request` reads heads, `files` finds what they ask for, `response` writes, `connection` does
//! it in turn within the limits, `server` is what all connections share, and the stop.

mod connection;
mod date;
mod files;
mod request;
mod response;
mod server;

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use sudog::net::TcpListener;
use sudog::signal::{self, Signal};

use files::Files;
use server::Server;

const USAGE: &str = "\
usage: http ADDRESS DIRECTORY

Serves the files of DIRECTORY over HTTP/1.1, and JSON at /api/status.
ADDRESS is HOST:PORT; with port 0 the system chooses one, which is printed.

A path that is a directory gives its index.html. Links in DIRECTORY are
followed, also out of it. Limits: 64 KiB for the head of a request, 1 MiB for
its body, 10 s for each, 75 s for an idle connection. SIGINT or SIGTERM stops it.
";

#[sudog::main]
fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help") {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let [address, directory] = &arguments[..] else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    match serve(&address.to_string_lossy(), Path::new(directory)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("http: {message}");
            ExitCode::FAILURE
        }
    }
}

fn serve(address: &str, directory: &Path) -> Result<(), String> {
    let failed = |what: &str, error: io::Error| format!("{what}: {error}");
    let files = Files::new(directory).map_err(|e| failed(&directory.to_string_lossy(), e))?;
    let listener = TcpListener::bind(address).map_err(|e| failed(address, e))?;
    let local = listener.local_addr().map_err(|e| failed(address, e))?;
    // Before anybody is told that we are there: who has read that may stop us.
    let stop = signal::notify(&[Signal::SIGINT, Signal::SIGTERM]);
    let stop = stop.map_err(|e| failed("signals", e))?;
    println!("http: serving {} at http://{local}/", directory.display());

    let server = Arc::new(Server::new(files));
    let acceptor = {
        let (server, listener) = (server.clone(), listener.clone());
        sudog::go!(move || server.accept(&listener))
    };
    let _ = stop.recv();
    // Closing can only fail if it is closed, and a panic of the acceptor has been told of.
    let _ = listener.close();
    let _ = acceptor.join();
    server.stop();
    Ok(())
}
