//! `http`: what it makes of bytes that are nearly HTTP, or mean one thing to us and another to somebody else.

use std::io::Write;
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use super::http::{Server, assert_status, get, rest};

#[test]
fn http_never_reads_a_body_as_a_request() {
    let server = Server::new("http-smuggling");
    let inner = get("/hello.txt");
    let post = |fields: &str| format!("POST / HTTP/1.1\r\nHost: x\r\n{fields}\r\n{inner}");
    let refused = [
        ("Content-Length: 5\r\nContent-Length: 6\r\n", "400"),
        ("Content-Length: +5\r\n", "400"),
        ("Content-Length: 5, 5\r\n", "400"),
        ("Content-Length: -1\r\n", "400"),
        ("Content-Length: 0x5\r\n", "400"),
        ("Content-Length:\r\n", "400"),
        ("Content-Length : 5\r\n", "400"),
        ("Content-Length: 99999999999999999999999999\r\n", "413"),
        ("Content-Length: 1048577\r\n", "413"),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "400"),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "501",
        ),
        ("Transfer-Encoding: xchunked\r\n", "501"),
        ("Content-Length: 5 5\r\n", "400"),
        ("Content-Length: 5\rx: y\r\n", "400"),
        ("Content-Length: 5\0\r\n", "400"),
        ("Content-Length\t: 5\r\n", "400"),
        ("Content-Length: \u{b}5\r\n", "400"),
        ("Transfer-Encoding : chunked\r\n", "400"),
        ("Transfer-Encoding: gzip, chunked\r\n", "501"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "400"),
        (
            "Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
            "400",
        ),
        ("Transfer-Encoding:\r\n chunked\r\n", "400"),
        ("Transfer-Encoding: \u{b}chunked\r\n", "400"),
        ("Host: y\r\n", "400"),
        ("Host: x\r\n", "400"),
        (" folded: x\r\n", "400"),
        ("x: y\r\n folded\r\n", "400"),
        ("x y: z\r\n", "400"),
        (": y\r\n", "400"),
        ("x\r\n", "400"),
        ("x: y\rz\r\n", "400"),
        ("x: y\0\r\n", "400"),
    ];
    for (fields, status) in refused {
        let answer = server.ask(post(fields));
        assert_status(&answer, status);
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{fields}: {answer}");
    }
    let old = server.ask("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert_status(&old, "400");
    let length = inner.len();
    for name in ["Content-Length", "content-length"] {
        let fields = format!("{name}: {length}\r\nContent-Length: 0{length}\r\n");
        let answer = server.ask(post(&fields) + &get("/"));
        assert_status(&answer, "405");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 2, "{answer}");
        assert!(answer.ends_with("<p>root"), "{answer}");
    }
    let body = "GET / HTTP/1.1\r\n".repeat(65_536);
    let full = format!(
        "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let answer = server.ask(full + &body + &get("/hello.txt"));
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 2, "{answer}");
    assert!(answer.ends_with("Hello!"), "{answer}");
}

#[test]
fn http_finds_the_end_of_a_body_in_chunks() {
    let server = Server::new("http-chunks");
    let post = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n";
    let full = "x".repeat(1024 * 1024);
    let bodies = [
        "0\r\n\r\n",
        "5\r\nGET /\r\n0\r\n\r\n",
        "1\r\nG\r\n2\r\nET\r\n0\r\n\r\n",
        "00a;a=b;c=\"d\"\r\n0\r\n\r\n0\r\n\r\n\r\n000\r\nx: y\r\nContent-Length: 7\r\n\r\n",
        &format!("100000\r\n{full}\r\n0\r\n\r\n"),
    ];
    for body in bodies {
        let answer = server.ask(post.to_string() + body + &get("/hello.txt"));
        assert_status(&answer, "405");
        assert_eq!(
            answer.matches("HTTP/1.1 ").count(),
            2,
            "{body:.99}: {answer}"
        );
        assert!(answer.ends_with("\r\n\r\nHello!"), "{body:.99}: {answer}");
    }
    // A client that sends it byte by byte.
    let mut stream = server.connect();
    for byte in (post.to_string() + bodies[3] + &get("/")).bytes() {
        stream.write_all(&[byte]).expect("sent");
        thread::sleep(Duration::from_micros(100));
    }
    assert!(rest(stream).ends_with("\r\n\r\n<p>root"));

    let longest = "0".repeat(255);
    let refused = [
        ("\r\n\r\n", "400"),
        ("5\nGET /\r\n0\r\n\r\n", "400"),
        ("5\r\nGET /\n0\r\n\r\n", "400"),
        ("5\r\nGET / \r\n0\r\n\r\n", "400"),
        ("5\r\nGET\r\n0\r\n\r\n", "400"),
        ("0x5\r\nGET /\r\n0\r\n\r\n", "400"),
        ("+5\r\nGET /\r\n0\r\n\r\n", "400"),
        ("-5\r\nGET /\r\n0\r\n\r\n", "400"),
        (" 5\r\nGET /\r\n0\r\n\r\n", "400"),
        (";a\r\n0\r\n\r\n", "400"),
        ("5;a\rb\r\nGET /\r\n0\r\n\r\n", "400"),
        ("5;a\nb\r\nGET /\r\n0\r\n\r\n", "400"),
        ("0\r\nx: y\n\r\n", "400"),
        ("0\r\n\n", "400"),
        ("0\r\n\rx", "400"),
        (&format!("{longest}05\r\nGET /\r\n0\r\n\r\n"), "400"),
        ("100001\r\n", "413"),
        ("fffffffffffffffff\r\n", "413"),
        (&format!("100000\r\n{full}\r\n1\r\n"), "413"),
        (&format!("0\r\nx: {full}"), "431"),
    ];
    for (body, status) in refused {
        let answer = server.ask(post.to_string() + body + &get("/hello.txt"));
        assert_status(&answer, status);
        assert_eq!(
            answer.matches("HTTP/1.1 ").count(),
            1,
            "{body:.99}: {answer}"
        );
    }
}

#[test]
fn http_refuses_garbage_and_heads_without_end() {
    let server = Server::new("http-garbage");
    let garbage: [(&[u8], &str); 17] = [
        (b"GET / HTTP/1.1\r\nHost: x y\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\r\nHost: x, y\r\n\r\n", "400"),
        (b"GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n", "400"),
        (b"GET /\r/ HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        (b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        (b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        (b"GET / a HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        (b"GET http:// HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        (b"GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400"),
        (b"\0\0\0\0\r\n\r\n", "400"),
        (b"GET\r\n\r\n", "400"),
        (b"GET x HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\r\n\r\n", "400"),
        (b"GET / HTTP/3.0\r\nHost: x\r\n\r\n", "505"),
    ];
    for (bytes, status) in garbage {
        assert_status(&server.ask(bytes), status);
    }
    let start = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nx: ";
    let of_size = |size: usize| format!("{start:x<0$}\r\n\r\n", size - 4);
    assert_status(&server.ask(of_size(64 * 1024)), "200");
    assert_status(&server.ask(of_size(64 * 1024 + 1)), "431");
    assert_status(&server.ask(format!("GET /{}", "x".repeat(70_000))), "431");
    let with_fields = |count: usize| {
        let others = "x: y\r\n".repeat(count - 2);
        format!("GET / HTTP/1.1\r\nHost: x\r\n{others}Connection: close\r\n\r\n")
    };
    for count in [2, 15, 16, 17, 99, 100] {
        assert_status(&server.ask(with_fields(count)), "200");
    }
    assert_status(&server.ask(with_fields(101)), "431");
    for half in ["", "GET / HT", "\r\n\r\n"] {
        let mut stream = server.connect();
        stream.write_all(half.as_bytes()).expect("sent");
        stream.shutdown(Shutdown::Write).expect("open");
        assert_eq!(rest(stream), "", "{half}");
    }
    assert_status(&server.ask(get("/")), "200");
}
