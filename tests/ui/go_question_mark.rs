use sudog::go;

fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
    text.parse()
}

fn main() {
    go! {
        parse("1")?;
    };
}
