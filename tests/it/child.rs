//! A process of one's own, with an end: whoever does not end in time is killed and shown.

use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a child may take: longer than a test in it, so that it can say which.
const LIMIT: Duration = Duration::from_secs(150);

/// What became of a child.
#[derive(Debug)]
pub struct Output {
    /// The exit code, or none if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Fails unless the exit code is `code`, and then shows everything that was printed.
    #[track_caller]
    pub fn assert_code(&self, code: i32) {
        assert_eq!(self.code, Some(code), "exit code of {self}");
    }

    /// Fails unless stderr has `text`.
    #[track_caller]
    pub fn assert_stderr(&self, text: &str) {
        assert!(
            self.stderr.contains(text),
            "no {text:?} on stderr of {self}"
        );
    }

    /// Fails if stderr has `text`.
    #[track_caller]
    pub fn assert_no_stderr(&self, text: &str) {
        assert!(!self.stderr.contains(text), "{text:?} on stderr of {self}");
    }

    /// Fails unless stdout has `text`.
    #[track_caller]
    pub fn assert_stdout(&self, text: &str) {
        assert!(
            self.stdout.contains(text),
            "no {text:?} on stdout of {self}"
        );
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Output {
            code,
            signal,
            stdout,
            stderr,
        } = self;
        write!(
            f,
            "a child (code {code:?}, signal {signal:?})\n--- its stdout:\n{stdout}\n--- its stderr:\n{stderr}\n---"
        )
    }
}

/// Runs `command` to its end and collects what it prints.
#[track_caller]
pub fn run(command: &mut Command) -> Output {
    command
        .env_remove("RUST_BACKTRACE")
        .env_remove("RUST_TEST_THREADS");
    // SAFETY: it allocates nothing and calls only `signal`, which may be called between fork and exec.
    unsafe { command.pre_exec(take_signals) };
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let stdout = collect(child.stdout.take().expect("piped"));
    let stderr = collect(child.stderr.take().expect("piped"));
    let ended = wait(&mut child);
    let output = Output {
        code: ended.and_then(|status| status.code()),
        signal: ended.and_then(|status| status.signal()),
        stdout: stdout.join().expect("the reader lives"),
        stderr: stderr.join().expect("the reader lives"),
    };
    assert!(ended.is_some(), "killed after {LIMIT:?}: {output}");
    output
}

/// Has signals do what they do by themselves: who runs the tests in the background may ignore some.
fn take_signals() -> std::io::Result<()> {
    for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGUSR1] {
        // SAFETY: no handler is set, and none that was is called any more.
        if unsafe { libc::signal(signal, libc::SIG_DFL) } == libc::SIG_ERR {
            return Err(std::io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Waits for the end; none if the child had to be killed.
fn wait(child: &mut Child) -> Option<std::process::ExitStatus> {
    let limit = Instant::now() + LIMIT;
    loop {
        if let Some(status) = child.try_wait().expect("waiting works") {
            return Some(status);
        }
        if Instant::now() > limit {
            child.kill().expect("killing works");
            child.wait().expect("waiting works");
            return None;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn collect(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
