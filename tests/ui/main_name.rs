#[sudog::main]
fn start() {}

fn main() {}
