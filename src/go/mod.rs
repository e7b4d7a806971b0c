//! Starting goroutines and what every goroutine can ask for.
//!
//! | file | what |
//! |---|---|
//! | `task` | the packet of a goroutine: closure, result, and who waits for it |
//! | `handle` | `JoinHandle` |
//! | `builder` | `Builder` |
//! | `block_on` | a future, run by whoever waits for it |
//! | `entry` | `run`, and what `#[sudog::main]` and `#[sudog::test]` expand to |
//! | `no_park` | `no_park` |
//! | `panic` | what a panic prints, and when it ends the process |
//!
//! Everything here stands on the gate; nothing here knows of Ms and Ps.

mod block_on;
mod builder;
pub(crate) mod entry;
mod handle;
mod no_park;
mod panic;
mod task;
mod watch;

pub use block_on::block_on;
pub(crate) use block_on::block_on_as;
pub use builder::Builder;
pub use handle::JoinHandle;
pub use no_park::{NoPark, no_park};
pub(crate) use panic::{detached, drop_quietly};
pub(crate) use task::Start;

use crate::runtime::{self, Name, StaticName};
use std::fmt;
use std::panic::Location;

/// Starts a goroutine.
///
/// It runs as soon as it is its turn: here, when the caller parks, or on another thread. Nothing
/// waits for it unless you [`join`](JoinHandle::join) the handle; dropping the handle lets the
/// goroutine run on. This call never blocks and may be made from any thread; the first starts the
/// runtime.
///
/// The goroutine moves between threads at blocking calls: see [the contract](crate#the-contract).
/// [`go!`](crate::go) says the same in Go's form.
///
/// # Examples
/// ```
/// let answer = sudog::spawn(|| 6 * 7);
/// assert_eq!(answer.join().unwrap(), 42);
/// ```
#[track_caller]
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    spawn_at(Location::caller(), f)
}

/// The same for one that another place has asked for.
pub(crate) fn spawn_at<F, T>(at: &'static Location<'static>, f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    // SAFETY: closure and result are 'static.
    unsafe { Start::here(at).spawn(f) }
}

/// What `go!(f(x))` expands to: `spawn` with the callee's name.
#[doc(hidden)]
#[track_caller]
pub fn spawn_named<F, T>(name: &'static StaticName, f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let start = Start {
        name: Some(Name::of_static(name)),
        ..Start::here(Location::caller())
    };
    // SAFETY: closure and result are 'static.
    unsafe { start.spawn(f) }
}

/// Lets other goroutines run: the caller goes to the back of its P's queue.
///
/// May move the caller to another thread. On a plain thread it is [`std::thread::yield_now`].
///
/// # Examples
/// ```
/// sudog::run(|| sudog::yield_now());
/// ```
#[inline(always)]
pub fn yield_now() {
    runtime::yield_now();
}

/// Runs `f`, which may block the thread, while other goroutines use the P.
///
/// For what blocks outside this crate: files, `std::thread::sleep`, C libraries. A blocking call that
/// is not wrapped loses its P too, but only once that is noticed. `f` runs on the same stack and the
/// same thread; afterwards the goroutine waits until a P is free, and may go on on another thread. `f` may
/// use this crate: where it blocks in a call of ours it waits for a P first, and may go on on another
/// thread. A panic in `f` goes on in the caller. On a plain thread it just calls `f`.
///
/// # Examples
/// ```
/// let text = sudog::blocking(|| std::fs::read_to_string("Cargo.toml")).unwrap();
/// assert!(text.contains("sudog"));
/// ```
pub fn blocking<F, T>(f: F) -> T
where
    F: FnOnce() -> T,
{
    runtime::blocking(f)
}

/// Runs `f` on the stack of the thread, which has 8 MiB.
///
/// For deep recursion, C libraries that want much stack, and code that asks the thread how much stack it
/// has (as `stacker` does). `f` may borrow, and runs at once; a panic in it goes on in the caller. It may
/// use all of this crate, but where it waits its thread waits with it, while another runs the other
/// goroutines; so prefer not to block for long in there, or in many goroutines at once. Nested calls run in
/// place, and so does a call on a plain thread.
///
/// # Examples
/// ```
/// fn depth_of(list: &[u32]) -> usize {
///     let frame = std::hint::black_box([0_u8; 1024]);
///     match list.split_first() {
///         Some((_, rest)) => 1 + depth_of(rest),
///         None => frame[0] as usize,
///     }
/// }
///
/// // More than a goroutine's own stack would hold.
/// let list = vec![0; 3_000];
/// let handle = sudog::spawn(move || sudog::on_system_stack(|| depth_of(&list)));
/// assert_eq!(handle.join().unwrap(), 3_000);
/// ```
pub fn on_system_stack<F, T>(f: F) -> T
where
    F: FnOnce() -> T,
{
    runtime::on_system_stack(f)
}

/// Names the goroutine that calls, or gives `None` on a plain thread.
///
/// # Examples
/// ```
/// assert!(sudog::current().is_none());
/// sudog::run(|| assert!(sudog::current().unwrap().id() > 0));
/// ```
pub fn current() -> Option<Goroutine> {
    let g = runtime::current_g()?;
    // SAFETY: it is the calling goroutine itself.
    Some(Goroutine {
        id: g.id(),
        // SAFETY: it is the calling goroutine itself.
        name: unsafe { g.name() },
    })
}

/// Who a goroutine is: its number and, if it has one, its name.
#[derive(Clone)]
pub struct Goroutine {
    pub(crate) id: u64,
    pub(crate) name: Option<Name>,
}

impl Goroutine {
    /// Returns the number: unique in this process, 1 for the body of `#[sudog::main]`.
    ///
    /// # Examples
    /// ```
    /// let a = sudog::spawn(|| ());
    /// let b = sudog::spawn(|| ());
    /// assert_ne!(a.goroutine().id(), b.goroutine().id());
    /// ```
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Returns the name given by [`Builder::name`], or that of the function `go!` called.
    ///
    /// # Examples
    /// ```
    /// let handle = sudog::Builder::new().name("worker").spawn(|| ()).unwrap();
    /// assert_eq!(handle.goroutine().name(), Some("worker"));
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(Name::text)
    }
}

impl fmt::Debug for Goroutine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Goroutine")
            .field("id", &self.id())
            .field("name", &self.name())
            .finish()
    }
}

impl fmt::Display for Goroutine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "goroutine {} '{name}'", self.id),
            None => write!(f, "goroutine {}", self.id),
        }
    }
}
