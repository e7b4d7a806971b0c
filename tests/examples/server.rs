//! What all servers are tested with: a process that listens, its address, and its end.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::support::{PATIENCE, assert_success, example, finish, start, text};

/// A server, killed at its end if the test has failed before it was stopped.
pub struct Server {
    child: Option<Child>,
    pub address: String,
    stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Starts an example, and waits until it listens.
    pub fn start(name: &str, address: &str) -> Server {
        Server::start_with(example(name).arg(address))
    }

    pub fn start_with(command: &mut Command) -> Server {
        let mut child = start(command);
        let mut stdout = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let line = read_line(&mut stdout);
        let Some(address) = line.strip_prefix("listening at ") else {
            let output = finish(child, "the server");
            panic!("{line:?} does not say where; {}", text(&output.stderr));
        };
        Server {
            address: address.to_owned(),
            child: Some(child),
            stdout,
        }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("the server accepts");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a time-out can be set");
        stream
    }

    fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    pub fn descriptor_count(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.pid());
        fs::read_dir(folder).expect("it runs").count()
    }

    /// Waits until so many descriptors are open again.
    pub fn wait_for_descriptors(&self, expected: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.descriptor_count() != expected {
            let now = self.descriptor_count();
            assert!(Instant::now() < deadline, "{now} open, not {expected}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The numbers of connections and of goroutines, as the server has them.
    pub fn counts(&mut self) -> (usize, usize) {
        self.signal(libc::SIGUSR1);
        let line = read_line(&mut self.stdout);
        let number = |word: &str| word.parse().expect("a number");
        match line.split(' ').collect::<Vec<_>>()[..] {
            [open, "connections,", goroutines, "goroutines"] => (number(open), number(goroutines)),
            _ => panic!("{line:?}"),
        }
    }

    /// Waits until so many connections and goroutines are there.
    pub fn wait_for_counts(&mut self, expected: (usize, usize)) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = self.counts();
            if now == expected {
                return;
            }
            assert!(Instant::now() < deadline, "{now:?}, not {expected:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The memory that it really uses.
    pub fn memory_bytes(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kib.expect("a size").parse::<usize>().expect("a number") * 1024
    }

    /// Asks it to end.
    pub fn signal(&self, signal: i32) {
        let pid = self.pid().cast_signed();
        // SAFETY: plain numbers; the child is not reaped before `finish`, so the number is its own.
        let result = unsafe { libc::kill(pid, signal) };
        assert_eq!(result, 0);
    }

    /// Waits for the end, which must be a good one: nobody is cut.
    pub fn finish(self) {
        assert_success(&self.output());
    }

    /// Waits for the end, however it is.
    pub fn output(mut self) -> Output {
        let child = self.child.take().expect("it runs");
        finish(child, &self.address)
    }

    pub fn stop(self) {
        self.signal(libc::SIGTERM);
        self.finish();
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

fn read_line(stdout: &mut impl BufRead) -> String {
    let mut line = String::new();
    stdout.read_line(&mut line).expect("the pipe can be read");
    line.trim_end().to_owned()
}

/// Writes, and reads the same number of bytes.
pub fn ask(mut stream: &TcpStream, text: &[u8]) -> Vec<u8> {
    use std::io::Read;
    stream.write_all(text).expect("the server reads");
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).expect("the server answers");
    answer
}

/// Has the system keep little for who does not read, so that there is less to fill before it is slow.
pub fn take_little(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    socket.set_recv_buffer_size(4096).expect("a size");
}
