//! Other patterns that can fail.

use sudog::chan::bounded;
use sudog::select;

fn main() {
    let (tx, rx) = bounded::<i32>(1);
    select! {
        recv(rx) -> Ok(1..) | Err(_) => {}
        send(tx, 1) -> Ok(()) | Err(sudog::chan::SendError(2)) => {}
    }
}
