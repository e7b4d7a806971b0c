//! What looks like a variable has to be one.

use sudog::chan::bounded;
use sudog::select;

#[allow(non_upper_case_globals)]
const limit: i32 = 1;

fn work() {}

fn main() {
    let (tx, _rx) = bounded(1);
    select! { send(tx, limit) -> _ => {} }
    let (tx, _rx) = bounded::<fn()>(1);
    select! { send(tx, work) -> _ => {} }
    // In the form of an expression it may be sent.
    select! { send(tx, work as fn()) -> _ => {} }
    select! { send(tx, { work }) -> _ => {} }
}
