//! The files of a directory, small ones kept in memory.
//!
//! A file is looked up by the path as the request has it, still encoded, so that a hit decodes and allocates
//! nothing. What is kept counts as fresh for [`FRESH_MS`]; then the file is looked at again, and read again if
//! it has changed. Files may be on slow disks: whatever touches them runs in `sudog::blocking`.
//!
//! Nothing outside the directory is found: a path has no `..`, and where links have led to is looked at.
//!
//! A connection has what it sent last at hand ([`Last`]), as clients who ask again mostly ask for the same: it
//! need not go where all others go, too, each time on another processor.
//!
//! Who finds a page no longer fresh calls it so before looking, and only one can: the others send what is kept
//! meanwhile. Were it called fresh afterwards, all who came meanwhile would look as well; a thousand that do
//! take so long that it is not fresh any more when they are done.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sudog::sync::RwLock;

use crate::date;

/// Files up to this size are kept.
const SMALL: u64 = 64 * 1024;
/// So many of them, which makes 64 MiB at most.
const KEPT_MAX: usize = 1024;
/// How long a file may have changed before we notice.
const FRESH_MS: u64 = 100;

/// What a path leads to.
pub enum Found {
    Page(Arc<Page>),
    /// A directory named without its slash, and where it is.
    Moved(String),
    Missing,
    Forbidden,
    /// The system failed us.
    Broken,
}

/// A file as it is sent.
pub struct Page {
    /// The fields that describe it, as they stand in the response.
    pub fields: Vec<u8>,
    /// Those of them that a 304 has, too.
    pub validators: Vec<u8>,
    pub etag: String,
    /// In seconds since 1970.
    pub modified: u64,
    pub content: Content,
    stamp: Stamp,
    /// When it was looked at last, in milliseconds since 1970.
    looked: AtomicU64,
}

pub enum Content {
    Small(Vec<u8>),
    Large(File, u64),
}

/// What changes when a file does: device, number, size, and times of content and of node.
type Stamp = (u64, u64, u64, (i64, i64), (i64, i64));

fn stamp_of(file: &Metadata) -> Stamp {
    let modified = (file.mtime(), file.mtime_nsec());
    let changed = (file.ctime(), file.ctime_nsec());
    (file.dev(), file.ino(), file.size(), modified, changed)
}

pub struct Files {
    root: PathBuf,
    kept: RwLock<HashMap<Box<[u8]>, Arc<Page>>>,
}

impl Files {
    /// # Errors
    /// If there is no such directory.
    pub fn new(root: &Path) -> io::Result<Files> {
        fs::read_dir(root)?;
        Ok(Files {
            root: root.canonicalize()?,
            kept: RwLock::new(HashMap::new()),
        })
    }

    /// Finds what to send for a path, at the time `now` in milliseconds since 1970.
    pub fn find(&self, path: &[u8], now: u64) -> Found {
        let kept = self.kept.read().get(path).cloned();
        match kept {
            Some(page) if !page.is_to_be_looked_at(now) => Found::Page(page),
            kept => self.look(path, kept, now),
        }
    }

    #[cold]
    fn look(&self, path: &[u8], kept: Option<Arc<Page>>, now: u64) -> Found {
        let seen = sudog::blocking(|| self.read(path, kept.as_deref(), now));
        match (seen, kept) {
            (Ok(Seen::Same), Some(page)) => Found::Page(page),
            (Ok(Seen::Page(page)), kept) => {
                kept.iter().for_each(|old| old.outdate());
                let page = Arc::new(page);
                if matches!(page.content, Content::Small(_)) {
                    self.keep(path, &page, now);
                } else if kept.is_some() {
                    self.kept.write().remove(path);
                }
                Found::Page(page)
            }
            (other, kept) => {
                if let Some(old) = kept {
                    old.outdate();
                    self.kept.write().remove(path);
                }
                match other {
                    Ok(Seen::Directory(location)) => Found::Moved(location),
                    Ok(_) => Found::Broken,
                    Err(error) => failure(&error),
                }
            }
        }
    }

    fn keep(&self, path: &[u8], page: &Arc<Page>, now: u64) {
        let mut kept = self.kept.write();
        if kept.len() >= KEPT_MAX {
            kept.retain(|_, page| page.looked.load(Ordering::Relaxed).abs_diff(now) < FRESH_MS);
        }
        if kept.len() < KEPT_MAX {
            kept.insert(path.into(), page.clone());
        }
    }

    /// Looks at the file system, and reads what is small and not `kept`.
    fn read(&self, path: &[u8], kept: Option<&Page>, now: u64) -> io::Result<Seen> {
        let path = decode(path).ok_or(ErrorKind::NotFound)?;
        let mut names = self.root.clone();
        for name in path.split(|byte| *byte == b'/') {
            match name {
                b"" | b"." => {}
                // Browsers have resolved these; who sends them is looking for a way out.
                b".." => return Err(ErrorKind::NotFound.into()),
                name => names.push(OsStr::from_bytes(name)),
            }
        }
        let is_directory = path.ends_with(b"/");
        let mut metadata = names.metadata()?;
        if metadata.is_dir() {
            if !is_directory {
                return Ok(Seen::Directory(location(names.strip_prefix(&self.root))));
            }
            names.push("index.html");
            metadata = names.metadata()?;
        } else if is_directory {
            return Err(ErrorKind::NotFound.into());
        }
        if !names.canonicalize()?.starts_with(&self.root) {
            return Err(ErrorKind::NotFound.into());
        }
        if !metadata.is_file() {
            return Err(ErrorKind::NotFound.into()); // opening a pipe would wait for its other end
        }
        if kept.is_some_and(|kept| kept.stamp == stamp_of(&metadata)) {
            return Ok(Seen::Same);
        }
        Page::read(&names, now).map(Seen::Page)
    }
}

/// What looking at the file system has shown.
enum Seen {
    /// The file that is kept.
    Same,
    Page(Page),
    /// Where a directory is that was named without its slash.
    Directory(String),
}

fn failure(error: &io::Error) -> Found {
    match error.kind() {
        ErrorKind::PermissionDenied => Found::Forbidden,
        ErrorKind::NotFound
        | ErrorKind::NotADirectory
        | ErrorKind::InvalidFilename
        | ErrorKind::InvalidInput => Found::Missing,
        // Its kind has no stable name yet.
        _ if error.raw_os_error() == Some(libc::ELOOP) => Found::Missing,
        _ => Found::Broken,
    }
}

/// What a connection has sent last, while it is fresh.
#[derive(Default)]
pub struct Last {
    path: Vec<u8>,
    page: Option<Arc<Page>>,
}

impl Last {
    /// Takes it out if it is what `path` leads to at the time `now`.
    pub fn take(&mut self, path: &[u8], now: u64) -> Option<Arc<Page>> {
        let page = self.page.take()?;
        (self.path == path && page.is_fresh(now)).then_some(page)
    }

    /// Notes the path to what will be kept next.
    pub fn note(&mut self, path: &[u8]) {
        self.path.clear();
        self.path.extend_from_slice(path);
    }

    /// Keeps a small file; a large one would stay open.
    pub fn keep(&mut self, page: Arc<Page>) {
        if matches!(page.content, Content::Small(_)) {
            self.page = Some(page);
        }
    }
}

impl Page {
    fn is_fresh(&self, now: u64) -> bool {
        // A clock that was set back makes it old as well.
        self.looked.load(Ordering::Relaxed).abs_diff(now) < FRESH_MS
    }

    /// Says that another has taken its place, to those who have it at hand.
    fn outdate(&self) {
        self.looked.store(0, Ordering::Relaxed);
    }

    /// Whether the caller is to look at the file again.
    fn is_to_be_looked_at(&self, now: u64) -> bool {
        let looked = self.looked.load(Ordering::Relaxed);
        let is_old = looked.abs_diff(now) >= FRESH_MS;
        let claim = |looked: &AtomicU64, old| {
            looked.compare_exchange(old, now, Ordering::Relaxed, Ordering::Relaxed)
        };
        is_old && claim(&self.looked, looked).is_ok()
    }

    fn read(path: &Path, now: u64) -> io::Result<Page> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        let modified = metadata.modified().map(date::since_epoch)?;
        let mut content = Vec::new();
        let content = if metadata.len() <= SMALL {
            (&mut file).take(SMALL).read_to_end(&mut content)?;
            Content::Small(content)
        } else {
            let length = metadata.len();
            Content::Large(file, length)
        };
        let length = match &content {
            Content::Small(content) => content.len() as u64,
            Content::Large(_, length) => *length,
        };
        let etag = format!("\"{:x}-{length:x}\"", modified.as_nanos());
        let date = date::format(modified.as_secs());
        let date = str::from_utf8(&date).expect("a date is ASCII");
        let validators = format!("ETag: {etag}\r\nLast-Modified: {date}\r\n");
        let kind = content_type(path);
        let fields = format!("Content-Type: {kind}\r\nContent-Length: {length}\r\n{validators}");
        Ok(Page {
            fields: fields.into(),
            validators: validators.into(),
            etag,
            modified: modified.as_secs(),
            content,
            stamp: stamp_of(&metadata),
            looked: AtomicU64::new(now),
        })
    }
}

/// Takes the `%41` out of a path. `None` for what is none, and for a zero byte.
fn decode(path: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.iter();
    while let Some(byte) = rest.next() {
        let mut digit = || char::from(*rest.next()?).to_digit(16);
        decoded.push(match byte {
            b'%' => (digit()? * 16 + digit()?) as u8,
            byte => *byte,
        });
    }
    (!decoded.contains(&0)).then_some(decoded)
}

/// The address of a directory below the root, in the characters an address may have.
fn location(names: Result<&Path, std::path::StripPrefixError>) -> String {
    let mut location = String::from("/");
    for name in names.into_iter().flatten() {
        for byte in name.as_encoded_bytes() {
            match byte {
                b'-' | b'.' | b'_' | b'~' => location.push(char::from(*byte)),
                byte if byte.is_ascii_alphanumeric() => location.push(char::from(*byte)),
                byte => location.push_str(&format!("%{byte:02X}")),
            }
        }
        location.push('/');
    }
    location
}

fn content_type(path: &Path) -> &'static str {
    let extension = path.extension().and_then(|extension| extension.to_str());
    match extension.unwrap_or("").to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "txt" | "md" | "rs" | "toml" | "log" => "text/plain; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "json" | "map" => "application/json",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "pdf" => "application/pdf",
        "wasm" => "application/wasm",
        "zip" => "application/zip",
        "gz" => "application/gzip",
        _ => "application/octet-stream",
    }
}
