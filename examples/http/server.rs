//! What the connections share: files, counts, and how they are told to end.
//!
//! To stop, [`Server::stop`] sets `is_stopping` and then gives every connection a read deadline that has
//! passed. Only who waits for input notices. A connection that is in the middle of a request gives itself its
//! own deadline again; one that is idle ends. A connection that sets a deadline of its own looks at
//! `is_stopping` after that, so either it sees the flag or the deadline that stays is the one from here.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sudog::net::{self, TcpListener, TcpStream};
use sudog::sync::{Mutex, WaitGroup};

use crate::connection::Connection;
use crate::files::Files;

/// How long requests that were begun may take after a stop.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait for descriptors when there are none left.
const BREATH: Duration = Duration::from_millis(50);

pub struct Server {
    pub files: Files,
    /// Requests answered or refused.
    pub requests: AtomicU64,
    began: Instant,
    is_stopping: AtomicBool,
    connections: Mutex<HashMap<u64, TcpStream>>,
    running: WaitGroup,
}

impl Server {
    pub fn new(files: Files) -> Server {
        Server {
            files,
            requests: AtomicU64::new(0),
            began: Instant::now(),
            is_stopping: AtomicBool::new(false),
            connections: Mutex::new(HashMap::new()),
            running: WaitGroup::new(),
        }
    }

    /// Starts a goroutine for each connection, until the listener is closed.
    pub fn accept(self: &Arc<Server>, listener: &TcpListener) {
        let mut failed = false;
        for id in 0.. {
            match listener.accept() {
                Ok((stream, _)) => {
                    failed = false;
                    self.connections.lock().insert(id, stream.clone());
                    let server = self.clone();
                    self.running.go(move || server.serve(id, stream));
                }
                Err(error) if net::is_closed(&error) => return,
                Err(error) => {
                    // It stays so for a while; the connection waits in its queue.
                    if !std::mem::replace(&mut failed, true) {
                        eprintln!("http: cannot accept: {error}");
                    }
                    sudog::time::sleep(BREATH);
                }
            }
        }
    }

    fn serve(self: Arc<Server>, id: u64, stream: TcpStream) {
        let _entry = Entry(&self, id);
        // An error means that the other end has gone, which is its right.
        let _ = Connection::new(&self, &stream).and_then(Connection::run);
    }

    pub fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    /// Ends all connections, as soon as their requests are done, but within [`PATIENCE`]: the process
    /// ends then, and they with it. Nobody may be accepting any more.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        for stream in self.connections.lock().values() {
            let _ = stream.set_read_deadline(Some(Instant::now()));
        }
        if !self.running.wait_timeout(PATIENCE) {
            let left = self.connections.lock().len();
            eprintln!("http: {left} connections cut");
        }
    }

    /// Writes the JSON of `/api/status`.
    pub fn status(&self, json: &mut impl io::Write) -> io::Result<()> {
        writeln!(
            json,
            r#"{{"status":"ok","uptime_seconds":{},"connections":{},"requests":{},"goroutines":{},"max_procs":{}}}"#,
            self.began.elapsed().as_secs(),
            self.connections.lock().len(),
            self.requests.load(Ordering::Relaxed),
            sudog::runtime::num_goroutines(),
            sudog::runtime::max_procs(),
        )
    }
}

/// A connection's place among the others, given up also when it panics.
struct Entry<'a>(&'a Server, u64);

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let stream = self.0.connections.lock().remove(&self.1);
        drop(stream); // closes, which need not happen under the lock
    }
}
