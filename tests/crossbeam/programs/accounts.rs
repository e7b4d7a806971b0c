//! A thread that owns some state and answers requests: replies go to a channel in the request.

use super::crossbeam_channel;

use crossbeam_channel::{Receiver, Sender, bounded, select, unbounded};
use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

enum Request {
    Deposit(String, u32),
    Withdraw(String, u32, Sender<Result<u32, String>>),
    Balance(String, Sender<Option<u32>>),
}

/// Serves requests, and publishes the total to whoever listens at the moment.
fn serve(requests: Receiver<Request>, totals: Sender<u32>) -> BTreeMap<String, u32> {
    let mut accounts = BTreeMap::new();
    loop {
        let request = select! {
            recv(requests) -> request => request,
            send(totals, accounts.values().sum()) -> published => {
                match published {
                    Ok(()) => continue,
                    Err(_) => requests.recv(),
                }
            }
        };
        match request {
            Ok(Request::Deposit(name, amount)) => *accounts.entry(name).or_insert(0) += amount,
            Ok(Request::Withdraw(name, amount, reply)) => {
                let balance = accounts.entry(name).or_insert(0);
                let left = balance.checked_sub(amount);
                let result = left.ok_or_else(|| format!("{amount} asked, {balance} there"));
                *balance = left.unwrap_or(*balance);
                // Who asked may be gone.
                let _ = reply.send(result);
            }
            Ok(Request::Balance(name, reply)) => {
                let _ = reply.try_send(accounts.get(&name).copied());
            }
            Err(_) => return accounts,
        }
    }
}

fn withdraw(requests: &Sender<Request>, name: &str, amount: u32) -> Result<u32, String> {
    let (reply, answer) = bounded(1);
    let request = Request::Withdraw(name.into(), amount, reply);
    requests.send(request).map_err(|error| error.to_string())?;
    answer.recv().map_err(|error| error.to_string())?
}

pub fn run() -> String {
    let mut said = String::new();
    let (requests, queue) = unbounded();
    let (totals_tx, totals) = bounded(0);
    let server = thread::spawn(move || serve(queue, totals_tx));

    thread::scope(|scope| {
        for name in ["Ann", "Bob"] {
            let requests = &requests;
            scope.spawn(move || {
                for _ in 0..50 {
                    requests.send(Request::Deposit(name.into(), 2)).unwrap();
                }
            });
        }
    });
    said += &format!("{:?}\n", withdraw(&requests, "Ann", 30));
    said += &format!("{:?}\n", withdraw(&requests, "Ann", 71));
    said += &format!("{:?}\n", withdraw(&requests, "Cody", 1));
    let (reply, answer) = bounded(1);
    requests
        .send(Request::Balance("Bob".into(), reply.clone()))
        .unwrap();
    requests
        .send(Request::Balance("Dora".into(), reply))
        .unwrap();
    said += &format!("{:?}\n", answer.recv());

    let total = totals.recv_timeout(Duration::from_secs(60));
    said += &format!("{total:?}\n");
    drop(totals);
    drop(requests);
    said += &format!("{:?}\n", server.join().unwrap());
    said
}
