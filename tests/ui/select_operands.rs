//! Wrong numbers of operands.

use sudog::chan::bounded;
use sudog::select;

fn main() {
    let (tx, rx) = bounded::<i32>(1);
    select! {
        recv() -> _ => {}
        recv(rx, msg) -> _ => {}
        recv rx -> _ => {}
        recv[rx] -> _ => {}
        send() -> _ => {}
        send(tx) -> _ => {}
        send(tx, 1, 2) -> _ => {}
        default(std::time::Duration::from_secs(1), 1) => {}
    }
}
