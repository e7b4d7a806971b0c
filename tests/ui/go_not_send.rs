use std::rc::Rc;

use sudog::go;

fn show(_: Rc<u32>) {}

fn main() {
    let n = Rc::new(1);
    go!(show(n));
}
