use sudog::go;

fn show(_: &u32) {}

fn main() {
    let n = 1;
    go!(show(&n));
    go!(|| n + 1);
}
