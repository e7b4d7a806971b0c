#[sudog::main(max_procs = "four")]
fn main() {}
