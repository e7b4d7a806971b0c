use sudog::go;

fn main() {
    go!();
    go! {};
}
