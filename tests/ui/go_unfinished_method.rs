use sudog::go;

fn main() {
    let words = Vec::<String>::new();
    go!(words.);
}
