//! What all servers are tested with: a process that listens, its address, and its end.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Output};
use std::thread;
use std::time::{Duration, Instant};

use super::support::{PATIENCE, assert_success, example, finish, start};

/// A server, killed at its end if the test has failed before it was stopped.
pub struct Server {
    child: Option<Child>,
    pub address: String,
}

impl Server {
    /// Starts an example, and waits until it listens.
    pub fn start(name: &str, address: &str) -> Server {
        let mut child = start(example(name).arg(address));
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is a pipe");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("the pipe can be read");
        let address = line.trim_end().strip_prefix("listening at ");
        Server {
            address: address.expect("it says where").to_owned(),
            child: Some(child),
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

/// Writes, and reads the same number of bytes.
pub fn ask(mut stream: &TcpStream, text: &[u8]) -> Vec<u8> {
    use std::io::Read;
    stream.write_all(text).expect("the server reads");
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).expect("the server answers");
    answer
}
