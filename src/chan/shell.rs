//! `select!` and `select_biased!`: they tell the proc macros by which name sudog is known.

/// Waits for the first of several channel operations that can be done, does it and runs its arm.
///
/// ```text
/// recv(rx) -> message => ..,            // message: Result<T, RecvError>
/// send(tx, value) -> result => ..,      // result: Result<(), SendError<T>>
/// recv(rx) -> message, if guard => ..,  // a false guard takes the arm out
/// default => ..,                        // if no other arm can be done at once
/// default(duration) => ..,              // if none could be done in this time
/// ```
///
/// Exactly one arm is done, and the others have no effect whatever. Among arms that can be done the
/// choice is random, all being alike likely; [`select_biased!`](crate::select_biased) takes the first.
/// The whole is an expression; in the arms `return`, `break`, `continue` and `?` mean what they mean
/// around it. `select! {}` waits for ever.
///
/// Guards are evaluated first, in order, then the channels, each once, then the duration. **What a send
/// sends is evaluated only when its arm was chosen,** so one value may stand in several arms. If that
/// panics, returns or breaks, the choice is withdrawn and the partner keeps its place; while it is
/// evaluated the partner waits.
///
/// A plain name is taken for a variable, and moved from only if it was sent. A function, or a constant
/// that is not in capitals, has to be an expression, `{ name }` or `name as fn()`; else the compiler says
/// "cannot take address of a temporary".
///
/// Blocks the goroutine, or the thread on a plain thread, and in async code the thread: there use
/// [`Select::ready_async`](crate::chan::Select::ready_async). With `default` it does not block.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use sudog::chan::{bounded, unbounded};
/// use sudog::{go, select};
///
/// let (tx, rx) = unbounded();
/// let (quit_tx, quit) = bounded::<()>(0);
/// go!(move || {
///     (1..=3).for_each(|n| tx.send(n).unwrap());
///     quit_tx.send(()).unwrap();
///     std::thread::sleep(Duration::from_millis(1));
/// });
/// let mut sum = 0;
/// loop {
///     select! {
///         recv(rx) -> n => sum += n.unwrap_or(0),
///         recv(quit) -> _ => break,
///         default(Duration::from_secs(60)) => panic!("nobody there"),
///     }
/// }
/// sum += rx.try_iter().sum::<i32>();
/// assert_eq!(sum, 6);
/// ```
#[macro_export]
macro_rules! select {
    ($($tokens:tt)*) => { $crate::__private::select! { ($crate) $($tokens)* } };
}

/// Does as [`select!`](crate::select) does, but of the arms that can be done takes the first.
///
/// # Examples
/// ```
/// use sudog::chan::unbounded;
/// use sudog::select_biased;
///
/// let ((urgent_tx, urgent), (tx, rx)) = (unbounded(), unbounded());
/// tx.send("later").unwrap();
/// urgent_tx.send("now").unwrap();
/// let first = select_biased! {
///     recv(urgent) -> text => text,
///     recv(rx) -> text => text,
/// };
/// assert_eq!(first, Ok("now"));
/// ```
#[macro_export]
macro_rules! select_biased {
    ($($tokens:tt)*) => { $crate::__private::select_biased! { ($crate) $($tokens)* } };
}

pub use {select, select_biased};
