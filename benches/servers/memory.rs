//! What an idle connection takes of a server's memory, before and after its first request.
//!
//! Resident memory only: what the kernel keeps for a socket comes on top, the same for all.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use crate::process::{FILE, Server};

const CONNECTIONS: usize = 5000;

pub fn measure() -> Result<(), String> {
    raise_limit()?;
    println!("\n{CONNECTIONS} idle connections: KiB of resident memory for each");
    let request = format!("GET /{FILE} HTTP/1.1\r\nHost: x\r\n\r\n");
    for server in [
        Some(Server::http()?),
        Some(Server::hyper()?),
        Some(Server::kv()?),
        Server::redis()?,
    ]
    .into_iter()
    .flatten()
    {
        let request = match server.name {
            "http" | "hyper" => &request,
            _ => "PING\r\n",
        };
        let measured =
            measure_one(&server, request).map_err(|e| format!("{}: {e}", server.name))?;
        let Some((silent, answered)) = measured else {
            println!("the system does not tell");
            return Ok(());
        };
        println!(
            "{:6} {silent:5.1} before the first request, {answered:5.1} after it",
            server.name
        );
    }
    Ok(())
}

fn measure_one(server: &Server, request: &str) -> std::io::Result<Option<(f64, f64)>> {
    let ask = |mut stream: &TcpStream| {
        stream.write_all(request.as_bytes())?;
        stream.read(&mut [0; 1024])
    };
    // What the first of all sets up is nobody's.
    ask(&TcpStream::connect(&server.address)?)?;
    let before = server.resident_bytes();
    let streams = (0..CONNECTIONS).map(|_| TcpStream::connect(&server.address));
    let streams = streams.collect::<Result<Vec<_>, _>>()?;
    // The last is accepted when all others are.
    ask(&streams[CONNECTIONS - 1])?;
    thread::sleep(Duration::from_millis(500));
    let silent = server.resident_bytes();
    for stream in &streams {
        ask(stream)?;
    }
    let answered = server.resident_bytes();
    let each = |bytes: Option<f64>| Some((bytes? - before?) / 1024.0 / CONNECTIONS as f64);
    Ok(each(silent).zip(each(answered)))
}

/// Has the system let us, and the servers that we start, have so many descriptors.
fn raise_limit() -> Result<(), String> {
    let wanted = CONNECTIONS as libc::rlim_t + 200;
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: it writes to a struct of ours.
    let mut result = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    if result == 0 && limit.rlim_cur < wanted {
        limit.rlim_cur = wanted.min(limit.rlim_max);
        // SAFETY: it reads a struct of ours.
        result = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
    }
    match result {
        0 if limit.rlim_cur >= wanted => Ok(()),
        _ => Err(format!(
            "fewer than {wanted} descriptors: raise `ulimit -n`"
        )),
    }
}
