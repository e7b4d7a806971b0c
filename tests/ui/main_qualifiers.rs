#[sudog::main]
const unsafe extern "C" fn main()
where
    u8: Copy,
{
}
