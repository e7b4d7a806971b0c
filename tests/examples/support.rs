//! Processes of examples, with an end, and trees of files for them.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// No example needs a second; whoever takes this long will never end.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A command that runs the example `name` as built for this very test.
pub fn example(name: &str) -> Command {
    let this = env::current_exe().expect("the path of this test");
    let profile = this
        .ancestors()
        .nth(2)
        .expect("target/<profile>/deps/<test>");
    let path = profile.join("examples").join(name);
    let changed = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    let (built, written) = (
        changed(&path),
        sources(name).iter().filter_map(|p| changed(p)).max(),
    );
    assert!(
        built.is_some() && built >= written,
        "{} is missing or older than its source: `cargo test` builds it; with a choice of tests, \
         run `cargo build --examples` with the same options first",
        path.display()
    );
    Command::new(path)
}

/// The files of an example: one, or those of a folder, and what it may share with others.
fn sources(name: &str) -> Vec<PathBuf> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = |folder: PathBuf| {
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.expect("an entry").path())
    };
    let mut sources: Vec<_> = files(examples.join(name)).collect();
    if sources.is_empty() {
        sources.push(examples.join(format!("{name}.rs")));
    }
    let shares = |path: &PathBuf| {
        let text = fs::read_to_string(path);
        text.is_ok_and(|text| text.contains("support/"))
    };
    if sources.iter().any(shares) {
        sources.extend(files(examples.join("support")));
    }
    sources
}

pub fn run(command: &mut Command) -> Output {
    let name = command.get_program().to_owned();
    finish(start(command), &name)
}

pub fn start(command: &mut Command) -> Child {
    let piped = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    piped.spawn().expect("the example starts")
}

/// Waits for the end, but not for ever, and collects what is written to the pipes that are left.
pub fn finish(mut child: Child, name: impl AsRef<OsStr>) -> Output {
    fn drain(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut pipe) = pipe {
                pipe.read_to_end(&mut bytes).expect("a pipe can be read");
            }
            bytes
        })
    }
    let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().expect("the example can be waited for") {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().expect("the example can be stopped");
            let stderr = stderr.join().expect("the pipe was read");
            panic!("{:?} hangs; it wrote {:?}", name.as_ref(), text(&stderr));
        }
        thread::sleep(Duration::from_millis(2));
    };
    let stdout = stdout.join().expect("the pipe was read");
    let stderr = stderr.join().expect("the pipe was read");
    Output {
        status,
        stdout,
        stderr,
    }
}

#[track_caller]
pub fn assert_success(output: &Output) {
    let (status, stderr) = (output.status, text(&output.stderr));
    assert!(
        status.success() && stderr.is_empty(),
        "{status}, and on stderr: {stderr}"
    );
}

#[track_caller]
pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

/// A directory of the test's own, removed at its end.
pub struct Tree {
    pub root: PathBuf,
}

impl Tree {
    pub fn new(name: &str) -> Tree {
        let name = format!("digest-{name}-{}", std::process::id());
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&root).expect("a directory for temporary files");
        Tree { root }
    }

    pub fn file(&self, name: &[u8], content: &[u8]) {
        fs::write(self.path(name), content).expect("a file can be written");
    }

    pub fn link(&self, name: &[u8], target: &str) {
        symlink(target, self.path(name)).expect("a link can be made");
    }

    /// A path in the tree, whose directories are made if they are missing.
    pub fn path(&self, name: &[u8]) -> PathBuf {
        let path = self.root.join(OsStr::from_bytes(name));
        let parent = path.parent().expect("it is below the root");
        fs::create_dir_all(parent).expect("a directory can be made");
        path
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}
