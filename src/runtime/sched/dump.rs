//! Listing goroutines: what each does, since when and where. Go's `goroutineheader`, `tracebackothers`.
//!
//! 1. A listing stops nobody and waits for nobody: at any moment, from any thread, also while goroutines
//!    start and end, run in endless loops, or all have stopped for good. Locks are held for moments, by
//!    the runtime only, and none while the text is given away.
//! 2. A goroutine that waits is held while it is read (hold.rs), so what is said of it is true of one
//!    moment. Of one that runs or could run, the state is that of some moment, and no place is told:
//!    where it is only its stack knows, and that is not ours to read.
//! 3. Each is described as of its own moment. One that ends meanwhile is left out, one that starts
//!    meanwhile may be.
//!
//! What is told of a place is where the wait began and where the goroutine was spawned: two lines of the
//! user's program, from `#[track_caller]`. Walking the stack would take frame pointers, which Rust does
//! not keep in release builds, or an unwinder that starts from registers of ours, which std has not.

use super::hold::Hold;
use crate::runtime::g::{self, GRef, NAMES, WaitReason};
use crate::runtime::name::Name;
use crate::runtime::status::State;
use crate::sys::os;
use std::fmt::{self, Write};
use std::io;
use std::panic::Location;

/// Text is given away in pieces of about so many bytes.
const PIECE: usize = 64 << 10;

/// Writes every goroutine there is, in the order of their numbers, with a blank line between two.
pub(crate) fn write_all(out: &mut dyn io::Write) -> io::Result<()> {
    write(out, all())
}

/// The same of those that run; if none does, of the first.
pub(crate) fn write_running(out: &mut dyn io::Write) -> io::Result<()> {
    let mut goroutines = all();
    let runs = |g: &GRef| g.status.get() == State::Running;
    if goroutines.iter().any(|(_, g)| runs(g)) {
        goroutines.retain(|(_, g)| runs(g));
    } else {
        goroutines.truncate(1);
    }
    write(out, goroutines)
}

/// All goroutines by number.
fn all() -> Vec<(u64, GRef)> {
    let records = (0..).map_while(g::slab).flatten();
    let mut all: Vec<_> = records
        .filter(|g| g.status.get() != State::Dead)
        .map(|g| (g.id(), g))
        .collect();
    all.sort_by_key(|(id, _)| *id);
    all
}

fn write(out: &mut dyn io::Write, goroutines: Vec<(u64, GRef)>) -> io::Result<()> {
    let now_ms = (os::nanotime() / 1_000_000) as u32;
    let mut text = String::new();
    let mut is_first = true;
    for (id, g) in goroutines {
        let Some(seen) = look(id, g) else { continue };
        if !std::mem::take(&mut is_first) {
            text.push('\n');
        }
        seen.describe(now_ms, &mut text);
        if text.len() >= PIECE {
            out.write_all(text.as_bytes())?;
            text.clear();
        }
    }
    out.write_all(text.as_bytes())
}

/// What a goroutine is called, wherever one is named: its number, and its name if it has one.
pub(super) struct Title {
    id: u64,
    name: Option<Name>,
}

impl fmt::Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "goroutine {}", self.id)?;
        match &self.name {
            Some(name) => write!(f, " '{}'", name.text()),
            None => Ok(()),
        }
    }
}

/// The title of a goroutine that may end meanwhile, and then be another.
pub(super) fn title(g: GRef) -> Title {
    let _names = NAMES.lock();
    Title {
        id: g.id(),
        // SAFETY: under NAMES.
        name: unsafe { g.name() },
    }
}

/// What was read of a goroutine.
struct Seen {
    title: Title,
    state: State,
    wait: Option<Wait>,
    spawned_at: Option<&'static Location<'static>>,
}

/// What was read of one that waits.
struct Wait {
    reason: WaitReason,
    since_ms: u32,
    at: Option<&'static Location<'static>>,
    is_locked: bool,
}

/// Reads a goroutine; none if it has ended, and its record may be another's.
fn look(id: u64, g: GRef) -> Option<Seen> {
    let title = title(g);
    let hold = Hold::take(g);
    let seen = Seen {
        title,
        // One that somebody else holds waits too.
        state: g.status.get(),
        wait: hold.as_ref().map(|held| {
            let g = held.goroutine();
            Wait {
                reason: g.reason(),
                since_ms: g.waits_since_ms(),
                at: g.waits_at(),
                is_locked: g.locked_m.get() != 0,
            }
        }),
        spawned_at: g.spawned_at(),
    };
    let is_same = seen.title.id == id && g.id() == id && seen.state != State::Dead;
    drop(hold);
    is_same.then_some(seen)
}

impl Seen {
    fn describe(&self, now_ms: u32, text: &mut String) {
        let state = match (self.state, &self.wait) {
            (_, Some(wait)) => wait.reason.text(),
            (State::Waiting, None) => "waiting",
            (State::Runnable, None) => "runnable",
            (State::Running, None) => "running",
            (State::Dead, None) => "dead",
        };
        let _ = write!(text, "{} [{state}", self.title);
        if let Some(wait) = &self.wait {
            // The watcher's clock, which it is told by, may be a moment ahead of ours.
            let waited_ms = now_ms.wrapping_sub(wait.since_ms) as i32;
            let minutes = waited_ms.max(0) / 60_000;
            if minutes >= 1 {
                let _ = write!(text, ", {minutes} minutes");
            }
            if wait.is_locked {
                text.push_str(", locked to thread");
            }
        }
        text.push_str("]:\n");
        if let Some(at) = self.wait.as_ref().and_then(|wait| wait.at) {
            let _ = writeln!(text, "\twaits at {at}");
        }
        if let Some(at) = self.spawned_at {
            let _ = writeln!(text, "\tspawned at {at}");
        }
    }
}
