use std::rc::Rc;

/// Keys and attributes are kept, and the error need not be `Send`.
#[allow(unused_variables)]
#[sudog::main(max_procs = 1 + 1, stack_size = 256 * 1024, on_panic = Exit, max_threads = 100)]
#[expect(unused_mut)]
fn main() -> Result<(), Rc<str>> {
    let mut unused = 1;
    assert!(sudog::current().is_some());
    assert_eq!(sudog::go!(4_u32.pow(2)).join().ok(), Some(16));
    Ok(())
}
