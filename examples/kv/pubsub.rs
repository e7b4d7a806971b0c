//! Channels of messages, and a mailbox for each client that listens to some.
//!
//! A publisher must not wait for a slow client. So it writes the message to the client's mailbox, and a
//! goroutine of the client's sends what is in there; a client that lets too much of it wait is cut off.
//!
//! 1. A mailbox is written to under its lock, and who subscribes or publishes holds the lock of the list
//!    before: all clients see the messages of a channel in one order, and none before its confirmation.
//! 2. While a client has a mailbox, everything it gets goes through there, in order. It has one from its
//!    first subscription on until it has none any more, and all is sent.
#![forbid(unsafe_code)]

use std::collections::{BTreeSet, HashMap};
use std::io::Write;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sudog::chan::{Receiver, Sender, bounded};
use sudog::net::TcpStream;
use sudog::sync::Mutex;
use sudog::{JoinHandle, go};

use crate::reply;

/// So many bytes may wait for a client, as with Redis.
const WAITING_MAX: usize = 32 << 20;

/// How long a client that has ended its side may take to get the rest.
const FAREWELL: Duration = Duration::from_secs(1);

/// What waits to be sent to a client.
struct Mailbox {
    number: u64,
    stream: TcpStream,
    letters: Mutex<Letters>,
    filled: Sender<()>,
}

#[derive(Default)]
struct Letters {
    bytes: Vec<u8>,
    /// The client ends: nothing is added, and the goroutine ends when all is sent.
    is_over: bool,
}

impl Mailbox {
    fn write(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut letters = self.letters.lock();
        if letters.is_over {
            return;
        }
        write(&mut letters.bytes);
        let is_too_slow = letters.bytes.len() > WAITING_MAX;
        if is_too_slow {
            *letters = Letters::default();
            letters.is_over = true;
        }
        drop(letters);
        if is_too_slow {
            let _ = self.stream.close(); // fails if it is closed
        }
        let _ = self.filled.try_send(()); // full: it will be looked at anyway
    }

    fn end(&self) {
        self.letters.lock().is_over = true;
        let _ = self.filled.try_send(());
    }

    /// Sends what comes, until the end: the goroutine of a mailbox.
    fn run(&self, filled: &Receiver<()>) {
        let mut bytes = Vec::new();
        loop {
            let is_over = {
                let mut letters = self.letters.lock();
                mem::swap(&mut bytes, &mut letters.bytes);
                letters.is_over
            };
            if bytes.is_empty() {
                if is_over {
                    return;
                }
                let _ = filled.recv(); // our own mailbox keeps the sender
            } else if (&self.stream).write_all(&bytes).is_err() {
                self.letters.lock().is_over = true;
                let _ = self.stream.close(); // whoever reads from it is to end, too
                return;
            }
            bytes.clear();
            bytes.shrink_to(64 << 10);
        }
    }
}

/// Those who listen to one channel, by the numbers of their connections.
type Listeners = HashMap<u64, Arc<Mailbox>>;

/// Who listens to which channel.
#[derive(Default)]
pub struct Channels {
    list: Mutex<HashMap<Arc<[u8]>, Listeners>>,
}

impl Channels {
    /// Hands a message to all who listen; says how many these are.
    pub fn publish(&self, channel: &[u8], message: &[u8]) -> usize {
        let list = self.list.lock();
        let Some(listeners) = list.get(channel) else {
            return 0;
        };
        for mailbox in listeners.values() {
            mailbox.write(|out| {
                reply::array(out, 3);
                reply::bulk(out, b"message");
                reply::bulk(out, channel);
                reply::bulk(out, message);
            });
        }
        listeners.len()
    }
}

/// A client's subscriptions. They end with it.
pub struct Subscriber {
    channels: Arc<Channels>,
    names: BTreeSet<Arc<[u8]>>,
    mailbox: Arc<Mailbox>,
    sender: Option<JoinHandle<()>>,
}

impl Subscriber {
    pub fn new(channels: &Arc<Channels>, number: u64, stream: &TcpStream) -> Subscriber {
        let (filled_tx, filled) = bounded(1);
        let mailbox = Arc::new(Mailbox {
            number,
            stream: stream.clone(),
            letters: Mutex::default(),
            filled: filled_tx,
        });
        let sending = Arc::clone(&mailbox);
        Subscriber {
            channels: Arc::clone(channels),
            names: BTreeSet::new(),
            mailbox,
            sender: Some(go!(move || sending.run(&filled))),
        }
    }

    /// Whether there are subscriptions: then the client may only ask for what concerns them.
    pub fn is_listening(&self) -> bool {
        !self.names.is_empty()
    }

    /// Sends what was answered, behind what is waiting.
    pub fn send(&self, out: &mut Vec<u8>) {
        if !out.is_empty() {
            self.mailbox.write(|waiting| waiting.append(out));
        }
    }

    pub fn subscribe(&mut self, channel: &[u8]) {
        let mut list = self.channels.list.lock();
        let name = match list.get_key_value(channel) {
            Some((name, _)) => Arc::clone(name),
            None => channel.into(),
        };
        self.names.insert(Arc::clone(&name));
        self.mailbox
            .write(|out| confirm(out, b"subscribe", Some(channel), self.names.len()));
        let listeners = list.entry(name).or_default();
        listeners.insert(self.mailbox.number, Arc::clone(&self.mailbox));
    }

    pub fn unsubscribe(&mut self, channel: &[u8]) {
        self.names.remove(channel);
        self.leave(channel);
        self.mailbox
            .write(|out| confirm(out, b"unsubscribe", Some(channel), self.names.len()));
    }

    pub fn unsubscribe_all(&mut self) {
        if self.names.is_empty() {
            self.mailbox
                .write(|out| confirm(out, b"unsubscribe", None, 0));
        }
        while let Some(name) = self.names.first().cloned() {
            self.unsubscribe(&name);
        }
    }

    fn leave(&self, channel: &[u8]) {
        let mut list = self.channels.list.lock();
        if let Some(listeners) = list.get_mut(channel) {
            listeners.remove(&self.mailbox.number);
            if listeners.is_empty() {
                list.remove(channel);
            }
        }
    }
}

impl Subscriber {
    /// Ends what has no subscriptions any more: waits until all is sent, as long as that may take.
    ///
    /// A client that only asks may read as slowly as it likes, and be sent as much as it asks for.
    pub fn finish(mut self) {
        debug_assert!(!self.is_listening());
        self.mailbox.end();
        let _ = self.sender.take().map(JoinHandle::join);
    }
}

impl Drop for Subscriber {
    /// Waits until what is in the mailbox was sent, but not for a client that does not read.
    fn drop(&mut self) {
        if self.sender.is_none() {
            return;
        }
        for name in &self.names {
            self.leave(name);
        }
        // Fails if it is closed.
        let _ = self
            .mailbox
            .stream
            .set_write_deadline(Some(Instant::now() + FAREWELL));
        self.mailbox.end();
        let _ = self.sender.take().map(JoinHandle::join);
    }
}

/// Tells a client what it listens to now.
pub fn confirm(out: &mut Vec<u8>, what: &[u8], channel: Option<&[u8]>, count: usize) {
    reply::array(out, 3);
    reply::bulk(out, what);
    match channel {
        Some(channel) => reply::bulk(out, channel),
        None => out.extend_from_slice(reply::NULL),
    }
    reply::integer(out, count as i64);
}
