//! No `unsafe` of ours is the user's.

use sudog::chan::bounded;
use sudog::select;

unsafe fn dangerous<T>(value: T) -> T {
    value
}

fn main() {
    let (tx, rx) = bounded::<i32>(1);
    select! {
        recv(dangerous(&rx)) -> _, if dangerous(true) => dangerous(()),
        send(dangerous(&tx), dangerous(1)) -> _ => {}
        default(dangerous(std::time::Duration::ZERO)) => {}
    }
}
