#[sudog::main(
    worker_threads = 4,
    max_procs = 2,
    max_procs = 3,
    on_panic = Explode,
    on_panic = "Exit",
    crate = 1 + 1,
    timeout = "1s",
)]
fn main() {
    println!("the rest of the program draws no error");
}
