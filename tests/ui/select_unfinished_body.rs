//! Half a method call as a body.

use sudog::chan::bounded;
use sudog::select;

fn main() {
    let (_tx, rx) = bounded::<i32>(1);
    select! {
        recv(rx) -> msg => msg.,
        default => {}
    }
}
