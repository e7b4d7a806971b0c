//! `kv` beside `redis-server`: the same bytes go to both, and what comes back must be the same bytes.
//!
//! Only where a Redis 7.0 is installed (Debian: redis-server): other versions have other words here and
//! there. On purpose we differ in this, so it is not asked for:
//!
//! - what follows a string must be CRLF, where Redis passes over two bytes unseen;
//! - a line of more than 64 KiB is refused, where Redis takes it if all of it came at once;
//! - a zero byte in a line is a blank, where it ends what Redis sees of it;
//! - commands that `kv` does not have, and options beyond those of the README.

use std::fmt::Debug;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::kv_client::{Server, request};
use super::support::{PATIENCE, Tree, text};

/// A `redis-server` of the test's own, which keeps nothing.
struct Redis {
    child: Child,
    tree: Tree,
}

impl Redis {
    /// `None`, and a line that says so, where there is none to compare with.
    fn start(name: &str) -> Option<Redis> {
        let version = match Command::new("redis-server").arg("--version").output() {
            Ok(output) => text(&output.stdout).to_string(),
            Err(error) => {
                eprintln!("not compared: redis-server (Debian: redis-server): {error}");
                return None;
            }
        };
        if !version.contains("v=7.0.") {
            eprintln!("not compared: the words are those of Redis 7.0, and this is {version}");
            return None;
        }
        let tree = Tree::new(name);
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no"])
            .args(["--unixsocket", "socket"])
            .current_dir(&tree.root)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it has told its version");
        let redis = Redis { child, tree };
        let begun = Instant::now();
        while UnixStream::connect(redis.tree.root.join("socket")).is_err() {
            assert!(begun.elapsed() < PATIENCE, "redis-server does not listen");
            thread::sleep(Duration::from_millis(5));
        }
        Some(redis)
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.tree.root.join("socket")).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Two connections to which the same is said.
struct Both {
    redis: BufReader<UnixStream>,
    ours: BufReader<TcpStream>,
    asked: usize,
}

impl Both {
    fn new(redis: &Redis, server: &Server) -> Both {
        Both {
            redis: BufReader::new(redis.connect()),
            ours: BufReader::new(server.stream()),
            asked: 0,
        }
    }

    /// Asks both, and compares one reply.
    fn ask(&mut self, line: impl AsRef<str>) {
        let line = line.as_ref();
        let (redis, ours) = (&mut self.redis, &mut self.ours);
        for stream in [redis.get_mut() as &mut dyn Write, ours.get_mut()] {
            let sent = stream.write_all(format!("{line}\r\n").as_bytes());
            sent.expect("they read");
        }
        let (redis, ours) = (reply(redis), reply(ours));
        // The order of keys is nobody's promise.
        match line.get(..4) {
            Some("KEYS") => assert_same(line, &sorted(redis), &sorted(ours)),
            _ => assert_same(line, &redis, &ours),
        }
        self.asked += 1;
    }
}

/// One reply, as it came.
fn reply(reader: &mut impl BufRead) -> Vec<u8> {
    let mut bytes = Vec::new();
    reader.read_until(b'\n', &mut bytes).expect("a reply");
    let number = || text(&bytes[1..]).trim_end().parse::<i64>();
    match (bytes[0], number()) {
        (b'$', Ok(len @ 0..)) => {
            let start = bytes.len();
            bytes.resize(start + len as usize + 2, 0);
            reader.read_exact(&mut bytes[start..]).expect("a string");
        }
        (b'*', Ok(count)) => (0..count).for_each(|_| bytes.extend(reply(reader))),
        _ => {}
    }
    bytes
}

fn sorted(reply: Vec<u8>) -> Vec<String> {
    let mut lines: Vec<_> = text(&reply).lines().map(String::from).collect();
    lines.sort();
    lines
}

#[track_caller]
fn assert_same<T: PartialEq + Debug + Shown>(asked: &str, redis: &T, ours: &T) {
    assert!(
        redis == ours,
        "{asked:?}\nRedis: {}\nours:  {}",
        redis.shown(),
        ours.shown()
    );
}

trait Shown {
    fn shown(&self) -> String;
}

impl Shown for Vec<u8> {
    fn shown(&self) -> String {
        self[..self.len().min(500)].escape_ascii().to_string()
    }
}

impl Shown for Vec<String> {
    fn shown(&self) -> String {
        format!("{self:?}")
    }
}

#[test]
fn kv_says_what_redis_says() {
    let Some(redis) = Redis::start("kv-redis-says") else {
        return;
    };
    let server = Server::start();
    let mut both = Both::new(&redis, &server);
    let talk = "
        FLUSHALL;PING;PING a;PING a b;ping;ECHO;ECHO a;ECHO a b;QUIT a b
        GET;GET a;GET a b;SET;SET a;SET a b;SET a b c;GET a
        INCR;INCR a;INCR a b;INCRBY;INCRBY a;INCRBY a 1;INCRBY a x
        INCRBY b 01;INCRBY b 1;INCRBY b -0;INCRBY b 0;INCRBY b -5;INCRBY b +3;INCRBY b 1e3;INCRBY b 0x10
        INCRBY b 9223372036854775807;INCRBY b 9223372036854775808;INCRBY b -9223372036854775808
        INCRBY b -9223372036854775808;INCRBY b -1;GET b;INCRBY b \"\";INCRBY b \" 1\";INCRBY b \"1 \"
        SET n 9223372036854775807;INCR n;SET n 9223372036854775808;INCR n;SET n -9223372036854775808
        INCR n;INCRBY n -1;INCRBY n -2;SET n 1.0;INCR n;SET n +1;INCR n;SET n -0;INCR n;SET n 00;INCR n
        SET n 1e3;INCR n;SET n \"\";INCR n;SET n \" 5\";INCR n;SET n \"5 \";INCR n;SET n -;INCR n
        SET n 99999999999999999999999;INCR n;SET n 0;INCR n;SET n -1;INCR n;INCR n;INCR n;GET n
        MGET;MGET a;MGET a none b n;MGET a a;MSET;MSET a;MSET a 1;MSET a 1 b;MSET a 1 b 2;MSET a 1 a 2
        GET a;MSET a 1 b 2 c;MGET a b c;DEL;DEL a;DEL a;DEL a a b;EXISTS;EXISTS b;EXISTS n n n;EXISTS z
        TTL;TTL a b;TTL none;TTL n;EXPIRE;EXPIRE n;EXPIRE n 10;TTL n;EXPIRE n 10 NX;EXPIRE n 100 XX;TTL n
        EXPIRE n 10 XX NX;EXPIRE n 10 GT LT;EXPIRE n 1000 GT XX;TTL n;EXPIRE n 5 LT XX;TTL n;EXPIRE n 9 NX GT
        EXPIRE n 10 foo;EXPIRE n 10 NX foo;EXPIRE n ten;EXPIRE n ten foo;EXPIRE n 1.5;EXPIRE n \"\"
        EXPIRE n 10 \"\";EXPIRE n 9223372036854775807;EXPIRE n -9223372036854775808;EXPIRE n 9223372036854775
        EXPIRE n -9223372036854776;EXPIRE none 9223372036854775807;EXPIRE none foo;EXPIRE none 10;EXPIRE n 0
        EXISTS n;SET n 1;EXPIRE n -1;EXISTS n;SET n 1;EXPIRE n -9223372036854775;EXISTS n
        SET t 1;TTL t;SET t 1 EX 100;TTL t;SET t 1;TTL t;SET t 1 PX 1700;TTL t;SET t 1 EX 100;INCR t;TTL t
        MSET t 5;TTL t;SET e 1;EXPIRE e 50 GT;TTL e;EXPIRE e 50 LT;TTL e;EXPIRE e 50000 GT;TTL e;EXPIRE e 9 LT
        FLUSHALL;MSET hello 1 hallo 2 hllo 3 heeello 4 [x] 5 a-b 6 ^ 7 \\\\ 8
        KEYS;KEYS a b;KEYS *;KEYS h?llo;KEYS h*llo;KEYS h[ae]llo;KEYS h[^e]llo;KEYS nothing;KEYS h[b-z]llo
        KEYS h[z-b]llo;KEYS hel[;KEYS h[a;KEYS hll\\\\o;KEYS \"\";KEYS **;KEYS *l*l*;KEYS h[^;KEYS h[]llo
        KEYS \\\\[x\\\\];KEYS [[]x];KEYS a[-]b;KEYS a[a-]b;KEYS [^a-z];KEYS \\\\;KEYS \\\\\\\\;KEYS [\\\\^];KEYS ?;KEYS *o
        FLUSHALL x;FLUSHALL ASYNC;FLUSHALL sync;FLUSHALL sync async;FLUSHALL async x;KEYS *
        PUBLISH;PUBLISH a;PUBLISH a b;PUBLISH a b c;SUBSCRIBE;UNSUBSCRIBE;UNSUBSCRIBE a
        NOPE;nope a;NOPE a b c;\"\" a;\"\";COMMAND COUNT x;COMMAND NOPE;COMMAND INFO nope;COMMAND nope a
        CONFIG;CONFIG GET;CONFIG NOPE;CONFIG nope a;CONFIG GET nope;CONFIG GET save;config get save
        INFO nope;INFO nope nope;COMMAND LIST x";
    for line in talk.split([';', '\n']).map(str::trim_start) {
        // Not an empty line, which asks for nothing.
        if !line.trim().is_empty() && line != "QUIT a b" {
            both.ask(line);
        }
    }
    for (size, word) in [(1, "y"), (127, "y"), (128, "y"), (129, "y"), (300, "yy ")] {
        both.ask(format!("NOPE {}", word.repeat(size)));
        both.ask(format!("NOPE a {}", word.repeat(size)));
        both.ask(format!("COMMAND {}", word.trim().repeat(size)));
        both.ask(format!("{} {0}", word.trim().repeat(size)));
        both.ask(format!("EXPIRE a 1 {}", word.trim().repeat(size)));
    }
    assert!(both.asked > 240, "{} were asked", both.asked);
    server.stop();
}

#[test]
fn kv_takes_the_options_of_set_in_any_order_as_redis_does() {
    let Some(redis) = Redis::start("kv-redis-set") else {
        return;
    };
    let server = Server::start();
    let mut both = Both::new(&redis, &server);
    let all = "EX 100;PX 100000;NX;XX;EX;PX;EX 0;PX 0;EX -1;PX -5;EX 9223372036854775807;EX abc;PX 1.5;\
        PX 9223372036854775807;EX 9223372036854775;ex 500;nx;xx;FOO;EX NX;EX 01;EX +1;\"\"";
    let all: Vec<_> = all.split(';').collect();
    let few = ["EX 100", "EX 500", "NX", "XX", "PX 100000", "EX 0", "FOO"];
    let one = all.iter().map(|option| option.to_string());
    let two = pairs(&all, &all);
    let three = few.iter().flat_map(|first| {
        let rest = pairs(&few, &few);
        rest.into_iter().map(move |rest| format!("{first} {rest}"))
    });
    for options in one.chain(two).chain(three) {
        for key in ["new", "old"] {
            both.ask("DEL new");
            both.ask("SET old before");
            both.ask(format!("SET {key} value {options}"));
            both.ask(format!("GET {key}"));
            both.ask(format!("TTL {key}"));
        }
    }
    server.stop();
}

fn pairs(first: &[&str], second: &[&str]) -> Vec<String> {
    let with = |a| second.iter().map(move |b| format!("{a} {b}"));
    first.iter().flat_map(with).collect()
}

/// Sends it all, ends its side, and reads to the end.
macro_rules! converse {
    ($stream:expr, $bytes:expr) => {{
        let mut stream = $stream;
        // Whoever ends a client in the middle of it need not read the rest, nor send more.
        let _ = stream.write_all($bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    }};
}

#[test]
fn kv_reads_the_protocol_as_redis_does() {
    let Some(redis) = Redis::start("kv-redis-protocol") else {
        return;
    };
    let server = Server::start();
    let ping = "*1\r\n$4\r\nPING\r\n";
    let large = |before: &str, digit: &str, count| format!("{before}{}", digit.repeat(count));
    let mut cases: Vec<Vec<u8>> = Vec::new();
    // Lengths of arrays and of strings; what follows shows whether a wrong one was passed over.
    for length in
        "1;0;-1;-2;-10;-9223372036854775808;+1;01;001;0x1; 1;1 ;;1.0;1e0;x;-;--1;2147483648;\
                   99999999999999999999;18446744073709551617"
            .split(';')
    {
        cases.push(format!("*{length}\r\n{ping}").into());
        cases.push(format!("*{length}\n{ping}").into());
    }
    for length in
        "4;-1;-2;+4;04;0x4; 4;4 ;;4.0;x;536870913;99999999999999999999;2147483648".split(';')
    {
        cases.push(format!("*1\r\n${length}\r\nPING\r\n{ping}").into());
        cases.push(format!("*1\r\n${length}\nPING\r\n{ping}").into());
    }
    // Announced and not sent.
    for start in "*1024\r\n$1\r\n;*1048576\r\n;*2147483647\r\n;*1\r\n$536870912\r\nabc;*1\r\n$4\r\nPI;*;*1;PI;*1\r\n$"
        .split(';')
    {
        cases.push(format!("{ping}{start}").into());
    }
    for start in ["+", ":", "", "*", "PING", "\r", " ", "\u{7f}", "-", "$$"] {
        cases.push(format!("*1\r\n{start}4\r\nPING\r\n{ping}").into());
    }
    cases.push(b"*1\r\n\xff\r\n".into());
    for (before, digit) in [("*", "1"), ("*1\r\n$", "1"), ("", "x"), ("PING ", "x")] {
        for size in [65_537, 70_000, 200_000] {
            cases.push(large(before, digit, size).into());
        }
    }
    // Lines, as one would type them.
    for line in [
        "PING",
        " PING",
        "PING  ",
        "\tPING\t",
        "\u{b}PING",
        "PING\u{b}",
        "PING\u{c}",
        "PING\r",
        "PING \r",
        "PING a\rb",
        "",
        " ",
        "\r",
        "\n\n",
        "PING \"a b\"",
        "PING 'a b'",
        "PING \"a",
        "PING 'a",
        "PING \"a\"b",
        "PING \"a\" ",
        "PING a\"b\"",
        "PING a\"b",
        "PING a\"b c\"d",
        "PING \"\\x41\\n\\t\\r\\b\\a\\q\\\"\"",
        "PING \"\\xZZ\"",
        "PING \"\\x4\"",
        "PING '\\'a\\n'",
        "PING \"\"",
        "PING ''",
        "PING \"a\\",
        "\"\"",
        "\"PING\"",
        "\"PI\"NG",
        "PING \"a\nb\"",
        "PING \u{e9}",
        "PING \"a\"\t\"b\"",
        "'ECHO' '\"'",
        "PING '",
        "PING \"",
    ] {
        cases.push(format!("{line}\r\n{ping}").into());
        cases.push(format!("{line}\n{ping}").into());
    }
    // The end, asked for and not.
    for line in [
        "QUIT",
        "quit a",
        "POST / HTTP/1.1",
        "Host: x",
        "hOST: x y",
        "post",
    ] {
        cases.push(format!("{line}\r\n{ping}").into());
    }
    // Any bytes in strings.
    let strings: &[&[&str]] = &[
        &["PING", "a\r\nb"],
        &["a\r\nb"],
        &["a\r\nb", "c\r\nd"],
        &["SET", "k", "\0\u{ff}"],
        &["GET", "k"],
        &["NOPE", "a\0b", "c"],
        &["a\0b", "c"],
        &["ECHO", ""],
        &["SET", ""],
        &["SET", "", ""],
        &["GET", ""],
        &["INCR", ""],
        &["", ""],
        &[""],
        &["COMMAND", "a\0b"],
        &["COMMAND", "a\nb"],
        &["EXPIRE", "a", "1", "\n"],
    ];
    cases.extend(strings.iter().map(|words| request(words).into()));
    // What who listens may ask for, and what of it.
    for line in "PING;PING a;PING a b;GET a;GET;SET a;NOPE;SUBSCRIBE;SUBSCRIBE c;SUBSCRIBE c d d;UNSUBSCRIBE;\
         UNSUBSCRIBE c;UNSUBSCRIBE z;UNSUBSCRIBE c c;UNSUBSCRIBE c\r\nPING;UNSUBSCRIBE c\r\nGET z;\
         UNSUBSCRIBE\r\nUNSUBSCRIBE;UNSUBSCRIBE\r\nSUBSCRIBE d\r\nPING;QUIT;PUBLISH c 1;COMMAND;COMMAND COUNT;\
         COMMAND NOPE;INFO;ECHO a;CONFIG GET save;CONFIG NOPE;CONFIG;MSET a;FLUSHALL;TTL a;EXPIRE a 1;KEYS *"
        .split(';')
    {
        cases.push(format!("SUBSCRIBE c\r\n{line}\r\n{ping}").into());
    }
    for case in &cases {
        let shown = case.escape_ascii().to_string();
        let theirs = converse!(redis.connect(), case);
        let ours = converse!(server.stream(), case);
        assert_same(&shown[..shown.len().min(200)], &theirs, &ours);
    }
    server.stop();
}
