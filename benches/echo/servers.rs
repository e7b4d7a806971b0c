//! The Rust servers: the same loop, as each runtime's users would write it.
//!
//! A task for each connection reads into 4 KiB and writes that, until the process is killed. The number of
//! threads comes from `SUDOG_MAXPROCS` for all of them. Go's side is in `../go/echo.go`.

use std::env;
use std::io::{self, Read, Write};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub const SERVERS: [&str; 3] = ["sudog", "tokio", "may"];

const ANY: &str = "127.0.0.1:0";
const BUFFER: usize = 4 << 10;

/// Serves for ever, after a line that says where.
pub fn serve(name: &str) -> Result<(), String> {
    let result = match name {
        "sudog" => on_sudog(),
        "tokio" => on_tokio(),
        "may" => on_may(),
        _ => return Err(format!("no server `{name}`")),
    };
    result.map_err(|error| format!("{name}: {error}"))
}

fn procs() -> usize {
    let number = env::var("SUDOG_MAXPROCS").ok();
    number.and_then(|number| number.parse().ok()).unwrap_or(2)
}

fn say(address: SocketAddr) {
    println!("{address}");
}

/// The loop of those who block.
fn echo(mut stream: impl Read + Write) -> io::Result<()> {
    let mut buffer = [0; BUFFER];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n])?,
        }
    }
}

fn on_sudog() -> io::Result<()> {
    sudog::run(|| {
        let listener = sudog::net::TcpListener::bind(ANY)?;
        say(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept()?;
            stream.set_nodelay(true)?;
            sudog::go!(move || echo(stream));
        }
    })
}

fn on_may() -> io::Result<()> {
    may::config().set_workers(procs());
    let listener = may::net::TcpListener::bind(ANY)?;
    say(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        may::go!(move || echo(stream));
    }
}

fn on_tokio() -> io::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(procs()).enable_io().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(ANY).await?;
        say(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(echo_async(stream));
        }
    })
}

async fn echo_async(mut stream: tokio::net::TcpStream) -> io::Result<()> {
    let mut buffer = [0; BUFFER];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n]).await?,
        }
    }
}
