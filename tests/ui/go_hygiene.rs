use sudog::go;

fn add(a: u32, b: u32) -> u32 {
    a + b
}

fn main() {
    go!(add(1, argument0));
    go!(1_u32.pow(receiver));
}
