//! The macros of `sudog`. Use them through that crate; it says where each of them stands.
//!
//! Each macro has a file that parses its input and prints its expansion, and every expansion is a
//! call of a documented function of `sudog`: the macros decide nothing at run time. Two rules hold
//! for all of them:
//!
//! 1. A mistake is reported on the user's own token, and the message says what to write instead.
//! 2. Input that is wrong or unfinished still expands to code that holds the user's tokens, so that
//!    an editor keeps completing inside it.

#![forbid(unsafe_code)]

mod entry;
mod go;
mod keys;
mod mistakes;
mod select;
mod shell;

use proc_macro::TokenStream;

use entry::Entry;
use select::Choice;

/// Starts a goroutine from a call, a closure, a path or a block; reached as `sudog::go!`.
///
/// What matters is the tokens inside, never the kind of brackets around them:
///
/// - One closure or one path is spawned as it is.
/// - Exactly one call or method call, without a `;` after it: receiver and arguments are evaluated
///   here, in source order, and moved into the goroutine, which makes the call and bears the name
///   of the function. In `a(x).b(y)` only `.b` is deferred.
/// - Anything else, `f(x);` and macro calls too, becomes the body of a `move` closure. A `return`
///   or a `?` in it ends the goroutine.
///
/// The value is the goroutine's `JoinHandle`; dropping it detaches the goroutine. Having a value, a
/// statement ends in `;`, behind braces too.
///
/// # Examples
///
/// ```ignore
/// use sudog::go;
///
/// go!(serve(listener));            // `listener` moves; the goroutine is called "serve"
/// go!(worker.run(jobs.clone()));   // cloned here, run there
/// go!(move || count(words));       // a closure of your own
/// go!(background_task);            // a function without arguments
/// go! {
///     let answer = compute();
///     println!("{answer}");
/// };
/// let sum = go!(add(1, 2)).join();
/// ```
#[proc_macro]
pub fn go(input: TokenStream) -> TokenStream {
    go::expand(input.into()).into()
}

/// Runs the body of `fn main` as goroutine 1; reached as `#[sudog::main]`.
///
/// The body may return whatever `fn main` may: `()`, a `Result`, an `ExitCode`. When it returns the
/// process ends without waiting for other goroutines, as in Go. It ends so too when the body panics,
/// with code 101.
///
/// These keys set up the runtime, as the methods of `sudog::runtime::Config` do; the environment
/// goes before them:
///
/// | key | value |
/// |---|---|
/// | `max_procs` | how many goroutines run at one moment |
/// | `stack_size` | bytes of stack for each goroutine |
/// | `on_panic` | `Isolate` or `Exit` |
/// | `max_threads` | how many threads there may be |
/// | `crate` | the path of `sudog`, where it goes by another name |
///
/// An `async fn` is refused: write a plain `fn` and call `sudog::block_on` in it.
///
/// # Examples
///
/// ```ignore
/// #[sudog::main(max_procs = 4, on_panic = Exit)]
/// fn main() -> std::io::Result<()> {
///     let handle = sudog::go!(work());
///     handle.join().unwrap()
/// }
/// ```
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Entry::Main, args.into(), item.into()).into()
}

/// Runs a test as a goroutine; reached as `#[sudog::test]`, and written instead of `#[test]`.
///
/// `#[should_panic]`, `#[ignore]` and a `Result` as the return type work as they do with `#[test]`.
/// The keys are those of `#[sudog::main]`, and `timeout`: text such as `"60s"` (a number and `ms`,
/// `s`, `m` or `h`) or an expression of type `Duration`. When it has passed, all goroutines are
/// dumped and the test fails.
///
/// All tests of a binary share one runtime.
///
/// # Examples
///
/// ```ignore
/// #[sudog::test(timeout = "10s")]
/// fn sum_arrives() {
///     assert_eq!(sudog::go!(add(1, 2)).join().unwrap(), 3);
/// }
/// ```
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Entry::Test, args.into(), item.into()).into()
}

/// Waits for one of several channel operations, and does it; reached as `sudog::select!`.
///
/// The arms are those of crossbeam-channel, and may have guards:
///
/// - `recv(channel) -> message => body` receives; `message` is a `Result<T, RecvError>`.
/// - `send(channel, value) -> result => body` sends; `result` is a `Result<(), SendError<T>>`.
/// - `default => body` is what happens when no other arm is ready, and `default(duration) => body`
///   when none is before the time is over.
///
/// Among arms that are ready one is chosen at random. `message` and `result` are irrefutable
/// patterns; `, if condition` behind one takes the arm out where the condition is false. Guards are
/// evaluated first, then the channels, then the duration, and the value of a `send` only when its
/// arm has been chosen.
///
/// Arms are plain code: `return`, `break`, `continue`, `?` and labels reach the function or loop
/// around the select, and a body may change or move what a channel expression borrowed. The whole
/// is an expression. `select! {}` waits for ever and has the type `!`.
///
/// # Examples
///
/// ```ignore
/// let answer = select! {
///     recv(results) -> result => result.ok(),
///     send(jobs, next_job()) -> sent, if wants_more => {
///         sent?;
///         None
///     }
///     default(Duration::from_secs(1)) => return Err(Error::TooSlow),
/// };
/// ```
#[proc_macro]
pub fn select(input: TokenStream) -> TokenStream {
    select::expand(Choice::Random, input.into()).into()
}

/// Waits for one of several channel operations, and does the first that is ready; reached as
/// `sudog::select_biased!`.
///
/// The grammar is that of `select!`.
///
/// # Examples
///
/// ```ignore
/// loop {
///     select_biased! {
///         recv(urgent) -> job => run(job?),
///         recv(ordinary) -> job => run(job?),
///     }
/// }
/// ```
#[proc_macro]
pub fn select_biased(input: TokenStream) -> TokenStream {
    select::expand(Choice::First, input.into()).into()
}
