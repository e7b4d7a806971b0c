use sudog::go;

async fn fetch() -> u32 {
    1
}

fn main() {
    go!(fetch().await);
}
