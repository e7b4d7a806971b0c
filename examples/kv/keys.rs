//! Commands about keys: DEL, EXISTS, EXPIRE, TTL, KEYS, FLUSHALL.
#![forbid(unsafe_code)]

use crate::client::Client;
use crate::commands::shown;
use crate::protocol::Args;
use crate::strings::{NO_NUMBER, SYNTAX};
use crate::{glob, number, reply};

pub fn del(client: &mut Client, args: Args, out: &mut Vec<u8>) {
    let mut locked = client.shared.store.lock_all(args.from(1));
    let removed = args
        .from(1)
        .filter(|key| locked.shard(key).remove(key).is_some());
    let count = removed.count();
    reply::integer(out, count as i64);
}

/// A key that is named twice counts twice.
pub fn exists(client: &mut Client, args: Args, out: &mut Vec<u8>) {
    let mut locked = client.shared.store.lock_all(args.from(1));
    let found = args
        .from(1)
        .filter(|key| locked.shard(key).find(key).is_some());
    let count = found.count();
    reply::integer(out, count as i64);
}

/// On which condition EXPIRE does anything. A key without an end counts as one that ends never.
#[derive(Default)]
struct Condition {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl Condition {
    fn parse(args: Args) -> Result<Condition, Vec<u8>> {
        let mut condition = Condition::default();
        for word in args.from(3) {
            match &*word.to_ascii_lowercase() {
                b"nx" => condition.nx = true,
                b"xx" => condition.xx = true,
                b"gt" => condition.gt = true,
                b"lt" => condition.lt = true,
                _ => {
                    return Err([b"ERR Unsupported option ", shown(word, usize::MAX)].concat());
                }
            }
        }
        let Condition { nx, xx, gt, lt } = condition;
        if nx && (xx || gt || lt) {
            let text = "ERR NX and XX, GT or LT options at the same time are not compatible";
            return Err(text.into());
        }
        if gt && lt {
            return Err("ERR GT and LT options at the same time are not compatible".into());
        }
        Ok(condition)
    }

    fn allows(&self, old: Option<i64>, new: i64) -> bool {
        let is_later = old.is_some_and(|old| new > old);
        let is_earlier = old.is_none_or(|old| new < old);
        !(self.nx && old.is_some()
            || self.xx && old.is_none()
            || self.gt && !is_later
            || self.lt && !is_earlier)
    }
}

/// EXPIRE key seconds [NX | XX | GT | LT]. A time that is over removes the key.
pub fn expire(client: &mut Client, args: Args, out: &mut Vec<u8>) {
    let store = &client.shared.store;
    let key = args.at(1);
    let condition = match Condition::parse(args) {
        Ok(condition) => condition,
        Err(error) => return reply::error(out, error),
    };
    let Some(seconds) = number::parse(args.at(2)) else {
        return reply::error(out, NO_NUMBER);
    };
    let now = store.now_ms();
    let delay_ms = seconds.checked_mul(1000);
    let Some(end) = delay_ms.and_then(|delay| delay.checked_add(now)) else {
        return reply::error(out, "ERR invalid expire time in 'expire' command");
    };
    let mut shard = store.lock(key);
    let changes = shard.end(key).is_some_and(|old| condition.allows(old, end));
    if changes && end <= now {
        shard.remove(key);
    } else if changes {
        shard.set_end(key, Some(end));
    }
    drop(shard);
    store.wake_sweeper();
    reply::integer(out, i64::from(changes));
}

/// The seconds left; -1 for a key without an end, -2 for none.
pub fn ttl(client: &mut Client, args: Args, out: &mut Vec<u8>) {
    let store = &client.shared.store;
    let end = store.lock(args.at(1)).end(args.at(1));
    let left = match end {
        None => -2,
        Some(None) => -1,
        Some(Some(end)) => (end - store.now_ms()).max(0).saturating_add(500) / 1000,
    };
    reply::integer(out, left);
}

pub fn keys(client: &mut Client, args: Args, out: &mut Vec<u8>) {
    let (mut count, mut found) = (0, Vec::new());
    client.shared.store.each_key(|key| {
        if glob::matches(args.at(1), key) {
            count += 1;
            reply::bulk(&mut found, key);
        }
    });
    reply::array(out, count);
    out.append(&mut found);
}

/// FLUSHALL [ASYNC | SYNC], which are the same here: nobody waits for the memory.
pub fn flushall(client: &mut Client, args: Args, out: &mut Vec<u8>) {
    let is_mode =
        |word: &[u8]| word.eq_ignore_ascii_case(b"async") || word.eq_ignore_ascii_case(b"sync");
    if args.len() > 2 || !args.from(1).all(is_mode) {
        return reply::error(out, SYNTAX);
    }
    client.shared.store.clear();
    out.extend_from_slice(reply::OK);
}
