//! `kv`: what it answers, what it makes of garbage, how it ends, and Redis's own tools against it.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::kv_client::{Server, request};
use super::support::{PATIENCE, assert_success, example, run, text};

#[test]
fn kv_refuses_addresses_at_which_it_cannot_listen() {
    let help = run(example("kv").arg("--help"));
    assert_success(&help);
    assert!(text(&help.stdout).starts_with("usage: kv HOST:PORT\n"));
    assert_eq!(run(&mut example("kv")).status.code(), Some(2));

    let server = Server::start();
    let commands = server.connect().ask(["COMMAND", "LIST"]);
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_alphanumeric());
        words.map(str::to_uppercase).collect()
    };
    let named = words(text(&help.stdout));
    for command in words(&commands) {
        assert!(named.contains(&command), "{command} is not in the help");
    }
    for address in ["nonsense", "127.0.0.1:70000", &server.address] {
        let output = run(example("kv").arg(address));
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(
            message.starts_with("kv: ") && message.contains(address),
            "{message}"
        );
    }
    server.stop();
}

#[test]
fn kv_answers_as_redis_does() {
    let server = Server::start();
    let mut client = server.connect();
    // Each line: what is asked, and the reply.
    let talk = "
        PING | PONG
        ping hi | \"hi\"
        PING a b | -ERR wrong number of arguments for 'ping' command
        ECHO hello | \"hello\"
        GET none | nil
        SET a 1 | OK
        GET a | \"1\"
        get | -ERR wrong number of arguments for 'get' command
        GET a b | -ERR wrong number of arguments for 'get' command
        SET a 2 NX | nil
        SET b 2 XX | nil
        SET a 3 xx | OK
        SET b 4 nx | OK
        SET b 5 NX XX | -ERR syntax error
        SET b 5 EX | -ERR syntax error
        SET b 5 EX 5 PX 5 | -ERR syntax error
        SET b 5 EX 5 EX 0 | -ERR invalid expire time in 'set' command
        SET b 5 EX 0 | -ERR invalid expire time in 'set' command
        SET b 5 PX -1 | -ERR invalid expire time in 'set' command
        SET b 5 EX 9223372036854775807 | -ERR invalid expire time in 'set' command
        SET b 5 EX ten | -ERR value is not an integer or out of range
        SET b 5 EX +1 | -ERR value is not an integer or out of range
        SET b 5 EX 1000 | OK
        TTL b | (1000)
        INCR b | (6)
        TTL b | (1000)
        SET b 7 | OK
        TTL b | (-1)
        TTL none | (-2)
        INCRBY b -8 | (-1)
        INCRBY b 01 | -ERR value is not an integer or out of range
        INCRBY b \"\" | -ERR value is not an integer or out of range
        SET c 007 | OK
        INCR c | -ERR value is not an integer or out of range
        GET c | \"007\"
        SET c -0 | OK
        INCR c | -ERR value is not an integer or out of range
        SET c -9223372036854775808 | OK
        INCRBY c -1 | -ERR increment or decrement would overflow
        INCR c | (-9223372036854775807)
        SET c 9223372036854775808 | OK
        INCR c | -ERR value is not an integer or out of range
        SET c 9223372036854775807 | OK
        INCR c | -ERR increment or decrement would overflow
        INCR new | (1)
        MSET x 1 y 2 z 3 | OK
        MSET x 1 y | -ERR wrong number of arguments for 'mset' command
        MGET x none y x | [\"1\" nil \"2\" \"1\"]
        EXISTS x y none x | (3)
        DEL x y none x | (2)
        KEYS [x-z]* | [\"z\"]
        KEYS [^a-y] | [\"z\"]
        KEYS ?e? | [\"new\"]
        KEYS n*w | [\"new\"]
        KEYS \\z | [\"z\"]
        KEYS q* | []
        EXPIRE none 10 | (0)
        EXPIRE z 1000 XX | (0)
        EXPIRE z 1000 NX | (1)
        EXPIRE z 5 GT | (0)
        EXPIRE z 5000 GT | (1)
        EXPIRE z 6000 LT | (0)
        EXPIRE z 60 LT GT | -ERR GT and LT options at the same time are not compatible
        EXPIRE z 60 NX GT | -ERR NX and XX, GT or LT options at the same time are not compatible
        EXPIRE z 60 XY | -ERR Unsupported option XY
        EXPIRE z 9223372036854775 | -ERR invalid expire time in 'expire' command
        EXPIRE z ten | -ERR value is not an integer or out of range
        TTL z | (5000)
        EXPIRE z -1 | (1)
        EXISTS z | (0)
        SET \"a b\" 'it\\'s \"\\x' | OK
        GET \"a\\x20b\" | \"it's \\\"\\\\x\"
        NOPE a b | -ERR unknown command 'NOPE', with args beginning with: 'a' 'b' 
        CONFIG GET save | [\"save\" \"\"]
        COMMAND INFO get none | [[\"get\" (2) [readonly fast] (1) (1) (1)] nil]
        COMMAND DOCS | -ERR unknown subcommand 'DOCS'. Try COMMAND HELP.
        COMMAND HELP | [COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are: COUNT HELP INFO LIST]
        CONFIG HELP | [CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are: GET HELP]
        PUBLISH news 1 | (0)
        UNSUBSCRIBE | [\"unsubscribe\" nil (0)]
        FLUSHALL | OK
        FLUSHALL NOW | -ERR syntax error
        KEYS * | []
        QUIT | OK";
    for line in talk.lines().skip(1) {
        let (asked, reply) = line.trim_start().split_once(" | ").expect(line);
        let answer = client.type_in(asked);
        if asked.starts_with("TTL") && reply.len() > 4 {
            // Some seconds may have passed on a slow machine, but not as many as there are in a test.
            let seconds = |text: &str| text.trim_matches(['(', ')']).parse::<i64>();
            let (left, most) = (
                seconds(&answer).expect(&answer),
                seconds(reply).expect(reply),
            );
            assert!((most - 300..=most).contains(&left), "{asked}: {answer}");
            continue;
        }
        assert_eq!(answer, reply, "{asked}");
    }
    assert_eq!(client.rest(), "");

    drop(client);
    let mut client = server.connect();
    let begin = Instant::now();
    while !client
        .ask(["INFO"])
        .contains("# Clients\\r\\nconnected_clients:1\\r")
    {
        assert!(begin.elapsed() < PATIENCE, "the first is never gone");
    }
    let info = client.ask(["INFO"]);
    assert!(info.starts_with("\"# Server\\r\\nredis_version:"), "{info}");
    assert!(!client.ask(["INFO", "server"]).contains("# Clients"));
    assert_eq!(
        client.ask(["GET", "bad\r\nname", "\r\n"]).lines().count(),
        1
    );
    assert_eq!(
        client.ask(["a\r\nb"]),
        "-ERR unknown command 'a  b', with args beginning with: "
    );
    server.stop();
}

#[test]
fn kv_forgets_keys_whose_time_is_over() {
    let server = Server::start();
    let mut client = server.connect();
    let begin = Instant::now();
    assert_eq!(client.ask(["SET", "short", "1", "PX", "300"]), "OK");
    assert_eq!(client.ask(["SET", "long", "1", "EX", "1000"]), "OK");
    while client.ask(["GET", "short"]) != "nil" {
        assert!(begin.elapsed() < PATIENCE, "it stays for ever");
        thread::sleep(Duration::from_millis(5));
    }
    assert!(
        begin.elapsed() >= Duration::from_millis(299),
        "it went too early"
    );
    assert_eq!(client.ask(["SET", "short", "2", "NX"]), "OK");
    assert_eq!(client.ask(["TTL", "short"]), "(-1)");

    // The sweeper removes also what nobody asks for.
    assert_eq!(client.ask(["SET", "unseen", "1", "PX", "1"]), "OK");
    while !client
        .ask(["INFO", "keyspace"])
        .contains("keys=2,expires=1")
    {
        assert!(begin.elapsed() < PATIENCE, "nobody sweeps");
        thread::sleep(Duration::from_millis(5));
    }
    server.stop();
}

#[test]
fn kv_answers_pipelines_in_order_in_whatever_pieces_they_come() {
    let server = Server::start();
    let mut client = server.connect();
    let numbers: Vec<_> = (0..2000).map(|n| n.to_string()).collect();
    let requests: String = numbers
        .iter()
        .flat_map(|n| [request(&["SET", "k", n]), request(&["GET", "k"])])
        .collect();
    client.send(requests);
    for n in &numbers {
        assert_eq!(client.reply(), "OK");
        assert_eq!(client.reply(), format!("{n:?}"));
    }
    // Byte by byte, with both kinds of requests and some that ask for nothing.
    let bits = "\r\n*0\r\n*-1\r\n  \r\nPING\n*2\r\n$4\r\nECHO\r\n$3\r\na\r\n\r\n";
    for byte in bits.bytes() {
        client.send([byte]);
        thread::sleep(Duration::from_micros(200));
    }
    assert_eq!(client.reply(), "PONG");
    assert_eq!(client.reply(), "\"a\\r\\n\"");
    let large = "x".repeat(5 << 20);
    assert_eq!(client.ask(["SET", "large", &large]), "OK");
    assert_eq!(client.ask(["GET", "large"]).len(), large.len() + 2);
    client.send("PING\r\nPING\r\n");
    client.end_input();
    assert_eq!(client.rest(), "+PONG\r\n+PONG\r\n");
    server.stop();
}

#[test]
fn kv_ends_a_client_that_breaks_the_protocol() {
    let server = Server::start();
    let before = server.descriptor_count();
    let long = "x".repeat((64 << 10) + 1);
    let cases = [
        ("*x\r\n", "invalid multibulk length"),
        ("*2147483648\r\n", "invalid multibulk length"),
        ("*1\n$4\r\nPING\r\n", "invalid multibulk length"),
        ("*+1\r\n", "invalid multibulk length"),
        ("*01\r\n", "invalid multibulk length"),
        ("*99999999999999999999999\r\n", "invalid multibulk length"),
        ("*1\r\n:1\r\n", "expected '$', got ':'"),
        ("*1\r\n\r\n", "expected '$', got ' '"),
        ("*1\r\n$-1\r\n", "invalid bulk length"),
        ("*1\r\n$4\nPING\r\n", "invalid bulk length"),
        ("*1\r\n$536870913\r\n", "invalid bulk length"),
        ("*1\r\n$ 4\r\nPING\r\n", "invalid bulk length"),
        ("*1\r\n$4\r\nPINGxx", "expected CRLF after bulk"),
        ("GET \"a\r\n", "unbalanced quotes in request"),
        ("GET \"a\"b\r\n", "unbalanced quotes in request"),
        (&long, "too big inline request"),
        (&format!("*{long}"), "too big mbulk count string"),
        (&format!("*1\r\n${long}"), "too big bulk count string"),
    ];
    for (sent, error) in cases {
        let mut client = server.connect();
        client.send("PING\r\n");
        client.send(sent);
        let answered = client.rest();
        assert_eq!(
            answered,
            format!("+PONG\r\n-ERR Protocol error: {error}\r\n")
        );
    }
    // Announced, and never sent: what is announced takes no memory, and nobody else is held up.
    let mut waiting: Vec<_> = (0..100).map(|_| server.connect()).collect();
    for client in &mut waiting {
        client.send("*2147483647\r\n$536870912\r\nabc");
    }
    assert_eq!(server.connect().ask(["PING"]), "PONG");
    let pages = server.resident_bytes();
    assert!(pages < 500 << 20, "{pages} bytes for nothing");
    drop(waiting);
    let begin = Instant::now();
    while server.descriptor_count() > before {
        assert!(begin.elapsed() < PATIENCE, "descriptors are left");
        thread::sleep(Duration::from_millis(5));
    }
    server.stop();
}

#[test]
fn kv_delivers_messages_to_all_who_subscribed() {
    let server = Server::start();
    let mut listeners: Vec<_> = (0..10).map(|_| server.connect()).collect();
    for listener in &mut listeners {
        listener.send("PING\r\nSUBSCRIBE news sport\r\nPING\r\nGET a\r\n");
        assert_eq!(listener.reply(), "PONG");
        assert_eq!(listener.reply(), "[\"subscribe\" \"news\" (1)]");
        assert_eq!(listener.reply(), "[\"subscribe\" \"sport\" (2)]");
        assert_eq!(listener.reply(), "[\"pong\" \"\"]");
        let refused = listener.reply();
        assert!(
            refused.starts_with("-ERR Can't execute 'get': only (P|S)SUBSCRIBE"),
            "{refused}"
        );
    }
    let mut client = server.connect();
    for n in 0..1000 {
        assert_eq!(client.ask(["PUBLISH", "news", &n.to_string()]), "(10)");
    }
    for listener in &mut listeners {
        for n in 0..1000 {
            assert_eq!(listener.reply(), format!("[\"message\" \"news\" \"{n}\"]"));
        }
        assert_eq!(
            listener.type_in("UNSUBSCRIBE news"),
            "[\"unsubscribe\" \"news\" (1)]"
        );
    }
    assert_eq!(client.ask(["PUBLISH", "news", "x"]), "(0)");
    let last = listeners.pop();
    drop(last);
    let begin = Instant::now();
    while client.ask(["PUBLISH", "sport", "x"]) != "(9)" {
        assert!(begin.elapsed() < PATIENCE, "it listens for ever");
    }
    server.stop();
}

#[test]
fn kv_cuts_off_a_subscriber_that_does_not_read() {
    let server = Server::start();
    let mut slow = server.connect();
    assert_eq!(
        slow.type_in("SUBSCRIBE flood"),
        "[\"subscribe\" \"flood\" (1)]"
    );
    let mut client = server.connect();
    let message = "x".repeat(1 << 20);
    let mut sent = 0;
    while client.ask(["PUBLISH", "flood", &message]) == "(1)" {
        sent += 1;
        assert!(sent < 1000, "all of it waits in the server");
    }
    assert!(sent >= 32, "cut off after {sent} MiB");
    server.stop();
}

#[test]
fn kv_sends_any_amount_to_who_listens_no_more() {
    let server = Server::start();
    let mut client = server.connect();
    let large = "x".repeat(40 << 20); // more than may wait for a subscriber
    assert_eq!(client.ask(["SET", "large", &large]), "OK");
    for _ in 0..2 {
        client.type_in("SUBSCRIBE a b");
        assert_eq!(client.reply(), "[\"subscribe\" \"b\" (2)]");
        client.send("UNSUBSCRIBE\r\nGET large\r\nPING\r\n");
        assert!(client.reply().ends_with(" (1)]"));
        assert!(client.reply().ends_with(" (0)]"));
        thread::sleep(Duration::from_millis(50)); // all that the system holds is full now
        assert_eq!(client.reply().len(), large.len() + 2);
        assert_eq!(client.reply(), "PONG");
    }
    server.stop();
}

#[test]
fn kv_keeps_nothing_of_clients_that_have_gone() {
    let server = Server::start();
    assert_eq!(server.connect().ask(["PING"]), "PONG");
    let before = server.descriptor_count();
    let ends = [
        "",
        "PING\r\n",
        "*1\r\n$4\r\nPI",
        "SUBSCRIBE a\r\n",
        "SUBSCRIBE a\r\nUNSUBSCRIBE\r\n",
        "QUIT\r\n",
        "*x\r\n",
        "\0\u{ff}\r\n\u{7f}\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ];
    thread::scope(|scope| {
        for end in ends {
            let server = &server;
            scope.spawn(move || {
                for round in 0..100 {
                    let mut client = server.connect();
                    client.send(end);
                    if round % 2 == 0 {
                        client.end_input();
                        client.rest();
                    }
                }
            });
        }
    });
    let begin = Instant::now();
    while server.descriptor_count() > before {
        assert!(begin.elapsed() < PATIENCE, "descriptors are left");
        thread::sleep(Duration::from_millis(5));
    }
    // One is counted until its goroutine has ended, a moment after its descriptor.
    let mut info = server.connect().ask(["INFO"]);
    while !info.contains("connected_clients:1\\r") {
        assert!(begin.elapsed() < PATIENCE, "{info}");
        thread::sleep(Duration::from_millis(5));
        info = server.connect().ask(["INFO"]);
    }
    server.stop();
}

#[test]
fn kv_finishes_what_was_begun_and_then_ends() {
    let server = Server::start();
    let (mut idle, mut begun, mut stuck) = (server.connect(), server.connect(), server.connect());
    let mut listener = server.connect();
    assert_eq!(idle.ask(["PING"]), "PONG");
    assert_eq!(listener.type_in("SUBSCRIBE a"), "[\"subscribe\" \"a\" (1)]");
    for client in [&mut begun, &mut stuck] {
        assert_eq!(client.ask(["PING"]), "PONG");
        client.send("*1\r\n$4\r\nPI");
    }
    // The bytes are read when a later client has its answer; both may come first on a busy machine,
    // which the server finds out about when it stops.
    assert_eq!(server.connect().ask(["PING"]), "PONG");
    server.signal("-TERM");
    assert_eq!(idle.rest(), "");
    assert_eq!(listener.rest(), "");
    begun.send("NG\r\n");
    assert_eq!(begun.reply(), "PONG");
    assert_eq!(begun.rest(), "");
    // `stuck` never ends its request, and is cut.
    let output = server.finish();
    assert!(output.status.success());
    assert_eq!(text(&output.stderr), "cut 1 that did not finish\n");
}

#[test]
fn kv_serves_the_tools_of_redis() {
    let server = Server::start();
    let tool = |name: &str| {
        let mut command = Command::new(name);
        command.args(["-p", server.port()]);
        command
    };
    if Command::new("redis-cli").arg("--version").output().is_err() {
        eprintln!(
            "not tried: redis-cli and redis-benchmark (Debian: redis-tools) are not installed"
        );
        return server.stop();
    }
    let output = run(tool("redis-cli").args(["SET", "a", "1", "EX", "60"]));
    assert_success(&output);
    assert_eq!(text(&output.stdout), "OK\n");
    let output = run(tool("redis-cli").args(["INCRBY", "a", "41"]));
    assert_eq!(text(&output.stdout), "42\n");
    let output = run(tool("redis-cli").args(["INFO", "server"]));
    assert!(text(&output.stdout).contains("redis_version:"));

    let tests = [
        "-q",
        "-c",
        "64",
        "-n",
        "10000",
        "-P",
        "16",
        "-t",
        "ping,set,get,incr,mset",
    ];
    let output = run(tool("redis-benchmark").args(tests));
    assert_success(&output);
    let lines = text(&output.stdout).replace('\r', "\n");
    let results = lines
        .lines()
        .filter(|line| line.contains("requests per second"));
    assert_eq!(results.count(), 6, "{lines}"); // PING is done in both forms
    server.stop();
}

#[test]
fn kv_ends_in_order_under_a_client_that_asks_again_and_again() {
    let server = Server::start();
    let mut client = server.connect();
    assert_eq!(client.ask(["PING"]), "PONG");
    server.signal("-TERM");
    let start = Instant::now();
    // Each request begins within a moment of the answer before, so the connection is never quiet.
    while client.is_answered() {}
    drop(client);
    // Nobody is cut, which comes after 5 s.
    assert!(start.elapsed() < Duration::from_secs(4));
    assert_success(&server.finish());
}
