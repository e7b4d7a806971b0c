use sudog::go;

fn main() {
    go! {
        let n = 1;
        let m = n +
    };
}
