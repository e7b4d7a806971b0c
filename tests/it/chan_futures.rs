//! The async faces of a channel, where they meet late offers and go before they are done.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use sudog::chan::{Receiver, Select, Sender, bounded};

use crate::support::{goroutine, settle};

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Sends by a late offer to a future that is dropped before it is polled again.
fn send_to_one_that_goes(tx: &Sender<u32>, rx: &Receiver<u32>, value: u32) {
    let sender = {
        let tx = tx.clone();
        sudog::spawn(move || {
            let mut select = Select::new();
            select.send(&tx);
            select.select().send(&tx, value).unwrap();
        })
    };
    let mut offers = Select::new();
    offers.recv(rx);
    offers.ready();
    let mut recv = pin!(rx.recv_async());
    assert!(poll_once(recv.as_mut()).is_pending());
    sender.join().unwrap();
}

#[test]
fn a_value_that_came_to_a_future_that_goes_is_received_by_others() {
    goroutine(|| {
        let (tx, rx) = bounded(0);
        send_to_one_that_goes(&tx, &rx, 1);
        assert_eq!(rx.try_recv(), Ok(1));
        send_to_one_that_goes(&tx, &rx, 2);
        assert_eq!(rx.recv(), Ok(2));
        assert!(rx.try_recv().is_err());
    });
}

#[test]
fn a_value_that_was_put_back_makes_no_room_for_another() {
    goroutine(|| {
        let (tx, rx) = bounded(0);
        send_to_one_that_goes(&tx, &rx, 1);
        let sender = sudog::spawn(move || tx.send(2).unwrap());
        settle();
        assert_eq!(rx.recv(), Ok(1));
        assert!(rx.is_empty(), "a channel without a buffer buffers");
        assert!(!sender.is_finished());
        assert_eq!(rx.recv(), Ok(2));
        sender.join().unwrap();
    });
}
