//! Starting goroutines and what their handles tell.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use sudog::chan::{bounded, unbounded};
use sudog::{Builder, Goroutine, JoinHandle, current, spawn, yield_now};

use crate::support::{LIMIT, goroutine, quiet_panic, rounds, settle, text, wait_until};

#[test]
fn join_gives_the_result() {
    goroutine(|| {
        assert_eq!(spawn(|| 6 * 7).join().unwrap(), 42);
        assert_eq!(spawn(|| String::from("text")).join().unwrap(), "text");
        assert_eq!(spawn(|| Cell::new(3)).join().unwrap().get(), 3);
        let result: thread::Result<()> = spawn(|| ()).join();
        assert!(result.is_ok());
    });
}

#[test]
fn a_plain_thread_can_spawn_and_join() {
    crate::support::thread(|| {
        let threads: Vec<_> = (0..8)
            .map(|n| thread::spawn(move || (0..50).map(|m| spawn(move || n * m)).collect()))
            .collect();
        let handles = threads
            .into_iter()
            .flat_map(|t: thread::JoinHandle<Vec<_>>| t.join());
        let sum: usize = handles.flatten().map(|h| h.join().unwrap()).sum();
        assert_eq!(sum, (0..8).sum::<usize>() * (0..50).sum::<usize>());
    });
}

#[test]
fn ten_thousand_goroutines_run() {
    goroutine(|| {
        let handles: Vec<_> = (0..10_000).map(|n| spawn(move || n)).collect();
        assert!(handles.into_iter().map(|h| h.join().unwrap()).eq(0..10_000));
    });
}

#[test]
fn goroutines_spawn_goroutines() {
    fn depth(n: usize) -> usize {
        if n == 0 {
            0
        } else {
            1 + spawn(move || depth(n - 1)).join().unwrap()
        }
    }
    fn leaves(n: usize) -> usize {
        if n == 0 {
            return 1;
        }
        let left = spawn(move || leaves(n - 1));
        leaves(n - 1) + left.join().unwrap()
    }
    goroutine(|| {
        assert_eq!(depth(1_000), 1_000);
        assert_eq!(leaves(8), 256);
    });
}

#[test]
fn large_and_over_aligned_captures_and_results_arrive_whole() {
    #[repr(align(256))]
    struct Aligned([u8; 300]);
    goroutine(|| {
        for n in 0..20 {
            let capture = [n; 5_000];
            let aligned = Aligned([n; 300]);
            let (result, back) = spawn(move || {
                assert_eq!(&raw const aligned as usize % 256, 0);
                yield_now();
                (capture.map(|byte| byte + 1), aligned)
            })
            .join()
            .unwrap();
            assert_eq!(result, [n + 1; 5_000]);
            assert_eq!(back.0, [n; 300]);
        }
    });
}

#[test]
fn a_panic_comes_out_of_join() {
    #[derive(Debug, PartialEq)]
    struct Payload(u8);
    goroutine(|| {
        let number = 3;
        assert_eq!(text(spawn(|| panic!("plain")).join().unwrap_err()), "plain");
        let made = spawn(move || panic!("made of {number}")).join();
        assert_eq!(text(made.unwrap_err()), "made of 3");
        let any = spawn(|| std::panic::panic_any(Payload(1))).join();
        assert_eq!(*any.unwrap_err().downcast::<Payload>().unwrap(), Payload(1));
        let silent = spawn(|| quiet_panic("silent")).join();
        assert_eq!(text(silent.unwrap_err()), "silent");
    });
}

#[test]
fn a_panic_ends_its_goroutine_only() {
    goroutine(|| {
        let (tx, rx) = bounded(0);
        let bystanders: Vec<_> = (0..20)
            .map(|_| {
                let rx = rx.clone();
                spawn(move || rx.recv().unwrap())
            })
            .collect();
        for _ in 0..rounds(200) {
            let doomed = spawn(|| {
                yield_now();
                quiet_panic("gone");
            });
            assert!(doomed.join().is_err());
        }
        (0..20).for_each(|n| tx.send(n).unwrap());
        let sum: i32 = bystanders.into_iter().map(|b| b.join().unwrap()).sum();
        assert_eq!(sum, (0..20).sum());
    });
}

#[test]
fn a_dropped_handle_detaches() {
    goroutine(|| {
        let (tx, rx) = bounded(0);
        let (done_tx, done_rx) = bounded(0);
        drop(spawn(move || done_tx.send(rx.recv().unwrap() + 1).unwrap()));
        settle();
        tx.send(1).unwrap();
        assert_eq!(done_rx.recv(), Ok(2));
    });
}

#[test]
fn is_finished_turns_true_at_the_end() {
    goroutine(|| {
        let (tx, rx) = bounded::<()>(0);
        let handle = spawn(move || rx.recv().is_ok());
        settle();
        assert!(!handle.is_finished());
        tx.send(()).unwrap();
        wait_until(|| handle.is_finished());
        assert!(handle.is_finished());
        assert!(handle.join().unwrap());

        let panicking = spawn(|| quiet_panic("over"));
        wait_until(|| panicking.is_finished());
        assert!(panicking.join().is_err());
    });
}

#[test]
fn handle_and_goroutine_agree_on_id_and_name() {
    goroutine(|| {
        let handle = spawn(|| current().unwrap());
        let id = handle.goroutine().id();
        assert_eq!(handle.goroutine().name(), None);
        let inside = handle.join().unwrap();
        assert_eq!((inside.id(), inside.name()), (id, None));

        let named = Builder::new()
            .name(String::from("worker"))
            .spawn(|| current().unwrap())
            .unwrap();
        assert_eq!(named.goroutine().name(), Some("worker"));
        let id = named.goroutine().id();
        let inside = named.join().unwrap();
        assert_eq!((inside.id(), inside.name()), (id, Some("worker")));
    });
}

#[test]
fn ids_are_never_used_twice() {
    goroutine(|| {
        let own = current().unwrap().id();
        assert_eq!(current().unwrap().id(), own);
        let mut ids = HashSet::from([own]);
        for _ in 0..10 {
            let handles: Vec<_> = (0..100).map(|_| spawn(yield_now)).collect();
            for handle in handles {
                assert!(ids.insert(handle.goroutine().id()));
                handle.join().unwrap();
            }
        }
    });
}

#[test]
fn there_is_no_current_goroutine_on_a_plain_thread() {
    crate::support::thread(|| {
        assert!(current().is_none());
        spawn(|| assert!(current().is_some())).join().unwrap();
        assert!(current().is_none());
    });
}

#[test]
fn names_may_be_anything_but_nul() {
    goroutine(|| {
        for name in ["", "two words", "gr\u{fc}n", &"long".repeat(100)] {
            let handle = Builder::new()
                .name(String::from(name))
                .spawn(|| ())
                .unwrap();
            assert_eq!(handle.goroutine().name(), Some(name));
            handle.join().unwrap();
        }
        let error = Builder::new()
            .name(String::from("a\0b"))
            .spawn(|| ())
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    });
}

#[test]
fn stack_sizes_out_of_the_question_are_refused() {
    goroutine(|| {
        for size in [0, usize::MAX, usize::MAX / 2] {
            let error = Builder::new().stack_size(size).spawn(|| ()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "size {size}");
        }
        for size in [1 << 16, 100_000, 1 << 18, 1 << 20, 1 << 23] {
            Builder::new()
                .stack_size(size)
                .spawn(yield_now)
                .unwrap()
                .join()
                .unwrap();
        }
    });
}

/// Counts drops.
#[derive(Clone)]
struct Counts(Arc<AtomicUsize>);

impl Drop for Counts {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn captures_are_dropped_before_join_returns() {
    goroutine(|| {
        for panics in [false, true] {
            let dropped = Arc::new(AtomicUsize::new(0));
            let capture = Counts(dropped.clone());
            let handle = spawn(move || {
                let _capture = capture;
                yield_now();
                if panics {
                    quiet_panic("on purpose");
                }
            });
            assert_eq!(handle.join().is_err(), panics);
            assert_eq!(dropped.load(SeqCst), 1);
        }
    });
}

#[test]
fn the_result_of_a_detached_goroutine_is_dropped() {
    goroutine(|| {
        let dropped = Arc::new(AtomicUsize::new(0));
        let result = Counts(dropped.clone());
        drop(spawn(move || result));
        wait_until(|| dropped.load(SeqCst) == 1);

        let result = Counts(dropped.clone());
        let handle = spawn(move || result);
        wait_until(|| handle.is_finished());
        assert_eq!(dropped.load(SeqCst), 1);
        drop(handle);
        wait_until(|| dropped.load(SeqCst) == 2);

        let payload = Counts(dropped.clone());
        drop(spawn(move || std::panic::resume_unwind(Box::new(payload))));
        wait_until(|| dropped.load(SeqCst) == 3);
    });
}

#[test]
fn a_result_whose_drop_panics_harms_nobody() {
    struct Bomb(Arc<AtomicBool>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.store(true, SeqCst);
            quiet_panic("bomb");
        }
    }
    goroutine(|| {
        let exploded = Arc::new(AtomicBool::new(false));
        let bomb = Bomb(exploded.clone());
        let (tx, rx) = bounded(0);
        drop(spawn(move || {
            rx.recv().unwrap();
            bomb
        }));
        tx.send(()).unwrap();
        wait_until(|| exploded.load(SeqCst));
        assert_eq!(spawn(|| 1).join().unwrap(), 1);
    });
}

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread, like any executor.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park_timeout(LIMIT),
        }
    }
}

#[test]
fn a_handle_is_a_future() {
    crate::support::thread(|| {
        assert_eq!(block_on(spawn(|| 5)).unwrap(), 5);
        assert_eq!(
            text(block_on(spawn(|| quiet_panic("bad"))).unwrap_err()),
            "bad"
        );

        let (tx, rx) = bounded(0);
        let handle = spawn(move || rx.recv());
        let sender = thread::spawn(move || {
            settle();
            tx.send(9).unwrap();
        });
        assert_eq!(block_on(async { handle.await.unwrap() }), Ok(9));
        sender.join().unwrap();

        let finished = spawn(|| 6);
        wait_until(|| finished.is_finished());
        assert_eq!(block_on(finished).unwrap(), 6);
    });
}

/// Notes that it was called.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

#[test]
fn a_finishing_goroutine_wakes_the_last_waker() {
    goroutine(|| {
        let (tx, rx) = bounded::<()>(0);
        let mut handle = spawn(move || rx.recv().is_err());
        let mut poll = |woken: &Arc<Woken>| {
            let waker = Waker::from(woken.clone());
            pin!(&mut handle).poll(&mut Context::from_waker(&waker))
        };
        let (first, last) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
        assert!(poll(&first).is_pending());
        assert!(poll(&last).is_pending());
        assert!(!last.0.load(SeqCst));
        drop(tx);
        wait_until(|| last.0.load(SeqCst));
        let Poll::Ready(result) = poll(&last) else {
            panic!("woken too early")
        };
        assert!(result.unwrap());
    });
}

#[test]
fn a_waker_is_called_outside_any_goroutine_of_the_user() {
    /// Does what wakers of executors do: takes a lock, and lets go of something.
    struct Busy(Mutex<Vec<u8>>, AtomicBool);
    impl Wake for Busy {
        fn wake(self: Arc<Self>) {
            self.0.lock().unwrap().push(1);
            self.1.store(true, SeqCst);
        }
    }
    crate::support::thread(|| {
        let (tx, rx) = unbounded::<()>();
        let mut handle = spawn(move || rx.recv().is_err());
        let busy = Arc::new(Busy(Mutex::default(), AtomicBool::new(false)));
        let waker = Waker::from(busy.clone());
        assert!(
            pin!(&mut handle)
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        let held = busy.0.lock().unwrap();
        drop(tx);
        settle();
        drop(held);
        wait_until(|| busy.1.load(SeqCst));
        assert!(handle.join().unwrap());
    });
}

const fn handle<H: Send + Sync + Unpin + Debug + Future<Output = thread::Result<Cell<u8>>>>() {}
const fn tells<G: Send + Sync + Clone + Debug>() {}
const fn debug<B: Debug>() {}
const _: () = {
    handle::<JoinHandle<Cell<u8>>>();
    tells::<Goroutine>();
    debug::<Builder>();
};
