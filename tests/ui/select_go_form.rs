//! Go's arms.

use sudog::chan::bounded;
use sudog::select;

fn main() {
    let (tx, rx) = bounded::<i32>(1);
    select! {
        case v := <-rx:
            println!("{v}"),
        case v, ok := <-rx => {}
        case <-rx: {}
        case tx <- 1: {}
        default: {}
    }
}
