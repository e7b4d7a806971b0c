//! Commands about values: GET, SET, INCR, INCRBY, MGET, MSET.
#![forbid(unsafe_code)]

use crate::client::Client;
use crate::commands::wrong_number;
use crate::protocol::Args;
use crate::store::Value;
use crate::{number, reply};

pub const SYNTAX: &str = "ERR syntax error";
pub const NO_NUMBER: &str = "ERR value is not an integer or out of range";

pub fn get(client: &mut Client, args: Args, out: &mut Vec<u8>) {
    client.shared.store.write_value(args.at(1), out);
}

pub fn mget(client: &mut Client, args: Args, out: &mut Vec<u8>) {
    reply::array(out, args.len() - 1);
    let mut locked = client.shared.store.lock_all(args.from(1));
    for key in args.from(1) {
        match locked.shard(key).find(key) {
            Some(entry) => entry.value.write_to(out),
            None => out.extend_from_slice(reply::NULL),
        }
    }
}

/// What follows the value of SET.
#[derive(Default)]
struct Options {
    /// In milliseconds since 1970.
    end: Option<i64>,
    /// Only if the key is there, or is not.
    must_exist: Option<bool>,
}

pub fn set(client: &mut Client, args: Args, out: &mut Vec<u8>) {
    let store = &client.shared.store;
    let (key, value) = (args.at(1), args.at(2));
    let options = match options(args, || store.now_ms()) {
        Ok(options) => options,
        Err(error) => return reply::error(out, error),
    };
    let value = Value::new(value);
    let mut shard = store.lock(key);
    if let Some(must_exist) = options.must_exist
        && shard.find(key).is_some() != must_exist
    {
        return out.extend_from_slice(reply::NULL);
    }
    let old = shard.set(key, value, options.end);
    drop(shard);
    drop(old);
    if options.end.is_some() {
        store.wake_sweeper();
    }
    out.extend_from_slice(reply::OK);
}

fn options(args: Args, now_ms: impl FnOnce() -> i64) -> Result<Options, &'static str> {
    let mut options = Options::default();
    let mut time = None;
    let mut words = args.from(3);
    while let Some(word) = words.next() {
        let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
        if (is(b"nx") || is(b"xx")) && options.must_exist.is_none_or(|xx| xx == is(b"xx")) {
            options.must_exist = Some(is(b"xx"));
        } else if is(b"ex") || is(b"px") {
            let unit_ms = if is(b"ex") { 1000 } else { 1 };
            let text = words.next().ok_or(SYNTAX)?;
            // In the same unit the last one counts.
            if time
                .replace((text, unit_ms))
                .is_some_and(|(_, unit)| unit != unit_ms)
            {
                return Err(SYNTAX);
            }
        } else {
            return Err(SYNTAX);
        }
    }
    if let Some((text, unit_ms)) = time {
        let number = number::parse(text).ok_or(NO_NUMBER)?;
        let delay_ms = number.checked_mul(unit_ms).filter(|&delay| delay > 0);
        let end = delay_ms.and_then(|delay| delay.checked_add(now_ms()));
        options.end = Some(end.ok_or("ERR invalid expire time in 'set' command")?);
    }
    Ok(options)
}

pub fn mset(client: &mut Client, args: Args, out: &mut Vec<u8>) {
    if args.len().is_multiple_of(2) {
        return wrong_number(out, "mset");
    }
    let mut locked = client.shared.store.lock_all(args.from(1).step_by(2));
    let values = args.from(2).step_by(2);
    for (key, value) in args.from(1).step_by(2).zip(values) {
        locked.shard(key).set(key, Value::new(value), None);
    }
    out.extend_from_slice(reply::OK);
}

pub fn incr(client: &mut Client, args: Args, out: &mut Vec<u8>) {
    add(client, args.at(1), 1, out);
}

pub fn incrby(client: &mut Client, args: Args, out: &mut Vec<u8>) {
    match number::parse(args.at(2)) {
        Some(number) => add(client, args.at(1), number, out),
        None => reply::error(out, NO_NUMBER),
    }
}

/// Adds to a number; a key that is not there is 0.
fn add(client: &mut Client, key: &[u8], summand: i64, out: &mut Vec<u8>) {
    let mut shard = client.shared.store.lock(key);
    let Some(entry) = shard.find(key) else {
        shard.set(key, Value::Number(summand), None);
        return reply::integer(out, summand);
    };
    let Value::Number(number) = &mut entry.value else {
        return reply::error(out, NO_NUMBER);
    };
    match number.checked_add(summand) {
        Some(sum) => {
            *number = sum;
            reply::integer(out, sum);
        }
        None => reply::error(out, "ERR increment or decrement would overflow"),
    }
}
