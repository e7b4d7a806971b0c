//! What all types of sockets have: said once, in macros, so that each has documentation of its own.
//!
//! `$make` makes a `socket` in the examples. A type is a struct with a field `fd: Arc<Fd>`.

use std::io;
use std::net::SocketAddr;

/// The address of a socket of the Internet, out of what the system gave.
pub(super) fn internet(address: socket2::SockAddr) -> io::Result<SocketAddr> {
    let no_address = || io::Error::new(io::ErrorKind::InvalidInput, "not an Internet address");
    address.as_socket().ok_or_else(no_address)
}

/// `close`, deadlines, clones, and the ways to and from std's type.
macro_rules! socket {
    ($type:ident, $std:ty, $make:literal) => {
        impl $type {
            /// Closes the socket, for all its clones.
            ///
            /// Calls that are blocked on it fail with `use of closed network connection`, as do all later
            /// ones. Never blocks.
            ///
            /// # Errors
            /// If it was closed before; see [`is_closed`](crate::net::is_closed).
            ///
            /// # Examples
            /// ```
            /// # fn main() -> std::io::Result<()> {
            #[doc = $make]
            /// socket.close()?;
            /// let error = socket.close().unwrap_err();
            /// assert!(sudog::net::is_closed(&error));
            /// # Ok(())
            /// # }
            /// ```
            pub fn close(&self) -> std::io::Result<()> {
                self.fd.close()
            }

            /// Sets the instant after which calls fail, in both directions; `None` for never.
            ///
            /// It holds for calls that are blocked now as for later ones, also for those that could go on.
            /// An instant that has passed fails them at once; setting another makes the socket usable
            /// again.
            ///
            /// # Errors
            /// If the socket is closed.
            ///
            /// # Examples
            /// ```
            /// use std::time::{Duration, Instant};
            ///
            /// # fn main() -> std::io::Result<()> {
            #[doc = $make]
            /// socket.set_deadline(Some(Instant::now() + Duration::from_secs(5)))?;
            /// socket.set_deadline(None)?;
            /// # Ok(())
            /// # }
            /// ```
            pub fn set_deadline(
                &self,
                deadline: Option<std::time::Instant>,
            ) -> std::io::Result<()> {
                use $crate::runtime::Direction;
                self.fd
                    .control
                    .set_deadline(&[Direction::Read, Direction::Write], deadline)
            }

            /// Sets the instant after which calls that read, or accept, fail; `None` for never.
            ///
            /// See [`set_deadline`](Self::set_deadline).
            ///
            /// # Errors
            /// If the socket is closed.
            ///
            /// # Examples
            /// ```
            /// # fn main() -> std::io::Result<()> {
            #[doc = $make]
            /// socket.set_read_deadline(Some(std::time::Instant::now()))?;
            /// # Ok(())
            /// # }
            /// ```
            pub fn set_read_deadline(
                &self,
                deadline: Option<std::time::Instant>,
            ) -> std::io::Result<()> {
                use $crate::runtime::Direction;
                self.fd.control.set_deadline(&[Direction::Read], deadline)
            }

            /// Sets the instant after which calls that write fail; `None` for never.
            ///
            /// See [`set_deadline`](Self::set_deadline).
            ///
            /// # Errors
            /// If the socket is closed.
            ///
            /// # Examples
            /// ```
            /// # fn main() -> std::io::Result<()> {
            #[doc = $make]
            /// socket.set_write_deadline(None)?;
            /// # Ok(())
            /// # }
            /// ```
            pub fn set_write_deadline(
                &self,
                deadline: Option<std::time::Instant>,
            ) -> std::io::Result<()> {
                use $crate::runtime::Direction;
                self.fd.control.set_deadline(&[Direction::Write], deadline)
            }

            /// Makes another handle of the same socket, as `clone` does; for code written for std's type.
            ///
            /// It has the same deadlines and time-outs.
            ///
            /// # Errors
            /// If the socket is closed.
            ///
            /// # Examples
            /// ```
            /// # fn main() -> std::io::Result<()> {
            #[doc = $make]
            /// let same = socket.try_clone()?;
            /// same.close()?;
            /// assert!(socket.try_clone().is_err());
            /// # Ok(())
            /// # }
            /// ```
            pub fn try_clone(&self) -> std::io::Result<Self> {
                self.fd.control.check()?;
                Ok(self.clone())
            }

            /// Takes the error that the system has kept for this socket, if there is one.
            ///
            /// # Errors
            /// If the socket is closed.
            ///
            /// # Examples
            /// ```
            /// # fn main() -> std::io::Result<()> {
            #[doc = $make]
            /// assert!(socket.take_error()?.is_none());
            /// # Ok(())
            /// # }
            /// ```
            pub fn take_error(&self) -> std::io::Result<Option<std::io::Error>> {
                self.fd.at_once(|socket| socket.take_error())
            }

            /// Turns it into std's type, in blocking mode.
            ///
            /// # Errors
            /// If the socket is closed, or has clones: those would find it in the wrong mode. The socket is
            /// dropped then.
            ///
            /// # Examples
            /// ```
            /// # fn main() -> std::io::Result<()> {
            #[doc = $make]
            #[doc = concat!("let theirs: ", stringify!($std), " = socket.into_std()?;")]
            #[doc = concat!("let ours = sudog::net::", stringify!($type), "::try_from(theirs)?;")]
            /// # drop(ours);
            /// # Ok(())
            /// # }
            /// ```
            pub fn into_std(self) -> std::io::Result<$std> {
                let fd = std::sync::Arc::into_inner(self.fd);
                let fd = fd.ok_or_else(|| std::io::Error::other("the socket has clones"))?;
                Ok(fd.into_owned()?.into())
            }
        }

        impl Clone for $type {
            /// Makes another handle of the same socket.
            fn clone(&self) -> Self {
                Self {
                    fd: self.fd.clone(),
                }
            }
        }

        impl TryFrom<$std> for $type {
            type Error = std::io::Error;

            /// Takes std's socket, which must not be used through another handle any more: its mode is
            /// changed.
            fn try_from(socket: $std) -> std::io::Result<Self> {
                std::os::fd::OwnedFd::from(socket).try_into()
            }
        }

        impl TryFrom<std::os::fd::OwnedFd> for $type {
            type Error = std::io::Error;

            /// Takes a descriptor, which should be one of a socket of this kind.
            fn try_from(owned: std::os::fd::OwnedFd) -> std::io::Result<Self> {
                let fd = std::sync::Arc::new($crate::net::fd::Fd::adopt(owned)?);
                Ok(Self { fd })
            }
        }

        impl std::os::fd::AsFd for $type {
            /// Borrows the descriptor; after [`close`](Self::close) one that refuses everything.
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.fd.expose()
            }
        }

        impl std::os::fd::AsRawFd for $type {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.fd.expose().as_raw_fd()
            }
        }
    };
}

/// std's time-outs.
macro_rules! timeouts {
    ($type:ident, $make:literal) => {
        impl $type {
            /// Limits how long each call that reads may be blocked; `None` for any time.
            ///
            /// # Errors
            /// `InvalidInput` for zero; or if the socket is closed.
            ///
            /// # Examples
            /// ```
            /// use std::time::Duration;
            ///
            /// # fn main() -> std::io::Result<()> {
            #[doc = $make]
            /// socket.set_read_timeout(Some(Duration::from_millis(5)))?;
            /// assert_eq!(socket.read_timeout()?, Some(Duration::from_millis(5)));
            /// # Ok(())
            /// # }
            /// ```
            pub fn set_read_timeout(
                &self,
                limit: Option<std::time::Duration>,
            ) -> std::io::Result<()> {
                self.fd
                    .control
                    .set_timeout($crate::runtime::Direction::Read, limit)
            }

            /// Limits how long each call that writes may be blocked; `None` for any time.
            ///
            /// # Errors
            /// `InvalidInput` for zero; or if the socket is closed.
            ///
            /// # Examples
            /// ```
            /// use std::time::Duration;
            ///
            /// # fn main() -> std::io::Result<()> {
            #[doc = $make]
            /// let error = socket.set_write_timeout(Some(Duration::ZERO)).unwrap_err();
            /// assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
            /// # Ok(())
            /// # }
            /// ```
            pub fn set_write_timeout(
                &self,
                limit: Option<std::time::Duration>,
            ) -> std::io::Result<()> {
                self.fd
                    .control
                    .set_timeout($crate::runtime::Direction::Write, limit)
            }

            /// Returns the limit of [`set_read_timeout`](Self::set_read_timeout).
            ///
            /// # Errors
            /// If the socket is closed.
            ///
            /// # Examples
            /// ```
            /// # fn main() -> std::io::Result<()> {
            #[doc = $make]
            /// assert_eq!(socket.read_timeout()?, None);
            /// # Ok(())
            /// # }
            /// ```
            pub fn read_timeout(&self) -> std::io::Result<Option<std::time::Duration>> {
                self.fd.control.timeout($crate::runtime::Direction::Read)
            }

            /// Returns the limit of [`set_write_timeout`](Self::set_write_timeout).
            ///
            /// # Errors
            /// If the socket is closed.
            ///
            /// # Examples
            /// ```
            /// # fn main() -> std::io::Result<()> {
            #[doc = $make]
            /// assert_eq!(socket.write_timeout()?, None);
            /// # Ok(())
            /// # }
            /// ```
            pub fn write_timeout(&self) -> std::io::Result<Option<std::time::Duration>> {
                self.fd.control.timeout($crate::runtime::Direction::Write)
            }
        }
    };
}

/// `Read` and `Write`, on the type and on references to it.
macro_rules! stream {
    ($type:ident) => {
        impl std::io::Read for &$type {
            #[track_caller]
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                if buffer.is_empty() {
                    self.fd.control.check()?;
                    return Ok(0);
                }
                let at = std::panic::Location::caller();
                self.fd
                    .read(at, buffer.len(), |socket| (&*socket).read(buffer))
            }

            #[track_caller]
            fn read_vectored(
                &mut self,
                buffers: &mut [std::io::IoSliceMut<'_>],
            ) -> std::io::Result<usize> {
                let len = buffers.iter().map(|buffer| buffer.len()).sum();
                if len == 0 {
                    self.fd.control.check()?;
                    return Ok(0);
                }
                let at = std::panic::Location::caller();
                self.fd
                    .read(at, len, |socket| (&*socket).read_vectored(buffers))
            }
        }

        impl std::io::Write for &$type {
            #[track_caller]
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                let at = std::panic::Location::caller();
                self.fd
                    .call($crate::runtime::Direction::Write, at, |socket| {
                        socket.send_with_flags(bytes, $crate::sys::socket::NO_SIGNAL)
                    })
            }

            #[track_caller]
            fn write_vectored(&mut self, bytes: &[std::io::IoSlice<'_>]) -> std::io::Result<usize> {
                let at = std::panic::Location::caller();
                // More than IOV_MAX would be an error.
                let bytes = &bytes[..bytes.len().min(1024)];
                self.fd
                    .call($crate::runtime::Direction::Write, at, |socket| {
                        socket.send_vectored_with_flags(bytes, $crate::sys::socket::NO_SIGNAL)
                    })
            }

            /// Does nothing: nothing is kept back.
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        read_and_write_by_reference!($type);
    };
}

/// `Read` and `Write` on a type, by those on references to it.
macro_rules! read_and_write_by_reference {
    ($type:ty) => {
        impl std::io::Read for $type {
            #[track_caller]
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                (&*self).read(buffer)
            }

            #[track_caller]
            fn read_vectored(
                &mut self,
                buffers: &mut [std::io::IoSliceMut<'_>],
            ) -> std::io::Result<usize> {
                (&*self).read_vectored(buffers)
            }
        }

        impl std::io::Write for $type {
            #[track_caller]
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                (&*self).write(bytes)
            }

            #[track_caller]
            fn write_vectored(&mut self, bytes: &[std::io::IoSlice<'_>]) -> std::io::Result<usize> {
                (&*self).write_vectored(bytes)
            }

            /// Does nothing: nothing is kept back.
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
    };
}
