//! SHA-256 of every file in a tree, in a bounded pipeline of goroutines.
//!
//! `cargo run --release --example digest -- PATH..` walks the directories and files named and
//! prints what `find PATH.. -type f -print0 | xargs -0 sha256sum | LC_ALL=C sort -k2` prints: the
//! hash, two spaces, the path; where the path holds a backslash, newline or carriage return they
//! become `\\`, `\n`, `\r`, and the line begins with a backslash. If standard error is a terminal,
//! it shows a progress line and a summary.
//!
//! ```text
//!            batches of paths              results
//!   walk ------------------------> hash ------------> collect -> sort, print
//!     |                       |--> hash -->|             ^
//!     |                       `--> hash -->'             |
//!     `-------------- what could not be read ------------'
//! ```
//!
//! Both channels are bounded, so that a walker faster than the hashers waits for them: memory grows
//! with the number of lines to be sorted, never with the size of the files. The end runs down the
//! pipeline by itself: the walker drops its sender, so the hashers' loops end, so collect's does.
//!
//! A link named on the command line is followed, one met on the way is not. What cannot be read,
//! broken links included, is named on standard error, the rest goes on, and the exit code is 1.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{env, fmt, mem};

use sha2::{Digest, Sha256, digest::Output};
use sudog::chan::{Receiver, Sender, bounded};
use sudog::{blocking, runtime};

const USAGE: &str = "\
usage: digest PATH..
Print the SHA-256 of every regular file in the directories and files named, sorted by path.
";

/// A batch is full at so many files or bytes: small files travel together, large ones nearly alone.
const BATCH_FILES: usize = 64;
const BATCH_BYTES: u64 = 1 << 20;

/// A file, and its hash and length or the reason why there are none.
type Outcome = (PathBuf, io::Result<(Output<Sha256>, u64)>);

#[sudog::main]
fn main() -> ExitCode {
    let mut paths = Vec::new();
    let mut args = env::args_os().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_bytes() {
            b"--help" => return exit_code(io::stdout().write_all(USAGE.as_bytes())),
            b"--" => paths.extend(args.by_ref().map(PathBuf::from)),
            [b'-', _, ..] => {
                eprint!("digest: unknown option {arg:?}\n{USAGE}");
                return ExitCode::from(2);
            }
            _ => paths.push(PathBuf::from(arg)),
        }
    }
    if paths.is_empty() {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    }

    let mut screen = Screen::new();
    let hashers = 2 * runtime::max_procs(); // while some wait for the disk, the others hash
    let (batches_tx, batches) = bounded(2 * hashers);
    let (outcomes_tx, outcomes) = bounded(2 * hashers);
    let mut totals = sudog::scope(|s| {
        for _ in 0..hashers {
            let (batches, outcomes) = (batches.clone(), outcomes_tx.clone());
            s.spawn(move || hash(&batches, &outcomes));
        }
        drop(batches);
        s.spawn(move || walk(paths, &batches_tx, &outcomes_tx));
        collect(&outcomes, &mut screen)
    });

    let printed = exit_code(blocking(|| totals.print()));
    screen.summarize(&totals);
    match totals.failed {
        0 => printed,
        _ => ExitCode::FAILURE,
    }
}

// A send fails when nobody is left to receive. In this pipeline that can only be because the
// receiver panicked, so that the senders below may panic too: `scope` passes on the first one.

/// The walker: batches of regular files go to the hashers, failures past them to the collector.
fn walk(paths: Vec<PathBuf>, batches: &Sender<Vec<PathBuf>>, outcomes: &Sender<Vec<Outcome>>) {
    let mut todo: Vec<_> = blocking(|| paths.into_iter().map(|p| inspect(p, true)).collect());
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while let Some((path, kind)) = todo.pop() {
        let entries = match kind {
            Ok(Kind::Directory) => blocking(|| list(&path)),
            Ok(Kind::File(len)) => {
                batch.push(path);
                bytes += len;
                if batch.len() == BATCH_FILES || bytes >= BATCH_BYTES {
                    batches.send(mem::take(&mut batch)).unwrap();
                    bytes = 0;
                }
                continue;
            }
            Ok(Kind::Other) => continue,
            Err(error) => Err(error),
        };
        match entries {
            Ok(entries) => todo.extend(entries),
            Err(error) => outcomes.send(vec![(path, Err(error))]).unwrap(),
        }
    }
    batches.send(batch).unwrap();
}

/// What a path leads to.
enum Kind {
    File(u64),
    Directory,
    /// Not for us: a link, socket or device met on the way.
    Other,
}

fn list(directory: &Path) -> io::Result<Vec<(PathBuf, io::Result<Kind>)>> {
    let entries = fs::read_dir(directory)?;
    entries
        .map(|entry| Ok(inspect(entry?.path(), false)))
        .collect()
}

fn inspect(path: PathBuf, named: bool) -> (PathBuf, io::Result<Kind>) {
    let metadata = fs::symlink_metadata(&path).and_then(|link| {
        if !link.is_symlink() {
            return Ok(link);
        }
        // A link that is not to be followed is tried all the same, to find the broken ones.
        let target = fs::metadata(&path)?;
        Ok(if named { target } else { link })
    });
    let kind = match metadata {
        Ok(file) if file.is_file() => Ok(Kind::File(file.len())),
        Ok(directory) if directory.is_dir() => Ok(Kind::Directory),
        Ok(_) if named => Err(io::Error::other("neither a file nor a directory")),
        Ok(_) => Ok(Kind::Other),
        Err(error) => Err(error),
    };
    (path, kind)
}

/// A hasher. A whole batch is one call of `blocking`: to enter it for each file may cost as much as
/// to hash a small one. Meanwhile it is a thread like any other, and its P serves the goroutines.
fn hash(batches: &Receiver<Vec<PathBuf>>, outcomes: &Sender<Vec<Outcome>>) {
    let mut buffer = vec![0; 256 << 10];
    for batch in batches {
        let mut hashed = Vec::with_capacity(batch.len());
        blocking(|| {
            for path in batch {
                let outcome = sha256(&path, &mut buffer);
                hashed.push((path, outcome));
            }
        });
        outcomes.send(hashed).unwrap();
    }
}

fn sha256(path: &Path, buffer: &mut [u8]) -> io::Result<(Output<Sha256>, u64)> {
    let mut file = File::open(path)?;
    let (mut hash, mut len) = (Sha256::new(), 0);
    loop {
        match file.read(buffer) {
            Ok(0) => return Ok((hash.finalize(), len)),
            Ok(n) => {
                hash.update(&buffer[..n]);
                len += n as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The collector: keeps the lines to print, and tells of failures as they come.
fn collect(outcomes: &Receiver<Vec<Outcome>>, screen: &mut Screen) -> Totals {
    let mut totals = Totals::default();
    for (path, outcome) in outcomes.iter().flatten() {
        match outcome {
            Ok((hash, len)) => {
                let path = escape(path.as_os_str().as_bytes());
                totals.lines.push((path, hash));
                totals.bytes += len;
            }
            Err(error) => {
                totals.failed += 1;
                screen.say(format_args!("digest: {path:?}: {error}\n"));
            }
        }
        screen.show_progress(&totals);
    }
    screen.say(format_args!("")); // the output may go to the same terminal: wipe the progress line
    totals
}

/// Writes a path as `sha256sum` does.
fn escape(path: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(path.len());
    for &byte in path {
        match byte {
            b'\\' => escaped.extend(b"\\\\"),
            b'\n' => escaped.extend(b"\\n"),
            b'\r' => escaped.extend(b"\\r"),
            _ => escaped.push(byte),
        }
    }
    escaped
}

#[derive(Default)]
struct Totals {
    /// Paths as printed, and their hashes.
    lines: Vec<(Vec<u8>, Output<Sha256>)>,
    bytes: u64,
    failed: usize,
}

impl Totals {
    /// Prints the lines in the order of their paths as printed, which are what `sort` sees.
    fn print(&mut self) -> io::Result<()> {
        self.lines.sort_unstable();
        let mut out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
        for (path, hash) in &self.lines {
            let mark = if path.contains(&b'\\') { "\\" } else { "" };
            write!(out, "{mark}{hash:x}  ")?;
            out.write_all(path)?;
            out.write_all(b"\n")?;
        }
        out.flush()
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (files, megabytes) = (self.lines.len(), self.bytes as f64 / 1e6);
        write!(
            f,
            "{files} files, {megabytes:.1} MB, {} failed",
            self.failed
        )
    }
}

/// Standard error: messages for everyone, progress and the summary for who watches a terminal.
struct Screen {
    is_terminal: bool,
    started: Instant,
    drawn: Instant,
}

impl Screen {
    fn new() -> Screen {
        let (is_terminal, now) = (io::stderr().is_terminal(), Instant::now());
        Screen {
            is_terminal,
            started: now,
            drawn: now,
        }
    }

    /// Writes a message over the progress line.
    fn say(&self, message: fmt::Arguments) {
        let wipe = if self.is_terminal { "\r\x1b[K" } else { "" };
        let _ = write!(io::stderr(), "{wipe}{message}"); // if it fails, there is nobody to tell
    }

    fn show_progress(&mut self, totals: &Totals) {
        if self.is_terminal && self.drawn.elapsed() >= Duration::from_millis(100) {
            self.say(format_args!("{totals}"));
            self.drawn = Instant::now();
        }
    }

    fn summarize(&self, totals: &Totals) {
        if self.is_terminal {
            let seconds = self.started.elapsed().as_secs_f64();
            self.say(format_args!("{totals}, {seconds:.2} s\n"));
        }
    }
}

/// Success, or failure with a message; a reader that has seen enough (`| head`) is no failure.
fn exit_code(printed: io::Result<()>) -> ExitCode {
    match printed {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("digest: standard output: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
