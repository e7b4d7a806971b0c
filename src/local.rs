//! `goroutine_local!`: a static that has a value of its own in every goroutine. std's `thread_local!`,
//! for goroutines.
//!
//! The table of values, and when they are dropped, is in runtime/locals.rs.

use crate::runtime::{self, Local, LocalHeader, LocalSlot, Locals};
use crate::sys::atomic::{AtomicU32, Ordering};
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::mem;
use std::ptr::NonNull;

/// Declares statics that have a value of their own in every goroutine.
///
/// The form is that of [`std::thread_local!`], and each becomes a [`LocalKey`]. A goroutine's value is
/// made when it first asks for it, and dropped when the goroutine ends: on its stack, the value made
/// last first, before [`join`](crate::JoinHandle::join) returns. Goroutines take their values along from
/// thread to thread, so a reference to one may live across blocking calls, and the type need not be
/// [`Send`]. On a plain thread the value is that thread's.
///
/// A destructor may do all that a goroutine may: use channels, spawn, ask for other values. What it asks
/// for first then is made, and dropped after it; what was dropped already is gone, see [`AccessError`].
/// If one panics the hook tells of it and the other values are dropped all the same. A goroutine that
/// [`run`](crate::run), [`scope`](crate::scope()) or `go!` starts has values of its own; a scope may be
/// over before those of its goroutines are dropped, as with threads.
///
/// # Examples
/// ```
/// use std::cell::Cell;
///
/// sudog::goroutine_local! {
///     /// How many requests this goroutine has served.
///     static SERVED: Cell<u32> = const { Cell::new(0) };
/// }
///
/// fn serve() -> u32 {
///     sudog::yield_now(); // maybe to another thread
///     SERVED.set(SERVED.get() + 1);
///     SERVED.get()
/// }
///
/// let worker = || (serve(), serve());
/// let (a, b) = (sudog::spawn(worker), sudog::spawn(worker));
/// assert_eq!(a.join().unwrap(), (1, 2));
/// assert_eq!(b.join().unwrap(), (1, 2));
/// ```
#[macro_export]
macro_rules! goroutine_local {
    () => {};
    ($(#[$attribute:meta])* $vis:vis static $name:ident: $t:ty = const $init:block $(; $($rest:tt)*)?) => {
        $(#[$attribute])*
        $vis static $name: $crate::LocalKey<$t> = $crate::__private::local_key(|| const $init);
        $($crate::goroutine_local!($($rest)*);)?
    };
    ($(#[$attribute:meta])* $vis:vis static $name:ident: $t:ty = $init:expr $(; $($rest:tt)*)?) => {
        $(#[$attribute])*
        $vis static $name: $crate::LocalKey<$t> = $crate::__private::local_key(|| $init);
        $($crate::goroutine_local!($($rest)*);)?
    };
}

/// A static of [`goroutine_local!`](crate::goroutine_local): gives the value of the goroutine that asks.
///
/// None of its methods blocks, but for what the closures do that you give to them.
pub struct LocalKey<T: 'static> {
    /// Its slot in every table; 0 before the first use.
    index: AtomicU32,
    init: fn() -> T,
}

/// What [`LocalKey::try_with`] says when the value was dropped already, or is being dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessError;

impl fmt::Debug for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessError").finish()
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("already destroyed")
    }
}

impl Error for AccessError {}

#[cold]
#[track_caller]
fn panic_access(error: AccessError) -> ! {
    panic!("cannot access a goroutine-local value during or after its destruction: {error:?}")
}

/// What `goroutine_local!` expands to.
#[doc(hidden)]
pub const fn local_key<T: 'static>(init: fn() -> T) -> LocalKey<T> {
    LocalKey {
        index: AtomicU32::new(0),
        init,
    }
}

impl<T: 'static> LocalKey<T> {
    /// Calls `f` with the goroutine's value, which is made if this is the first use of it.
    ///
    /// `f` may block; the reference stays good.
    ///
    /// # Panics
    /// If the value was dropped already, or is being dropped: in a destructor that runs at the
    /// goroutine's end.
    ///
    /// # Examples
    /// ```
    /// sudog::goroutine_local!(static NAME: String = String::from("nobody"));
    ///
    /// sudog::run(|| NAME.with(|name| assert_eq!(name, "nobody")));
    /// ```
    #[track_caller]
    pub fn with<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        self.try_with(f).unwrap_or_else(|error| panic_access(error))
    }

    /// Calls `f` as [`with`](LocalKey::with) does, if there is a value or one can be made.
    ///
    /// # Errors
    /// [`AccessError`] if the value was dropped already, or is being dropped.
    ///
    /// # Examples
    /// ```
    /// sudog::goroutine_local!(static LOG: Vec<u8> = Vec::new());
    ///
    /// assert_eq!(LOG.try_with(|log| log.len()), Ok(0));
    /// ```
    pub fn try_with<F, R>(&'static self, f: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        let value = self.get_or_init(None)?;
        // SAFETY: the value lives until the goroutine ends (locals.rs, invariant 2), which is not within
        // `f`; and only shared references are made of it.
        Ok(f(unsafe { value.as_ref() }))
    }

    /// The value of whoever calls. If there is none yet it is made of `first`, which is taken, or else of
    /// the initial value.
    fn get_or_init(
        &'static self,
        first: Option<&mut Option<T>>,
    ) -> Result<NonNull<T>, AccessError> {
        let key = self.index();
        let locals = runtime::locals().ok_or(AccessError)?;
        let header = match locals.get(key) {
            LocalSlot::Alive(header) => header,
            LocalSlot::Gone => return Err(AccessError),
            LocalSlot::Empty => self.make(key, locals, first)?,
        };
        // SAFETY: the slot of this key has values of type `T` only.
        Ok(unsafe { Local::value(header) })
    }

    #[cold]
    fn make(
        &'static self,
        key: usize,
        locals: Locals,
        first: Option<&mut Option<T>>,
    ) -> Result<NonNull<LocalHeader>, AccessError> {
        let new = first.and_then(Option::take).unwrap_or_else(self.init);
        // The initial value may have asked for itself: the outer one stays.
        if let LocalSlot::Alive(header) = locals.get(key) {
            // SAFETY: the slot of this key has values of type `T` only; the goroutine is not within a
            // closure that was given the value, for then it would not have had to be made.
            drop(mem::replace(unsafe { Local::value(header).as_mut() }, new));
        } else {
            locals.put(Local::new(key, new));
        }
        match locals.get(key) {
            LocalSlot::Alive(header) => Ok(header),
            _ => Err(AccessError),
        }
    }

    fn index(&self) -> usize {
        // Relaxed, here and below: a number, and nothing behind it.
        match self.index.load(Ordering::Relaxed) {
            0 => self.take_index(),
            index => index as usize - 1,
        }
    }

    /// Gives the key its slot, unless another thread has just done so; then a number is left out.
    #[cold]
    fn take_index(&self) -> usize {
        static TAKEN: AtomicU32 = AtomicU32::new(0);
        let new = TAKEN.fetch_add(1, Ordering::Relaxed) + 1;
        let relaxed = Ordering::Relaxed;
        match self.index.compare_exchange(0, new, relaxed, relaxed) {
            Ok(_) => new as usize - 1,
            Err(other) => other as usize - 1,
        }
    }
}

impl<T: 'static> LocalKey<Cell<T>> {
    /// Sets the value; does not make the initial one if there is none yet.
    ///
    /// # Panics
    /// As [`with`](LocalKey::with).
    #[track_caller]
    pub fn set(&'static self, value: T) {
        let mut first = Some(Cell::new(value));
        match self.get_or_init(Some(&mut first)) {
            // SAFETY: as in `try_with`.
            Ok(cell) => first
                .into_iter()
                .for_each(|new| unsafe { cell.as_ref() }.set(new.into_inner())),
            Err(error) => panic_access(error),
        }
    }

    /// Returns a copy of the value.
    ///
    /// # Panics
    /// As [`with`](LocalKey::with).
    #[track_caller]
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    /// Takes the value and leaves the default one.
    ///
    /// # Panics
    /// As [`with`](LocalKey::with).
    #[track_caller]
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(Cell::take)
    }

    /// Puts another value in and returns the one before.
    ///
    /// # Panics
    /// As [`with`](LocalKey::with).
    #[track_caller]
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T: 'static> LocalKey<RefCell<T>> {
    /// Calls `f` with the content borrowed.
    ///
    /// `f` may block: nobody but this goroutine can find it borrowed.
    ///
    /// # Panics
    /// If it is borrowed mutably, and as [`with`](LocalKey::with).
    #[track_caller]
    pub fn with_borrow<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        self.with(|cell| f(&cell.borrow()))
    }

    /// Calls `f` with the content borrowed mutably.
    ///
    /// `f` may block: nobody but this goroutine can find it borrowed.
    ///
    /// # Panics
    /// If it is borrowed, and as [`with`](LocalKey::with).
    ///
    /// # Examples
    /// ```
    /// use std::cell::RefCell;
    ///
    /// sudog::goroutine_local!(static STACK: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) });
    ///
    /// sudog::run(|| {
    ///     STACK.with_borrow_mut(|stack| stack.push(1));
    ///     assert_eq!(STACK.take(), [1]);
    ///     assert_eq!(STACK.take(), []);
    /// });
    /// ```
    #[track_caller]
    pub fn with_borrow_mut<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&mut T) -> R,
    {
        self.with(|cell| f(&mut cell.borrow_mut()))
    }

    /// Sets the content; does not make the initial one if there is none yet.
    ///
    /// # Panics
    /// If it is borrowed, and as [`with`](LocalKey::with).
    #[track_caller]
    pub fn set(&'static self, value: T) {
        let mut first = Some(RefCell::new(value));
        match self.get_or_init(Some(&mut first)) {
            Ok(cell) => {
                if let Some(new) = first {
                    // SAFETY: as in `try_with`.
                    drop(unsafe { cell.as_ref() }.replace(new.into_inner()));
                }
            }
            Err(error) => panic_access(error),
        }
    }

    /// Takes the content and leaves the default one.
    ///
    /// # Panics
    /// If it is borrowed, and as [`with`](LocalKey::with).
    #[track_caller]
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(RefCell::take)
    }

    /// Puts other content in and returns that before.
    ///
    /// # Panics
    /// If it is borrowed, and as [`with`](LocalKey::with).
    #[track_caller]
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}
