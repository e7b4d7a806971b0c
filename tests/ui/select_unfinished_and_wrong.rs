//! What is unfinished does not hide what is wrong.

use sudog::chan::bounded;
use sudog::select;

fn main() {
    let (tx, rx) = bounded::<i32>(1);
    select! {
        recv(rx.) -> msg => println!("{msg:?}"),
        send(tx) -> res => res.,
        default => {}
    }
}
