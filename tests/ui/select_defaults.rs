//! What `default` cannot have.

use sudog::chan::bounded;
use sudog::{select, select_biased};

fn main() {
    let (_tx, rx) = bounded::<i32>(1);
    select! {
        recv(rx) -> _ => {}
        default => {}
        default(std::time::Duration::from_secs(1)) => {}
        default => {}
    }
    select_biased! {
        default, if true => {}
        recv(rx) -> _ => {}
    }
    select! {
        default -> msg => {}
    }
    select! {
        default() if true => {}
    }
}
