#[sudog::main]
#[sudog::main]
fn main() {}
