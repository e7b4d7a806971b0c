#[sudog::main]
fn main<T: Copy>(first: T, second: u32) {}
