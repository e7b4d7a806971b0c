//! `block_on`, from goroutines and threads.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use sudog::{block_on, spawn, yield_now};

use crate::support::{goroutine, rounds};

/// Ready at the `n`th poll; hands its waker to a goroutine or a thread in between.
struct Polled {
    left: usize,
    by_thread: bool,
}

impl Future for Polled {
    type Output = &'static str;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<&'static str> {
        if self.left == 0 {
            return Poll::Ready("done");
        }
        self.left -= 1;
        let waker = cx.waker().clone();
        if self.by_thread {
            thread::spawn(move || waker.wake());
        } else {
            spawn(move || waker.wake());
        }
        Poll::Pending
    }
}

#[test]
fn a_future_is_polled_until_it_is_ready() {
    for by_thread in [false, true] {
        let future = move || Polled {
            left: 20,
            by_thread,
        };
        assert_eq!(block_on(future()), "done");
        goroutine(move || assert_eq!(block_on(future()), "done"));
    }
}

#[test]
fn it_parks_the_goroutine_and_not_the_thread() {
    goroutine(|| {
        let waker = Arc::new(Mutex::new(None::<Waker>));
        let is_set = Arc::new(AtomicUsize::new(0));
        for _ in 0..rounds(50) {
            let (theirs, flag) = (waker.clone(), is_set.clone());
            let waiting = spawn(move || {
                block_on(poll_fn(|cx| {
                    *theirs.lock().unwrap() = Some(cx.waker().clone());
                    if flag.swap(0, SeqCst) == 1 {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                }));
            });
            // With one P this loop is only left because the other goroutine gives it back.
            while waker.lock().unwrap().is_none() {
                yield_now();
            }
            is_set.store(1, SeqCst);
            waker.lock().unwrap().take().unwrap().wake();
            waiting.join().unwrap();
        }
    });
}

#[test]
fn wakes_that_come_early_or_twice_do_no_harm() {
    goroutine(|| {
        let mut polls = 0;
        block_on(poll_fn(|cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            cx.waker().wake_by_ref();
            if polls == 10 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
        assert_eq!(polls, 10);
    });
}

#[test]
fn it_borrows_and_need_not_be_send() {
    let text = std::rc::Rc::new(String::from("kept here"));
    let length = block_on(async { text.len() });
    assert_eq!(length, 9);
}
