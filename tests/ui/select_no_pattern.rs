//! Arms without `->` and a pattern.

use sudog::chan::bounded;
use sudog::select;

fn main() {
    let (tx, rx) = bounded::<i32>(1);
    select! {
        recv(rx) => {}
        send(tx, 1) => {}
        recv(rx) -> => {}
        recv(rx) as msg => {}
        recv(rx) => msg => drop(msg),
        send(tx, 1) => Ok(()) | Err(_) => {}
        recv(rx) -> + => {}
        recv(rx) -> msg: Result<i32, _> => {}
        recv(rx) msg => {}
    }
}
