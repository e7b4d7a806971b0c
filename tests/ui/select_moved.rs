//! A variable that may have been sent.

use sudog::chan::bounded;
use sudog::select;

fn main() {
    let (tx, rx) = bounded(1);
    let text = String::new();
    select! {
        send(tx, text) -> _ => {}
        recv(rx) -> _ => {}
    }
    println!("{text}");
}
