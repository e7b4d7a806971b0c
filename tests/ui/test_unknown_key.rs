#[sudog::test(time_out = "60s")]
fn misspelt() {}

fn main() {}
