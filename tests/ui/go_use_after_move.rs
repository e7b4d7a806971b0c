use sudog::go;

fn main() {
    let words = vec!["one"];
    go!(words.push("two"));
    println!("{words:?}");
}
