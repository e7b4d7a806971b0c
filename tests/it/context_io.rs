//! `ctx.io`: a caller's operations on sockets end with its context, and nobody else's do.

use std::io::{self, ErrorKind, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sudog::chan::bounded;
use sudog::context::{Context, ContextError, Error};
use sudog::io::Pollable;
use sudog::net::{self, TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};

use crate::net_support::{SIDES, Side, Task, on_both_sides, pair, with_both_sides};
use crate::support::{in_time, quiet_panic, rounds, settle, stress, text};

type Ended = Result<usize, Error<io::Error>>;

#[track_caller]
fn assert_ended<T>(result: Result<T, Error<io::Error>>, error: ContextError) {
    match result {
        Err(Error::Context(other)) => assert_eq!(other, error),
        Err(Error::Op(other)) => panic!("the operation's own error: {other:?}"),
        Ok(_) => panic!("it has not ended"),
    }
}

/// Has `side` wait in `op` under a context that is cancelled then.
fn ends<S: Send + Sync + 'static>(
    side: Side,
    socket: &Arc<S>,
    op: impl FnMut(&mut &S) -> io::Result<usize> + Send + 'static,
) {
    let (ctx, cancel) = Context::background().with_cancel();
    let (socket, mut op) = (Arc::clone(socket), op);
    let wait: Task<Ended> = side.spawn(move || ctx.io(&*socket, |s| op(s)));
    settle();
    cancel.cancel();
    assert_ended(wait.join(), ContextError::Canceled);
}

/// Fills whatever takes bytes until it takes no more.
fn fill<W: Write>(mut to: W) -> io::Result<usize> {
    loop {
        to.write_all(&[0; 64 * 1024])?;
    }
}

#[test]
fn every_operation_ends_with_its_context_and_leaves_the_socket_usable() {
    with_both_sides(|side| {
        let (mut a, b) = pair();
        let b = Arc::new(b);
        ends(side, &b, |s| s.read(&mut [0; 8]));
        ends(side, &b, |s| s.peek(&mut [0; 8]));
        ends(side, &b, |s| {
            io::copy(s, &mut io::sink()).map(|n| n as usize)
        });
        a.write_all(b"hi").unwrap();
        let mut two = [0; 2];
        (&*b).read_exact(&mut two).unwrap();
        assert_eq!(&two, b"hi");
        ends(side, &b, |s| fill(s));

        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
        ends(side, &listener, |l| l.accept().map(|_| 0));
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.accept().unwrap();

        let udp = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
        ends(side, &udp, |s| s.recv_from(&mut [0; 8]).map(|(n, _)| n));

        let (c, d) = net::pipe();
        let c = Arc::new(c);
        ends(side, &c, |s| s.read(&mut [0; 8]));
        ends(side, &c, |s| fill(s));
        drop(d);

        let (reader, writer) = io::pipe().unwrap();
        let reader = Arc::new(Pollable::new(reader).unwrap());
        ends(side, &reader, |s| s.read(&mut [0; 8]));
        let writer = Arc::new(Pollable::new(writer).unwrap());
        ends(side, &writer, |s| fill(s));
    });
}

#[test]
fn unix_sockets_end_with_the_context_too() {
    with_both_sides(|side| {
        let (a, _b) = UnixStream::pair().unwrap();
        ends(side, &Arc::new(a), |s| s.read(&mut [0; 8]));
        let (c, _d) = UnixDatagram::pair().unwrap();
        ends(side, &Arc::new(c), |s| s.recv(&mut [0; 8]));
        let path = std::env::temp_dir().join(format!("sudog-ctx-io-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let listener = Arc::new(UnixListener::bind(&path).unwrap());
        ends(side, &listener, |l| l.accept().map(|_| 0));
        std::fs::remove_file(path).unwrap();
    });
}

/// An address where nobody answers: a connection there takes as long as one lets it.
#[test]
fn connecting_ends_with_the_context() {
    on_both_sides(|| {
        // A listener whose queue is full drops what comes; before, they are accepted.
        let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let listener = listener.unwrap();
        let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
        listener.bind(&any.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut queued = Vec::new();
        let limit = Duration::from_millis(50);
        let (result, waited) = loop {
            assert!(queued.len() < 10, "the queue is not full");
            let began = Instant::now();
            let (ctx, _cancel) = Context::background().with_timeout(limit);
            match ctx.io(&address, |address| TcpStream::connect(**address)) {
                Ok(stream) => queued.push(stream),
                result => break (result, began.elapsed()),
            }
        };
        assert_ended(result.map(drop), ContextError::DeadlineExceeded);
        assert!(waited >= limit);
    });
}

#[test]
fn only_the_callers_own_operation_ends() {
    with_both_sides(|side| {
        let (mut a, b) = pair();
        let b = Arc::new(b);
        let others: Vec<_> = SIDES
            .into_iter()
            .map(|other| {
                let b = Arc::clone(&b);
                let (ctx, cancel) = Context::background().with_cancel();
                let wait = other.spawn(move || ctx.io(&*b, |s| s.read(&mut [0; 1])).unwrap());
                (wait, cancel)
            })
            .collect();
        let plain = side.spawn({
            let b = Arc::clone(&b);
            move || (&*b).read(&mut [0; 1]).unwrap()
        });
        for _ in 0..3 {
            ends(side, &b, |s| s.read(&mut [0; 8]));
        }
        a.write_all(b"123").unwrap();
        assert_eq!(plain.join(), 1);
        for (wait, cancel) in others {
            assert_eq!(wait.join(), 1);
            drop(cancel);
        }
    });
}

#[test]
fn an_operation_that_could_go_on_fails_after_the_end() {
    on_both_sides(|| {
        let (mut a, b) = pair();
        a.write_all(b"there is always more").unwrap();
        let (ctx, cancel) = Context::background().with_cancel_cause();
        let result = ctx.io(&b, |s| {
            let mut byte = [0];
            s.read_exact(&mut byte)?;
            cancel.cancel("enough");
            let error = s.read_exact(&mut byte).unwrap_err();
            assert_eq!(error.to_string(), "context canceled");
            assert_ne!(error.kind(), ErrorKind::Interrupted);
            // Once interrupted, always interrupted.
            s.write(b"x").and_then(|_| s.read(&mut byte))
        });
        assert_ended(result, ContextError::Canceled);
        assert_ended(
            ctx.io(&b, |_| -> io::Result<()> {
                unreachable!("it has ended before")
            }),
            ContextError::Canceled,
        );
        let mut rest = [0; 4];
        (&b).read_exact(&mut rest).unwrap();
        assert_eq!(&rest, b"here");
    });
}

#[test]
fn the_operations_own_error_and_value_come_through() {
    on_both_sides(|| {
        let (ctx, cancel) = Context::background().with_cancel();
        let (a, b) = net::pipe();
        assert_eq!(ctx.io(&a, |_| Ok(7)).unwrap(), 7);
        assert_eq!(Context::background().io(&a, |_| Ok(7)).unwrap(), 7);
        let own = |kind: ErrorKind| move |error: Error<io::Error>| matches!(error, Error::Op(e) if e.kind() == kind);
        a.set_deadline(Some(Instant::now())).unwrap();
        let result = ctx.io(&a, |s| s.read(&mut [0]));
        assert!(result.is_err_and(own(ErrorKind::TimedOut)));
        a.set_deadline(None).unwrap();
        // The context ends, but it is not that of which the operation fails.
        let result = ctx.io(&a, |_| -> io::Result<()> {
            cancel.cancel();
            Err(ErrorKind::InvalidData.into())
        });
        assert!(result.is_err_and(own(ErrorKind::InvalidData)));
        // What it has made of the interruption counts.
        let (ctx, cancel) = Context::background().with_cancel();
        let read = ctx.io(&a, |s| {
            cancel.cancel();
            Ok(s.read(&mut [0]).is_err())
        });
        assert!(read.unwrap());
        let (ctx, _cancel) = Context::background().with_cancel();
        drop(b);
        assert_eq!(ctx.io(&a, |s| s.read(&mut [0])).unwrap(), 0);
        let error = ctx.io(&a, |s| s.write(b"x")).unwrap_err();
        assert!(own(ErrorKind::BrokenPipe)(error));
    });
}

#[test]
fn contexts_within_contexts_end_what_is_theirs() {
    on_both_sides(|| {
        let (a, _b) = net::pipe();
        let (outer, end_outer) = Context::background().with_cancel();
        // The inner one ends: the outer goes on.
        let (ctx, end_inner) = Context::background().with_cancel();
        let both = outer.io(&a, |s| {
            end_inner.cancel();
            let inner = ctx.io(*s, |s| s.read(&mut [0]));
            assert_ended(inner, ContextError::Canceled);
            s.set_read_timeout(Some(Duration::from_millis(1)))?;
            let error = s.read(&mut [0]).unwrap_err();
            assert_eq!(error.to_string(), "i/o timeout");
            s.set_read_timeout(None)
        });
        both.unwrap();
        // The outer one ends: what is blocked in the inner fails, not by its own context.
        let (ctx, _end_inner) = Context::background().with_cancel();
        let result = outer.io(&a, |s| {
            sudog::time::after_func(Duration::from_millis(5), {
                let end_outer = end_outer.clone();
                move || end_outer.cancel()
            });
            let inner = ctx.io(*s, |s| s.read(&mut [0]));
            assert!(matches!(&inner, Err(Error::Op(_))), "{inner:?}");
            Ok(inner?)
        });
        assert_ended(result, ContextError::Canceled);
        assert_eq!(ctx.err(), None);
    });
}

#[test]
fn a_panic_in_the_operation_leaves_no_interrupt_behind() {
    on_both_sides(|| {
        let (a, mut b) = net::pipe();
        let (ctx, cancel) = Context::background().with_cancel();
        let run = || ctx.io(&a, |_| -> io::Result<()> { quiet_panic("in the middle") });
        let payload = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
        assert_eq!(text(payload), "in the middle");
        cancel.cancel();
        b.write_all(b"x").unwrap();
        assert_eq!((&a).read(&mut [0]).unwrap(), 1);
    });
}

#[test]
fn a_deadline_is_never_early_and_ends_the_operation() {
    on_both_sides(|| {
        let (a, _b) = pair();
        for millis in [0, 1, 7] {
            let limit = Duration::from_millis(millis);
            let began = Instant::now();
            let (ctx, _cancel) = Context::background().with_timeout(limit);
            let result = ctx.io(&a, |s| s.read(&mut [0]));
            assert_ended(result, ContextError::DeadlineExceeded);
            assert!(began.elapsed() >= limit);
        }
    });
}

#[test]
fn time_outs_of_the_socket_hold_under_a_context() {
    on_both_sides(|| {
        let (a, _b) = pair();
        let (ctx, _cancel) = Context::background().with_cancel();
        a.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        let error = ctx.io(&a, |s| s.read(&mut [0])).unwrap_err();
        assert!(matches!(error, Error::Op(e) if e.kind() == ErrorKind::TimedOut));
    });
}

/// Readers under contexts and without take tokens from one socket, contexts end at random: each token
/// is taken once, and none is lost with the reader whom its arrival and the end have met at once.
#[test]
fn no_wake_up_is_lost_to_a_cancelled_reader() {
    stress(|mut rng| {
        for _ in in_time(rounds(60)) {
            let (mut tx, rx) = net::pipe();
            let rx = Arc::new(rx);
            let taken = Arc::new(AtomicUsize::new(0));
            let (over, is_over) = bounded::<()>(0);
            let readers: Vec<_> = (0..4)
                .map(|i| {
                    let (rx, taken, over) = (Arc::clone(&rx), Arc::clone(&taken), over.clone());
                    let mut rng = rng.split();
                    SIDES[i % 2].spawn(move || {
                        let _over = over;
                        loop {
                            let (ctx, cancel) = Context::background().with_cancel();
                            let pause = Duration::from_micros(rng.below(300) as u64);
                            let timer = sudog::time::after_func(pause, move || cancel.cancel());
                            match ctx.io(&*rx, |s| s.read(&mut [0])) {
                                Ok(0) => {
                                    timer.stop();
                                    return;
                                }
                                Ok(n) => drop(taken.fetch_add(n, Ordering::Relaxed)),
                                Err(Error::Context(error)) => {
                                    assert_eq!(error, ContextError::Canceled);
                                }
                                Err(Error::Op(error)) => panic!("{error}"),
                            }
                            timer.stop();
                        }
                    })
                })
                .collect();
            drop(over);
            let count = 200;
            for _ in 0..count {
                tx.write_all(&[1]).unwrap();
                if rng.one_in(4) {
                    sudog::time::sleep(Duration::from_micros(rng.below(200) as u64));
                }
            }
            drop(tx);
            is_over.recv().unwrap_err();
            readers.into_iter().for_each(Task::join);
            assert_eq!(taken.load(Ordering::Relaxed), count);
        }
    });
}
