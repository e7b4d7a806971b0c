#[sudog::test]
#[test]
fn plain() {}

#[sudog::test]
#[sudog::test]
fn own() {}

fn main() {}
