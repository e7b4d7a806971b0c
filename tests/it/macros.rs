//! `go!` and `#[sudog::test]`: what they accept, and who does what in it.

#![deny(unused)]

use std::fmt::Display;
use std::sync::{Arc, Mutex};

use sudog::{JoinHandle, go};

use crate::support::LIMIT;

fn add(a: i32, b: i32) -> i32 {
    a + b
}

/// The number of the goroutine that evaluates it.
fn here() -> u64 {
    sudog::current().expect("in a goroutine").id()
}

fn name_of<T>(handle: &JoinHandle<T>) -> Option<String> {
    handle.goroutine().name().map(str::to_owned)
}

fn value<T>(handle: JoinHandle<T>) -> T {
    handle
        .join()
        .unwrap_or_else(|payload| std::panic::resume_unwind(payload))
}

/// What was evaluated, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(&'static str, u64)>>>);

impl Log {
    fn note<T>(&self, what: &'static str, value: T) -> T {
        self.0.lock().unwrap().push((what, here()));
        value
    }

    fn words(&self) -> Vec<&'static str> {
        self.0
            .lock()
            .unwrap()
            .iter()
            .map(|(what, _)| *what)
            .collect()
    }

    fn all_here(&self) -> bool {
        self.0
            .lock()
            .unwrap()
            .iter()
            .all(|(_, place)| *place == here())
    }
}

#[derive(Default)]
struct Worker {
    jobs: Vec<i32>,
}

impl Worker {
    fn idle() -> usize {
        0
    }

    fn with(mut self, job: i32) -> Self {
        self.jobs.push(job);
        self
    }

    fn grow(&mut self, job: i32) -> usize {
        self.jobs.push(job);
        self.jobs.len()
    }

    fn len(&self) -> usize {
        self.jobs.len()
    }

    fn start(self) -> JoinHandle<usize> {
        go!(self.len())
    }

    fn start_shared(self: &Arc<Self>) -> JoinHandle<usize> {
        go!(self.clone().len_shared())
    }

    fn len_shared(self: Arc<Self>) -> usize {
        self.jobs.len()
    }

    fn start_path(self) -> JoinHandle<usize> {
        go!(Self::consume(self))
    }

    fn consume(self) -> usize {
        self.jobs.len()
    }
}

trait Describe {
    fn describe(self, text: &str) -> String;
}

impl<T: Display> Describe for T {
    fn describe(self, text: &str) -> String {
        format!("{text}{self}")
    }
}

fn show<T: Display>(value: T) -> String {
    value.to_string()
}

fn apply<R>(f: impl FnOnce(&str) -> R, text: &'static str) -> R {
    f(text)
}

fn call_with(f: impl FnOnce(i32) -> i32, n: i32) -> i32 {
    f(n)
}

mod closures_and_paths {
    use super::*;

    #[sudog::test(timeout = LIMIT)]
    fn closure_is_spawned_as_it_is() {
        let n = 20;
        assert_eq!(value(go!(move || n + 1)), 21);
        assert_eq!(value(go!(|| 2)), 2);
    }

    #[sudog::test(timeout = LIMIT)]
    fn path_is_spawned_as_it_is() {
        fn generic<T: Default>() -> T {
            T::default()
        }
        let local = || 4;
        assert_eq!(value(go!(Worker::idle)), 0);
        assert_eq!(value(go!(generic::<u8>)), 0);
        assert_eq!(value(go!(<Vec<u8> as Default>::default)), []);
        assert_eq!(value(go!(local)), 4);
    }

    #[sudog::test(timeout = LIMIT)]
    fn closures_paths_and_blocks_have_no_name() {
        assert_eq!(name_of(&go!(move || 1)), None);
        assert_eq!(name_of(&go!(Worker::idle)), None);
        assert_eq!(name_of(&go! { Worker::idle(); }), None);
    }

    #[sudog::test(timeout = LIMIT)]
    fn brackets_do_not_matter() {
        assert_eq!(value(go!(add(1, 2))), 3);
        assert_eq!(value(go![add(1, 2)]), 3);
        assert_eq!(value(go! { add(1, 2) }), 3);
        assert_eq!(name_of(&go! { add(1, 2) }).as_deref(), Some("add"));
    }
}

mod calls {
    use super::*;

    #[sudog::test(timeout = LIMIT)]
    fn goroutine_is_named_after_the_callee() {
        fn r#match(n: i32) -> i32 {
            n
        }
        let worker = Worker::default;
        assert_eq!(name_of(&go!(add(1, 2))).as_deref(), Some("add"));
        assert_eq!(name_of(&go!(super::show::<u8>(1))).as_deref(), Some("show"));
        assert_eq!(name_of(&go!(r#match(1))).as_deref(), Some("match"));
        assert_eq!(name_of(&go!(worker().grow(1))).as_deref(), Some("grow"));
        assert_eq!(name_of(&go!((|x: i32| x)(1))), None);
    }

    #[sudog::test(timeout = LIMIT)]
    fn arguments_are_evaluated_by_the_caller_in_order() {
        let log = Log::default();
        let handle = go!(add(log.note("first", 1), log.note("second", 2)));
        assert_eq!(log.words(), ["first", "second"]);
        assert!(log.all_here());
        assert_eq!(value(handle), 3);
    }

    #[sudog::test(timeout = LIMIT)]
    fn receiver_is_evaluated_before_the_arguments() {
        let log = Log::default();
        let handle = go!(log
            .note("receiver", Worker::default())
            .grow(log.note("argument", 1)));
        assert_eq!(log.words(), ["receiver", "argument"]);
        assert!(log.all_here());
        assert_eq!(value(handle), 1);
    }

    #[sudog::test(timeout = LIMIT)]
    fn only_the_last_call_of_a_chain_is_deferred() {
        fn traced(log: &Log) -> Worker {
            log.note("made", Worker::default())
        }
        fn elsewhere(_: Worker) -> u64 {
            here()
        }
        let log = Log::default();
        let handle = go!(traced(&log).with(log.note("with", 1)).len());
        assert_eq!(log.words(), ["made", "with"]);
        assert!(log.all_here());
        assert_eq!(value(handle), 1);
        assert_ne!(value(go!(elsewhere(Worker::default()))), here());
    }

    #[sudog::test(timeout = LIMIT)]
    fn callee_that_is_a_value_is_evaluated_by_the_caller() {
        struct Table {
            f: fn(i32, i32) -> i32,
        }
        fn adder(log: &Log, a: i32) -> impl FnMut(i32) -> i32 + Send + 'static {
            log.note("callee", move |b| a + b)
        }
        let log = Log::default();
        let handle = go!(adder(&log, 1)(log.note("argument", 2)));
        assert_eq!(log.words(), ["callee", "argument"]);
        assert!(log.all_here());
        assert_eq!(value(handle), 3);

        let table = Table { f: add };
        assert_eq!(value(go!((table.f)(1, 2))), 3);
        let list = [add];
        assert_eq!(value(go!(list[0](1, 2))), 3);
        let n = 5;
        assert_eq!(value(go!((move |m| n + m)(1))), 6);
        let boxed: Box<dyn FnOnce(i32) -> i32 + Send> = Box::new(|n| n);
        assert_eq!(value(go!((boxed)(1))), 1);
        let mut sum = 0;
        let mut summing = move |n| {
            sum += n;
            sum
        };
        assert_eq!(summing(1), 1);
        assert_eq!(value(go!(summing(1))), 2);
    }

    #[sudog::test(timeout = LIMIT)]
    fn arguments_may_borrow_while_they_are_evaluated() {
        let numbers = Vec::from([3, 1, 2]);
        let handle = go!(add(numbers.iter().sum(), *numbers.iter().max().unwrap()));
        assert_eq!(value(handle), 9);
        assert_eq!(numbers.len(), 3);

        let guarded = Mutex::new(7);
        let handle = go!(add(*guarded.lock().unwrap(), *guarded.lock().unwrap()));
        assert_eq!(value(handle), 14);
    }

    #[sudog::test(timeout = LIMIT)]
    fn question_mark_in_an_argument_belongs_to_the_caller() {
        fn parse(text: &str) -> Result<JoinHandle<i32>, std::num::ParseIntError> {
            Ok(go!(add(text.parse()?, 1)))
        }
        assert_eq!(value(parse("41").unwrap()), 42);
        assert!(parse("no number").is_err());
    }

    #[sudog::test(timeout = LIMIT)]
    fn receiver_may_be_taken_by_value_by_mut_and_by_arc() {
        let mut worker = Worker::default();
        assert_eq!(worker.grow(1), 1);
        assert_eq!(value(go!(worker.grow(2))), 2);
        assert_eq!(value(Worker::default().with(1).start()), 1);
        assert_eq!(value(Arc::new(Worker::default()).start_shared()), 0);
        assert_eq!(value(Worker::default().start_path()), 0);
        assert_eq!(value(go!((0..4).sum::<i32>())), 6);
        assert_eq!(value(go!(vec![2, 1].sort())), ());
    }

    #[sudog::test(timeout = LIMIT)]
    fn generics_traits_and_constructors_can_be_called() {
        fn start<T: Display + Send + 'static>(value: T) -> JoinHandle<String> {
            go!(show(value))
        }
        fn array<T: Default + Copy, const N: usize>(fill: T) -> [T; N] {
            [fill; N]
        }
        assert_eq!(value(start("text")), "text");
        assert_eq!(value(go!(show::<u8>(7))), "7");
        assert_eq!(value(go!(array::<u8, 2>(1))), [1, 1]);
        assert_eq!(value(go!(3.describe("n = "))), "n = 3");
        assert_eq!(value(go!(<i32 as Describe>::describe(3, "n = "))), "n = 3");
        assert_eq!(value(go!("42".parse::<i32>())), Ok(42));
        assert_eq!(value(go!(Some(1))), Some(1));
    }

    #[sudog::test(timeout = LIMIT)]
    fn attributes_hold_for_the_call_and_its_arguments() {
        #[deprecated]
        fn old(n: i32) -> i32 {
            n
        }
        assert_eq!(
            value(go!(
                #[allow(deprecated)]
                old(old(1))
            )),
            1
        );
    }

    #[sudog::test(timeout = LIMIT)]
    fn closure_arguments_know_what_they_are_called_with() {
        let n = 1;
        assert_eq!(value(go!(apply(move |text| text.len() + n, "four"))), 5);
        assert_eq!(value(go!(apply(|text: &str| text.len(), "four"))), 4);
        assert_eq!(value(go!(call_with(|n| n + 1, 1))), 2);
    }

    #[sudog::test(timeout = LIMIT)]
    fn closure_argument_captures_when_its_turn_comes() {
        let mut n = 1;
        let handle = go!(call_with(move |m| n * 10 + m, {
            n += 1;
            n
        }));
        assert_eq!((n, value(handle)), (2, 12));
    }

    #[sudog::test(timeout = LIMIT)]
    fn names_of_the_expansion_and_of_the_user_stay_apart() {
        let (receiver, callee, argument0, argument1) = (100, [add], 1, 10);
        assert_eq!(value(go!(add(argument1 * 2, argument0))), 21);
        assert_eq!(
            value(go!(callee[0](argument1, callee[0](argument0, receiver)))),
            111
        );
        assert_eq!(value(go!(receiver.describe(["callee"][0]))), "callee100");
    }

    #[sudog::test(timeout = LIMIT)]
    fn call_that_never_returns_is_a_call() {
        fn fail(text: &'static str) -> ! {
            crate::support::quiet_panic(text)
        }
        let payload = go!(fail("no return")).join().unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"no return"));
    }

    #[sudog::test(timeout = LIMIT)]
    fn users_own_macros_pass_whole_expressions() {
        macro_rules! start {
            ($callee:expr, $($argument:expr),*) => { go!($callee($($argument),*)) };
            ($whole:expr) => { go!($whole) };
        }
        let log = Log::default();
        assert_eq!(value(start!(add(log.note("here", 1), 2))), 3);
        assert_eq!(value(start!(add, log.note("here", 1), 2)), 3);
        assert_eq!(value(start!(move || 4)), 4);
        assert!(log.all_here());
        assert_eq!(name_of(&start!(add, 1, 2)).as_deref(), Some("add"));
    }
}

mod blocks {
    use super::*;

    #[sudog::test(timeout = LIMIT)]
    fn statements_run_in_the_goroutine() {
        let place = here();
        let log = Log::default();
        let inner = log.clone();
        value(go! { inner.note("statement", ()); });
        assert!(!log.all_here());
        let handle = go! {
            let there = here();
            there != place
        };
        assert!(value(handle));
    }

    #[sudog::test(timeout = LIMIT)]
    fn macro_calls_and_operators_run_in_the_goroutine() {
        let place = here();
        value(go! { assert_ne!(here(), place) });
        assert!(value(go!(here() != place)));
        assert_eq!(value(go!(add(1, 2) + add(3, 4))), 10);
        assert_eq!(value(go!(if place == here() { 1 } else { 2 })), 2);
        assert_eq!(value(go!({ add(1, 2) })), 3);
        assert_eq!(value(go!(&1)), &1);
    }

    #[sudog::test(timeout = LIMIT)]
    fn return_ends_the_goroutine() {
        let handle = go! {
            for n in 0.. {
                if n == 3 {
                    return n;
                }
            }
            unreachable!()
        };
        assert_eq!(value(handle), 3);
    }

    #[sudog::test(timeout = LIMIT)]
    fn question_mark_ends_the_goroutine() {
        fn start(text: &'static str) -> JoinHandle<Option<i32>> {
            go! {
                let n = text.parse::<i32>().ok()?;
                Some(n + 1)
            }
        }
        assert_eq!(value(start("41")), Some(42));
        assert_eq!(value(start("no number")), None);
    }

    #[sudog::test(timeout = LIMIT)]
    fn one_may_start_another() {
        let handle = go! {
            let inner = go!(add(1, 2));
            value(inner) + 1
        };
        assert_eq!(value(handle), 4);
    }

    #[sudog::test(timeout = LIMIT)]
    fn handle_may_be_dropped_without_a_warning() {
        go!(add(1, 2));
        go! { add(1, 2); };
        go!(move || 1);
    }
}

mod tests {
    use std::process::{ExitCode, Termination};
    use std::rc::Rc;
    use std::time::Duration;

    use super::*;

    /// As a crate that is known by another name.
    mod renamed {
        pub use ::sudog::{__private, runtime};
    }

    #[sudog::test]
    fn body_is_a_goroutine() {
        assert!(sudog::current().is_some());
    }

    #[sudog::test(timeout = "1m")]
    fn result_may_hold_what_is_not_send() -> Result<(), Rc<str>> {
        Ok(())
    }

    #[sudog::test(timeout = "60.5s")]
    fn exit_code_is_a_result() -> ExitCode {
        ExitCode::SUCCESS
    }

    #[sudog::test(timeout = Duration::from_secs(60))]
    fn return_type_may_be_opaque() -> impl Termination {
        Ok::<(), String>(())
    }

    #[sudog::test(timeout = LIMIT)]
    #[should_panic]
    fn panic_may_be_expected() {
        panic!("as expected");
    }

    #[sudog::test(timeout = LIMIT)]
    #[should_panic(expected = "with this text")]
    fn panic_may_be_expected_of_a_test_that_returns() -> Result<(), String> {
        let number: i32 = "text".parse().expect("with this text");
        Err(format!("{number} is no text"))
    }

    #[sudog::test]
    #[ignore = "it fails, to show that it does not run"]
    fn test_may_be_ignored() {
        panic!("ignored");
    }

    /// Documentation and lints stay where they belong.
    #[allow(unused_variables)]
    #[sudog::test(crate = "::sudog")]
    #[expect(unused_mut)]
    #[inline(never)]
    fn attributes_are_kept() {
        let mut unused = 1;
    }

    #[sudog::test(crate = renamed, timeout = LIMIT)]
    fn crate_may_go_by_another_name() {
        assert!(super::here() > 0);
    }
}
