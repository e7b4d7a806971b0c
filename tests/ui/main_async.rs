#[sudog::main]
async fn main() {
    let n = async { 1 }.await;
    println!("{n}");
}
