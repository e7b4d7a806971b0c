//! Guards in the wrong form or place.

use sudog::chan::bounded;
use sudog::select;

fn main() {
    let (tx, rx) = bounded::<i32>(1);
    let on = Some(1);
    select! {
        recv(rx) -> _ if on.is_some() => {}
        recv(rx) -> _, on.is_some() => {}
        recv(rx), if on.is_some() -> _ => {}
        recv(rx) if on.is_some() -> msg => drop(msg),
        if on.is_some() recv(rx) -> _ => {}
        send(tx, 1) -> _, if let Some(1) = on => {}
        send(tx, 1) -> _, if => {}
    }
}
