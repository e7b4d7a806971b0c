use sudog::go;

fn main() {
    go!(first(1), second(2));
}

fn first(_: u32) {}

fn second(_: u32) {}
