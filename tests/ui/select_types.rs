//! Channels, values and durations of other types.

use sudog::chan::bounded;
use sudog::select;

fn main() {
    let (tx, rx) = bounded::<i32>(1);
    let text = String::new();
    select! { recv(tx) -> _ => {} }
    select! {
        recv(tx) -> _ => {}
        send(rx, 1) -> _ => {}
        recv(1) -> _, if true => {}
        default(5) => {}
    }
    select! { send(tx, text) -> _ => {} }
    select! { send(tx, "text") -> _ => {} }
    select! { send(tx, text.clone()) -> _ => {} }
    select! {
        recv(rx) -> _ => {}
        send(tx, text) -> _ => {}
        send(tx, "text") -> _ => {}
        send(tx, text.clone()) -> _ => {}
    }
    let _: i32 = select! {
        recv(rx) -> _ => 1,
        default => "one",
    };
}
