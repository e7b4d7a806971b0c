//! `http`: what it answers to good and bad clients, its limits, and how it stops.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use super::support::{PATIENCE, Tree, assert_success, example, finish, run, start, text};

/// How long a head or a body may take.
const DUE: Duration = Duration::from_secs(10);

/// A running server with a tree of files, killed at the end if the test has not stopped it.
pub struct Server {
    child: Option<Child>,
    address: String,
    tree: Tree,
}

impl Server {
    pub fn new(name: &str) -> Server {
        let tree = Tree::new(name);
        tree.file(b"www/hello.txt", b"Hello!");
        tree.file(b"www/index.html", b"<p>root");
        tree.file(b"www/a b/index.html", b"<p>blank");
        tree.file(b"www/big.bin", &big());
        tree.file(b"secret", b"secret");
        let mut command = example("http");
        let mut child = start(command.arg("127.0.0.1:0").arg(tree.root.join("www")));
        let mut line = String::new();
        let output = child.stdout.as_mut().expect("a pipe");
        let read = BufReader::new(output).read_line(&mut line);
        read.expect("a pipe can be read");
        let address = line.trim_end().strip_prefix("listening at ");
        Server {
            child: Some(child),
            address: address.expect("it says where").to_string(),
            tree,
        }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        stream
    }

    /// Sends bytes, and reads until the server ends the connection.
    #[track_caller]
    pub fn ask(&self, request: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect();
        // A server that refuses need not read everything.
        let _ = stream.write_all(request.as_ref());
        rest(stream)
    }

    /// A number of `/api/status`.
    fn count(&self, name: &str) -> u64 {
        let answer = self.ask(get("/api/status"));
        let named = answer.split_once(&format!("\"{name}\":"));
        let (_, rest) = named.expect("it is there");
        let end = rest.find([',', '}']).expect("an end");
        rest[..end].parse().expect("a number")
    }

    /// Waits until a number of `/api/status` is no larger: who asks is counted, too.
    fn wait_for(&self, name: &str, most: u64) {
        let begun = Instant::now();
        while self.count(name) > most {
            assert!(begun.elapsed() < PATIENCE, "{name} stay for ever");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn signal(&self, signal: i32) {
        let child = self.child.as_ref().expect("it runs");
        // SAFETY: a signal to a process of ours that was not waited for, so the number is its own.
        let sent = unsafe { libc::kill(child.id() as i32, signal) };
        assert_eq!(sent, 0);
    }

    fn end(mut self) -> Output {
        finish(self.child.take().expect("it runs"), "http")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// More than the server sends in one piece, and not a multiple of it.
fn big() -> Vec<u8> {
    (0..1_000_003_u32).map(|i| (i % 251) as u8).collect()
}

#[track_caller]
pub fn rest(stream: TcpStream) -> String {
    String::from_utf8_lossy(&rest_of(stream)).into_owned()
}

#[track_caller]
fn rest_of(mut stream: TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    }
    answer
}

/// Reads one response with a content of `length`.
#[track_caller]
fn response(stream: &mut TcpStream, length: usize) -> String {
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("a head");
        answer.extend(byte);
    }
    let head = answer.len();
    answer.resize(head + length, 0);
    stream.read_exact(&mut answer[head..]).expect("a content");
    text(&answer).to_string()
}

pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
}

#[track_caller]
pub fn assert_status(answer: &str, status: &str) {
    let start = format!("HTTP/1.1 {status} ");
    assert!(answer.starts_with(&start), "not {status}: {answer:.300}");
}

#[test]
fn http_serves_files() {
    let server = Server::new("http-files");
    let answer = server.ask(get("/hello.txt"));
    assert_status(&answer, "200");
    assert!(answer.ends_with("\r\n\r\nHello!"), "{answer}");
    assert!(
        answer.contains("\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 6\r\n")
    );
    for path in ["/", "/?x=/../y", "//", "/./", "http://x", "http://x/?y"] {
        assert!(server.ask(get(path)).ends_with("\r\n\r\n<p>root"), "{path}");
    }
    assert!(server.ask(get("/a%20b/")).ends_with("\r\n\r\n<p>blank"));
    let moved = server.ask(get("//a%20b"));
    assert_status(&moved, "301");
    assert!(moved.contains("\r\nLocation: /a%20b/\r\n"), "{moved}");
    let out = [
        "/../secret",
        "/%2e%2e/secret",
        "/a%20b%2f..%2f..%2fsecret",
        "/..%2Fsecret",
    ];
    let none = [
        "/none",
        "/hello.txt/",
        "/hello.txt/x",
        "/%zz",
        "/%",
        "/%00",
        "/%ff",
    ];
    for path in out.iter().chain(&none) {
        let answer = server.ask(get(path));
        assert!(answer.starts_with("HTTP/1.1 40"), "{path}: {answer}");
        assert!(!answer.ends_with("secret"), "{path}: {answer}");
    }
    let head = server.ask(get("/big.bin").replace("GET", "HEAD"));
    assert!(head.contains("\r\nContent-Length: 1000003\r\n"), "{head}");
    assert!(head.ends_with("\r\n\r\n"));
    let mut stream = server.connect();
    stream.write_all(get("/big.bin").as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("all of it");
    assert!(answer.ends_with(&big()));
    let deleted = server.ask("DELETE /hello.txt HTTP/1.0\r\n\r\n");
    assert_status(&deleted, "405");
    assert!(deleted.contains("\r\nAllow: GET, HEAD\r\n"), "{deleted}");
    let status = server.ask(get("/api/status"));
    assert!(
        status.contains("\r\nContent-Type: application/json\r\n"),
        "{status}"
    );
    assert!(status.contains("{\"status\":\"ok\","), "{status}");
}

#[test]
fn http_follows_links_but_not_out() {
    let server = Server::new("http-links");
    let tree = &server.tree;
    tree.link(b"www/in.txt", "hello.txt");
    tree.link(b"www/blank", "a b");
    tree.link(b"www/out", "..");
    tree.link(b"www/out.txt", "../secret");
    tree.link(b"www/loop", "loop");
    let absolute = tree.root.join("secret");
    tree.link(b"www/absolute", absolute.to_str().expect("text"));
    tree.file(b"www2/secret", b"secret");
    tree.link(b"www/beside", "../www2/secret");
    tree.file(b"www/odd\xff ?#%", b"odd");
    assert!(server.ask(get("/in.txt")).ends_with("\r\n\r\nHello!"));
    assert!(server.ask(get("/blank/")).ends_with("\r\n\r\n<p>blank"));
    assert!(
        server
            .ask(get("/odd%fF%20%3f%23%25"))
            .ends_with("\r\n\r\nodd")
    );
    for path in [
        "/out.txt",
        "/out/secret",
        "/out/www/hello.txt/../../secret",
        "/absolute",
        "/beside",
    ] {
        let answer = server.ask(get(path));
        assert_status(&answer, "404");
        assert!(!answer.ends_with("secret"), "{path}: {answer}");
    }
    assert_status(&server.ask(get("/loop")), "404");
}

#[test]
fn http_keeps_nothing_of_clients_that_have_gone() {
    let server = Server::new("http-storm");
    let goroutines = server.count("goroutines");
    let idle: Vec<_> = (0..400).map(|_| server.connect()).collect();
    let ends = [
        "",
        "\r\n",
        "GET / HT",
        "GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "\0\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
    ];
    thread::scope(|scope| {
        for end in ends {
            let server = &server;
            scope.spawn(move || {
                for round in 0..60 {
                    let mut stream = server.connect();
                    let _ = stream.write_all(end.as_bytes());
                    if round % 2 == 0 {
                        let _ = stream.shutdown(Shutdown::Write);
                        rest_of(stream);
                    }
                }
            });
        }
    });
    assert!(server.count("connections") > 400);
    drop(idle);
    server.wait_for("connections", 1);
    server.wait_for("goroutines", goroutines);
}

#[test]
fn http_holds_nobody_up_for_who_does_not_read() {
    let server = Server::new("http-reader");
    let mut slow = server.connect();
    let one = "GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n";
    slow.write_all((one.repeat(30) + &get("/hello.txt")).as_bytes())
        .expect("the system takes it");
    for _ in 0..100 {
        assert!(server.ask(get("/hello.txt")).ends_with("Hello!"));
    }
    let answer = rest_of(slow);
    assert!(answer.len() > 30 * big().len());
    assert!(answer.ends_with(b"Hello!"));
}

#[test]
fn http_sends_again_only_what_has_changed() {
    let server = Server::new("http-changed");
    let first = server.ask(get("/hello.txt"));
    let field = |name: &str| {
        let line = first.lines().find_map(|line| line.strip_prefix(name));
        line.expect(name).to_string()
    };
    let (etag, date) = (field("ETag: "), field("Last-Modified: "));
    let ask = |field: String| {
        let request = format!("GET /hello.txt HTTP/1.0\r\n{field}\r\n\r\n");
        server.ask(request)
    };
    assert_status(&ask(format!("If-None-Match: \"x\", W/{etag}")), "304");
    assert_status(&ask("If-None-Match: *".into()), "304");
    assert_status(&ask("If-None-Match: \"x\"".into()), "200");
    assert_status(&ask(format!("If-Modified-Since: {date}")), "304");
    let cases = [
        ("Fri, 31 Dec 9999 23:59:59 GMT", "304"),
        ("Thu, 29 Feb 1996 00:00:00 GMT", "200"),
        ("Fri, 32 Dec 9999 23:59:59 GMT", "200"),
        ("Fri, 31 Dec 9999", "200"),
    ];
    for (date, status) in cases {
        assert_status(&ask(format!("If-Modified-Since: {date}")), status);
    }
    server.tree.file(b"www/hello.txt", b"Changed");
    let begun = Instant::now();
    while !server.ask(get("/hello.txt")).ends_with("\r\n\r\nChanged") {
        assert!(begun.elapsed() < PATIENCE, "the change is never seen");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn http_answers_pipelined_requests_in_their_order() {
    let server = Server::new("http-pipeline");
    let one = "GET /hello.txt HTTP/1.1\r\nHost: x\r\n\r\nHEAD / HTTP/1.1\r\nHost: x\r\n\r\n";
    let answer = server.ask(one.repeat(3000) + &get("/"));
    assert_eq!(answer.matches("HTTP/1.1 200 OK\r\n").count(), 6001);
    assert_eq!(answer.matches("\r\n\r\nHello!HTTP").count(), 3000);
    assert!(answer.ends_with("\r\n\r\n<p>root"));

    // The first is answered though the second is not complete.
    let mut stream = server.connect();
    let (whole, half) = (
        "GET /hello.txt HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r",
    );
    stream
        .write_all((whole.to_string() + half).as_bytes())
        .expect("sent");
    assert!(response(&mut stream, 6).ends_with("Hello!"));
    stream
        .write_all(b"\nHost: x\r\nConnection: close\r")
        .expect("sent");
    thread::sleep(Duration::from_millis(20));
    stream.write_all(b"\n\r").expect("sent");
    thread::sleep(Duration::from_millis(20));
    stream.write_all(b"\n").expect("sent");
    assert!(rest(stream).ends_with("<p>root"));
}

#[test]
fn http_cuts_who_is_slow() {
    let server = Server::new("http-slow");
    let slow = |before: &str| {
        let begun = Instant::now();
        let mut stream = server.connect();
        stream.write_all(before.as_bytes()).expect("sent");
        let mut reader = stream.try_clone().expect("a copy");
        let answer = thread::spawn(move || {
            let mut first = [0; 12];
            reader.read_exact(&mut first).expect("a status");
            (text(&first).to_string(), begun.elapsed())
        });
        while !answer.is_finished() && stream.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(250));
        }
        answer.join().expect("the reader is done")
    };
    let body = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n";
    thread::scope(|scope| {
        for before in ["GET / HTTP/1.1\r\nHost: x\r\n", body] {
            scope.spawn(move || {
                let (status, took) = slow(before);
                assert_eq!(status, "HTTP/1.1 408");
                assert!(took >= DUE, "cut after {took:?}");
            });
        }
    });
}

#[test]
fn http_says_continue_to_who_waits_for_it() {
    let server = Server::new("http-continue");
    let mut stream = server.connect();
    let head = "PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("sent");
    assert_status(&response(&mut stream, 0), "100");
    stream
        .write_all(format!("abc{}", get("/")).as_bytes())
        .expect("sent");
    let answer = rest(stream);
    assert_status(&answer, "405");
    assert!(answer.ends_with("<p>root"), "{answer}");
}

#[test]
fn http_stops_when_what_was_begun_is_done() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let server = Server::new(&format!("http-stop-{signal}"));
        let idle = server.connect();
        let mut used = server.connect();
        used.write_all(b"GET /hello.txt HTTP/1.1\r\nHost: x\r\n\r\n")
            .expect("sent");
        response(&mut used, 6);
        let mut begun = server.connect();
        begun
            .write_all(b"GET /hello.txt HTTP/1.1\r\nHo")
            .expect("sent");
        while !server
            .ask(get("/api/status"))
            .contains("\"connections\":4,")
        {
            thread::sleep(Duration::from_millis(2));
        }
        server.signal(signal);
        assert_eq!((rest(idle), rest(used)), (String::new(), String::new()));
        assert!(
            TcpStream::connect(&server.address).is_err(),
            "it still accepts"
        );
        begun.write_all(b"st: x\r\n\r\n").expect("sent");
        let answer = rest(begun);
        assert!(answer.ends_with("\r\n\r\nHello!"), "{answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
        assert_success(&server.end());
    }
}

#[test]
fn http_cuts_who_does_not_end_after_a_stop() {
    let server = Server::new("http-cut");
    let mut stuck = server.connect();
    stuck.write_all(b"GET / HTTP/1.1\r\n").expect("sent");
    while !server
        .ask(get("/api/status"))
        .contains("\"connections\":2,")
    {
        thread::sleep(Duration::from_millis(2));
    }
    let begun = Instant::now();
    server.signal(libc::SIGTERM);
    let output = server.end();
    assert_eq!(output.status.code(), Some(0));
    assert!(begun.elapsed() >= Duration::from_secs(5));
    assert_eq!(text(&output.stderr), "cut 1 that did not finish\n");
    assert_eq!(rest(stuck), "");
}

#[test]
fn http_names_what_it_cannot_use() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let taken = taken
        .local_addr()
        .map(|a| (a.to_string(), taken))
        .expect("open");
    let directory = env!("CARGO_MANIFEST_DIR");
    for address in [&*taken.0, "nowhere", "127.0.0.1:x"] {
        let output = run(example("http").args([address, directory]));
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            message.starts_with(&format!("http: cannot listen at {address}: ")),
            "{message}"
        );
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    let output = run(example("http").args(["127.0.0.1:0", "/no/such"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("http: cannot serve /no/such: "));
    let help = run(example("http").arg("--help"));
    assert_success(&help);
    assert!(text(&help.stdout).starts_with("usage: http HOST:PORT DIRECTORY\n"));
    assert_eq!(run(&mut example("http")).status.code(), Some(2));
}

#[test]
fn http_gets_along_with_curl_and_wrk() {
    let server = Server::new("http-clients");
    let client = |name: &str, arguments: &[&str]| match Command::new(name).args(arguments).output()
    {
        Ok(output) => Some(text(&output.stdout).to_string()),
        Err(error) => {
            eprintln!("not tried: {name}: {error}");
            None
        }
    };
    let url = format!("http://{}/hello.txt", server.address);
    let curl = |more: &[&str]| client("curl", &[&["-s", "--max-time", "60", &url], more].concat());
    if let Some(output) = curl(&[&url]) {
        assert_eq!(output, "Hello!Hello!");
        let curl = |more: &[&str]| curl(more).expect("it is there");
        assert!(curl(&["-I"]).contains("\r\nContent-Length: 6\r\n"));
        assert_eq!(curl(&["--range", "1-2"]), "Hello!");
        // Uploads: with `Expect: 100-continue` and a length, and in chunks of unknown length.
        let big = server.tree.root.join("www/big.bin");
        let big = big.to_str().expect("text");
        let upload = |more: &[&str]| curl(&[&["-w", "%{http_code}", "-T", big], more].concat());
        let refused = "405 Method Not Allowed\n405";
        assert_eq!(upload(&["-H", "Expect: 100-continue"]), refused);
        assert_eq!(upload(&["-H", "Transfer-Encoding: chunked"]), refused);
        let date = ["-o", "/dev/null", "-w", "%{http_code}", "-z", "31 Dec 2099"];
        assert_eq!(curl(&date), "304");
    }
    if let Some(output) = client("wrk", &["-t2", "-c50", "-d1s", "--timeout", "60s", &url]) {
        assert!(output.contains("Requests/sec:"), "{output}");
        assert!(
            !output.contains("Non-2xx") && !output.contains("Socket errors"),
            "{output}"
        );
    }
    server.wait_for("connections", 1);
}
