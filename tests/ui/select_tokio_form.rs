//! tokio's arms.

use sudog::chan::bounded;
use sudog::select;

async fn tokio() {
    let (tx, rx) = bounded::<i32>(1);
    select! {
        biased;
        msg = rx.recv() => println!("{msg:?}"),
        Some(msg) = rx.recv(), if true => println!("{msg:?}"),
        _ = tx.send(1) => {}
        recv(rx).await -> msg => println!("{msg:?}"),
        recv(rx)? -> msg => println!("{msg:?}"),
        send(tx, later().await) -> _ => {}
    }
}

async fn later() -> i32 {
    1
}

fn main() {}
