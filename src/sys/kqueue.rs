//! The poller on macOS and the BSDs: kqueue, edge-triggered, and a user event to interrupt it. Go's
//! `netpoll_kqueue.go`.
//!
//! The functions and their promises are those of epoll.rs. No test has ever run on such a system: there the
//! crate does not build yet, for want of a file like linux.rs. On Linux, with `--cfg sudog_kqueue`, this file
//! runs the whole suite on a double of kqueue made of epoll (tests/kqueue). Never run are, then: the branch
//! below that takes `kqueue` and `kevent` from libc, `FD_CLOEXEC` on what the real one returns, and what real
//! kernels report for kinds of descriptors that the double treats alike.
//!
//! 1. As in epoll.rs, an event says only that something may have changed.
//! 2. A user event is gone once it was reported, to whomever; one who merely looks in sends it again.

use super::atomic::{AtomicBool, Ordering};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

#[cfg(not(sudog_kqueue))]
use libc as system;
#[cfg(sudog_kqueue)]
#[path = "../../tests/kqueue/double.rs"]
mod system;

/// How many events one wait takes at most.
pub(crate) const BATCH: usize = 128;

/// Tokens go through a pointer.
const _: () = assert!(size_of::<usize>() == size_of::<u64>());

/// The number of our user event; descriptors have a space of their own.
const INTERRUPT: usize = 0;

/// What may have changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    /// The name under which the descriptor was added.
    pub(crate) token: u64,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// Whether reads meet something from now on that no later event tells of. Not every system says that
    /// urgent data has come, at which a read ends early, so it is always true.
    pub(crate) is_lasting: bool,
}

/// What one wait has brought.
pub(crate) struct Events {
    raw: [MaybeUninit<system::kevent>; BATCH],
    len: usize,
}

impl Events {
    pub(crate) fn new() -> Events {
        Events {
            raw: [const { MaybeUninit::uninit() }; BATCH],
            len: 0,
        }
    }

    /// Whether nothing has come, but perhaps an interrupt.
    pub(crate) fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Whether there may be more that it had no place for.
    pub(crate) fn is_full(&self) -> bool {
        self.len == BATCH
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Event> {
        let of_descriptors = self.raw().filter(|raw| raw.filter != system::EVFILT_USER);
        of_descriptors.map(|raw| {
            // Where the other end of a pipe has gone, its writer may be told as if it were a reader.
            let is_over = raw.flags & system::EV_EOF != 0;
            Event {
                token: raw.udata.addr() as u64,
                readable: raw.filter == system::EVFILT_READ || is_over,
                writable: raw.filter == system::EVFILT_WRITE || is_over,
                is_lasting: true,
            }
        })
    }

    fn raw(&self) -> impl Iterator<Item = &system::kevent> {
        // SAFETY: the kernel has written the first `len`.
        self.raw[..self.len]
            .iter()
            .map(|raw| unsafe { raw.assume_init_ref() })
    }
}

pub(crate) struct Poller {
    queue: OwnedFd,
    /// Whether an interrupt is under way, so that a second one need not be sent.
    is_interrupted: AtomicBool,
}

impl Poller {
    pub(crate) fn open() -> io::Result<Poller> {
        // SAFETY: makes a descriptor, which is ours alone.
        let queue = unsafe {
            let queue = check(system::kqueue())?;
            libc::fcntl(queue, libc::F_SETFD, libc::FD_CLOEXEC);
            OwnedFd::from_raw_fd(queue)
        };
        let poller = Poller {
            queue,
            is_interrupted: AtomicBool::new(false),
        };
        let mut user = change(INTERRUPT, system::EVFILT_USER, 0);
        user.flags = system::EV_ADD | system::EV_CLEAR;
        poller.apply(&user)?;
        Ok(poller)
    }

    /// Has events of `fd` come under the name `token`.
    ///
    /// # Errors
    /// `EPERM` for a regular file, which a kqueue would take, though it is always ready.
    pub(crate) fn add(&self, fd: RawFd, token: u64) -> io::Result<()> {
        if is_regular_file(fd)? {
            return Err(io::Error::from_raw_os_error(libc::EPERM));
        }
        let add = |filter| {
            let mut change = change(fd as usize, filter, token);
            change.flags = system::EV_ADD | system::EV_CLEAR;
            self.apply(&change)
        };
        // Some descriptors have one direction only.
        let read = add(system::EVFILT_READ);
        let write = add(system::EVFILT_WRITE);
        read.or(write)
    }

    /// Lets no more events of `fd` begin.
    pub(crate) fn remove(&self, fd: RawFd) -> io::Result<()> {
        let remove = |filter| {
            let mut change = change(fd as usize, filter, 0);
            change.flags = system::EV_DELETE;
            self.apply(&change)
        };
        let read = remove(system::EVFILT_READ);
        let write = remove(system::EVFILT_WRITE);
        read.or(write)
    }

    fn apply(&self, change: &system::kevent) -> io::Result<()> {
        let queue = self.queue.as_raw_fd();
        // SAFETY: one live change, and no room for events.
        let result = unsafe { system::kevent(queue, change, 1, ptr::null_mut(), 0, ptr::null()) };
        check(result).map(drop)
    }

    /// Waits for events, at most `limit` long; a limit of zero looks in, and leaves an interrupt to
    /// others.
    ///
    /// May return without any, also for no reason.
    pub(crate) fn wait(&self, events: &mut Events, limit: Option<Duration>) {
        // Some kernels refuse more than that.
        const SECONDS_MAX: u64 = 1_000_000;
        let spec = limit.map(|limit| libc::timespec {
            tv_sec: limit.as_secs().min(SECONDS_MAX) as libc::time_t,
            tv_nsec: limit.subsec_nanos() as libc::c_long,
        });
        let spec = spec.as_ref().map_or(ptr::null(), ptr::from_ref);
        let (queue, buffer) = (self.queue.as_raw_fd(), events.raw.as_mut_ptr().cast());
        // SAFETY: no changes, room for BATCH events, and `spec` is null or a live timespec.
        let count =
            unsafe { system::kevent(queue, ptr::null(), 0, buffer, BATCH as libc::c_int, spec) };
        events.len = match check(count) {
            Ok(count) => count as usize,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => super::fatal!("waiting for descriptors failed: {error}"),
        };
        if events.raw().any(|raw| raw.filter == system::EVFILT_USER) {
            if limit == Some(Duration::ZERO) {
                self.trigger();
            } else {
                // AcqRel: whoever finds it still set has its reasons seen by us, who look after this.
                self.is_interrupted.swap(false, Ordering::AcqRel);
            }
        }
    }

    /// Whether there is an interrupt that no sleeping wait has taken; a hint.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.is_interrupted.load(Ordering::Relaxed)
    }

    /// Has the wait that sleeps return, or the next one that would.
    pub(crate) fn interrupt(&self) {
        // AcqRel: pairs with the swap in `wait`.
        if !self.is_interrupted.swap(true, Ordering::AcqRel) {
            self.trigger();
        }
    }

    fn trigger(&self) {
        let mut user = change(INTERRUPT, system::EVFILT_USER, 0);
        user.fflags = system::NOTE_TRIGGER;
        if let Err(error) = self.apply(&user) {
            super::fatal!("the poller cannot be interrupted: {error}");
        }
    }
}

fn change(ident: usize, filter: i16, token: u64) -> system::kevent {
    // SAFETY: plain data; some systems have fields that the others lack.
    let mut change: system::kevent = unsafe { std::mem::zeroed() };
    change.ident = ident;
    change.filter = filter;
    change.udata = ptr::without_provenance_mut(token as usize);
    change
}

fn is_regular_file(fd: RawFd) -> io::Result<bool> {
    // SAFETY: plain data, written by the call.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        check(libc::fstat(fd, &mut stat))?;
        Ok(stat.st_mode & libc::S_IFMT == libc::S_IFREG)
    }
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
