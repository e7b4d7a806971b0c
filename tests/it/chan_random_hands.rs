//! Random operations of many hands at once, against what must hold whatever the order.

use std::collections::BTreeMap;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use sudog::chan::{
    Receiver, RecvTimeoutError, Select, SendTimeoutError, Sender, TryRecvError, TrySendError,
};

use crate::chan_random::{CAPACITIES, Received, Sent, poll_once};
use crate::support::{Rng, in_time, rounds, stress};
use crate::traffic::{Hand, Kind, channel};

/// Who sent it, and which of his values it is.
type Mark = (usize, u32);

/// Whether futures are dropped before they are done, while offers are late: then a value may be put
/// back, behind others of its sender.
#[derive(Clone, Copy)]
struct Rules {
    selects_send: bool,
    futures_go: bool,
}

impl Rules {
    fn keep_order(self) -> bool {
        !(self.selects_send && self.futures_go)
    }
}

/// Sends until all are sent or the channel is closed; how many were.
fn send_all(tx: &Sender<Mark>, sender: usize, count: u32, rules: Rules, mut rng: Rng) -> u32 {
    let mut next = 0;
    while next < count {
        let mark = (sender, next);
        let sent = match rng.below(if rules.selects_send { 9 } else { 6 }) {
            0 | 1 => tx.send(mark).map_err(|_| Sent::Closed),
            2 => tx.try_send(mark).map_err(|unsent| match unsent {
                TrySendError::Full(_) => Sent::Full,
                TrySendError::Disconnected(_) => Sent::Closed,
            }),
            3 => {
                let limit = Duration::from_micros(rng.below(50) as u64);
                tx.send_timeout(mark, limit).map_err(|unsent| match unsent {
                    SendTimeoutError::Timeout(_) => Sent::Full,
                    SendTimeoutError::Disconnected(_) => Sent::Closed,
                })
            }
            4 => sudog::block_on(tx.send_async(mark)).map_err(|_| Sent::Closed),
            5 => {
                let mut send = pin!(tx.send_async(mark));
                match poll_once(send.as_mut()) {
                    Poll::Ready(sent) => sent.map_err(|_| Sent::Closed),
                    Poll::Pending => {
                        (0..rng.below(3)).for_each(|_| sudog::yield_now());
                        match send.take_value() {
                            Some(_) => Err(Sent::Full),
                            None => Ok(()),
                        }
                    }
                }
            }
            n => {
                let mut select = Select::new();
                for _ in 0..1 + rng.below(3) {
                    select.send(tx);
                }
                let operation = match n {
                    6 => Some(select.select()),
                    7 => select.try_select().ok(),
                    _ => select.select_timeout(Duration::from_micros(30)).ok(),
                };
                match operation {
                    Some(operation) => operation.send(tx, mark).map_err(|_| Sent::Closed),
                    None => Err(Sent::Full),
                }
            }
        };
        match sent {
            Ok(()) => next += 1,
            Err(Sent::Closed) => {
                assert!(tx.is_closed() && tx.try_send(mark).is_err());
                return next;
            }
            Err(_) => sudog::yield_now(),
        }
    }
    next
}

/// Receives until the channel is closed and empty.
fn receive_all(rx: &Receiver<Mark>, rules: Rules, mut rng: Rng) -> Vec<Mark> {
    let mut marks = Vec::new();
    loop {
        let received = match rng.below(8) {
            0 | 1 => rx.recv().map_err(|_| Received::Closed),
            2 => rx.try_recv().map_err(|missing| match missing {
                TryRecvError::Empty => Received::Empty,
                TryRecvError::Disconnected => Received::Closed,
            }),
            3 => {
                let limit = Duration::from_micros(rng.below(50) as u64);
                rx.recv_timeout(limit).map_err(|missing| match missing {
                    RecvTimeoutError::Timeout => Received::Empty,
                    RecvTimeoutError::Disconnected => Received::Closed,
                })
            }
            4 => sudog::block_on(rx.recv_async()).map_err(|_| Received::Closed),
            5 if rules.futures_go => {
                let mut recv = pin!(rx.recv_async());
                match poll_once(recv.as_mut()) {
                    Poll::Ready(value) => value.map_err(|_| Received::Closed),
                    Poll::Pending => {
                        (0..rng.below(3)).for_each(|_| sudog::yield_now());
                        Err(Received::Empty)
                    }
                }
            }
            6 => {
                let mut select = Select::new();
                select.recv(rx);
                let _ = select.ready_timeout(Duration::from_micros(30));
                Err(Received::Empty)
            }
            _ => {
                let mut select = Select::new();
                for _ in 0..1 + rng.below(3) {
                    select.recv(rx);
                }
                let operation = match rng.below(3) {
                    0 => Some(select.select()),
                    1 => select.try_select().ok(),
                    _ => select.select_timeout(Duration::from_micros(30)).ok(),
                };
                match operation {
                    Some(operation) => operation.recv(rx).map_err(|_| Received::Closed),
                    None => Err(Received::Empty),
                }
            }
        };
        if rules.keep_order() {
            assert!(rx.capacity().is_none_or(|capacity| rx.len() <= capacity));
        }
        match received {
            Ok(mark) => marks.push(mark),
            Err(Received::Closed) => {
                assert!(rx.is_closed());
                if rules.keep_order() {
                    assert_eq!(
                        rx.try_recv(),
                        Err(TryRecvError::Disconnected),
                        "after the end"
                    );
                }
                return marks;
            }
            Err(_) => sudog::yield_now(),
        }
    }
}

fn random_traffic(rng: &mut Rng) {
    let capacity = CAPACITIES[rng.below(CAPACITIES.len())];
    let rules = Rules {
        selects_send: rng.one_in(2),
        futures_go: rng.one_in(2),
    };
    let (tx, rx) = channel::<Mark>(capacity);
    let senders: Vec<Hand<u32>> = (0..1 + rng.below(4))
        .map(|sender| {
            let (tx, rng, count) = (tx.clone(), rng.split(), 50 + rng.below(150) as u32);
            Kind::any(&mut rng.clone()).spawn(move || send_all(&tx, sender, count, rules, rng))
        })
        .collect();
    let receivers: Vec<Hand<Vec<Mark>>> = (0..1 + rng.below(4))
        .map(|_| {
            let (rx, rng) = (rx.clone(), rng.split());
            Kind::any(&mut rng.clone()).spawn(move || receive_all(&rx, rules, rng))
        })
        .collect();
    if rng.one_in(3) {
        (0..rng.below(200)).for_each(|_| sudog::yield_now());
        tx.close();
    }
    drop(tx);
    let sent: Vec<_> = senders.into_iter().map(Hand::join).collect();
    let mut received: Vec<_> = receivers.into_iter().map(Hand::join).collect();
    let left: Vec<_> = rx.try_iter().collect();
    assert!(left.is_empty() || !rules.keep_order(), "after the end");
    received.push(left);
    let context = format!("capacity {capacity:?}, sent {sent:?}");
    let mut seen = BTreeMap::new();
    for marks in &received {
        let mut last = vec![None; sent.len()];
        for &(sender, n) in marks {
            assert!(n < sent[sender], "{n} of {sender} was not sent; {context}");
            let is_later = last[sender].replace(n).is_none_or(|last| last < n);
            assert!(
                is_later || !rules.keep_order(),
                "{n} of {sender} late; {context}"
            );
            *seen.entry((sender, n)).or_insert(0) += 1;
        }
    }
    for (sender, &count) in sent.iter().enumerate() {
        for n in 0..count {
            let times = seen.get(&(sender, n)).copied().unwrap_or(0);
            assert_eq!(times, 1, "{n} of {sender} came so often; {context}");
        }
    }
}

#[test]
fn random_hands_lose_nothing_and_double_nothing() {
    stress(|mut rng| in_time(rounds(100)).for_each(|_| random_traffic(&mut rng)));
}
