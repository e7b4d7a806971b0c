//! A guard is a `bool` and does not see the pattern.

use sudog::chan::bounded;
use sudog::select;

fn main() {
    let (_tx, rx) = bounded::<i32>(1);
    select! {
        recv(rx) -> _, if 1 => {}
        recv(rx) -> msg, if msg.is_ok() => {}
    }
}
