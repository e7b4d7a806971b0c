#[sudog::main(max_procs = )]
fn main() {}
