//! Datagrams, UDP's and Unix's: whole, from whom they say, and none that was not sent.
//!
//! UDP may lose what its receiver has no room for; so each is answered before the next is sent, and what is not
//! answered in time is sent again.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::{Round, context, dawdle};
use crate::dice::Dice;
use crate::faults::{self, Fault};
use crate::hands::Hand;
use sudog::context::Error;
use sudog::net::{self, UdpSocket, UnixDatagram};

/// What a datagram is: a number, and bytes that follow from it.
const LEN: usize = 200;

/// How long to wait for an answer before asking again.
const PATIENCE: Duration = Duration::from_millis(20);

pub fn play(round: &mut Round) {
    let dice = &mut round.dice;
    if dice.one_in(2) {
        udp(dice);
    } else {
        unix(dice);
    }
}

fn datagram(number: u32) -> [u8; LEN] {
    let mut bytes = [number as u8; LEN];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// The number of one, which must be whole.
fn number_of(bytes: &[u8]) -> u32 {
    let number = u32::from_be_bytes(bytes[..4].try_into().expect("four bytes"));
    assert!(bytes == datagram(number), "a datagram that was never sent");
    number
}

fn udp(dice: &mut Dice) {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = server.local_addr().expect("it is bound");
    let answering = server.clone();
    let answers = Hand::start(dice, move || answer(&answering));
    let clients: Vec<_> = (0..1 + dice.below(3))
        .map(|_| {
            let (mut own, count) = (dice.split(), dice.below(40) as u32);
            Hand::start(dice, move || ask(address, count, &mut own))
        })
        .collect();
    clients.into_iter().for_each(Hand::finish);
    faults::strike(Fault::Close);
    server.close().expect("it is open");
    let end = answers.finish();
    assert!(net::is_closed(&end), "the server has ended with: {end}");
}

/// Sends back what comes, until the socket is closed.
fn answer(socket: &UdpSocket) -> io::Error {
    let mut bytes = [0; LEN + 1];
    loop {
        let answered = socket.recv_from(&mut bytes).and_then(|(len, from)| {
            number_of(&bytes[..len]);
            socket.send_to(&bytes[..len], from)
        });
        match answered {
            Ok(len) => assert_eq!(len, LEN),
            Err(error) => return error,
        }
    }
}

fn ask(address: SocketAddr, count: u32, dice: &mut Dice) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.connect(address).expect("an address");
    for number in 0..count {
        while !is_answered(&socket, number, dice) {
            dawdle(dice);
        }
    }
}

/// Asks once. An answer that comes too late is for an earlier question.
fn is_answered(socket: &UdpSocket, number: u32, dice: &mut Dice) -> bool {
    socket.send(&datagram(number)).expect("there is a server");
    let deadline = Instant::now() + PATIENCE;
    let mut bytes = [0; LEN + 1];
    loop {
        socket
            .set_read_deadline(Some(deadline))
            .expect("it is open");
        let received = if dice.one_in(4) {
            let (ctx, _cancel) = context(dice);
            match ctx.io(socket, |socket| socket.recv(&mut bytes)) {
                Err(Error::Context(_)) => return false,
                Err(Error::Op(error)) => Err(error),
                Ok(len) => Ok(len),
            }
        } else {
            socket.recv(&mut bytes)
        };
        match received {
            Ok(len) => {
                let answered = number_of(&bytes[..len]);
                assert!(answered <= number, "an answer before the question");
                if answered == number {
                    return true;
                }
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
                faults::strike(Fault::Deadline);
                return false;
            }
        }
    }
}

/// Unix datagrams are not lost: whoever sends to one that is full waits.
fn unix(dice: &mut Dice) {
    let (here, there) = UnixDatagram::pair().expect("a pair");
    let (count, is_closed) = (dice.below(200) as u32, dice.one_in(4));
    let has_left = Arc::new(AtomicBool::new(false));
    let left = Arc::clone(&has_left);
    let mut own = dice.split();
    let sender = Hand::start(dice, move || {
        for number in 0..count {
            if let Err(error) = here.send(&datagram(number)) {
                assert!(left.load(Relaxed), "nobody has left: {error}");
                return;
            }
            dawdle(&mut own);
        }
    });
    let mut own = dice.split();
    let receiver = Hand::start(dice, move || {
        let mut bytes = [0; LEN + 1];
        for number in 0..count {
            if is_closed && own.one_in(20) {
                faults::strike(Fault::Close);
                has_left.store(true, Relaxed);
                there.close().expect("it is open");
                let error = there.recv(&mut bytes).expect_err("it is closed");
                assert!(net::is_closed(&error), "{error}");
                return;
            }
            let len = there.recv(&mut bytes).expect("all is sent");
            assert_eq!(number_of(&bytes[..len]), number, "out of order, or lost");
            if own.one_in(30) {
                thread::sleep(Duration::from_millis(1));
            }
        }
    });
    sender.finish();
    receiver.finish();
}
