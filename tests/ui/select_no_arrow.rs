//! Arms without `=>`.

use sudog::chan::bounded;
use sudog::select;

fn main() {
    let (tx, rx) = bounded::<i32>(1);
    select! {
        recv(rx),
        recv(rx) -> msg,
        recv(rx) -> msg { println!("{msg:?}") }
        recv(rx) -> msg: { println!("{msg:?}") }
        recv(rx) -> msg -> println!("{msg:?}"),
        recv(rx) -> msg = println!("{msg:?}"),
        send(tx, 1) -> res
        default -> 1,
    }
    select! {
        default
    }
    select! {
        recv(rx)
    }
}
