use sudog::go;

fn add(a: u32, b: u32) -> u32 {
    a + b
}

fn main() {
    go!(add(1));
    go!(add(1, 2, 3));
    go!(add(1, "two"));
    go!(String::new().push_str());
}
