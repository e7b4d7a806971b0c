#[sudog::main()]
pub fn main() -> ! {
    std::process::exit(0)
}
