use sudog::go;

fn main() {
    go! { println!("no semicolon behind the braces") }
    println!("goes on");
}
