#[sudog::main]
fn main() -> Result<(), String> {
    let n: u32 = "text";
    n
}
