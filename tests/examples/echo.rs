//! `echo`: what it sends back, whatever the clients do, and how it ends.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};
use std::{fs, thread};

use super::server::{Server, ask};
use super::support::{PATIENCE, assert_success, example, run, start, text};

const ANY: &str = "127.0.0.1:0";

#[test]
fn echo_sends_back_what_it_gets_until_the_end() {
    let server = Server::start("echo", ANY);
    let mut client = server.connect();
    for byte in 0..=255 {
        assert_eq!(ask(&client, &[byte]), [byte]);
    }
    let mut writer = client.try_clone().expect("a clone");
    let large: Vec<u8> = (0..4_000_000_u32)
        .map(|n| (n.wrapping_mul(n) >> 7) as u8)
        .collect();
    let sent = large.clone();
    let writing = thread::spawn(move || {
        writer.write_all(&sent).expect("the server reads");
        writer.shutdown(Shutdown::Write).expect("it is open");
    });
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).expect("the server answers");
    writing.join().expect("all is written");
    assert!(answer == large);
    server.stop();
}

#[test]
fn echo_serves_a_path_and_removes_it() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("echo-{}", std::process::id()));
    let address = format!("unix:{}", path.display());
    let server = Server::start("echo", &address);
    assert_eq!(server.address, address);
    let mut client = UnixStream::connect(&path).expect("the server accepts");
    client.write_all(b"hello").expect("the server reads");
    let mut answer = [0; 5];
    client.read_exact(&mut answer).expect("the server answers");
    assert_eq!(&answer, b"hello");

    let output = run(example("echo").arg(&address));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains(&address));
    server.stop();
    assert!(!path.exists());
}

#[test]
fn echo_takes_the_place_of_one_that_was_killed_and_of_nothing_else() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("stale-{}", std::process::id()));
    let address = format!("unix:{}", path.display());
    drop(Server::start("echo", &address)); // kills it
    assert!(path.exists());
    let server = Server::start("echo", &address);

    // Somebody else's socket has come in its place, and is not ours to remove.
    fs::remove_file(&path).expect("it is there");
    let other = UnixListener::bind(&path).expect("the path is free");
    server.stop();
    let client = UnixStream::connect(&path).expect("it is there");
    let (accepted, _) = other.accept().expect("the client");
    drop((client, accepted, other));

    // What is no socket stays, too.
    fs::remove_file(&path).expect("it is there");
    fs::write(&path, "mine").expect("a file can be written");
    let output = run(example("echo").arg(&address));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(fs::read(&path).expect("it is there"), b"mine");
    fs::remove_file(&path).expect("it is there");
}

#[test]
fn echoes_that_start_at_once_at_a_stale_path_leave_one() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("race-{}", std::process::id()));
    let address = format!("unix:{}", path.display());
    for _ in 0..20 {
        drop(UnixListener::bind(&path).expect("the path is free"));
        let mut children: Vec<_> = (0..4)
            .map(|_| start(example("echo").arg(&address)))
            .collect();
        // The losers end by themselves, and the one that stays is alive at the path.
        let lost = |child: &mut Child| child.try_wait().expect("a child").is_some();
        let deadline = Instant::now() + PATIENCE;
        while children.len() > 1 {
            children.retain_mut(|child| !lost(child));
            assert!(Instant::now() < deadline, "{} are left", children.len());
            thread::sleep(Duration::from_millis(1));
        }
        let mut winner = children.pop().expect("one has the path");
        UnixStream::connect(&path).expect("it accepts");
        winner.kill().expect("it runs");
        winner.wait().expect("it ends");
        fs::remove_file(&path).expect("it was left");
    }
}

#[test]
fn echo_names_an_address_it_cannot_have() {
    for address in [
        "localhost",
        "localhost:no",
        "unix:/none/such",
        "203.0.113.1:1",
    ] {
        let output = run(example("echo").arg(address));
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        let start = format!("echo: cannot listen at {address}: ");
        assert!(stderr.starts_with(&start), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

#[test]
fn servers_name_a_taken_port_and_show_their_usage() {
    let taken = TcpListener::bind(ANY).expect("a port");
    let address = taken.local_addr().expect("it is bound").to_string();
    for name in ["echo", "chat"] {
        let output = run(example(name).arg(&address));
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        let start = format!("{name}: cannot listen at {address}: Address already in use");
        assert!(stderr.starts_with(&start), "{stderr}");

        let help = run(example(name).arg("--help"));
        assert_success(&help);
        assert!(text(&help.stdout).starts_with(&format!("usage: {name} ")));
        let output = run(&mut example(name));
        assert_eq!(output.status.code(), Some(2));
        let start = format!("{name}: wrong number of arguments\nusage: {name} ");
        assert!(text(&output.stderr).starts_with(&start));
    }
}

#[test]
fn echo_finishes_what_is_under_way_when_stopped() {
    let server = Server::start("echo", ANY);
    let (mut idle, mut busy) = (server.connect(), server.connect());
    assert_eq!(ask(&idle, b"a"), b"a");
    assert_eq!(ask(&busy, b"b"), b"b");
    // More than the buffers hold: the server is blocked in a write when the signal comes.
    let sent = vec![7; 20_000_000];
    let mut writer = busy.try_clone().expect("a clone");
    let expected = sent.len();
    let writing = thread::spawn(move || {
        writer.write_all(&sent).expect("the server reads");
    });
    busy.read_exact(&mut [0; 1000]).expect("the server answers");
    server.signal(libc::SIGINT);
    assert_eq!(idle.read(&mut [0; 1]).expect("an end"), 0);
    let mut answer = Vec::new();
    busy.read_to_end(&mut answer).expect("the server answers");
    writing.join().expect("all is written");
    assert_eq!(answer.len() + 1000, expected);
    server.finish();
}

#[test]
fn echo_cuts_who_does_not_read_when_stopped() {
    let server = Server::start("echo", ANY);
    let client = server.connect();
    let mut writer = client.try_clone().expect("a clone");
    let writing = thread::spawn(move || writer.write_all(&vec![7; 50_000_000]));
    client.peek(&mut [0; 1]).expect("the server answers");
    server.signal(libc::SIGTERM);
    let output = server.output();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "cut 1 that did not finish\n");
    assert!(writing.join().expect("it does not panic").is_err());
}

#[test]
fn echo_leaks_no_descriptor_in_a_storm() {
    let mut server = Server::start("echo", ANY);
    let nobody = server.counts();
    // All descriptors that stay are made for the first client; one more is its own.
    let present = server.connect();
    assert_eq!(ask(&present, b"present"), b"present");
    let before = server.descriptor_count() - 1;
    assert_eq!(server.counts(), (nobody.0 + 1, nobody.1 + 1));
    drop(present);
    let storm = |count: usize| {
        for n in 0..count {
            let mut client = server.connect();
            match n % 3 {
                0 => drop(client),
                1 => client.write_all(&[0; 100]).expect("it is open"),
                _ => assert_eq!(ask(&client, b"x"), b"x"),
            }
        }
    };
    thread::scope(|s| (0..4).for_each(|_| drop(s.spawn(|| storm(250)))));
    server.wait_for_descriptors(before);
    server.wait_for_counts(nobody);
    server.stop();
}
