#[sudog::test(timeout = 60)]
fn number() {}

#[sudog::test(timeout = "60")]
fn no_unit() {}

#[sudog::test(timeout = "1 day")]
fn unknown_unit() {}

#[sudog::test(timeout = "0s")]
fn zero() {}

#[sudog::test(timeout = "9999999h")]
fn for_ever() {}

fn main() {}
