//! What the example servers share: the command line, listening, and an end in good order.
//!
//! A server is [`run`] with a function that takes its arguments, and in there [`serve`] with one that
//! takes a [`Connection`], in a goroutine for each. At SIGINT or SIGTERM no more are accepted, those
//! that are idle end, those at work may finish; what is not done after [`GRACE`] is cut. A second signal
//! ends the process at once.
//!
//! To the function of a connection a stop looks like the other side's end, at a moment of its choice:
//! [`Connection::read_when_idle`] gives 0. So there is no second way to end, and none to forget:
//!
//! 1. A connection stores IDLE, then looks whether the server is stopping; who stops the server says
//!    so, then looks for IDLE. All of it is `SeqCst`: one of the two sees the other.
//! 2. Who stops turns IDLE into WOKEN, and sets a read deadline that has passed, under the lock of the
//!    list. A connection that finds itself WOKEN takes that lock once before it takes the deadline away,
//!    so a late one cannot hit what it does next.
//! 3. Then it reads what has arrived by now, and goes on, until nothing has come for [`QUIET`]. Who asks again
//!    and again is served for [`LAST`]; who sends what has no end, as to `echo`, for [`GRACE`].

#![allow(dead_code, reason = "each server is a program, and uses its part")]

mod listen;

use std::collections::HashMap;
use std::env;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use sudog::chan::Receiver;
use sudog::net::{TcpStream, UnixStream, is_closed};
use sudog::runtime::num_goroutines;
use sudog::signal::{self, Signal};
use sudog::sync::{DoneGuard, Mutex, WaitGroup};
use sudog::{go, select, time};

#[allow(unused_imports, reason = "as above")]
pub use listen::{Listener, listen_tcp, listen_unix};

/// How long connections may take to finish once the server was told to stop.
pub const GRACE: Duration = Duration::from_secs(5);

/// How long nothing comes from a connection that has no more to say.
const QUIET: Duration = Duration::from_millis(100);

/// How long after a stop a client's requests are taken that were on their way.
const LAST: Duration = Duration::from_secs(1);

/// How long what a client sends after our end is read.
const LINGER: Duration = Duration::from_secs(1);

/// How long to leave the listener alone when the system has no room for another connection.
const NO_ROOM: Duration = Duration::from_millis(50);

/// How often we say so at most: it may last, and come and go with each client.
const COMPLAIN: Duration = Duration::from_secs(60);

/// What all servers say of themselves.
const COMMON: &str = "
With port 0 the system chooses one, which is printed. SIGINT or SIGTERM stops the
server, once it has done what it has begun; SIGUSR1 has it print how many
connections and goroutines there are.
";

/// Runs a server with its `N` arguments, and says what went wrong: its `main`.
///
/// `--help` prints `usage`, which begins with `usage: NAME `, and what is common to all; a wrong number of
/// arguments is shown `usage` too.
pub fn run<const N: usize>(
    usage: &str,
    server: impl FnOnce([String; N]) -> Result<(), String>,
) -> ExitCode {
    run_with(usage, |arguments| {
        let arguments = <[String; N]>::try_from(arguments).ok()?;
        Some(server(arguments))
    })
}

/// Runs a server that takes this or that number of arguments: `None` says that they are not right.
pub fn run_with(
    usage: &str,
    server: impl FnOnce(Vec<String>) -> Option<Result<(), String>>,
) -> ExitCode {
    let name = usage.split(' ').nth(1).expect("the usage names the server");
    let mut arguments = Vec::new();
    let mut options_end = false;
    for argument in env::args_os().skip(1) {
        let Ok(argument) = argument.into_string() else {
            eprint!("{name}: an argument is not UTF-8\n{usage}");
            return ExitCode::from(2);
        };
        match &*argument {
            "--help" | "-h" if !options_end => {
                // Fails if nobody reads, who then does not want to know.
                let _ = io::stdout().write_all(format!("{usage}{COMMON}").as_bytes());
                return ExitCode::SUCCESS;
            }
            "--" if !options_end => options_end = true,
            option if option.starts_with('-') && !options_end => {
                eprint!("{name}: unknown option {option}\n{usage}");
                return ExitCode::from(2);
            }
            _ => arguments.push(argument),
        }
    }
    match server(arguments) {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(error)) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
        None => {
            eprint!("{name}: wrong number of arguments\n{usage}");
            ExitCode::from(2)
        }
    }
}

/// Accepts connections until a signal comes, and calls `handle` for each, in a goroutine of its own.
///
/// Prints `listening at ADDRESS` first, with the port that was found for port 0, and at each SIGUSR1 how
/// many connections and goroutines there are. Returns when all connections have ended or [`GRACE`] is
/// over; then the end of the process cuts what is left, and a line on standard error says how many that were.
pub fn serve<L: Listener>(
    listener: L,
    handle: impl Fn(Connection<L::Socket>) + Send + Sync + 'static,
) -> Result<(), String> {
    let notify = |signals: &[Signal]| {
        signal::notify(signals).map_err(|error| format!("cannot wait for signals: {error}"))
    };
    let stops = notify(&[Signal::SIGINT, Signal::SIGTERM])?;
    let looks = notify(&[Signal::SIGUSR1])?;
    let clients = Arc::new(Clients {
        is_stopping: AtomicBool::new(false),
        stopped: OnceLock::new(),
        list: Mutex::new(HashMap::new()),
        open: WaitGroup::new(),
    });
    let address = listener.address();
    // Whoever waits for this line may connect or send a signal now.
    let _ = writeln!(io::stdout(), "listening at {address}");

    let (listener, acceptor) = (Arc::new(listener), Arc::clone(&clients));
    let listening = Arc::clone(&listener);
    let accepting = go!(move || accept(&*listening, &acceptor, Arc::new(handle)));
    wait_for_stop(&stops, &looks, &clients);
    drop(stops); // from now on a signal ends the process

    listener.close();
    clients.stop();
    // It may wait for a stack, where there are too few.
    if let Ok(accepted) = accepting.join_timeout(GRACE) {
        accepted.expect("accepting does not panic");
    }
    if !clients.open.wait_timeout(GRACE) {
        let count = clients.list.lock().len();
        let _ = writeln!(io::stderr(), "cut {count} that did not finish");
    }
    Ok(())
}

fn wait_for_stop<S>(stops: &Receiver<Signal>, looks: &Receiver<Signal>, clients: &Clients<S>) {
    loop {
        select! {
            recv(stops) -> _ => return,
            recv(looks) -> _ => {
                let (open, goroutines) = (clients.list.lock().len(), num_goroutines());
                // Fails if nobody reads, who then does not want to know.
                let _ = writeln!(io::stdout(), "{open} connections, {goroutines} goroutines");
            }
        }
    }
}

fn accept<L: Listener>(
    listener: &L,
    clients: &Arc<Clients<L::Socket>>,
    handle: Arc<impl Fn(Connection<L::Socket>) + Send + Sync + 'static>,
) {
    let mut number = 0;
    let mut complained: Option<Instant> = None;
    loop {
        match listener.accept() {
            Ok(socket) => {
                let connection = clients.add(number, socket);
                let handle = Arc::clone(&handle);
                go!(move || handle(connection));
                number += 1;
            }
            Err(error) if is_closed(&error) => return,
            Err(error) => {
                // Out of descriptors, most likely. The connection stays in the queue of the system.
                if complained.is_none_or(|then| then.elapsed() > COMPLAIN) {
                    let _ = writeln!(io::stderr(), "cannot accept: {error}");
                    complained = Some(Instant::now());
                }
                time::sleep(NO_ROOM);
            }
        }
    }
}

/// What a connection needs of its stream.
pub trait Socket: Send + Sync + 'static {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;
    fn set_read_deadline(&self, deadline: Option<Instant>) -> io::Result<()>;
    fn set_write_deadline(&self, deadline: Option<Instant>) -> io::Result<()>;
    fn end_writing(&self) -> io::Result<()>;
    fn close(&self);
}

macro_rules! socket {
    ($type:ty) => {
        impl Socket for $type {
            fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
                Read::read(&mut &*self, buffer)
            }

            fn write(&self, bytes: &[u8]) -> io::Result<usize> {
                Write::write(&mut &*self, bytes)
            }

            fn set_read_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
                <$type>::set_read_deadline(self, deadline)
            }

            fn set_write_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
                <$type>::set_write_deadline(self, deadline)
            }

            fn end_writing(&self) -> io::Result<()> {
                self.shutdown(Shutdown::Write)
            }

            fn close(&self) {
                let _ = <$type>::close(self); // fails if it is closed
            }
        }
    };
}

socket!(TcpStream);
socket!(UnixStream);

/// At work: a stop leaves it alone.
const BUSY: u8 = 0;
/// Waits in [`Connection::when_idle`].
const IDLE: u8 = 1;
/// Was idle when the server was stopped, and must take away the deadline that woke it.
const WOKEN: u8 = 2;

/// A connection to a client. Reads and writes as its socket does, also by reference.
pub struct Connection<S: Socket> {
    number: u64,
    client: Arc<Client<S>>,
    clients: Arc<Clients<S>>,
    /// Dropped last, after the descriptor: who has waited for all finds none open.
    _open: DoneGuard,
}

struct Client<S> {
    socket: S,
    state: AtomicU8,
}

/// All connections of a server.
struct Clients<S> {
    is_stopping: AtomicBool,
    /// When, once that is so.
    stopped: OnceLock<Instant>,
    list: Mutex<HashMap<u64, Arc<Client<S>>>>,
    open: WaitGroup,
}

impl<S: Socket> Clients<S> {
    fn add(self: &Arc<Self>, number: u64, socket: S) -> Connection<S> {
        let client = Arc::new(Client {
            socket,
            state: AtomicU8::new(BUSY),
        });
        self.list.lock().insert(number, Arc::clone(&client));
        Connection {
            number,
            client,
            clients: Arc::clone(self),
            _open: self.open.guard(),
        }
    }

    /// Wakes those who are idle, and has nobody become so.
    fn stop(&self) {
        self.stopped.get_or_init(Instant::now);
        self.is_stopping.store(true, SeqCst);
        for client in self.list.lock().values() {
            let state = &client.state;
            if state.compare_exchange(IDLE, WOKEN, SeqCst, SeqCst).is_ok() {
                let _ = client.socket.set_read_deadline(Some(Instant::now())); // fails if it is closed
            }
        }
    }
}

impl<S: Socket> Connection<S> {
    /// Reads the first bytes of a new request: an idle connection waits here.
    ///
    /// Gives 0 at the client's end, and also when the server stops and nothing more has come, or
    /// [`is_over`](Self::is_over). One goroutine at a time. A read deadline that was set before holds here too,
    /// but once the server stops it may be gone.
    pub fn read_when_idle(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.is_over() {
            true => Ok(0),
            false => self.when_idle(|socket| socket.read(buffer)),
        }
    }

    /// Waits as [`read_when_idle`](Self::read_when_idle) does, for something else that reads, or for more of
    /// what never ends by itself: that is not over before [`GRACE`] is.
    pub fn when_idle(&self, mut read: impl FnMut(&S) -> io::Result<usize>) -> io::Result<usize> {
        let Client { socket, state } = &*self.client;
        state.store(IDLE, SeqCst);
        let result = match self.is_stopping() {
            true => Err(ErrorKind::TimedOut.into()),
            false => read(socket),
        };
        if state.swap(BUSY, SeqCst) == WOKEN {
            drop(self.clients.list.lock());
            socket.set_read_deadline(None)?;
        }
        match result {
            Err(error) if error.kind() == ErrorKind::TimedOut && self.is_stopping() => {
                socket.set_read_deadline(Some(Instant::now() + QUIET))?;
                let result = read(socket);
                socket.set_read_deadline(None)?;
                match result {
                    Err(error) if error.kind() == ErrorKind::TimedOut => Ok(0),
                    result => result,
                }
            }
            result => result,
        }
    }

    /// Lets the client read what was written last: a close with bytes unread would reset the connection, and
    /// what is on its way with it. So what still comes is thrown away, for [`LINGER`] or until its end.
    pub fn linger(&self) {
        let deadline = Some(Instant::now() + LINGER);
        let drain = || {
            self.socket().end_writing()?;
            self.socket().set_read_deadline(deadline)?;
            while self.socket().read(&mut [0; 4 << 10])? > 0 {}
            io::Result::Ok(())
        };
        let _ = drain(); // fails if there is nobody, or who does not stop
    }

    /// Whether the server is to end: what is answered now should be the last on this connection.
    pub fn is_stopping(&self) -> bool {
        self.clients.is_stopping.load(SeqCst)
    }

    /// Whether the server was told to end so long ago that nothing new is begun.
    pub fn is_over(&self) -> bool {
        let stopped = self.clients.stopped.get();
        stopped.is_some_and(|stopped| stopped.elapsed() > LAST)
    }

    pub fn socket(&self) -> &S {
        &self.client.socket
    }

    /// Counted from 0, in the order they were accepted.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How many there are at this moment.
    pub fn open_count(&self) -> usize {
        self.clients.list.lock().len()
    }
}

impl<S: Socket> Drop for Connection<S> {
    fn drop(&mut self) {
        let removed = self.clients.list.lock().remove(&self.number);
        drop(removed); // not under the lock: what it holds may be the socket
    }
}

impl<S: Socket> Read for &Connection<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket().read(buffer)
    }
}

impl<S: Socket> Write for &Connection<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<S: Socket> Read for Connection<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl<S: Socket> Write for Connection<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
