//! A server of examples as a process of a test's own, and a client that speaks RESP2.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output};

use super::support::{PATIENCE, example, finish, start};

/// `kv` at a port of its own; killed if the test fails before `stop`.
pub struct Server {
    child: Option<Child>,
    pub address: String,
}

impl Server {
    pub fn start() -> Server {
        let mut child = start(example("kv").arg("127.0.0.1:0"));
        let mut line = String::new();
        // Byte by byte: a buffer would take what comes later from `finish`.
        let stdout = child.stdout.as_mut().expect("a pipe");
        let mut byte = [0];
        while !line.ends_with('\n') && stdout.read(&mut byte).expect("a pipe") == 1 {
            line.push(char::from(byte[0]));
        }
        let address = line.trim_end().strip_prefix("listening at ");
        Server {
            address: address.unwrap_or_else(|| panic!("{line:?}")).to_string(),
            child: Some(child),
        }
    }

    pub fn port(&self) -> &str {
        self.address.rsplit_once(':').expect("HOST:PORT").1
    }

    pub fn connect(&self) -> Client {
        Client {
            reader: BufReader::new(self.stream()),
        }
    }

    /// The same for who speaks for himself.
    pub fn stream(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("the server accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
        stream
    }

    /// The file descriptors it has open.
    pub fn descriptor_count(&self) -> usize {
        let id = self.child.as_ref().expect("it runs").id();
        let listing = std::fs::read_dir(format!("/proc/{id}/fd"));
        listing.expect("proc tells of it").count()
    }

    /// The memory it uses.
    pub fn resident_bytes(&self) -> usize {
        let id = self.child.as_ref().expect("it runs").id();
        let status =
            std::fs::read_to_string(format!("/proc/{id}/status")).expect("proc tells of it");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number
            .and_then(|n| n.parse::<usize>().ok())
            .expect("a size")
            << 10
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.as_ref().expect("it runs").id();
        let status = Command::new("kill").args([name, &id.to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Waits for its end.
    pub fn finish(mut self) -> Output {
        finish(self.child.take().expect("it runs"), "kv")
    }

    /// Stops it in good order.
    pub fn stop(self) {
        self.signal("-TERM");
        super::support::assert_success(&self.finish());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let stream = self.reader.get_mut();
        stream.write_all(bytes.as_ref()).expect("the server reads");
    }

    /// Ends this side only.
    pub fn end_input(&mut self) {
        let stream = self.reader.get_ref();
        stream
            .shutdown(std::net::Shutdown::Write)
            .expect("a socket");
    }

    /// Sends a command as an array, and gives the reply as `redis-cli --no-raw` might print it, on one line.
    pub fn ask<const N: usize>(&mut self, words: [&str; N]) -> String {
        self.send(request(&words));
        self.reply()
    }

    /// Pings; false once the server has ended its side.
    pub fn is_answered(&mut self) -> bool {
        self.send("PING\r\n");
        let mut line = String::new();
        let count = self.reader.read_line(&mut line);
        let is_answered = count.expect("the server ends in order") > 0;
        assert!(!is_answered || line == "+PONG\r\n", "{line:?}");
        is_answered
    }

    /// Sends a command as one would type it.
    pub fn type_in(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n"));
        self.reply()
    }

    pub fn reply(&mut self) -> String {
        let mut line = Vec::new();
        let read = self.reader.read_until(b'\n', &mut line);
        read.expect("a reply comes");
        let line = String::from_utf8(line).expect("text");
        let line = line.strip_suffix("\r\n").expect("a whole line");
        let (kind, rest) = line.split_at(1);
        match kind {
            "+" => rest.to_string(),
            "-" => line.to_string(),
            ":" => format!("({rest})"),
            "$" if rest == "-1" => "nil".to_string(),
            "$" => {
                let mut bytes = vec![0; rest.parse::<usize>().expect("a length") + 2];
                self.reader
                    .read_exact(&mut bytes)
                    .expect("the string comes");
                assert!(bytes.ends_with(b"\r\n"));
                bytes.truncate(bytes.len() - 2);
                format!("{:?}", String::from_utf8(bytes).expect("text"))
            }
            "*" => {
                let count = rest.parse().expect("a length");
                let items: Vec<_> = (0..count).map(|_| self.reply()).collect();
                format!("[{}]", items.join(" "))
            }
            other => panic!("no reply begins with {other}"),
        }
    }

    /// All that comes until the server ends its side.
    pub fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        self.reader
            .read_to_end(&mut bytes)
            .expect("the server ends in order");
        String::from_utf8(bytes).expect("text")
    }
}

/// A command as clients send it.
pub fn request(words: &[&str]) -> String {
    let strings = words
        .iter()
        .map(|word| format!("${}\r\n{word}\r\n", word.len()));
    format!("*{}\r\n{}", words.len(), strings.collect::<String>())
}
