//! `Builder`: a goroutine with a name or a stack of another size.

use super::{JoinHandle, Start};
use crate::runtime::{self, Name};
use std::io;
use std::panic::Location;

/// Starts goroutines with a name or a stack size of their own.
///
/// When all stacks that the process may have are in use, a new goroutine stays runnable until one is
/// free, and a warning is printed once. If none can become free the process ends with an error that
/// names the limit.
///
/// # Examples
/// ```
/// let deep = sudog::Builder::new().name("deep").stack_size(8 << 20);
/// let handle = deep.spawn(|| sudog::current().unwrap().name().map(str::to_owned)).unwrap();
/// assert_eq!(handle.join().unwrap().as_deref(), Some("deep"));
/// ```
#[derive(Debug, Default)]
#[must_use = "a builder starts nothing until `spawn`"]
pub struct Builder {
    name: Option<String>,
    stack_size: Option<usize>,
    is_pinned: bool,
}

impl Builder {
    /// Makes a builder with no name and the default stack size.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Names the goroutine, for panics and listings.
    pub fn name(mut self, name: impl Into<String>) -> Builder {
        self.name = Some(name.into());
        self
    }

    /// Sets the size of the stack in bytes, rounded up to 64 KiB, 256 KiB, 1 MiB or 8 MiB.
    ///
    /// Part of it, 16 KiB on x86-64, is the guard.
    ///
    /// # Examples
    /// ```
    /// let builder = sudog::Builder::new().stack_size(8 << 20);
    /// let handle = builder.spawn(|| std::hint::black_box([1_u8; 1 << 20])[0]).unwrap();
    /// assert_eq!(handle.join().unwrap(), 1);
    /// ```
    pub fn stack_size(mut self, bytes: usize) -> Builder {
        self.stack_size = Some(bytes);
        self
    }

    /// Locks the goroutine to an OS thread of its own, from its first run to its end.
    ///
    /// As if it began with [`lock_os_thread`](crate::runtime::lock_os_thread) and never dropped the guard:
    /// the thread ends with it. For code that keeps to its thread: thread-locals, guards, C libraries.
    ///
    /// # Examples
    /// ```
    /// let main = std::thread::current().id();
    /// let pinned = sudog::Builder::new().pinned().spawn(move || {
    ///     let here = std::thread::current().id();
    ///     sudog::yield_now();
    ///     here != main && here == std::thread::current().id()
    /// });
    /// assert!(pinned.unwrap().join().unwrap());
    /// ```
    pub fn pinned(mut self) -> Builder {
        self.is_pinned = true;
        self
    }

    /// Starts the goroutine; otherwise as [`spawn`](crate::spawn).
    ///
    /// # Errors
    /// `InvalidInput` for a stack size of 0 or above 8 MiB, and for a name that holds a NUL byte.
    ///
    /// # Examples
    /// ```
    /// use std::io::ErrorKind;
    ///
    /// let too_large = sudog::Builder::new().stack_size(1 << 30).spawn(|| ());
    /// assert_eq!(too_large.unwrap_err().kind(), ErrorKind::InvalidInput);
    /// ```
    #[track_caller]
    pub fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let start = self.into_start(Location::caller())?;
        // SAFETY: closure and result are 'static.
        Ok(unsafe { start.spawn(f) })
    }

    pub(crate) fn into_start(self, at: &'static Location<'static>) -> io::Result<Start> {
        let invalid = |message: String| io::Error::new(io::ErrorKind::InvalidInput, message);
        if let Some(name) = &self.name
            && name.contains('\0')
        {
            return Err(invalid(format!(
                "a goroutine's name must hold no NUL byte: {name:?}"
            )));
        }
        let stack_class = self
            .stack_size
            .map(runtime::check_stack_size)
            .transpose()
            .map_err(invalid)?;
        let name = self.name.as_deref().map(Name::of_text);
        Ok(Start {
            name,
            stack_class,
            is_pinned: self.is_pinned,
            ..Start::here(at)
        })
    }
}
