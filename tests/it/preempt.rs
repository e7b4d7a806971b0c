//! Nobody keeps a P for itself, however it tries.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use sudog::chan::{Receiver, Sender, bounded, unbounded};
use sudog::{spawn, yield_now};

use crate::support::{alone_on, goroutine};

/// Runs a goroutine that sets a flag beside others that go on until they see it set, on one P.
/// If those others never let the first one run, this does not end.
#[track_caller]
fn third_party_gets_a_turn(hogs: impl FnOnce(Arc<AtomicBool>) + Send + 'static) {
    goroutine(|| {
        let stop = Arc::new(AtomicBool::new(false));
        let (flag, begun) = (stop.clone(), Arc::new(AtomicUsize::new(0)));
        hogs(stop);
        // The third party is behind the hogs in the queue and needs many turns.
        spawn(move || {
            while begun.fetch_add(1, SeqCst) < 10 {
                yield_now();
            }
            flag.store(true, SeqCst);
        })
        .join()
        .unwrap();
    });
}

fn bounce(stop: Arc<AtomicBool>, rx: Receiver<()>, tx: Sender<()>) {
    while !stop.load(SeqCst) {
        if rx.recv().is_err() || tx.send(()).is_err() {
            return;
        }
    }
}

fn bouncing_pair(stop: Arc<AtomicBool>, cap: usize) {
    let (ping_tx, ping_rx) = bounded(cap);
    let (pong_tx, pong_rx) = bounded(cap);
    let (stop2, serve) = (stop.clone(), ping_tx.clone());
    spawn(move || bounce(stop2, ping_rx, pong_tx));
    spawn(move || bounce(stop, pong_rx, ping_tx));
    spawn(move || serve.send(()));
}

#[test]
fn a_ping_pong_pair_does_not_starve_a_third() {
    alone_on(1, || third_party_gets_a_turn(|stop| bouncing_pair(stop, 0)));
}

#[test]
fn a_buffered_ping_pong_pair_does_not_starve_a_third() {
    alone_on(1, || third_party_gets_a_turn(|stop| bouncing_pair(stop, 1)));
}

#[test]
fn many_ping_pong_pairs_do_not_starve_one() {
    for procs in [1, 2] {
        alone_on(procs, || {
            third_party_gets_a_turn(|stop| (0..8).for_each(|_| bouncing_pair(stop.clone(), 0)));
        });
    }
}

#[test]
fn one_that_talks_to_itself_does_not_starve_others() {
    alone_on(1, || {
        third_party_gets_a_turn(|stop| {
            spawn(move || {
                let (tx, rx) = bounded(1);
                while !stop.load(SeqCst) {
                    tx.send(1).unwrap();
                    rx.recv().unwrap();
                }
            });
        });
    });
}

#[test]
fn one_whose_receives_never_wait_does_not_starve_others() {
    alone_on(1, || {
        third_party_gets_a_turn(|stop| {
            let (tx, rx) = unbounded::<()>();
            tx.close();
            spawn(move || {
                while !stop.load(SeqCst) {
                    assert!(rx.recv().is_err());
                }
            });
        });
    });
}

#[test]
fn an_endless_chain_of_spawns_does_not_starve_others() {
    fn perpetuum_mobile(stop: Arc<AtomicBool>) {
        if !stop.load(SeqCst) {
            spawn(move || perpetuum_mobile(stop));
        }
    }
    alone_on(1, || third_party_gets_a_turn(perpetuum_mobile));
}

#[test]
fn an_endless_chain_of_joins_does_not_starve_others() {
    alone_on(1, || {
        third_party_gets_a_turn(|stop| {
            spawn(move || {
                while !stop.load(SeqCst) {
                    spawn(|| ()).join().unwrap();
                }
            });
        });
    });
}
