//! The poller on Linux: epoll, edge-triggered, and an eventfd to interrupt it. Go's `netpoll_epoll.go`.
//!
//! Descriptors are added once, for both directions; kqueue.rs gives the same functions elsewhere.
//!
//! 1. An event says that something may have changed since the last one of that descriptor and
//!    direction. It may come for no reason, and late, even for a descriptor that was removed.
//! 2. What comes after an event makes another. Only some states do not, and an event says so when it
//!    meets one ([`Event::is_lasting`]).
//! 3. The eventfd is level-triggered and read by a wait that sleeps only, so an interrupt is not lost on
//!    those who merely look in.

use super::atomic::{AtomicBool, Ordering};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

/// How many events one wait takes at most.
pub(crate) const BATCH: usize = 128;

/// The name of the eventfd among the events.
const INTERRUPT: u64 = u64::MAX;

/// What may have changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    /// The name under which the descriptor was added.
    pub(crate) token: u64,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// Whether reads meet something from now on that no later event tells of: the other end's end, an
    /// error, or urgent data, which ends a read before all is read.
    pub(crate) is_lasting: bool,
}

/// What one wait has brought.
pub(crate) struct Events {
    raw: [MaybeUninit<libc::epoll_event>; BATCH],
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
        const LASTING: libc::c_int =
            libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR | libc::EPOLLPRI;
        const READ: libc::c_int = libc::EPOLLIN | LASTING;
        const WRITE: libc::c_int = libc::EPOLLOUT | libc::EPOLLHUP | libc::EPOLLERR;
        self.raw().map(|raw| Event {
            token: raw.u64,
            readable: raw.events & READ as u32 != 0,
            writable: raw.events & WRITE as u32 != 0,
            is_lasting: raw.events & LASTING as u32 != 0,
        })
    }

    fn raw(&self) -> impl Iterator<Item = libc::epoll_event> {
        // SAFETY: the kernel has written the first `len`.
        let all = self.raw[..self.len]
            .iter()
            .map(|raw| unsafe { raw.assume_init() });
        all.filter(|raw| raw.u64 != INTERRUPT)
    }
}

pub(crate) struct Poller {
    epoll: OwnedFd,
    wake: OwnedFd,
    /// Whether an interrupt is under way, so that a second one need not be sent.
    is_interrupted: AtomicBool,
}

impl Poller {
    pub(crate) fn open() -> io::Result<Poller> {
        // SAFETY: both calls make a descriptor, which is ours alone.
        let (epoll, wake) = unsafe {
            let epoll = owned(libc::epoll_create1(libc::EPOLL_CLOEXEC))?;
            let flags = libc::EFD_CLOEXEC | libc::EFD_NONBLOCK;
            (epoll, owned(libc::eventfd(0, flags))?)
        };
        let poller = Poller {
            epoll,
            wake,
            is_interrupted: AtomicBool::new(false),
        };
        let wake = poller.wake.as_raw_fd();
        poller.control(libc::EPOLL_CTL_ADD, wake, libc::EPOLLIN, INTERRUPT)?;
        Ok(poller)
    }

    /// Has events of `fd` come under the name `token`, which is not `u64::MAX`.
    ///
    /// # Errors
    /// `EPERM` for a descriptor that cannot be waited for, such as a regular file's.
    pub(crate) fn add(&self, fd: RawFd, token: u64) -> io::Result<()> {
        debug_assert_ne!(token, INTERRUPT);
        let read = libc::EPOLLIN | libc::EPOLLPRI | libc::EPOLLRDHUP;
        let events = read | libc::EPOLLOUT | libc::EPOLLET;
        self.control(libc::EPOLL_CTL_ADD, fd, events, token)
    }

    /// Lets no more events of `fd` begin.
    pub(crate) fn remove(&self, fd: RawFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd, 0, 0)
    }

    fn control(
        &self,
        what: libc::c_int,
        fd: RawFd,
        events: libc::c_int,
        token: u64,
    ) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: events as u32,
            u64: token,
        };
        // SAFETY: `event` is a live epoll_event.
        let result = unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), what, fd, &mut event) };
        if result == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// Waits for events, at most `limit` long; a limit of zero looks in, and sees no interrupt.
    ///
    /// May return without any, also for no reason.
    pub(crate) fn wait(&self, events: &mut Events, limit: Option<Duration>) {
        events.len = match self.wait_precisely(events, limit) {
            // EPERM: from a sandbox that does not know the call.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
                self.wait_ms(events, limit)
            }
            result => result,
        }
        .unwrap_or_else(|error| match error.kind() {
            io::ErrorKind::Interrupted => 0,
            _ => super::fatal!("waiting for descriptors failed: {error}"),
        });
        if limit != Some(Duration::ZERO) && self.was_interrupted(events) {
            self.take_interrupt();
        }
    }

    /// Linux 5.11 and later; it counts in nanoseconds.
    fn wait_precisely(&self, events: &mut Events, limit: Option<Duration>) -> io::Result<usize> {
        let spec = limit.map(|limit| libc::timespec {
            tv_sec: limit.as_secs().min(i64::MAX as u64) as libc::time_t,
            tv_nsec: limit.subsec_nanos() as libc::c_long,
        });
        let spec = spec.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: the buffer has room for BATCH events, and `spec` is null or a live timespec.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.epoll.as_raw_fd(),
                events.raw.as_mut_ptr(),
                BATCH,
                spec,
                ptr::null::<libc::sigset_t>(),
                0,
            )
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// Older ones; rounded up, for a deadline must not come early.
    #[cold]
    fn wait_ms(&self, events: &mut Events, limit: Option<Duration>) -> io::Result<usize> {
        let ms = |limit: Duration| limit.as_nanos().div_ceil(1_000_000).min(1_000_000_000);
        let ms = limit.map_or(-1, |limit| ms(limit) as libc::c_int);
        let buffer = events.raw.as_mut_ptr().cast();
        // SAFETY: the buffer has room for BATCH events.
        let count =
            unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), buffer, BATCH as libc::c_int, ms) };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    fn was_interrupted(&self, events: &Events) -> bool {
        // SAFETY: the kernel has written the first `len`.
        let mut all = events.raw[..events.len]
            .iter()
            .map(|raw| unsafe { raw.assume_init().u64 });
        all.any(|token| token == INTERRUPT)
    }

    fn take_interrupt(&self) {
        let mut count = 0_u64;
        // SAFETY: `count` has the eight bytes that an eventfd gives.
        unsafe { libc::read(self.wake.as_raw_fd(), ptr::from_mut(&mut count).cast(), 8) };
        // AcqRel: whoever finds it still set has its reasons seen by us, who look after this.
        self.is_interrupted.swap(false, Ordering::AcqRel);
    }

    /// Whether there is an interrupt that no sleeping wait has taken; a hint.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.is_interrupted.load(Ordering::Relaxed)
    }

    /// Has the wait that sleeps return, or the next one that would.
    pub(crate) fn interrupt(&self) {
        // AcqRel: pairs with the swap in `take_interrupt`.
        if self.is_interrupted.swap(true, Ordering::AcqRel) {
            return;
        }
        let one = 1_u64;
        // It cannot fail: the count is 0, or 1 for a moment.
        // SAFETY: `one` has the eight bytes that an eventfd takes.
        unsafe { libc::write(self.wake.as_raw_fd(), ptr::from_ref(&one).cast(), 8) };
    }
}

/// # Safety
/// `fd` is an error, or a descriptor that is the caller's alone.
unsafe fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: our caller's promise.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
