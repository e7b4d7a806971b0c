//! A server that sends back what it gets, over TLS: rustls on our `TcpStream`, as if it were std's.
//!
//! `cargo run --release --example tls_echo -- localhost:7009` makes a certificate for localhost, which
//! nobody trusts, for this run alone; two more arguments name files with a certificate and its key, in PEM.
//! Try it with `openssl s_client -quiet -connect localhost:7009`.
//!
//! `rustls::StreamOwned` wants a stream that reads, writes and blocks, and ours does, so nothing here knows
//! of goroutines but `main` and `serve`. That rustls holds pieces of records needs one thought: a
//! connection is idle when rustls wants bytes and none have come, which a peek at the socket tells without
//! taking them from rustls. A record of which a piece is there is under way, and is waited for when the
//! server stops.

#[path = "support/server.rs"]
mod server;

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sudog::net::TcpStream;

use server::{Connection, listen_tcp, serve};

const USAGE: &str = "\
usage: tls_echo HOST:PORT [CERTIFICATE KEY]
Send back to each client what it sends, over TLS. CERTIFICATE and KEY are PEM files; without them, a
certificate for localhost is made at each start.
";

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

type TlsStream = StreamOwned<ServerConnection, TcpStream>;

#[sudog::main]
fn main() -> ExitCode {
    server::run_with(USAGE, |arguments| match &arguments[..] {
        [address] => Some(start(address, made_for_localhost())),
        [address, certificate, key] => Some(start(address, read(certificate, key))),
        _ => None,
    })
}

fn start(address: &str, config: Result<ServerConfig, String>) -> Result<(), String> {
    let config = Arc::new(config?);
    serve(listen_tcp(address)?, move |connection| {
        // An error says that the client has gone, or does not speak TLS, and rustls has told it so.
        let _ = handle(&connection, Arc::clone(&config));
        connection.linger();
    })
}

fn made_for_localhost() -> Result<ServerConfig, String> {
    let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
    let made = rcgen::generate_simple_self_signed(names)
        .map_err(|error| format!("cannot make a certificate: {error}"))?;
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    config(vec![made.cert.der().clone()], key).map_err(|error| error.to_string())
}

fn read(certificate: &str, key: &str) -> Result<ServerConfig, String> {
    let (chain, private) = sudog::blocking(|| {
        let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
        let chain: Vec<_> = chain.map_err(|error| unusable(certificate, "certificate", error))?;
        if chain.is_empty() {
            return Err(unusable(
                certificate,
                "certificate",
                pem::Error::NoItemsFound,
            ));
        }
        let private = PrivateKeyDer::from_pem_file(key);
        let private = private.map_err(|error| unusable(key, "private key", error))?;
        Ok::<_, String>((chain, private))
    })?;
    config(chain, private).map_err(|error| format!("{certificate} and {key}: {error}"))
}

/// What is wrong with a file in which there was to be such an item.
fn unusable(file: &str, item: &str, error: pem::Error) -> String {
    match error {
        pem::Error::Io(error) => format!("cannot read {file}: {error}"),
        pem::Error::NoItemsFound => {
            format!("there is no {item} in {file}: a PEM file is wanted, with `-----BEGIN` in it")
        }
        error => format!("{file} is no proper PEM file: {error}"),
    }
}

fn config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let builder = ServerConfig::builder().with_no_client_auth();
    builder.with_single_cert(chain, key)
}

/// A connection's goroutine.
fn handle(connection: &Connection<TcpStream>, config: Arc<ServerConfig>) -> io::Result<()> {
    let session = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(session, connection.socket().clone());
    stream.sock.set_deadline(Some(Instant::now() + HANDSHAKE))?;
    while stream.conn.is_handshaking() {
        if stream.conn.wants_read() && wait(connection)? == 0 {
            return Ok(());
        }
        stream.conn.complete_io(&mut stream.sock)?;
    }
    stream.sock.set_deadline(None)?;
    echo(connection, &mut stream)?;
    // So that the client knows this for the end, and not for somebody who cuts the line.
    stream.conn.send_close_notify();
    stream.flush()
}

fn echo(connection: &Connection<TcpStream>, stream: &mut TlsStream) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10]; // the longest record
    loop {
        if stream.conn.wants_read() && wait(connection)? == 0 {
            return Ok(());
        }
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n])?,
        }
    }
}

/// Waits for something to read, and takes nothing of it.
fn wait(connection: &Connection<TcpStream>) -> io::Result<usize> {
    connection.when_idle(|socket| socket.peek(&mut [0]))
}
