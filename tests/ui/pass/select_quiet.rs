//! What the macros make is nothing that a crate with the strictest lints would see.

#![forbid(
    unsafe_code,
    unused,
    unused_results,
    unused_qualifications,
    nonstandard_style,
    future_incompatible,
    let_underscore,
    rust_2018_idioms,
    trivial_casts,
    unreachable_pub
)]
#![deny(missing_docs, variant_size_differences, unsafe_op_in_unsafe_fn)]

use std::time::Duration;

use sudog::chan::{Receiver, Sender, bounded, never};
use sudog::{select, select_biased};

macro_rules! through_a_macro_of_ones_own {
    ($($arms:tt)*) => {
        select! { $($arms)* }
    };
}

fn only(rx: &Receiver<u8>) -> u8 {
    select! { recv(rx) -> n => { n.unwrap_or(0) } }
}

fn several(rx: &Receiver<u8>, tx: &Sender<u8>, wants: bool) -> u8 {
    let value = 5;
    let list = [1];
    select! { send(tx, value) -> _ => {} }
    select! { send(tx, 1) -> _ => {} default => { () } }
    select! { send(tx, value) -> _ => {}, default => {} }
    select! { send(tx, value + 1) -> _ => {} }
    select_biased! { recv(rx) -> _ => {}, default => {} }
    through_a_macro_of_ones_own! { recv(rx) -> _, if wants => {}, send(tx, value) -> _ => {} }
    select! {
        recv(rx) -> n, if wants => { n.unwrap_or(0) }
        recv(rx) -> n => n.unwrap_or(0),
        send(tx, value) -> sent => { u8::from(sent.is_ok()) }
        send(tx, 7) -> sent => sent.map_or(2, |()| 3),
        send(tx, list[0]) -> _ => list[0],
        send(tx, u8::MAX) -> mut sent => { sent = Ok(()); sent.map_or(0, |()| 1) }
        default(Duration::from_millis(5)) => { 9 }
    }
}

fn main() {
    let (tx, rx) = bounded(30);
    tx.send(4).unwrap();
    assert_eq!(only(&rx), 4);
    assert!(several(&rx, &tx, true) < 9);
    select! { recv(never::<()>()) -> _ => {}, default => {} }
}
