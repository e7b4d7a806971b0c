use sudog::go;

fn main() {
    go!(async { 1 });
    go!(async move { 1 });
    go!(async || 1);
    go!(async move |n: u32| n);
}
