//! A server for the Redis protocol: strings, numbers, keys that end, and messages.
//!
//! `cargo run --release --example kv -- localhost:6380` listens there, beside a Redis at its own 6379; then
//! use it as one would Redis: `redis-cli -p 6380 SET name value EX 60`, `redis-benchmark -p 6380 -q -t get,set
//! -P 16`. It keeps all in memory and has no second copy: what was stored ends with the process.
//!
//! A goroutine per client reads and writes (client.rs); protocol.rs and reply.rs know how requests and
//! replies look, commands.rs and strings.rs what is asked for, store.rs where the values are. Messages
//! to subscribers go through mailboxes (pubsub.rs).

mod client;
mod commands;
mod glob;
mod keys;
mod number;
mod protocol;
mod pubsub;
mod reply;
#[path = "../support/server.rs"]
mod server;
mod store;
mod strings;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use sudog::go;

use pubsub::Channels;
use server::{listen_tcp, serve};
use store::Store;

const USAGE: &str = "\
usage: kv HOST:PORT
Serve keys and values to clients of Redis: redis-cli, redis-benchmark, libraries. The commands are

  GET, SET (with NX or XX, EX or PX), MGET, MSET, INCR, INCRBY,
  DEL, EXISTS, EXPIRE, TTL, KEYS, FLUSHALL,
  SUBSCRIBE, UNSUBSCRIBE, PUBLISH,
  PING, ECHO, INFO, QUIT, COMMAND (and COUNT, HELP, INFO, LIST), CONFIG (GET and HELP).

All is kept in memory only, and ends with the process.
";

/// What all clients share.
pub struct Shared {
    store: Store,
    channels: Arc<Channels>,
    address: String,
    started: Instant,
    /// How many clients have come, and how many commands they have sent.
    connections: AtomicU64,
    commands: AtomicU64,
}

#[sudog::main]
fn main() -> ExitCode {
    server::run(USAGE, |[address]| {
        let listener = listen_tcp(&address)?;
        let shared = Arc::new(Shared {
            store: Store::new(),
            channels: Arc::default(),
            address: listener.local_addr().map_or(address, |at| at.to_string()),
            started: Instant::now(),
            connections: AtomicU64::new(0),
            commands: AtomicU64::new(0),
        });
        let sweeping = Arc::clone(&shared);
        go!(move || sweeping.store.sweep());
        serve(listener, move |connection| {
            // An error says that the client has gone; no news.
            let _ = client::serve(Arc::clone(&shared), connection);
        })
    })
}
