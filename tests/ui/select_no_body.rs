//! Arms without a body, and what stands between arms.

use sudog::chan::bounded;
use sudog::select;

#[rustfmt::skip]
fn main() {
    let (tx, rx) = bounded::<i32>(1);
    select! {
        recv(rx) -> _ =>,
        recv(rx) -> _ =>
        send(tx, 1) -> _ => println!("no comma")
        recv(rx) -> _ => println!("semicolon");
        recv(rx) -> _ => {};
        , recv(rx) -> _ => {},,
        #[cfg(unix)]
        recv(rx) -> _ => return
        default =>
    }
}
