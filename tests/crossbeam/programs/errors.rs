//! What may go wrong, by every error type: told apart, printed, taken apart, passed on.

use super::crossbeam_channel;

use crossbeam_channel::{
    ReadyTimeoutError, Receiver, RecvError, RecvTimeoutError, Select, SelectTimeoutError,
    SendError, SendTimeoutError, Sender, TryReadyError, TryRecvError, TrySelectError, TrySendError,
    bounded, unbounded,
};
use std::error::Error;
use std::time::{Duration, Instant};

const MOMENT: Duration = Duration::from_millis(1);

fn told(error: &(dyn Error + 'static)) -> String {
    format!("{error} | {error:?} | {:?}\n", error.source().is_some())
}

/// The three channels that a program may meet: open, full, and given up by the other side.
fn senders() -> [(Sender<String>, Option<Receiver<String>>); 2] {
    let (full, rx) = bounded(0);
    let (given_up, _) = bounded(0);
    [(full, Some(rx)), (given_up, None)]
}

fn sends(said: &mut String) {
    for (tx, _rx) in senders() {
        match tx.try_send("value".to_string()) {
            Err(error @ TrySendError::Full(_)) => {
                *said += &format!("{} {} ", error.is_full(), error.is_disconnected());
                *said += &told(&error);
                *said += &error.into_inner();
            }
            Err(error @ TrySendError::Disconnected(_)) => {
                *said += &format!("{} {} ", error.is_full(), error.is_disconnected());
                *said += &told(&error);
            }
            Ok(()) => unreachable!("nobody receives"),
        }
        match tx.send_timeout("value".to_string(), MOMENT) {
            Err(error @ SendTimeoutError::Timeout(_)) => {
                *said += &format!("{} {} ", error.is_timeout(), error.is_disconnected());
                *said += &told(&error);
            }
            Err(error @ SendTimeoutError::Disconnected(_)) => {
                *said += &told(&error);
                *said += &error.into_inner();
            }
            Ok(()) => unreachable!("nobody receives"),
        }
        let passed = Instant::now();
        *said += &told(&tx.send_deadline(String::new(), passed).unwrap_err());
    }
    let (tx, rx) = unbounded();
    drop(rx);
    let error: SendError<&str> = tx.send("back").unwrap_err();
    *said += &told(&error);
    *said += &format!("{:?} ", TrySendError::from(error));
    *said += &format!(
        "{:?} {}\n",
        SendTimeoutError::from(error),
        error.into_inner()
    );
}

fn receives(said: &mut String) {
    let (tx, rx) = bounded::<u8>(1);
    let empty: TryRecvError = rx.try_recv().unwrap_err();
    let late: RecvTimeoutError = rx.recv_timeout(MOMENT).unwrap_err();
    *said += &format!("{} {} ", empty.is_empty(), empty.is_disconnected());
    *said += &format!("{} {}\n", late.is_timeout(), late.is_disconnected());
    *said += &(told(&empty) + &told(&late));
    drop(tx);
    let end: RecvError = rx.recv().unwrap_err();
    *said += &told(&end);
    *said += &told(&rx.try_recv().unwrap_err());
    *said += &told(&rx.recv_deadline(Instant::now()).unwrap_err());
    *said += &format!(
        "{:?} {:?}\n",
        TryRecvError::from(end),
        RecvTimeoutError::from(end)
    );
}

fn selects(said: &mut String) {
    let (_tx, rx) = bounded::<u8>(1);
    let mut select = Select::new();
    select.recv(&rx);
    let nothing: TrySelectError = select.try_select().map(drop).unwrap_err();
    let late: SelectTimeoutError = select.select_timeout(MOMENT).map(drop).unwrap_err();
    let not_ready: TryReadyError = select.try_ready().unwrap_err();
    let not_in_time: ReadyTimeoutError = select.ready_timeout(MOMENT).unwrap_err();
    *said += &(told(&nothing) + &told(&late));
    *said += &format!("{not_ready:?} {not_in_time:?}\n");
}

/// A function that lets every failure through.
fn pass_on(step: u8) -> Result<u8, Box<dyn Error + Send + Sync>> {
    let (tx, rx) = bounded(1);
    let (given_up, _) = bounded(1);
    match step {
        0 => given_up.send(step)?,
        1 => given_up.try_send(step)?,
        2 => given_up.send_timeout(step, MOMENT)?,
        3 => drop(rx.try_recv()?),
        4 => drop(rx.recv_timeout(MOMENT)?),
        5 => drop(Select::new_biased().try_select()?),
        _ => {}
    }
    tx.send(step)?;
    drop(tx);
    let value = rx.recv()?;
    rx.recv().map(|_: u8| value).or(Ok(value + 100))
}

pub fn run() -> String {
    let mut said = String::new();
    sends(&mut said);
    receives(&mut said);
    selects(&mut said);
    for step in 0..7 {
        said += &match pass_on(step) {
            Ok(value) => format!("{value}\n"),
            Err(error) => format!("{error}\n"),
        };
    }
    said
}
