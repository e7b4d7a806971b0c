//! Arms that do not begin with `recv`, `send` or `default`.

use sudog::chan::bounded;
use sudog::select;

fn main() {
    let (tx, rx) = bounded::<i32>(1);
    select! {
        receive(rx) -> msg => drop(msg),
        write(tx, 1) -> res => drop(res),
        accept(rx) -> msg => drop(msg),
        rx.recv() -> msg => drop(msg),
        tx.send(1) -> res => drop(res),
        timeout(std::time::Duration::from_secs(1)) => {}
        else => {}
        _ => {},
        (rx) -> msg => drop(msg),
    }
}
