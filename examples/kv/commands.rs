//! The commands: one table, who may call what with how much, and those about clients and the server.
#![forbid(unsafe_code)]

use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

use crate::client::Client;
use crate::protocol::Args;
use crate::pubsub::{Subscriber, confirm};
use crate::{keys, reply, strings};

/// Answers a command: what it says goes to the end of the bytes.
type Handler = fn(&mut Client, Args, &mut Vec<u8>);

struct Command {
    /// In small letters.
    name: &'static str,
    /// How many strings, the name too; if negative, so many or more.
    arity: i64,
    flags: &'static [&'static str],
    /// Where its keys are: first, last (if negative, from the end), and the step between two.
    keys: (i64, i64, i64),
    handler: Handler,
    /// Those that its second string chooses between: commands of their own, called `name|subcommand`.
    subcommands: &'static [Command],
}

impl Command {
    /// What chooses a subcommand.
    fn second_name(&self) -> &'static str {
        self.name.split_once('|').map_or("", |(_, second)| second)
    }
}

const fn command(
    name: &'static str,
    arity: i64,
    flags: &'static [&'static str],
    keys: (i64, i64, i64),
    handler: Handler,
) -> Command {
    Command {
        name,
        arity,
        flags,
        keys,
        handler,
        subcommands: &[],
    }
}

const fn choice(
    name: &'static str,
    arity: i64,
    handler: Handler,
    subcommands: &'static [Command],
) -> Command {
    Command {
        subcommands,
        ..command(name, arity, SLOW, NONE, handler)
    }
}

const ONE: (i64, i64, i64) = (1, 1, 1);
const ALL: (i64, i64, i64) = (1, -1, 1);
const NONE: (i64, i64, i64) = (0, 0, 0);
const READ: &[&str] = &["readonly", "fast"];
const WRITE: &[&str] = &["write", "denyoom", "fast"];
const REMOVE: &[&str] = &["write"];
const FAST: &[&str] = &["fast"];
const SLOW: &[&str] = &["loading", "stale"];
const MESSAGES: &[&str] = &["pubsub", "noscript", "loading", "stale"];

/// Those asked for most come first.
const COMMANDS: &[Command] = &[
    command("get", 2, READ, ONE, strings::get),
    command("set", -3, WRITE, ONE, strings::set),
    command("incr", 2, WRITE, ONE, strings::incr),
    command("incrby", 3, WRITE, ONE, strings::incrby),
    command("mget", -2, READ, ALL, strings::mget),
    command("mset", -3, WRITE, (1, -1, 2), strings::mset),
    command("ping", -1, FAST, NONE, ping),
    command("echo", 2, FAST, NONE, echo),
    command("del", -2, REMOVE, ALL, keys::del),
    command("exists", -2, READ, ALL, keys::exists),
    command("expire", -3, &["write", "fast"], ONE, keys::expire),
    command("ttl", 2, READ, ONE, keys::ttl),
    command("keys", 2, &["readonly"], NONE, keys::keys),
    command("flushall", -1, REMOVE, NONE, keys::flushall),
    command("publish", 3, MESSAGES, NONE, publish),
    command("subscribe", -2, MESSAGES, NONE, subscribe),
    command("unsubscribe", -1, MESSAGES, NONE, unsubscribe),
    command("info", -1, SLOW, NONE, info),
    choice("command", -1, describe_all, DESCRIPTIONS),
    choice("config", -2, config_get, SETTINGS),
    command("quit", -1, FAST, NONE, quit),
];

const DESCRIPTIONS: &[Command] = &[
    command("command|count", 2, SLOW, NONE, count),
    command("command|help", 2, SLOW, NONE, help),
    command("command|info", -2, SLOW, NONE, describe),
    command("command|list", -2, SLOW, NONE, list),
];

const SETTINGS: &[Command] = &[
    command("config|get", -3, SLOW, NONE, config_get),
    command("config|help", 2, SLOW, NONE, help),
];

/// What a client with subscriptions may ask for.
const WHILE_LISTENING: &[&str] = &["subscribe", "unsubscribe", "ping", "quit"];

/// So much of an unknown command is named in the error.
const SHOWN_MAX: usize = 128;

/// Answers one request.
pub fn execute(client: &mut Client, args: Args, out: &mut Vec<u8>) {
    let Some(command) = find(args.at(0)) else {
        return unknown(client, args, out);
    };
    let Some(command) = choose(command, args) else {
        return unknown_subcommand(args, out);
    };
    let len = args.len() as i64;
    let fits = match command.arity {
        exact @ 0.. => len == exact,
        least => len >= -least,
    };
    if !fits {
        return wrong_number(out, command.name);
    }
    let is_listening = client
        .subscriber
        .as_ref()
        .is_some_and(Subscriber::is_listening);
    if is_listening && !WHILE_LISTENING.contains(&command.name) {
        let name = command.name;
        let allowed = "(P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET";
        let text =
            format!("ERR Can't execute '{name}': only {allowed} are allowed in this context");
        return reply::error(out, text);
    }
    (command.handler)(client, args, out);
}

fn find(name: &[u8]) -> Option<&'static Command> {
    COMMANDS
        .iter()
        .find(|command| command.name.as_bytes().eq_ignore_ascii_case(name))
}

/// The command that is meant by one with subcommands: one of those, or itself if none is named.
fn choose(command: &'static Command, args: Args) -> Option<&'static Command> {
    if command.subcommands.is_empty() || args.len() < 2 {
        return Some(command);
    }
    let asked = args.at(1);
    let mut subcommands = command.subcommands.iter();
    subcommands.find(|subcommand| {
        subcommand
            .second_name()
            .as_bytes()
            .eq_ignore_ascii_case(asked)
    })
}

pub fn wrong_number(out: &mut Vec<u8>, name: &str) {
    let text = format!("ERR wrong number of arguments for '{name}' command");
    reply::error(out, text);
}

/// What an error shows of a string: its beginning, in which a zero byte ends it, as in C.
pub fn shown(bytes: &[u8], max: usize) -> &[u8] {
    let bytes = &bytes[..bytes.len().min(max)];
    let end = bytes.iter().position(|byte| *byte == 0);
    &bytes[..end.unwrap_or(bytes.len())]
}

fn unknown(client: &mut Client, args: Args, out: &mut Vec<u8>) {
    let name = args.at(0);
    if name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:") {
        // A browser, most likely, that a page has talked into sending a form to us. What it has for a
        // body might be commands.
        client.is_leaving = true;
        return;
    }
    let mut rest = Vec::new();
    for arg in args.from(1) {
        if rest.len() >= SHOWN_MAX {
            break;
        }
        let room = SHOWN_MAX - rest.len();
        rest.push(b'\'');
        rest.extend(shown(arg, room));
        rest.extend(b"' ");
    }
    let text = [
        b"ERR unknown command '",
        shown(name, SHOWN_MAX),
        b"', with args beginning with: ",
        &rest,
    ];
    reply::error(out, text.concat());
}

fn unknown_subcommand(args: Args, out: &mut Vec<u8>) {
    let name = args.at(0).to_ascii_uppercase();
    let text = [
        b"ERR unknown subcommand '",
        shown(args.at(1), SHOWN_MAX),
        b"'. Try ",
        &name,
        b" HELP.",
    ];
    reply::error(out, text.concat());
}

fn ping(client: &mut Client, args: Args, out: &mut Vec<u8>) {
    if args.len() > 2 {
        return wrong_number(out, "ping");
    }
    let message = args.from(1).next();
    if client
        .subscriber
        .as_ref()
        .is_some_and(Subscriber::is_listening)
    {
        reply::array(out, 2);
        reply::bulk(out, b"pong");
        return reply::bulk(out, message.unwrap_or_default());
    }
    match message {
        Some(message) => reply::bulk(out, message),
        None => out.extend_from_slice(reply::PONG),
    }
}

fn echo(_: &mut Client, args: Args, out: &mut Vec<u8>) {
    reply::bulk(out, args.at(1));
}

fn quit(client: &mut Client, _: Args, out: &mut Vec<u8>) {
    out.extend_from_slice(reply::OK);
    client.is_leaving = true;
}

fn publish(client: &mut Client, args: Args, out: &mut Vec<u8>) {
    let count = client.shared.channels.publish(args.at(1), args.at(2));
    reply::integer(out, count as i64);
}

fn subscribe(client: &mut Client, args: Args, out: &mut Vec<u8>) {
    let (shared, connection) = (&client.shared, &client.connection);
    let subscriber = client.subscriber.get_or_insert_with(|| {
        Subscriber::new(&shared.channels, connection.number(), connection.socket())
    });
    subscriber.send(out); // what was answered before comes before
    for channel in args.from(1) {
        subscriber.subscribe(channel);
    }
}

fn unsubscribe(client: &mut Client, args: Args, out: &mut Vec<u8>) {
    let mut channels = args.from(1).peekable();
    match &mut client.subscriber {
        Some(subscriber) => {
            subscriber.send(out);
            if channels.peek().is_none() {
                subscriber.unsubscribe_all();
            }
            channels.for_each(|channel| subscriber.unsubscribe(channel));
            if !subscriber.is_listening()
                && let Some(subscriber) = client.subscriber.take()
            {
                subscriber.finish();
            }
        }
        None if channels.peek().is_none() => confirm(out, b"unsubscribe", None, 0),
        None => channels.for_each(|channel| confirm(out, b"unsubscribe", Some(channel), 0)),
    }
}

/// INFO [SECTION ..]: `# Section` and lines of `name:value`.
fn info(client: &mut Client, args: Args, out: &mut Vec<u8>) {
    let shared = &client.shared;
    let (_, port) = shared.address.rsplit_once(':').unwrap_or_default();
    let uptime = shared.started.elapsed().as_secs();
    let (keys, ends) = shared.store.count();
    let keyspace = match keys {
        0 => String::new(),
        _ => format!("db0:keys={keys},expires={ends},avg_ttl=0\r\n"),
    };
    let sections = [
        (
            "Server",
            format!(
                "redis_version:7.0.0\r\nredis_mode:standalone\r\nserver_name:sudog-kv\r\n\
                 process_id:{}\r\ntcp_port:{port}\r\nuptime_in_seconds:{uptime}\r\n",
                std::process::id()
            ),
        ),
        (
            "Clients",
            format!("connected_clients:{}\r\n", client.connection.open_count()),
        ),
        (
            "Stats",
            format!(
                "total_connections_received:{}\r\ntotal_commands_processed:{}\r\n",
                shared.connections.load(Relaxed),
                shared.commands.load(Relaxed)
            ),
        ),
        ("Keyspace", keyspace),
    ];
    let is_wanted = |name: &str| {
        let all = ["default", "all", "everything", name];
        let is = |arg: &[u8]| all.iter().any(|n| n.as_bytes().eq_ignore_ascii_case(arg));
        args.len() == 1 || args.from(1).any(is)
    };
    let mut text = String::new();
    for (name, lines) in sections.iter().filter(|(name, _)| is_wanted(name)) {
        let gap = if text.is_empty() { "" } else { "\r\n" };
        write!(text, "{gap}# {name}\r\n{lines}").expect("a string takes all");
    }
    reply::bulk(out, text.as_bytes());
}

/// COMMAND
fn describe_all(_: &mut Client, _: Args, out: &mut Vec<u8>) {
    reply::array(out, COMMANDS.len());
    for command in COMMANDS {
        describe_one(command, out);
    }
}

/// COMMAND INFO [NAME ..]
fn describe(client: &mut Client, args: Args, out: &mut Vec<u8>) {
    if args.len() == 2 {
        return describe_all(client, args, out);
    }
    reply::array(out, args.len() - 2);
    for name in args.from(2) {
        match find(name) {
            Some(command) => describe_one(command, out),
            None => out.extend_from_slice(reply::NULL),
        }
    }
}

/// COMMAND HELP, CONFIG HELP
fn help(_: &mut Client, args: Args, out: &mut Vec<u8>) {
    let command = find(args.at(0)).expect("it was found by this name before");
    let name = command.name.to_uppercase();
    reply::array(out, 1 + command.subcommands.len());
    let first = format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    reply::simple(out, &first);
    for subcommand in command.subcommands {
        reply::simple(out, &subcommand.second_name().to_uppercase());
    }
}

/// COMMAND COUNT
fn count(_: &mut Client, _: Args, out: &mut Vec<u8>) {
    reply::integer(out, COMMANDS.len() as i64);
}

/// COMMAND LIST
fn list(_: &mut Client, args: Args, out: &mut Vec<u8>) {
    if args.len() > 2 {
        return reply::error(out, strings::SYNTAX);
    }
    reply::array(out, COMMANDS.len());
    for command in COMMANDS {
        reply::bulk(out, command.name.as_bytes());
    }
}

fn describe_one(command: &Command, out: &mut Vec<u8>) {
    reply::array(out, 6);
    reply::bulk(out, command.name.as_bytes());
    reply::integer(out, command.arity);
    reply::array(out, command.flags.len());
    for flag in command.flags {
        reply::simple(out, flag);
    }
    let (first, last, step) = command.keys;
    for number in [first, last, step] {
        reply::integer(out, number);
    }
}

/// CONFIG GET NAME ..: redis-benchmark asks for these two, to show them with its results.
fn config_get(_: &mut Client, args: Args, out: &mut Vec<u8>) {
    let settings = [("save", ""), ("appendonly", "no")];
    let is_wanted = |name: &str| {
        let matches =
            |pattern: &[u8]| crate::glob::matches(&pattern.to_ascii_lowercase(), name.as_bytes());
        args.from(2).any(matches)
    };
    let found = || settings.iter().filter(|(name, _)| is_wanted(name));
    reply::array(out, 2 * found().count());
    for (name, value) in found() {
        reply::bulk(out, name.as_bytes());
        reply::bulk(out, value.as_bytes());
    }
}
