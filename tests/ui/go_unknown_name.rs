use sudog::go;

fn main() {
    go!(nothing(1));
    go!(String::new().nothing());
}
