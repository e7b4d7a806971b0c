//! Half a method call as a channel.

use sudog::chan::bounded;
use sudog::select;

fn main() {
    let (_tx, rx) = bounded::<i32>(1);
    select! {
        recv(rx.) -> msg => println!("{msg:?}"),
        default => {}
    }
}
