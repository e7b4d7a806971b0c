//! Patterns that take `Ok` or `Err` alone.

use sudog::chan::bounded;
use sudog::select;

fn main() {
    let (tx, rx) = bounded::<i32>(1);
    select! {
        recv(rx) -> Ok(n) => println!("{n}"),
        recv(rx) -> Err(_) => {}
        send(tx, 1) -> Ok(()) => {}
    }
}
