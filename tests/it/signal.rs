//! Signals as values.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use sudog::chan::TryRecvError;
use sudog::context::{Context, ContextError};
use sudog::signal::{self, Received, Signal};

use crate::support::{again, alone_here, goroutine, wait_until};

fn raise(signal: Signal) {
    // SAFETY: a signal to this process, which has a handler for it.
    assert_eq!(unsafe { libc::kill(libc::getpid(), signal.0) }, 0);
}

/// Raises it on this thread: it has come when this returns.
fn raise_here(signal: Signal) {
    // SAFETY: it has a handler.
    assert_eq!(unsafe { libc::raise(signal.0) }, 0);
}

/// Runs `ends` in a child, which a signal is to end after these words.
#[track_caller]
fn a_signal_ends(name: &str, signal: Signal, words: &str, ends: impl FnOnce()) {
    if std::env::var(crate::support::ALONE).is_ok_and(|test| test == name) {
        ends();
        thread::sleep(Duration::from_secs(60));
        println!("survived");
        return;
    }
    let output = again(name, &[]);
    assert_eq!(output.signal, Some(signal.0), "{output}");
    output.assert_stdout(words);
    assert!(!output.stdout.contains("survived"));
}

#[test]
fn each_receiver_gets_its_own_copy() {
    alone_here(|| {
        goroutine(|| {
            let both = signal::notify(&[Signal::SIGUSR1, Signal::SIGUSR2]).unwrap();
            let one = signal::notify(&[Signal::SIGUSR1]).unwrap();
            raise(Signal::SIGUSR1);
            assert_eq!(both.recv(), Ok(Signal::SIGUSR1));
            assert_eq!(one.recv(), Ok(Signal::SIGUSR1));
            raise(Signal::SIGUSR2);
            assert_eq!(both.recv(), Ok(Signal::SIGUSR2));
            assert_eq!(one.try_recv(), Err(TryRecvError::Empty));
            assert!(!one.close() && !one.is_closed());
        });
    });
}

#[test]
fn what_comes_to_a_full_receiver_is_left_out() {
    alone_here(|| {
        let slow = signal::notify(&[Signal::SIGUSR1]).unwrap();
        let quick = signal::notify(&[Signal::SIGUSR1]).unwrap();
        for _ in 0..20 {
            raise(Signal::SIGUSR1);
            assert_eq!(quick.recv(), Ok(Signal::SIGUSR1));
        }
        wait_until(|| slow.len() == 16);
        assert_eq!(slow.try_iter().count(), 16);
    });
}

#[test]
fn ctrl_c_is_a_value() {
    alone_here(|| {
        goroutine(|| {
            let stop = signal::ctrl_c().unwrap();
            let waiter = sudog::spawn(move || stop.recv());
            raise(Signal::SIGINT);
            assert_eq!(waiter.join().unwrap(), Ok(()));
        });
    });
}

#[test]
fn signals_that_cannot_be_caught_are_refused() {
    for signal in [
        Signal(libc::SIGKILL),
        Signal(libc::SIGSTOP),
        Signal(libc::SIGSEGV),
        Signal(libc::SIGBUS),
    ] {
        let error = signal::notify(&[signal]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{signal:?}");
    }
    for number in [0, -1, 1000] {
        let error = signal::notify(&[Signal(number)]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{number}");
    }
    assert_eq!(
        format!("{:?} {:?}", Signal::SIGHUP, Signal(1000)),
        "SIGHUP Signal(1000)"
    );
}

#[test]
fn the_default_action_is_back_with_the_last_receiver() {
    let name = "signal::the_default_action_is_back_with_the_last_receiver";
    a_signal_ends(name, Signal::SIGTERM, "both received", || {
        let receivers = [(); 2].map(|()| signal::notify(&[Signal::SIGTERM]).unwrap());
        raise(Signal::SIGTERM);
        assert!(receivers.iter().all(|receiver| receiver.recv().is_ok()));
        let [first, second] = receivers;
        drop(first);
        raise(Signal::SIGTERM);
        assert_eq!(second.recv(), Ok(Signal::SIGTERM));
        println!("both received");
        drop(second);
        raise(Signal::SIGTERM);
    });
}

#[test]
fn what_comes_while_a_receiver_lives_never_ends_the_process() {
    alone_here(|| {
        // Of those that come at a time, the one caught last is handed out last.
        drop(signal::notify(&[Signal::SIGUSR1]).unwrap());
        let last = signal::notify(&[Signal::SIGUSR2]).unwrap();
        let all_is_handed_out = || {
            // The first may have come while the others were already looked for.
            for _ in 0..2 {
                raise_here(Signal::SIGUSR2);
                assert_eq!(last.recv(), Ok(Signal::SIGUSR2));
            }
        };
        for _ in 0..500 {
            let receiver = signal::notify(&[Signal::SIGUSR1]).unwrap();
            raise_here(Signal::SIGUSR1);
            // Before the signal has been handed out.
            drop(receiver);
            all_is_handed_out();

            let background = Context::background();
            let (_ctx, cancel) = signal::notify_context(&background, &[Signal::SIGUSR1]).unwrap();
            raise_here(Signal::SIGUSR1);
            cancel.cancel();
            all_is_handed_out();
        }
    });
}

#[test]
fn none_is_lost_while_receivers_come_and_go() {
    alone_here(|| {
        let rounds = || {
            for _ in 0..500 {
                let receiver = signal::notify(&[Signal::SIGUSR1]).unwrap();
                raise_here(Signal::SIGUSR1);
                let came = receiver.recv_timeout(Duration::from_secs(60));
                assert_eq!(came, Ok(Signal::SIGUSR1));
            }
        };
        let goroutines = [(); 4].map(|()| sudog::spawn(rounds));
        let threads = [(); 2].map(|()| thread::spawn(rounds));
        goroutines.into_iter().for_each(|it| it.join().unwrap());
        threads.into_iter().for_each(|it| it.join().unwrap());
    });
}

#[test]
fn a_signal_that_is_named_twice_comes_once() {
    alone_here(|| {
        let signals = [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGUSR1];
        let receiver = signal::notify(&signals).unwrap();
        raise_here(Signal::SIGUSR1);
        assert_eq!(receiver.recv(), Ok(Signal::SIGUSR1));
        raise_here(Signal::SIGUSR2);
        assert_eq!(receiver.recv(), Ok(Signal::SIGUSR2));
        assert!(receiver.is_empty());
    });
}

#[test]
fn each_comes_once_while_others_come_and_go() {
    alone_here(|| {
        let is_over = AtomicBool::new(false);
        let receiver = signal::notify(&[Signal::SIGUSR1]).unwrap();
        let comes_once = |_: &usize| {
            raise_here(Signal::SIGUSR1);
            receiver.recv().unwrap();
            thread::sleep(Duration::from_micros(200));
            receiver.try_iter().count() == 0
        };
        let once = thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Relaxed) {
                    drop(signal::notify(&[Signal::SIGUSR1]).unwrap());
                }
            });
            let once = (0..1000).filter(comes_once).count();
            is_over.store(true, Relaxed);
            once
        });
        assert_eq!(once, 1000);
    });
}

#[test]
fn nothing_is_kept_of_who_no_longer_wants_one() {
    alone_here(|| {
        let kept = Arc::new(());
        let (ctx, end) = Context::background().with_cancel_cause();
        let caught = signal::notify_context(&ctx, &[Signal::SIGUSR1]).unwrap();
        end.cancel(Kept(Arc::clone(&kept)));
        drop((ctx, end, caught));
        let receiver = signal::notify(&[Signal::SIGUSR2]).unwrap();
        raise_here(Signal::SIGUSR2);
        assert_eq!(receiver.recv(), Ok(Signal::SIGUSR2));
        wait_until(|| Arc::strong_count(&kept) == 1);
    });
}

/// A cause that lives as long as the context.
#[derive(Debug)]
struct Kept(#[expect(dead_code, reason = "it counts")] Arc<()>);

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("kept")
    }
}

impl Error for Kept {}

#[test]
fn of_signals_of_which_one_is_refused_none_is_touched() {
    alone_here(|| {
        let signals = [Signal::SIGTERM, Signal(libc::SIGKILL)];
        signal::notify(&signals).unwrap_err();
        // SAFETY: plain data, written by the call.
        let action = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            let asked = libc::sigaction(libc::SIGTERM, std::ptr::null(), &mut action);
            assert_eq!(asked, 0);
            action.sa_sigaction
        };
        assert_eq!(action, libc::SIG_DFL);
    });
}

/// A cause whose drop panics.
#[derive(Debug)]
struct Panics;

impl fmt::Display for Panics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("panics")
    }
}

impl Error for Panics {}

impl Drop for Panics {
    fn drop(&mut self) {
        panic!("in the drop of a cause");
    }
}

#[test]
fn signals_still_come_after_a_cause_whose_drop_panics() {
    alone_here(|| {
        let (ctx, end) = Context::background().with_cancel_cause();
        let caught = signal::notify_context(&ctx, &[Signal::SIGUSR1]).unwrap();
        end.cancel(Panics);
        drop((ctx, end, caught));
        let receiver = signal::notify(&[Signal::SIGUSR2]).unwrap();
        for _ in 0..3 {
            raise_here(Signal::SIGUSR2);
            let came = receiver.recv_timeout(Duration::from_secs(60));
            assert_eq!(came, Ok(Signal::SIGUSR2));
        }
    });
}

/// Signals that signal-hook knows nothing of, or takes for others.
#[test]
fn the_default_action_of_any_signal_is_back() {
    let name = "signal::the_default_action_of_any_signal_is_back";
    a_signal_ends(name, Signal::SIGIO, "received", || {
        // The system ignores these, and so does the process.
        for signal in [Signal::SIGCHLD, Signal::SIGURG, Signal::SIGWINCH] {
            drop(signal::notify(&[signal]).unwrap());
            raise_here(signal);
            let again = signal::notify(&[signal]).unwrap();
            raise_here(signal);
            assert_eq!(again.recv(), Ok(signal));
        }
        let receiver = signal::notify(&[Signal::SIGIO]).unwrap();
        raise_here(Signal::SIGIO);
        assert_eq!(receiver.recv(), Ok(Signal::SIGIO));
        println!("received");
        drop(receiver);
        raise_here(Signal::SIGIO);
    });
}

#[test]
fn the_default_action_of_a_nameless_signal_is_back_too() {
    let name = "signal::the_default_action_of_a_nameless_signal_is_back_too";
    let nameless = Signal(libc::SIGRTMIN() + 1);
    a_signal_ends(name, nameless, "received", || {
        let receiver = signal::notify(&[nameless]).unwrap();
        raise_here(nameless);
        assert_eq!(receiver.recv(), Ok(nameless));
        println!("received");
        drop(receiver);
        raise_here(nameless);
    });
}

#[test]
fn a_context_ends_with_the_first_signal_and_says_which() {
    alone_here(|| {
        goroutine(|| {
            let signals = [Signal::SIGUSR1, Signal::SIGUSR2];
            let root = Context::background().with_value("kept");
            let (ctx, _cancel) = signal::notify_context(&root, &signals).unwrap();
            let (child, _cancel_child) = ctx.with_cancel();
            // Another wants one of them as well.
            let others = signal::notify(&[Signal::SIGUSR2]).unwrap();
            assert_eq!(ctx.err(), None);
            raise(Signal::SIGUSR2);
            child.done().recv().unwrap_err();
            assert_eq!(child.err(), Some(ContextError::Canceled));
            let cause = child.cause().unwrap();
            let received = cause.downcast_ref::<Received>().unwrap();
            assert_eq!(received.0, Signal::SIGUSR2);
            assert_eq!(cause.to_string(), "SIGUSR2 received");
            assert_eq!(ctx.value::<&str>(), Some(&"kept"));
            assert_eq!(root.err(), None);
            assert_eq!(others.recv(), Ok(Signal::SIGUSR2));
        });
    });
}

#[test]
fn a_context_of_signals_ends_by_its_handle_and_its_parent_too() {
    alone_here(|| {
        let (parent, end) = Context::background().with_cancel();
        let make = || signal::notify_context(&parent, &[Signal::SIGUSR1]).unwrap();
        let ((by_drop, cancel), (by_call, call), (by_parent, _keep)) = (make(), make(), make());
        drop(cancel);
        assert_eq!(by_drop.err(), Some(ContextError::Canceled));
        call.cancel();
        assert_eq!(by_call.err(), Some(ContextError::Canceled));
        assert_eq!(by_parent.err(), None);
        end.cancel();
        assert_eq!(by_parent.cause().unwrap().to_string(), "context canceled");
        let error = signal::notify_context(&parent, &[Signal(libc::SIGKILL)]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    });
}

#[test]
fn the_default_action_is_back_when_the_context_has_ended() {
    let name = "signal::the_default_action_is_back_when_the_context_has_ended";
    a_signal_ends(name, Signal::SIGTERM, "told to stop", || {
        let signals = [Signal::SIGTERM];
        let (ctx, cancel) = signal::notify_context(&Context::background(), &signals).unwrap();
        raise(Signal::SIGTERM);
        ctx.done().recv().unwrap_err();
        println!("told to stop");
        raise(Signal::SIGTERM);
        thread::sleep(Duration::from_secs(60));
        drop(cancel);
    });
}
