//! What others notice of goroutines that do not come back, on two Ps: loops, and threads asleep.
//!
//! ```text
//! cargo bench --bench stuck
//! ```
//!
//! Each figure is the median of five rounds. The rounds of a figure that is compared come by turns.
//!
//! Run as a test (`cargo test --benches`) it takes one short round, only to see that it still works.

#[path = "programs/bare.rs"]
mod bare;

use std::hint::spin_loop;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use sudog::net::{TcpListener, TcpStream};
use sudog::runtime::set_max_procs;
use sudog::{JoinHandle, blocking, run, spawn, time};

const ROUNDS: usize = 5;

fn main() {
    let is_quick = !bare::is_bench();
    let rounds = if is_quick { 1 } else { ROUNDS };
    set_max_procs(2);
    run(|| {
        let late = (0..rounds).map(|_| lateness(if is_quick { 20 } else { 500 }));
        let (p50, p99): (Vec<_>, Vec<_>) = late.unzip();
        println!(
            "a 1 ms sleeper beside 4 loops is late by: p50 {:?}, p99 {:?}",
            median(p50),
            median(p99)
        );
        let unmarked = |_| sleepers(|| thread::sleep(Duration::from_millis(10)));
        let marked = |_| sleepers(|| blocking(|| thread::sleep(Duration::from_millis(10))));
        let unmarked = median((0..rounds).map(unmarked).collect());
        let marked = median((0..rounds).map(marked).collect());
        println!("256 goroutines in thread::sleep(10 ms): {unmarked:?}, under blocking {marked:?}");
        let time = Duration::from_millis(if is_quick { 20 } else { 1_000 });
        let (alone, beside): (Vec<_>, Vec<_>) =
            (0..rounds).map(|_| (echo(0, time), echo(8, time))).unzip();
        let (alone, beside) = (median(alone), median(beside));
        println!(
            "TCP echo, 16 connections, round trips a second: {alone}, beside 8 loops {beside} ({:.2})",
            beside as f64 / alone as f64
        );
    });
}

fn median<T: Ord + Copy>(mut values: Vec<T>) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}

/// Loops until dropped.
struct Loops {
    stop: Arc<AtomicBool>,
    handles: Vec<JoinHandle<()>>,
}

impl Loops {
    fn new(count: usize) -> Loops {
        let stop = Arc::new(AtomicBool::new(false));
        let begin = |_| {
            let stop = stop.clone();
            spawn(move || {
                while !stop.load(Relaxed) {
                    spin_loop();
                }
            })
        };
        let handles = (0..count).map(begin).collect();
        Loops { stop, handles }
    }
}

impl Drop for Loops {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        for handle in self.handles.drain(..) {
            let _ = handle.join();
        }
    }
}

/// How late (p50, p99) sleeps of 1 ms end beside four loops.
fn lateness(count: usize) -> (Duration, Duration) {
    let _loops = Loops::new(4);
    let sleep = |_| {
        let begin = Instant::now();
        time::sleep(Duration::from_millis(1));
        begin.elapsed() - Duration::from_millis(1)
    };
    let mut late: Vec<_> = (0..count).map(sleep).collect();
    late.sort_unstable();
    (late[count / 2], late[count * 99 / 100])
}

/// How long 256 goroutines take that all sleep.
fn sleepers(sleep: fn()) -> Duration {
    let begin = Instant::now();
    let handles: Vec<_> = (0..256).map(|_| spawn(sleep)).collect();
    handles.into_iter().for_each(|handle| {
        let _ = handle.join();
    });
    begin.elapsed()
}

/// How many round trips sixteen connections make in a second beside so many loops.
fn echo(loops: usize, time: Duration) -> usize {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let server = listener.clone();
    let accept = spawn(move || {
        for stream in server.incoming().map_while(Result::ok) {
            spawn(move || answer(stream));
        }
    });
    let (trips, end) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let ask = |_| {
        let (trips, end) = (trips.clone(), end.clone());
        spawn(move || {
            let mut stream = TcpStream::connect(address).expect("the server");
            stream.set_nodelay(true).expect("a socket");
            let mut bytes = [7; 64];
            while !end.load(Relaxed) {
                stream.write_all(&bytes).expect("the server");
                stream.read_exact(&mut bytes).expect("the server");
                trips.fetch_add(1, Relaxed);
            }
        })
    };
    let clients: Vec<_> = (0..16).map(ask).collect();
    let loops = Loops::new(loops);
    // The loops lose their Ps in the first moments.
    time::sleep(time / 5);
    let (begin, before) = (Instant::now(), trips.load(Relaxed));
    time::sleep(time);
    let made = (trips.load(Relaxed) - before) as f64;
    let rate = made / begin.elapsed().as_secs_f64();
    drop(loops);
    end.store(true, Relaxed);
    clients
        .into_iter()
        .for_each(|client| client.join().expect("a client"));
    listener.close().expect("it was open");
    accept.join().expect("the server");
    rate as usize
}

fn answer(mut stream: TcpStream) {
    let mut bytes = [0; 64];
    while stream.read_exact(&mut bytes).is_ok() && stream.write_all(&bytes).is_ok() {}
}
