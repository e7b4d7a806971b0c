#[sudog::test]
async fn future() {}

#[sudog::test]
fn argument(n: u32) {}

#[sudog::test]
fn generic<const N: usize>() {}

fn main() {}
