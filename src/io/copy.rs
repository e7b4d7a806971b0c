//! Copying from a reader to a writer. Go's `io.Copy`, with what `TCPConn.ReadFrom` does beneath it.
//!
//! Where both ends are descriptors that we know, bytes stay in the kernel: a file goes to a socket by
//! `sendfile`, a socket to a socket by `splice`, over a pipe. Everything else goes through a buffer, and so
//! does what the kernel refuses.
//!
//! 1. The kernel's way ends at the end of the input or at a refusal, and only with an empty pipe; the
//!    buffer's way goes on from there. It finds the end as well, so it need not know which it was.
//! 2. Each step is a call of the socket's own, so deadlines and `close` hold.

use crate::net::{Fd, TcpStream, UnixStream};
use crate::runtime::Direction;
use crate::sys::{socket, splice};
use std::any::TypeId;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::marker::PhantomData;
use std::os::fd::AsFd;
use std::panic::Location;

/// The size of the buffer where one is needed.
const BUFFER: usize = 64 * 1024;

/// Copies everything from a reader to a writer, until the reader's end. Returns how many bytes.
///
/// As [`std::io::copy`], and for any reader and writer; from a file or a socket of this crate to a socket of
/// this crate the bytes stay in the kernel. Blocks the goroutine, or the thread on a plain thread, where its
/// reader and writer do.
///
/// # Errors
/// The first that the reader or the writer gives, other than `Interrupted`. What was read by then may be
/// lost.
///
/// # Examples
/// ```
/// use sudog::{go, io, net};
///
/// # fn main() -> std::io::Result<()> {
/// let (mut a, b) = net::UnixStream::pair()?;
/// let echo = go!(move || io::copy(&mut &b, &mut &b).unwrap());
/// let sent = io::copy(&mut &b"hello"[..], &mut a)?;
/// a.shutdown(std::net::Shutdown::Write)?;
/// let mut answer = Vec::new();
/// assert_eq!(io::copy(&mut a, &mut answer)?, sent);
/// assert_eq!(answer, b"hello");
/// assert_eq!(echo.join().unwrap(), sent);
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn copy<R: Read + ?Sized, W: Write + ?Sized>(
    reader: &mut R,
    writer: &mut W,
) -> io::Result<u64> {
    let at = Location::caller();
    let in_kernel = match (source(reader), sink(writer)) {
        (Some(Source::File(file)), Some(to)) => send_file(file, to, at)?,
        (Some(Source::Socket(from)), Some(to)) => splice_all(from, to, at)?,
        _ => 0,
    };
    Ok(in_kernel + copy_by_buffer(reader, writer)?)
}

fn copy_by_buffer<R: Read + ?Sized, W: Write + ?Sized>(
    reader: &mut R,
    writer: &mut W,
) -> io::Result<u64> {
    let mut buffer = vec![0; BUFFER];
    let mut total = 0;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(count) => {
                writer.write_all(&buffer[..count])?;
                total += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

enum Source<'a> {
    File(&'a File),
    Socket(&'a Fd),
}

/// The descriptor behind a reader, if we know it.
fn source<R: ?Sized>(reader: &R) -> Option<Source<'_>> {
    let socket = sink(reader).map(Source::Socket);
    socket.or_else(|| known::<R, File>(reader).map(Source::File))
}

/// The socket behind a reader or a writer, if there is one.
fn sink<W: ?Sized>(writer: &W) -> Option<&Fd> {
    let tcp = known::<W, TcpStream>(writer).map(TcpStream::fd);
    tcp.or_else(|| known::<W, UnixStream>(writer).map(UnixStream::fd))
}

/// The value as a `T`, if it is one or a reference to one.
fn known<V: ?Sized, T: 'static>(value: &V) -> Option<&T> {
    let place = std::ptr::from_ref(value).cast::<()>();
    if id_of::<V>() == TypeId::of::<T>() {
        // SAFETY: the two types are the same.
        return Some(unsafe { &*place.cast::<T>() });
    }
    if id_of::<V>() == TypeId::of::<&'static T>() {
        // SAFETY: the value is a reference to a `T`, and lives as long as ours to it.
        return Some(unsafe { *place.cast::<&T>() });
    }
    None
}

/// The identity of a type, whatever its lifetimes are.
///
/// David Tolnay's way (crate `typeid`): the method's own bound is met by extending the lifetime of an
/// object that holds no value.
fn id_of<T: ?Sized>() -> TypeId {
    trait Identified {
        fn id(&self) -> TypeId
        where
            Self: 'static;
    }

    impl<T: ?Sized> Identified for PhantomData<T> {
        fn id(&self) -> TypeId
        where
            Self: 'static,
        {
            TypeId::of::<T>()
        }
    }

    let phantom = PhantomData::<T>;
    let object: &dyn Identified = &phantom;
    // SAFETY: only the lifetime changes, and the object has no data that could have ended.
    unsafe { std::mem::transmute::<&dyn Identified, &(dyn Identified + 'static)>(object) }.id()
}

/// Sends a file to a socket, as far as the kernel does it.
fn send_file(file: &File, to: &Fd, at: &'static Location<'static>) -> io::Result<u64> {
    let mut total = 0;
    loop {
        let sent = to
            .control
            .begin(Direction::Write, at)
            .run(|| socket::without_sigpipe(|| splice::send_file(file.as_fd(), to.as_fd())));
        match sent {
            Ok(0) => return Ok(total),
            Ok(count) => total += count as u64,
            Err(error) if splice::is_unfit(&error) => return Ok(total),
            Err(error) => return Err(error),
        }
    }
}

/// Moves what comes from one socket to another, as far as the kernel does it.
fn splice_all(from: &Fd, to: &Fd, at: &'static Location<'static>) -> io::Result<u64> {
    let Ok((outlet, inlet)) = splice::pipe() else {
        // No descriptors are left, perhaps; a buffer needs none.
        return Ok(0);
    };
    let mut total = 0;
    loop {
        let took = from.control.begin(Direction::Read, at);
        let mut left = match took.run(|| splice::splice(from.as_fd(), inlet.as_fd(), None)) {
            Ok(0) => return Ok(total),
            Ok(count) => count,
            Err(error) if splice::is_unfit(&error) => return Ok(total),
            Err(error) => return Err(error),
        };
        total += left as u64;
        while left > 0 {
            let gave = to.control.begin(Direction::Write, at);
            left -= gave.run(|| {
                socket::without_sigpipe(|| splice::splice(outlet.as_fd(), to.as_fd(), Some(left)))
            })?;
        }
    }
}
