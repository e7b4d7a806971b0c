//! `tls_echo`: what `openssl s_client` gets from it, and what becomes of those who do not speak TLS.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::process::{Child, Stdio};

use super::server::Server;
use super::support::{Tree, assert_success, example, finish, run, text};
use super::tool::tool;

const ANY: &str = "127.0.0.1:0";

/// Talks through `openssl s_client`, whose options come last.
fn s_client(server: &Server, options: &[&str]) -> Option<Child> {
    let mut client = tool("openssl", "version")?;
    client.args([
        "s_client",
        "-quiet",
        "-no_ign_eof",
        "-connect",
        &server.address,
    ]);
    client.args(options).stdin(Stdio::piped());
    client.stdout(Stdio::piped()).stderr(Stdio::piped());
    Some(client.spawn().expect("openssl starts"))
}

/// Says a line, and gets it back.
fn ask(client: &mut Child, line: &str) {
    let stdin = client.stdin.as_mut().expect("it is a pipe");
    stdin.write_all(line.as_bytes()).expect("it reads");
    let stdout = client.stdout.as_mut().expect("it is a pipe");
    let mut answer = vec![0; line.len()];
    stdout.read_exact(&mut answer).expect("an answer");
    assert!(answer == line.as_bytes(), "{:?}", text(&answer));
}

#[test]
fn tls_echo_sends_back_what_openssl_sends() {
    let mut server = Server::start("tls_echo", ANY);
    let nobody = server.counts();
    for version in ["-tls1_3", "-tls1_2"] {
        let Some(mut client) = s_client(&server, &[version]) else {
            return;
        };
        ask(&mut client, "hello\n");
        // Many records, and more than the buffers hold of one.
        let mut stdin = client.stdin.take().expect("it is a pipe");
        let large: String = (0..100_000).map(|n| format!("line {n}\n")).collect();
        let sent = large.clone();
        let writing = std::thread::spawn(move || {
            stdin.write_all(sent.as_bytes()).expect("it reads");
            stdin
        });
        let mut answer = vec![0; large.len()];
        let stdout = client.stdout.as_mut().expect("it is a pipe");
        stdout.read_exact(&mut answer).expect("all of it");
        assert!(answer == large.as_bytes());
        drop(writing.join().expect("all is written")); // its end
        assert!(finish(client, "openssl").status.success());
    }
    server.wait_for_counts(nobody);
    server.stop();
}

#[test]
fn tls_echo_shows_the_certificate_it_is_given() {
    let tree = Tree::new("tls");
    let Some(mut openssl) = tool("openssl", "version") else {
        return;
    };
    openssl.args(["req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt"]);
    openssl.args(["ec_paramgen_curve:P-256", "-days", "2", "-subj", "/CN=test"]);
    openssl.args([
        "-addext",
        "subjectAltName=DNS:example.test",
        "-keyout",
        "key.pem",
    ]);
    openssl.args(["-out", "cert.pem"]).current_dir(&tree.root);
    assert!(run(&mut openssl).status.success());

    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| tree.root.join(name));
    let server = Server::start_with(example("tls_echo").arg(ANY).args([&certificate, &key]));
    let trusted = certificate.to_str().expect("text");
    // The client believes nobody but that certificate, and asks for its name.
    let name = "example.test";
    let options = [
        "-CAfile",
        trusted,
        "-verify_return_error",
        "-verify_hostname",
        name,
    ];
    let mut client = s_client(&server, &options).expect("it was here before");
    ask(&mut client, "trust\n");
    drop(client.stdin.take());
    assert!(finish(client, "openssl").status.success());
    // And so not the one that is made for localhost.
    let other = Server::start("tls_echo", ANY);
    let client = s_client(&other, &options).expect("it was here before");
    assert!(!finish(client, "openssl").status.success());
    other.stop();
    server.stop();

    // What cannot be used is named.
    fs::write(tree.root.join("none.pem"), "nothing").expect("a file can be written");
    let (missing, no_certificate, no_key) = (
        "cannot read missing.pem: ",
        "there is no certificate in none.pem: a PEM file is wanted",
        "there is no private key in none.pem: a PEM file is wanted",
    );
    for (first, second, complaint) in [
        ("missing.pem", "key.pem", missing),
        ("cert.pem", "missing.pem", missing),
        ("none.pem", "key.pem", no_certificate),
        ("cert.pem", "none.pem", no_key),
    ] {
        let output = run(example("tls_echo")
            .args([ANY, first, second])
            .current_dir(&tree.root));
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        let start = format!("tls_echo: {complaint}");
        assert!(stderr.starts_with(&start), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

#[test]
fn tls_echo_ends_in_good_order() {
    let server = Server::start("tls_echo", ANY);
    let silent = server.connect();
    let Some(mut client) = s_client(&server, &[]) else {
        return;
    };
    ask(&mut client, "hello\n");
    server.signal(libc::SIGTERM);
    // `s_client` takes an end without a close_notify for an error.
    let output = finish(client, "openssl");
    let stderr = text(&output.stderr);
    assert!(
        output.status.success() && !stderr.contains("unexpected eof"),
        "{stderr}"
    );
    server.finish();
    drop(silent);
}

#[test]
fn tls_echo_survives_those_who_do_not_speak_tls() {
    let mut server = Server::start("tls_echo", ANY);
    let nobody = server.counts();
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0xff; 100_000],
        hello,
        b"\x16",
        b"",
    ] {
        let mut client = server.connect();
        let _ = client.write_all(garbage); // it need not read all of it
        let _ = client.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let _ = client.read_to_end(&mut answer);
        // An alert, if there was enough to be wrong.
        let is_alert = answer.first().is_none_or(|kind| *kind == 0x15);
        assert!(is_alert, "{answer:?}");
    }
    server.wait_for_counts(nobody);
    server.stop();
}

#[test]
fn tls_echo_shows_its_usage_and_names_a_taken_port() {
    let server = Server::start("tls_echo", ANY);
    let output = run(example("tls_echo").arg(&server.address));
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let start_of = format!("tls_echo: cannot listen at {}: Addr", server.address);
    assert!(stderr.starts_with(&start_of), "{stderr}");
    server.stop();
    let help = run(example("tls_echo").arg("--help"));
    assert_success(&help);
    let output = run(example("tls_echo").args([ANY, "cert.pem"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).starts_with("tls_echo: wrong number of arguments\nusage: tls_echo ")
    );
}
