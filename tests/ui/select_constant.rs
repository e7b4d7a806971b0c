//! What looks like a variable has to be one.

use sudog::chan::bounded;
use sudog::select;

#[allow(non_upper_case_globals)]
const limit: i32 = 1;

fn main() {
    let (tx, _rx) = bounded(1);
    select! { send(tx, limit) -> _ => {} }
}
