//! The smallest program: a goroutine, and a channel to hear from it.
//!
//! Run it with `cargo run --example hello`. It prints
//!
//! ```text
//! hello
//! from a goroutine
//! ```

use sudog::chan::{Sender, bounded};
use sudog::go;

fn greet(words: Sender<&str>) {
    for word in ["hello", "from a goroutine"] {
        words.send(word).expect("main receives until we are done");
    }
    // `words` is dropped here. It was the last sender, and so the channel is closed.
}

#[sudog::main]
fn main() {
    let (tx, rx) = bounded(0); // no buffer: a send waits until its value is received
    go!(greet(tx));
    for word in rx {
        println!("{word}");
    }
}
