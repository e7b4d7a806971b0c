//! Sockets that park the goroutine: `std::net` and `std::os::unix::net`, with deadlines and `close`.
//!
//! The types are std's, by name and by method, so that a server reads as one with a thread per
//! connection; what it has is a goroutine per connection:
//!
//! ```
//! use std::io::{Read, Write};
//! use std::time::Duration;
//! use sudog::{go, net, time};
//!
//! fn echo(mut stream: net::TcpStream) -> std::io::Result<()> {
//!     let mut buffer = [0; 4096];
//!     loop {
//!         match stream.read(&mut buffer)? {
//!             0 => return Ok(()),
//!             n => stream.write_all(&buffer[..n])?,
//!         }
//!     }
//! }
//!
//! # fn main() -> std::io::Result<()> {
//! let listener = net::TcpListener::bind("127.0.0.1:0")?;
//! let acceptor = listener.clone();
//! let server = go!(move || {
//!     for stream in acceptor.incoming() {
//!         match stream {
//!             Ok(stream) => _ = go!(echo(stream)),
//!             Err(error) => {
//!                 eprintln!("accept: {error}"); // too many open files, perhaps: that passes
//!                 time::sleep(Duration::from_millis(10));
//!             }
//!         }
//!     }
//! });
//!
//! let mut client = net::TcpStream::connect(listener.local_addr()?)?;
//! client.write_all(b"hello")?;
//! let mut answer = [0; 5];
//! client.read_exact(&mut answer)?;
//! assert_eq!(&answer, b"hello");
//!
//! listener.close()?;
//! server.join().unwrap();
//! # Ok(())
//! # }
//! ```
//!
//! - **Who may use one.** Any number of goroutines and threads at once, through `&T` or clones, which are
//!   the same socket. Each `read` and each `write` is one call of the system's, as with std; two tasks
//!   that write to one stream want a lock around what belongs together.
//! - **Blocking.** A goroutine is parked; a plain thread is blocked. Calls that can go on at once do not
//!   give up their turn, unless their time slice is over.
//! - **`close(&self)`** ends the socket for all its clones, wakes those who are blocked, and has their calls
//!   and all later ones fail with `use of closed network connection`, which [`is_closed`] tells from other
//!   errors. A second `close` fails too. Dropping the last clone closes as well. The number of the
//!   descriptor stays taken until then, so that nobody holds one that means something else.
//! - **Time.** `set_deadline` and its kin set an instant after which calls fail, blocked ones too, even if
//!   they could go on; std's `set_read_timeout` and `set_write_timeout` limit each call by itself. Both may
//!   be set; the earlier counts. The error is [`TimedOut`](std::io::ErrorKind::TimedOut), never
//!   `WouldBlock`, and reads `i/o timeout`; a later deadline, or none, makes the socket usable again.
//! - **Errors** keep the kind that std gives them. Writing to a connection that is gone is an error and
//!   never a signal.
//!
//! There is no `set_nonblocking`: use a deadline, or another goroutine. In async code the blocking calls
//! block the thread; there is no async form of sockets.

#[macro_use]
mod common;
mod control;
mod drained;
mod error;
mod fd;
mod pipe;
mod resolve;
mod tcp_listener;
mod tcp_stream;
mod udp;
mod udp_options;
mod unix_address;
mod unix_datagram;
mod unix_listener;
mod unix_stream;

pub use error::is_closed;
pub(crate) use fd::Fd;
pub use pipe::{PipeStream, pipe};
pub use resolve::lookup_host;
pub use tcp_listener::{Incoming, TcpListener};
pub use tcp_stream::TcpStream;
pub use udp::UdpSocket;
pub use unix_datagram::UnixDatagram;
pub use unix_listener::{UnixIncoming, UnixListener};
pub use unix_stream::UnixStream;
