//! Answers every request with the same bytes: `hyper-server HOST:PORT TEXT`.
//!
//! As hyper's users write it: a task for each connection, on tokio's threads, as many as there are
//! processors. Responses that can go together do (`pipeline_flush`), as ours do.

use std::convert::Infallible;
use std::env;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address, text] = <[String; 2]>::try_from(arguments).expect("HOST:PORT TEXT");
    let text = Bytes::from(text);
    let listener = TcpListener::bind(address).await?;
    println!("listening at {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let text = text.clone();
        tokio::spawn(async move {
            let answer = service_fn(|_| {
                let response = Response::new(Full::new(text.clone()));
                async { Ok::<_, Infallible>(response) }
            });
            let mut server = http1::Builder::new();
            // An error means that the client has gone.
            let _ = server
                .pipeline_flush(true)
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}
