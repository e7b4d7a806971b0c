//! What the example servers listen with: a port, or a path of the file system.
//!
//! A path is more work than a port, as the system leaves the file behind when a server is killed, and has
//! no second server take its place:
//!
//! 1. A file is *stale* if it is a socket and refuses connections. Only such a one is replaced; a living
//!    server, or a file that is no socket, is an address in use.
//! 2. To look, remove and bind are three steps. Two servers of ours that start at once take them one after
//!    the other, under a lock of the folder; else the slower one could remove what the quicker one has bound.
//! 3. At the end the file is removed only if it is still ours: somebody may have put another in its place.
//!    We look before we close, as the number of a file in use is no other's, and nobody then finds it stale.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use sudog::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use sudog::{blocking, go, time};

use super::Socket;

/// How long a server may take to accept that is there at all.
const PROBE: Duration = Duration::from_secs(1);

/// How often, and how many times, we try for the lock of a folder.
const TURN: (Duration, u32) = (Duration::from_millis(10), 100);

/// Listens at `HOST:PORT`.
pub fn listen_tcp(address: &str) -> Result<TcpListener, String> {
    TcpListener::bind(address).map_err(|error| match error.kind() {
        ErrorKind::InvalidInput => {
            format!("{}; HOST:PORT is wanted", cannot_listen(address, &error))
        }
        ErrorKind::AddrInUse => format!(
            "{}: another program listens there; choose another port, or 0 for a free one",
            cannot_listen(address, &error)
        ),
        _ if address.starts_with(':') => format!(
            "{}; HOST:PORT is wanted, 0.0.0.0{address} for all addresses",
            cannot_listen(address, &error)
        ),
        _ => cannot_listen(address, &error),
    })
}

/// Listens at a path of the file system.
pub fn listen_unix(path: &str) -> Result<PathListener, String> {
    PathListener::bind(Path::new(path)).map_err(|error| {
        let text = cannot_listen(&format!("unix:{path}"), &error);
        match error.kind() {
            ErrorKind::AddrInUse => format!(
                "{text}: another program listens there, or it is a file of another kind; choose another path"
            ),
            _ => text,
        }
    })
}

fn cannot_listen(address: &str, error: &io::Error) -> String {
    format!("cannot listen at {address}: {error}")
}

/// What a server listens with.
pub trait Listener: Send + Sync + 'static {
    type Socket: Socket;

    fn accept(&self) -> io::Result<Self::Socket>;
    /// Ends `accept`; there is nothing at the address from now on.
    fn close(&self);
    /// The address as a client would name it.
    fn address(&self) -> String;
}

impl Listener for TcpListener {
    type Socket = TcpStream;

    fn accept(&self) -> io::Result<TcpStream> {
        let (stream, _) = TcpListener::accept(self)?;
        // What we write is complete: it need not wait for more. Fails if the client has gone already.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    fn close(&self) {
        let _ = TcpListener::close(self);
    }

    fn address(&self) -> String {
        fn text(what: impl Display) -> String {
            what.to_string()
        }
        self.local_addr().map_or_else(text, text)
    }
}

/// A listener at a path, and the file there.
pub struct PathListener {
    listener: UnixListener,
    path: PathBuf,
    /// Which file it was when we made it.
    file: (u64, u64),
    is_removed: AtomicBool,
}

impl PathListener {
    fn bind(path: &Path) -> io::Result<PathListener> {
        // A folder that we may not read, or that others keep locked, is used without (point 2).
        let turn = lock_folder(path).ok();
        let listener = match UnixListener::bind(path) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && is_stale(path) => {
                blocking(|| fs::remove_file(path))?;
                UnixListener::bind(path)?
            }
            result => result?,
        };
        drop(turn);
        Ok(PathListener {
            listener,
            path: path.to_owned(),
            file: blocking(|| identity(path))?,
            is_removed: AtomicBool::new(false),
        })
    }

    /// Removes our file, once (point 3).
    fn remove(&self) {
        let is_ours = || identity(&self.path).is_ok_and(|file| file == self.file);
        if !self.is_removed.swap(true, Relaxed) {
            // Fails if somebody has removed it before us.
            let _ = blocking(|| is_ours().then(|| fs::remove_file(&self.path)));
        }
    }
}

impl Drop for PathListener {
    fn drop(&mut self) {
        self.remove();
    }
}

impl Listener for PathListener {
    type Socket = UnixStream;

    fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().map(|(stream, _)| stream)
    }

    fn close(&self) {
        self.remove();
        let _ = self.listener.close();
    }

    fn address(&self) -> String {
        format!("unix:{}", self.path.display())
    }
}

/// Device and number, which no other file has while this one is in use.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let file = fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

/// Locks the folder that a path is in, until the file is dropped.
fn lock_folder(path: &Path) -> io::Result<File> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = blocking(|| File::open(folder.unwrap_or(Path::new("."))))?;
    let (pause, tries) = TURN;
    for _ in 0..tries {
        match folder.try_lock() {
            Ok(()) => return Ok(folder),
            Err(fs::TryLockError::Error(error)) => return Err(error),
            Err(fs::TryLockError::WouldBlock) => time::sleep(pause),
        }
    }
    Err(ErrorKind::TimedOut.into())
}

/// Whether a path is what a server has left that was killed (point 1).
fn is_stale(path: &Path) -> bool {
    let file = blocking(|| fs::symlink_metadata(path));
    if !file.is_ok_and(|file| file.file_type().is_socket()) {
        return false;
    }
    // Who lives but does not accept lets us wait, as long as its queue is full: that is an answer too.
    let path = path.to_owned();
    let answer = go!(move || UnixStream::connect(path)).join_timeout(PROBE);
    matches!(answer, Ok(Ok(Err(error))) if error.kind() == ErrorKind::ConnectionRefused)
}
