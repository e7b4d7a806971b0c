#[sudog::main(4)]
fn main() {}
