//! Streams in memory, other descriptors, and copying between all of them.

use std::fs::File;
use std::io::{BufReader, Cursor, ErrorKind, IoSlice, Read, Seek, SeekFrom, Write};
use std::net::Shutdown;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sudog::io::{Pollable, copy};
use sudog::net::{TcpStream, UnixStream, pipe};

use crate::net_support::*;
use crate::support::settle;

#[test]
fn a_pipe_carries_bytes_both_ways_and_holds_64_kib() {
    with_both_sides(|other| {
        let (mut a, mut b) = pipe();
        let echo = other.spawn(move || {
            let mut buffer = [0; 1000];
            loop {
                match b.read(&mut buffer).unwrap() {
                    0 => return,
                    n => b.write_all(&buffer[..n]).unwrap(),
                }
            }
        });
        let mut reader = a.clone();
        let received = other.spawn(move || {
            let mut bytes = vec![0; 500_000];
            reader.read_exact(&mut bytes).unwrap();
            bytes
        });
        let sent: Vec<u8> = (0..500_000_u32).map(|n| (n % 251) as u8).collect();
        a.write_all(&sent).unwrap();
        assert!(received.join() == sent);
        a.close().unwrap();
        echo.join();

        let (mut a, _b) = pipe();
        assert_eq!(a.write(&vec![1; 100_000]).unwrap(), 65_536);
        a.set_write_timeout(Some(Duration::from_millis(1))).unwrap();
        assert_timed_out(a.write(b"x"));
    });
}

#[test]
fn a_pipe_whose_other_end_has_gone_gives_what_was_written_and_takes_no_more() {
    on_both_sides(|| {
        let (mut a, mut b) = pipe();
        let buffers = [IoSlice::new(b"la"), IoSlice::new(b"st")];
        assert_eq!(a.write_vectored(&buffers).unwrap(), 4);
        drop(a);
        let mut text = String::new();
        b.read_to_string(&mut text).unwrap();
        assert_eq!(text, "last");
        assert_eq!(b.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(b.read(&mut []).unwrap(), 0);
    });
}

#[test]
fn deadlines_and_close_hold_for_pipes_too() {
    with_both_sides(|other| {
        let (mut a, mut b) = pipe();
        let soon = Instant::now() + Duration::from_millis(3);
        a.set_read_deadline(Some(soon)).unwrap();
        assert_timed_out(a.read(&mut [0; 8]));
        assert!(Instant::now() >= soon);
        b.write_all(b"x").unwrap();
        assert_timed_out(a.read(&mut [0; 8]));
        a.set_deadline(None).unwrap();
        assert_eq!(a.read(&mut [0; 8]).unwrap(), 1);
        let blocked: Vec<_> = (0..3)
            .map(|_| {
                let mut a = a.clone();
                other.spawn(move || a.read(&mut [0; 8]))
            })
            .collect();
        let peer = other.spawn(move || b.read(&mut [0; 8]));
        settle();
        a.close().unwrap();
        blocked
            .into_iter()
            .for_each(|read| assert_closed(read.join()));
        assert_eq!(peer.join().unwrap(), 0);
        assert_closed(a.close());
        assert_closed(a.write(b"x"));
        assert_closed(a.set_deadline(None));
    });
}

#[test]
fn a_pipe_of_the_system_parks_its_reader_and_its_writer() {
    with_both_sides(|other| {
        let (reader, writer) = std::io::pipe().unwrap();
        let (reader, writer) = (
            Pollable::new(reader).unwrap(),
            Pollable::new(writer).unwrap(),
        );
        let sent: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
        let bytes = sent.clone();
        let writing = other.spawn(move || (&writer).write_all(&bytes).unwrap());
        let mut received = Vec::new();
        (&reader).read_to_end(&mut received).unwrap();
        assert!(received == sent);
        writing.join();
    });
}

#[test]
fn deadlines_and_close_hold_for_other_descriptors_too() {
    with_both_sides(|other| {
        let (reader, writer) = std::io::pipe().unwrap();
        let reader = std::sync::Arc::new(Pollable::new(reader).unwrap());
        reader
            .set_deadline(Some(Instant::now() + Duration::from_millis(2)))
            .unwrap();
        assert_timed_out((&*reader).read(&mut [0; 8]));
        reader.set_deadline(None).unwrap();
        let same = reader.clone();
        let read = other.spawn(move || (&*same).read(&mut [0; 8]));
        settle();
        reader.close().unwrap();
        assert_closed(read.join());
        assert_closed((&*reader).read(&mut [0; 8]));
        drop(writer);
    });
}

#[test]
fn what_cannot_be_waited_for_is_refused() {
    on_both_sides(|| {
        let file = File::open(std::env::current_exe().unwrap()).unwrap();
        let error = Pollable::new(file).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EPERM));
    });
}

#[test]
fn a_descriptor_comes_back_in_the_mode_it_was_in() {
    on_both_sides(|| {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let reader = Pollable::new(reader).unwrap();
        writer.write_all(b"x").unwrap();
        (&reader).read_exact(&mut [0]).unwrap();
        let mut reader = reader.into_inner();
        let late = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(5));
            writer.write_all(b"y").unwrap();
        });
        sudog::blocking(|| reader.read_exact(&mut [0]).unwrap());
        late.join().unwrap();
    });
}

#[test]
fn the_output_of_a_child_is_read() {
    on_both_sides(|| {
        let mut cat = Command::new("cat");
        let mut child = cat
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = Pollable::new(child.stdin.take().unwrap()).unwrap();
        let mut stdout = Pollable::new(child.stdout.take().unwrap()).unwrap();
        stdin.write_all(b"through a cat").unwrap();
        drop(stdin);
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through a cat");
        assert!(sudog::blocking(|| child.wait()).unwrap().success());
    });
}

/// Bytes by which a lost or a moved one shows.
fn bytes(count: u32) -> Vec<u8> {
    (0..count)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

/// Reads everything that comes.
fn collect(side: Side, mut from: impl Read + Send + 'static) -> Task<Vec<u8>> {
    side.spawn(move || {
        let mut all = Vec::new();
        from.read_to_end(&mut all).unwrap();
        all
    })
}

#[test]
fn copy_moves_everything_from_socket_to_socket() {
    with_both_sides(|other| {
        let sent = bytes(3_000_000);
        let (mut source, from) = pair();
        let (to, sink) = UnixStream::pair().unwrap();
        let all = sent.clone();
        let writing = other.spawn(move || {
            source.write_all(&all).unwrap();
            drop(source);
        });
        let received = collect(other, sink);
        assert_eq!(copy(&mut &from, &mut &to).unwrap(), sent.len() as u64);
        drop(to);
        assert!(received.join() == sent);
        writing.join();
    });
}

#[test]
fn copy_moves_a_file_to_a_socket_from_where_it_stands() {
    with_both_sides(|other| {
        let path = std::env::temp_dir().join(format!("sudog-copy-{}", std::process::id()));
        let mut options = File::options();
        options.create(true).truncate(true).read(true).write(true);
        let mut file = options.open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let all = bytes(2_000_000);
        file.write_all(&all).unwrap();
        file.seek(SeekFrom::Start(1_000)).unwrap();
        let (mut client, server) = pair();
        let received = collect(other, server);
        assert_eq!(copy(&mut file, &mut client).unwrap(), 1_999_000);
        assert_eq!(file.stream_position().unwrap(), 2_000_000);
        client.shutdown(Shutdown::Write).unwrap();
        assert!(received.join() == all[1_000..]);
    });
}

#[test]
fn copy_takes_any_reader_and_any_writer() {
    on_both_sides(|| {
        let all = bytes(200_000);
        let mut out = Vec::new();
        assert_eq!(copy(&mut &all[..], &mut out).unwrap(), 200_000);
        assert!(out == all);

        // A file that says it is empty and is not.
        let mut status = File::open("/proc/self/status").unwrap();
        let (mut client, mut server) = UnixStream::pair().unwrap();
        assert!(copy(&mut status, &mut client).unwrap() > 100);
        drop(client);
        let mut text = String::new();
        server.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("Name:"), "{text}");

        // Behind a trait object, and behind a buffer that holds some of it already.
        let (mut client, server) = pair();
        client.write_all(b"line\nrest").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut server = BufReader::new(server);
        let mut line = String::new();
        std::io::BufRead::read_line(&mut server, &mut line).unwrap();
        let reader: &mut dyn Read = &mut server;
        let mut out = Cursor::new(Vec::new());
        let writer: &mut dyn Write = &mut out;
        assert_eq!(copy(reader, writer).unwrap(), 4);
        assert_eq!(out.into_inner(), b"rest");
    });
}

#[test]
fn copy_stops_at_deadlines_and_at_close() {
    with_both_sides(|other| {
        let (_source, from) = pair();
        let (mut to, _sink) = pair();
        from.set_read_deadline(Some(Instant::now() + Duration::from_millis(5)))
            .unwrap();
        assert_timed_out(copy(&mut &from, &mut to));
        from.set_read_deadline(None).unwrap();
        let reader: TcpStream = from.clone();
        let copying = other.spawn(move || copy(&mut &reader, &mut to));
        settle();
        from.close().unwrap();
        assert_closed(copying.join());
    });
}
