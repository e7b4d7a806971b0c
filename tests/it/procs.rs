//! `set_max_procs`: as many Ps as asked for, while goroutines run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use sudog::chan::bounded;
use sudog::runtime::{Config, max_procs, set_max_procs, wait_idle};
use sudog::{blocking, run, spawn, time, yield_now};

use crate::support::{
    alone, alone_in_each, alone_on, goroutine, in_time, rounds, stress, text, wait_until,
};

const FEW: [&[(&str, &str)]; 2] = [
    &[("SUDOG_MAXPROCS", "2")],
    &[("SUDOG_MAXPROCS", "2"), ("SUDOG_DEBUG", "barrier=fence")],
];

/// The most goroutines that were seen to run at once, of those that note when they do.
#[derive(Default)]
struct Seen {
    running: AtomicUsize,
    most: AtomicUsize,
}

impl Seen {
    /// Runs for a moment, without any call that would end its turn.
    fn run(&self) {
        let running = self.running.fetch_add(1, SeqCst) + 1;
        self.most.fetch_max(running, SeqCst);
        (0..300).for_each(|_| std::hint::spin_loop());
        self.running.fetch_sub(1, SeqCst);
    }
}

#[test]
fn zero_only_reads_and_others_return_what_it_was() {
    alone_on(3, || {
        assert_eq!(set_max_procs(0), 3);
        assert_eq!(set_max_procs(5), 3);
        assert_eq!((max_procs(), set_max_procs(0)), (5, 5));
        assert_eq!(set_max_procs(1), 5);
        assert_eq!(run(|| set_max_procs(2)), 1);
        assert_eq!(max_procs(), 2);
    });
}

#[test]
fn too_many_are_refused() {
    let payload = thread::spawn(|| set_max_procs(5_000)).join().unwrap_err();
    assert_eq!(text(payload), "max_procs must be at most 4096, not 5000");
}

#[test]
fn on_one_p_goroutines_run_one_at_a_time_and_on_more_they_do_not() {
    alone_in_each(&FEW, || {
        goroutine(|| {
            set_max_procs(4);
            let seen = Arc::new(Seen::default());
            let stop = Arc::new(AtomicBool::new(false));
            let handles: Vec<_> = (0..8)
                .map(|_| {
                    let (seen, stop) = (seen.clone(), stop.clone());
                    spawn(move || {
                        while !stop.load(SeqCst) {
                            seen.run();
                            yield_now();
                        }
                    })
                })
                .collect();
            wait_until(|| seen.most.load(SeqCst) > 1);
            for _ in in_time(rounds(5)) {
                set_max_procs(1);
                // Not at once: those who were cut off in their turns end these first. And for some turns only:
                // whose thread gets no CPU for long is cut off as well, where the CPU belongs to others.
                wait_until(|| {
                    seen.most.store(0, SeqCst);
                    (0..20).for_each(|_| yield_now());
                    seen.most.load(SeqCst) == 1
                });
                set_max_procs(4);
                wait_until(|| seen.most.load(SeqCst) > 1);
            }
            stop.store(true, SeqCst);
            handles.into_iter().for_each(|h| h.join().unwrap());
        });
    });
}

#[test]
fn nothing_that_waits_is_forgotten() {
    alone_in_each(&FEW, || {
        stress(|mut rng| {
            for _ in in_time(rounds(10)) {
                let (tx, rx) = bounded(rng.below(3));
                let count = 200;
                for n in 0..count {
                    let tx = tx.clone();
                    let mut own = rng.split();
                    spawn(move || {
                        match own.below(5) {
                            0 => time::sleep(Duration::from_micros(own.below(3_000) as u64)),
                            1 => blocking(|| thread::sleep(Duration::from_micros(100))),
                            2 => (0..own.below(20)).for_each(|_| yield_now()),
                            3 => spawn(yield_now).join().unwrap(),
                            _ => (0..own.below(50_000)).for_each(|_| std::hint::spin_loop()),
                        }
                        tx.send(n).unwrap();
                    });
                    if rng.one_in(10) {
                        let wanted = 1 + rng.below(9);
                        set_max_procs(wanted);
                    }
                }
                drop(tx);
                let mut all: Vec<_> = rx.iter().collect();
                all.sort_unstable();
                assert!(all.into_iter().eq(0..count));
            }
        });
        assert!(wait_idle(Duration::from_secs(30)));
        assert_eq!(sudog::runtime::num_goroutines(), 0);
    });
}

#[test]
fn timers_of_threads_find_a_p_that_stays() {
    alone_in_each(&FEW, || {
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = stop.clone();
        let changer = thread::spawn(move || {
            while !theirs.load(SeqCst) {
                set_max_procs(8);
                set_max_procs(1);
            }
        });
        for _ in in_time(rounds(100)) {
            time::after(Duration::from_micros(100)).recv().unwrap();
            let (tx, rx) = bounded(1);
            time::after_func(Duration::from_micros(50), move || tx.send(()).unwrap());
            rx.recv().unwrap();
        }
        stop.store(true, SeqCst);
        changer.join().unwrap();
    });
}

#[test]
fn those_who_ask_at_once_all_return_and_the_last_is_obeyed() {
    alone_on(2, || {
        let threads: Vec<_> = (1..5)
            .map(|n| thread::spawn(move || (0..50).map(|_| set_max_procs(n)).max()))
            .collect();
        let befores = threads.into_iter().map(|t| t.join().unwrap());
        assert!(befores.max().unwrap() <= Some(4));
        assert!((1..5).contains(&max_procs()));
        set_max_procs(3);
        assert_eq!(max_procs(), 3);
        goroutine(|| {
            let handles: Vec<_> = (0..100).map(|n| spawn(move || n)).collect();
            assert!(handles.into_iter().map(|h| h.join().unwrap()).eq(0..100));
        });
    });
}

#[test]
fn a_later_start_sets_the_number_and_an_install_does_not() {
    alone(&[], || {
        Config::new().max_procs(2).install().unwrap();
        assert!(Config::new().max_procs(3).install().is_err());
        assert_eq!(max_procs(), 2);
        // What `#[sudog::test(max_procs = 3)]` expands to.
        sudog::__private::test(Config::new().max_procs(3), None, || ());
        assert_eq!(max_procs(), 3);
    });
}
