//! People who look for a partner: each offers his name and takes another's, whichever comes first, on
//! one channel without a buffer. Nobody may find himself.

use super::crossbeam_channel;

use crossbeam_channel::{Receiver, Sender, bounded, select};
use std::thread;

/// Meets somebody; who was met, and whether he was told our name rather than we his.
fn seek<'a>(name: &'a str, tx: &Sender<&'a str>, rx: &Receiver<&'a str>) -> Option<&'a str> {
    select! {
        recv(rx) -> peer => Some(peer.unwrap()),
        send(tx, name) -> told => {
            told.unwrap();
            None
        }
    }
}

fn meet(names: &[&str]) -> String {
    let (tx, rx) = bounded(0);
    let mut met: Vec<(String, Option<String>)> = thread::scope(|scope| {
        let seekers: Vec<_> = names
            .iter()
            .map(|name| {
                let (tx, rx) = (&tx, &rx);
                scope.spawn(move || (name.to_string(), seek(name, tx, rx).map(String::from)))
            })
            .collect();
        seekers
            .into_iter()
            .map(|seeker| seeker.join().unwrap())
            .collect()
    });
    met.sort();
    let found: Vec<_> = met.iter().filter_map(|(_, peer)| peer.clone()).collect();
    let told: Vec<_> = met.iter().filter(|(_, peer)| peer.is_none()).collect();
    assert!(met.iter().all(|(name, peer)| Some(name) != peer.as_ref()));
    assert!(told.iter().all(|(name, _)| found.contains(name)));
    format!(
        "{} told, {} found, {} left\n",
        told.len(),
        found.len(),
        rx.len()
    )
}

pub fn run() -> String {
    let names = ["Ann", "Bob", "Cody", "Dora", "Emil", "Fay", "Gus", "Hana"];
    let mut said = String::new();
    for count in [2, 4, 8] {
        for _ in 0..20 {
            said += &meet(&names[..count]);
        }
    }
    said
}
