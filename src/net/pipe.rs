//! A stream without a network: two ends in memory. Go's `net.Pipe`, with a buffer.
//!
//! Two halves, one per direction; an end reads from one and writes to the other. Each end has a control of
//! its own, with a queue for those who read there and one for those who write, for deadlines and `close`
//! are an end's matter. Whoever changes a half has those look again who may have waited for it.
//!
//! 1. A half's lock guards its bytes and says whether either end has gone. It is released before anybody
//!    is told.
#![forbid(unsafe_code)]

use super::control::Control;
use crate::runtime::{Direction, PollDesc};
use crate::sys::lock::Lock;
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many bytes a half holds.
const CAPACITY: usize = 64 * 1024;

/// One end of a stream in memory, made by [`pipe`].
///
/// It reads and writes as a socket does, and has the deadlines and the `close` of one. `Clone` gives
/// another handle of the same end; dropping the last closes it.
///
/// # Examples
/// See [`pipe`].
pub struct PipeStream {
    end: Arc<End>,
}

struct End {
    control: Control<Box<PollDesc>>,
    shared: Arc<Shared>,
    /// Which end this is: it reads from half `side` and writes to the other.
    side: usize,
}

struct Shared {
    halves: [Lock<Half>; 2],
    /// The controls of both ends, for either to tell the other.
    ends: [std::sync::OnceLock<std::sync::Weak<End>>; 2],
}

struct Half {
    bytes: VecDeque<u8>,
    is_reader_gone: bool,
    is_writer_gone: bool,
}

impl Half {
    fn new() -> Lock<Half> {
        Lock::new(Half {
            bytes: VecDeque::new(),
            is_reader_gone: false,
            is_writer_gone: false,
        })
    }
}

/// Makes two ends of a stream in memory, with room for 64 KiB in each direction.
///
/// What one end writes the other reads. After the one was closed, reads at the other give what was
/// written, and then 0; writes there fail with `BrokenPipe`. For tests of what takes a stream, and for
/// putting a protocol between two goroutines.
///
/// # Examples
/// ```
/// use std::io::{Read, Write};
/// use sudog::{go, net};
///
/// # fn main() -> std::io::Result<()> {
/// let (mut a, mut b) = net::pipe();
/// go!(move || b.write_all(b"hello").unwrap());
/// let mut text = String::new();
/// a.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// # Ok(())
/// # }
/// ```
pub fn pipe() -> (PipeStream, PipeStream) {
    let shared = Arc::new(Shared {
        halves: [Half::new(), Half::new()],
        ends: [const { std::sync::OnceLock::new() }; 2],
    });
    let make = |side| {
        let end = Arc::new(End {
            control: Control::new(Box::new(PollDesc::new(0))),
            shared: shared.clone(),
            side,
        });
        let _ = shared.ends[side].set(Arc::downgrade(&end));
        PipeStream { end }
    };
    (make(0), make(1))
}

impl End {
    fn inward(&self) -> &Lock<Half> {
        &self.shared.halves[self.side]
    }

    fn outward(&self) -> &Lock<Half> {
        &self.shared.halves[1 - self.side]
    }

    /// Has those at the other end look again who wait in this direction.
    fn tell_peer(&self, direction: Direction) {
        let peer = self.shared.ends[1 - self.side].get();
        if let Some(peer) = peer.and_then(std::sync::Weak::upgrade) {
            peer.control.desc().look_again(direction);
        }
    }

    fn read(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let mut half = self.inward().lock();
        if half.bytes.is_empty() {
            return match half.is_writer_gone {
                true => Ok(0),
                false => Err(ErrorKind::WouldBlock.into()),
            };
        }
        // Reading from a VecDeque of bytes cannot fail.
        let count = half.bytes.read_vectored(buffers)?;
        drop(half);
        self.tell_peer(Direction::Write);
        Ok(count)
    }

    fn write(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut half = self.outward().lock();
        if half.is_reader_gone {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let before = half.bytes.len();
        for buffer in buffers {
            let room = CAPACITY - half.bytes.len();
            half.bytes.extend(&buffer[..buffer.len().min(room)]);
        }
        let count = half.bytes.len() - before;
        if count == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        drop(half);
        self.tell_peer(Direction::Read);
        Ok(count)
    }

    fn close(&self) -> io::Result<()> {
        self.control.close()?;
        // What was not read yet nobody will read.
        let unread = {
            let mut half = self.inward().lock();
            half.is_reader_gone = true;
            std::mem::take(&mut half.bytes)
        };
        drop(unread);
        self.outward().lock().is_writer_gone = true;
        self.tell_peer(Direction::Read);
        self.tell_peer(Direction::Write);
        Ok(())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        // Fails if it was closed before.
        let _ = self.close();
    }
}

impl PipeStream {
    /// Closes this end, for all its clones.
    ///
    /// Calls that are blocked on it fail with `use of closed network connection`, as do all later ones.
    /// The other end reads what was written, and then 0. Never blocks.
    ///
    /// # Errors
    /// If it was closed before; see [`is_closed`](super::is_closed).
    ///
    /// # Examples
    /// ```
    /// use std::io::{ErrorKind, Write};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (a, mut b) = sudog::net::pipe();
    /// a.close()?;
    /// assert_eq!(b.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    /// # Ok(())
    /// # }
    /// ```
    pub fn close(&self) -> io::Result<()> {
        self.end.close()
    }

    /// Sets the instant after which calls fail, in both directions; `None` for never.
    ///
    /// It holds for calls that are blocked now as for later ones, also for those that could go on.
    ///
    /// # Errors
    /// If this end is closed.
    ///
    /// # Examples
    /// ```
    /// use std::io::{ErrorKind, Read};
    /// use std::time::{Duration, Instant};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (mut a, _b) = sudog::net::pipe();
    /// a.set_deadline(Some(Instant::now() + Duration::from_millis(5)))?;
    /// assert_eq!(a.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::TimedOut);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        let both = [Direction::Read, Direction::Write];
        self.end.control.set_deadline(&both, deadline)
    }

    /// Sets the instant after which calls that read fail; `None` for never.
    ///
    /// # Errors
    /// If this end is closed.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let (a, _b) = sudog::net::pipe();
    /// a.set_read_deadline(None)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_read_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.end.control.set_deadline(&[Direction::Read], deadline)
    }

    /// Sets the instant after which calls that write fail; `None` for never.
    ///
    /// # Errors
    /// If this end is closed.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let (a, _b) = sudog::net::pipe();
    /// a.set_write_deadline(None)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_write_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.end.control.set_deadline(&[Direction::Write], deadline)
    }

    /// Limits how long each call that reads may be blocked; `None` for any time.
    ///
    /// # Errors
    /// `InvalidInput` for zero; or if this end is closed.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let (a, _b) = sudog::net::pipe();
    /// a.set_read_timeout(Some(std::time::Duration::from_secs(5)))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        self.end.control.set_timeout(Direction::Read, limit)
    }

    /// Limits how long each call that writes may be blocked; `None` for any time.
    ///
    /// # Errors
    /// `InvalidInput` for zero; or if this end is closed.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let (a, _b) = sudog::net::pipe();
    /// a.set_write_timeout(Some(std::time::Duration::from_secs(5)))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_write_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        self.end.control.set_timeout(Direction::Write, limit)
    }
}

impl Clone for PipeStream {
    /// Makes another handle of the same end.
    fn clone(&self) -> PipeStream {
        PipeStream {
            end: self.end.clone(),
        }
    }
}

impl fmt::Debug for PipeStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeStream")
            .field("unread", &self.end.inward().lock().bytes.len())
            .finish_non_exhaustive()
    }
}

impl Read for &PipeStream {
    #[track_caller]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_vectored(&mut [IoSliceMut::new(buffer)])
    }

    #[track_caller]
    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        if buffers.iter().all(|buffer| buffer.is_empty()) {
            return self.end.control.check().map(|()| 0);
        }
        let call = self.end.control.begin(Direction::Read, Location::caller());
        call.run(|| self.end.read(buffers))
    }
}

impl Write for &PipeStream {
    #[track_caller]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    #[track_caller]
    fn write_vectored(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        if bytes.iter().all(|buffer| buffer.is_empty()) {
            return self.end.control.check().map(|()| 0);
        }
        let call = self.end.control.begin(Direction::Write, Location::caller());
        call.run(|| self.end.write(bytes))
    }

    /// Does nothing: nothing is kept back.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

read_and_write_by_reference!(PipeStream);
