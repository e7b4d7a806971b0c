//! What one has of a semaphore, and why one may not have it.

use super::Semaphore;
use std::error::Error;
use std::fmt;

/// Permits of a [`Semaphore`]; dropping it gives them back.
///
/// Dropping never blocks. Any thread may do it.
#[must_use = "dropping it gives the permits back"]
pub struct Permit {
    semaphore: Semaphore,
    count: usize,
}

impl Permit {
    /// The permits were taken before.
    pub(super) fn new(semaphore: &Semaphore, count: usize) -> Permit {
        Permit {
            semaphore: semaphore.clone(),
            count,
        }
    }

    /// Returns how many permits it stands for.
    ///
    /// # Examples
    /// ```
    /// let permit = sudog::sync::Semaphore::new(3).acquire(2).unwrap();
    /// assert_eq!(permit.count(), 2);
    /// ```
    pub fn count(&self) -> usize {
        self.count
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.semaphore.inner.release(self.count);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

/// Says that a [`Semaphore`] was closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Closed;

/// Says why [`Semaphore::try_acquire`] got no permit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TryAcquireError {
    /// There are not so many now, or others wait.
    NoPermits,
    /// The semaphore was closed.
    Closed,
}

/// Says why [`Semaphore::acquire_timeout`] got no permit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AcquireTimeoutError {
    /// The time was over first.
    Timeout,
    /// The semaphore was closed.
    Closed,
}

const CLOSED: &str = "semaphore closed";

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(CLOSED)
    }
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            TryAcquireError::NoPermits => "no permits available",
            TryAcquireError::Closed => CLOSED,
        })
    }
}

impl fmt::Display for AcquireTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            AcquireTimeoutError::Timeout => "timed out waiting for permits",
            AcquireTimeoutError::Closed => CLOSED,
        })
    }
}

impl Error for Closed {}
impl Error for TryAcquireError {}
impl Error for AcquireTimeoutError {}

impl From<Closed> for TryAcquireError {
    fn from(_: Closed) -> TryAcquireError {
        TryAcquireError::Closed
    }
}

impl From<Closed> for AcquireTimeoutError {
    fn from(_: Closed) -> AcquireTimeoutError {
        AcquireTimeoutError::Closed
    }
}
