//! Names of the expansion are not for users.

use sudog::chan::bounded;
use sudog::select;

fn main() {
    let (tx, rx) = bounded::<i32>(1);
    select! {
        recv(rx) -> _, if true => drop((chosen, result, channel0, arm0)),
        send(tx, 1 + 1) -> _ => {}
        default(std::time::Duration::ZERO) => drop((guard0, duration)),
    }
}
