#[sudog::main]
struct Main {
    field: u32,
}

fn main() {}
