//! Fd: a descriptor that is shared, waited for, and closed by anyone at any time. Go's `poll.FD`.
//!
//! 1. The number is ours from the making of the `Fd` to its drop, and every call borrows the `Fd`: so
//!    the number is never used for something else beneath a call, or beneath a `BorrowedFd` that safe
//!    code may hold.
//! 2. `close` does not give the number back, then. It puts a descriptor that refuses everything in its
//!    place, in one step; what was there is closed. A call that was about to use the number gets an
//!    error, and finds that the `Fd` is closed.

use super::control::Control;
use super::drained::Drained;
use super::error::closed;
use crate::runtime::{self, Direction};
use crate::sys::socket;
use socket2::SockRef;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::panic::Location;

pub(crate) struct Fd {
    raw: RawFd,
    pub(crate) control: Control,
    drained: Drained,
}

impl AsFd for Fd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: invariant 1.
        unsafe { BorrowedFd::borrow_raw(self.raw) }
    }
}

impl Fd {
    /// Takes a descriptor that is in non-blocking mode. Starts the runtime.
    ///
    /// # Errors
    /// Those of the system: `EPERM` for a descriptor that cannot be waited for.
    pub(crate) fn new(owned: OwnedFd) -> io::Result<Fd> {
        socket::prepare_to_retire()?;
        let desc = runtime::register(owned.as_raw_fd())?;
        Ok(Fd {
            raw: owned.into_raw_fd(),
            control: Control::new(desc),
            drained: Drained::new(),
        })
    }

    /// The same for one in whatever mode.
    pub(crate) fn adopt(owned: OwnedFd) -> io::Result<Fd> {
        socket::set_nonblocking(owned.as_fd(), true)?;
        Fd::new(owned)
    }

    /// Says of a new connection of TCP's, which nobody else has had, that its short reads mean something.
    pub(crate) fn trust_short_reads(&self) {
        self.drained.trust();
    }

    pub(crate) fn trusts_short_reads(&self) -> bool {
        self.drained.is_trusted()
    }

    /// Gives the descriptor to the user, who may do with it what we know nothing of.
    pub(crate) fn expose(&self) -> BorrowedFd<'_> {
        self.drained.distrust();
        self.as_fd()
    }

    /// Gives the descriptor back, in blocking mode.
    ///
    /// # Errors
    /// If it is closed.
    pub(crate) fn into_owned(self) -> io::Result<OwnedFd> {
        self.control.close()?;
        runtime::unregister(self.raw, self.control.desc());
        // SAFETY: the number is ours, and the drop that would close it does not come.
        let owned = unsafe { OwnedFd::from_raw_fd(self.raw) };
        std::mem::forget(self);
        socket::set_nonblocking(owned.as_fd(), false)?;
        Ok(owned)
    }

    /// Closes it, for all who share it; see [`Control::close`] and invariant 2.
    pub(crate) fn close(&self) -> io::Result<()> {
        self.control.close()?;
        runtime::unregister(self.raw, self.control.desc());
        socket::retire(self.as_fd());
        Ok(())
    }

    /// Does what may have to wait until the descriptor is readable or writable.
    #[inline]
    pub(crate) fn call<T>(
        &self,
        direction: Direction,
        at: &'static Location<'static>,
        mut op: impl FnMut(SockRef<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        self.control
            .begin(direction, at)
            .run(|| op(SockRef::from(self)))
    }

    /// Reads up to `len` bytes of a stream.
    ///
    /// Where the time is up, and the system was not asked, because a short read had said that there was no
    /// more (drained.rs), it is asked now: what came before the call is not to be missed.
    #[inline]
    pub(crate) fn read(
        &self,
        at: &'static Location<'static>,
        len: usize,
        mut op: impl FnMut(SockRef<'_>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let desc = self.control.desc();
        let mut was_asked = true;
        let result = self.call(Direction::Read, at, |socket| {
            was_asked = false;
            self.drained.read(desc, len, || {
                was_asked = true;
                op(socket)
            })
        });
        match result {
            Err(error) if !was_asked && error.kind() == ErrorKind::TimedOut => {
                match self.at_once(op) {
                    Err(now) if now.kind() == ErrorKind::WouldBlock => Err(error),
                    result => result,
                }
            }
            result => result,
        }
    }

    /// Does what never waits.
    pub(crate) fn at_once<T>(
        &self,
        op: impl FnOnce(SockRef<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        self.control.check()?;
        op(SockRef::from(self)).map_err(|error| match self.control.is_closed() {
            true => closed(),
            false => error,
        })
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        if !self.control.is_closed() {
            runtime::unregister(self.raw, self.control.desc());
        }
        // SAFETY: the number is ours, and nobody has the `Fd` any more.
        drop(unsafe { OwnedFd::from_raw_fd(self.raw) });
    }
}
