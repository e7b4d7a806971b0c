//! Any descriptor that can be waited for.

use crate::net::Fd;
use crate::runtime::Direction;
use crate::sys::socket;
use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, RawFd};
use std::panic::Location;
use std::time::Instant;

/// A descriptor whose calls park the goroutine until it is ready, and block the thread on a plain thread.
///
/// For pipes, eventfds, inotify, terminals, a child's standard streams: what the system can be asked to
/// wait for. A regular file cannot, and is refused. Reading and writing are straight on the descriptor,
/// past what `T` may keep in a buffer; any number of goroutines and threads may do so at once through `&`.
///
/// The descriptor is put into non-blocking mode, and so are others that share its open file (the end
/// of a pipe that was cloned, a terminal); [`into_inner`](Self::into_inner) puts it back.
///
/// # Examples
/// ```
/// use std::io::{Read, Write};
/// use sudog::{go, io::Pollable};
///
/// # fn main() -> std::io::Result<()> {
/// let (reader, writer) = std::io::pipe()?;
/// let (mut reader, mut writer) = (Pollable::new(reader)?, Pollable::new(writer)?);
/// go!(move || writer.write_all(b"hello").unwrap());
/// let mut text = String::new();
/// reader.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// # Ok(())
/// # }
/// ```
pub struct Pollable<T: AsFd> {
    /// A duplicate of the inner one, so that whatever safe code does with that, this number is ours.
    fd: Fd,
    inner: T,
    was_nonblocking: bool,
}

impl<T: AsFd> Pollable<T> {
    /// Takes a descriptor that can be waited for.
    ///
    /// # Errors
    /// `PermissionDenied` (`EPERM`) for one that cannot, such as a regular file's; others of the system.
    ///
    /// # Examples
    /// ```
    /// use sudog::io::Pollable;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let file = std::fs::File::open(std::env::current_exe()?)?;
    /// let error = Pollable::new(file).unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(inner: T) -> io::Result<Pollable<T>> {
        let fd = Fd::new(inner.as_fd().try_clone_to_owned()?)?;
        let was_nonblocking = socket::set_nonblocking(inner.as_fd(), true)?;
        Ok(Pollable {
            fd,
            inner,
            was_nonblocking,
        })
    }

    /// Returns what [`new`](Self::new) took.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let (reader, _writer) = std::io::pipe()?;
    /// let reader = sudog::io::Pollable::new(reader)?;
    /// println!("{:?}", reader.get_ref());
    /// # Ok(())
    /// # }
    /// ```
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// Gives back what [`new`](Self::new) took, in the mode it was in.
    ///
    /// # Examples
    /// ```
    /// use std::io::{Read, Write};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (reader, mut writer) = std::io::pipe()?;
    /// let mut reader = sudog::io::Pollable::new(reader)?.into_inner();
    /// writer.write_all(b"x")?;
    /// reader.read_exact(&mut [0])?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_inner(self) -> T {
        if !self.was_nonblocking {
            // It was open and could be told the contrary.
            let _ = socket::set_nonblocking(self.inner.as_fd(), false);
        }
        self.inner
    }

    /// Ends the use of the descriptor: calls that are blocked fail with `use of closed network connection`,
    /// as do all later ones. Never blocks.
    ///
    /// What [`new`](Self::new) took stays open until it is dropped with this.
    ///
    /// # Errors
    /// If it was closed before; see [`is_closed`](crate::net::is_closed).
    ///
    /// # Examples
    /// ```
    /// use std::io::Read;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (reader, _writer) = std::io::pipe()?;
    /// let mut reader = sudog::io::Pollable::new(reader)?;
    /// reader.close()?;
    /// assert!(sudog::net::is_closed(&reader.read(&mut [0]).unwrap_err()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn close(&self) -> io::Result<()> {
        self.fd.close()
    }

    /// Sets the instant after which calls fail, in both directions; `None` for never.
    ///
    /// As of sockets: see [`TcpStream::set_deadline`](crate::net::TcpStream::set_deadline).
    ///
    /// # Errors
    /// If it is closed.
    ///
    /// # Examples
    /// ```
    /// use std::io::{ErrorKind, Read};
    /// use std::time::{Duration, Instant};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (reader, _writer) = std::io::pipe()?;
    /// let mut reader = sudog::io::Pollable::new(reader)?;
    /// reader.set_deadline(Some(Instant::now() + Duration::from_millis(5)))?;
    /// assert_eq!(reader.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        let both = [Direction::Read, Direction::Write];
        self.fd.control.set_deadline(&both, deadline)
    }

    /// Sets the instant after which calls that read fail; `None` for never.
    ///
    /// # Errors
    /// If it is closed.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let (reader, _writer) = std::io::pipe()?;
    /// sudog::io::Pollable::new(reader)?.set_read_deadline(None)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_read_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.fd.control.set_deadline(&[Direction::Read], deadline)
    }

    /// Sets the instant after which calls that write fail; `None` for never.
    ///
    /// # Errors
    /// If it is closed.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let (_reader, writer) = std::io::pipe()?;
    /// sudog::io::Pollable::new(writer)?.set_write_deadline(None)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_write_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.fd.control.set_deadline(&[Direction::Write], deadline)
    }

    /// The descriptor as a file, for its calls.
    fn file(&self) -> ManuallyDrop<File> {
        // SAFETY: the number is ours while `self` is (fd.rs, invariant 1), and the file, which does not
        // close it, goes before.
        ManuallyDrop::new(unsafe { File::from_raw_fd(self.fd.as_fd().as_raw_fd()) })
    }
}

impl<T: AsFd> AsFd for Pollable<T> {
    /// Borrows what [`new`](Self::new) took.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl<T: AsFd> AsRawFd for Pollable<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_fd().as_raw_fd()
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for Pollable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pollable").field(&self.inner).finish()
    }
}

impl<T: AsFd> Read for &Pollable<T> {
    #[track_caller]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let call = self.fd.control.begin(Direction::Read, Location::caller());
        call.run(|| (&*self.file()).read(buffer))
    }

    #[track_caller]
    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let call = self.fd.control.begin(Direction::Read, Location::caller());
        call.run(|| (&*self.file()).read_vectored(buffers))
    }
}

impl<T: AsFd> Write for &Pollable<T> {
    #[track_caller]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let call = self.fd.control.begin(Direction::Write, Location::caller());
        call.run(|| socket::without_sigpipe(|| (&*self.file()).write(bytes)))
    }

    #[track_caller]
    fn write_vectored(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        let call = self.fd.control.begin(Direction::Write, Location::caller());
        call.run(|| socket::without_sigpipe(|| (&*self.file()).write_vectored(bytes)))
    }

    /// Does nothing: nothing is kept back.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<T: AsFd> Read for Pollable<T> {
    #[track_caller]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }

    #[track_caller]
    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(buffers)
    }
}

impl<T: AsFd> Write for Pollable<T> {
    #[track_caller]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    #[track_caller]
    fn write_vectored(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(bytes)
    }

    /// Does nothing: nothing is kept back.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
