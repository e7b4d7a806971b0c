mod inner {
    pub use ::sudog as goroutines;
}

#[sudog::main(crate = inner::goroutines, on_panic = "isolate")]
fn main() {
    inner::goroutines::go!(drop(1)).join().unwrap();
}
