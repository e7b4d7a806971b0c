//! `digest`: what it prints of any tree, and where it fails.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::FromRawFd;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::ptr;

use sha2::{Digest, Sha256};

use super::support::{Tree, assert_success, example, finish, run, start, text};

#[test]
fn digest_prints_what_sha256sum_would() {
    let tree = Tree::new("exact");
    fill_with_odd_names(&tree);
    tree.file(b"carriage\rreturn", b"carriage\rreturn");

    let names = ODD_NAMES.iter().copied().chain([&b"carriage\rreturn"[..]]);
    let mut expected: Vec<_> = names
        .map(|name| (escaped(name), Sha256::digest(name)))
        .collect();
    expected.push((b"empty".to_vec(), Sha256::digest([])));
    expected.push((b"large".to_vec(), Sha256::digest(large_content())));
    expected.sort();
    let mut lines = Vec::new();
    for (name, hash) in expected {
        let mark = if name.contains(&b'\\') { "\\" } else { "" };
        lines.extend(format!("{mark}{hash:x}  ./").bytes());
        lines.extend(name);
        lines.push(b'\n');
    }

    let output = run(example("digest").arg(".").current_dir(&tree.root));
    assert_success(&output);
    assert_same(&output.stdout, &lines);
}

#[test]
fn digest_agrees_with_the_system() {
    let tree = Tree::new("system");
    fill_with_odd_names(&tree);
    for i in 0..700 {
        let name = format!("tree{}/sub{}/file{i}", i % 7, i % 13);
        tree.file(name.as_bytes(), "x".repeat(i * i % 30_000).as_bytes());
    }
    tree.file(b"beside/x", b"not asked for");
    let script = r#"find "$@" -type f -print0 | xargs -0 sha256sum | LC_ALL=C sort -k2"#;
    let roots: [&[&str]; 6] = [
        &["."],
        &["tree1/"],
        &["tree2//", "tree0/sub0/file0"],
        &["tree3", "tree3/sub0", "tree3"],
        &["./tree4/../tree5/."],
        &[tree.root.to_str().expect("a name in Unicode")],
    ];
    for paths in roots {
        let system = Command::new("sh")
            .args([
                "-c",
                &format!("set -e; sha256sum </dev/null >/dev/null; {script}"),
                "sh",
            ])
            .args(paths)
            .current_dir(&tree.root)
            .output()
            .expect("sh starts");
        if !system.status.success() {
            eprintln!("not compared, sha256sum fails: {}", text(&system.stderr));
            return;
        }
        let ours = run(example("digest").args(paths).current_dir(&tree.root));
        assert_success(&ours);
        assert_same(&ours.stdout, &system.stdout);
    }
}

#[test]
fn digest_goes_on_past_what_it_cannot_read() {
    let tree = Tree::new("failures");
    tree.file(b"good", b"good");
    tree.file(b"dir/good", b"good");
    tree.file(b"dir/locked", b"secret");
    tree.link(b"dir/broken", "nowhere");
    tree.link(b"dir/loop", "loop");
    drop(std::os::unix::net::UnixListener::bind(
        tree.root.join("dir/socket"),
    ));
    let locked = tree.root.join("dir/locked");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).expect("chmod");
    let is_root = File::open(&locked).is_ok(); // root reads everything

    let args = ["missing", "dir", "good", "dir/broken", "dir/socket"];
    let output = run(example("digest").args(args).current_dir(&tree.root));
    assert_eq!(output.status.code(), Some(1));

    let hash = |content: &str| format!("{:x}", Sha256::digest(content));
    let mut expected = format!("{}  dir/good\n", hash("good"));
    if is_root {
        expected += &format!("{}  dir/locked\n", hash("secret"));
    }
    expected += &format!("{}  good\n", hash("good"));
    assert_eq!(text(&output.stdout), expected);

    let mut messages: Vec<_> = text(&output.stderr).lines().collect();
    messages.sort();
    let mut named: Vec<_> = messages
        .iter()
        .map(|m| m.split('"').nth(1).expect(m))
        .collect();
    if !is_root {
        named.retain(|path| *path != "dir/locked");
        assert!(text(&output.stderr).contains("digest: \"dir/locked\": Permission denied"));
    }
    // The broken link twice: met on the way, and named. The socket once: it was named.
    assert_eq!(
        named,
        [
            "dir/broken",
            "dir/broken",
            "dir/loop",
            "dir/socket",
            "missing"
        ]
    );
}

#[test]
fn digest_follows_links_only_where_named() {
    let tree = Tree::new("links");
    tree.file(b"real/file", b"x");
    tree.link(b"walked/to_file", "../real/file");
    tree.link(b"walked/to_dir", "../real");
    tree.link(b"dir", "real");
    let paths = ["walked", "walked/to_file", "dir"];
    let output = run(example("digest").args(paths).current_dir(&tree.root));
    assert_success(&output);
    let hash = format!("{:x}", Sha256::digest("x"));
    assert_eq!(
        text(&output.stdout),
        format!("{hash}  dir/file\n{hash}  walked/to_file\n")
    );
}

#[test]
fn digest_without_arguments_shows_its_usage_and_fails() {
    let output = run(&mut example("digest"));
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), "");
    assert!(text(&output.stderr).starts_with("usage: digest PATH..\n"));
}

#[test]
fn digest_help_is_no_failure() {
    let output = run(example("digest").arg("--help"));
    assert_success(&output);
    assert!(text(&output.stdout).starts_with("usage: digest PATH..\n"));
}

#[test]
fn digest_takes_options_for_paths_only_after_two_dashes() {
    let tree = Tree::new("dashes");
    tree.file(b"--help", b"x");
    let output = run(example("digest")
        .args([".", "--recursive"])
        .current_dir(&tree.root));
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), "");
    let expected = "digest: unknown option \"--recursive\"\nusage: digest PATH..\n";
    assert!(
        text(&output.stderr).starts_with(expected),
        "{}",
        text(&output.stderr)
    );

    let output = run(example("digest")
        .args(["--", "--help"])
        .current_dir(&tree.root));
    assert_success(&output);
    let expected = format!("{:x}  --help\n", Sha256::digest("x"));
    assert_eq!(text(&output.stdout), expected);
}

#[test]
fn digest_is_quiet_when_its_reader_leaves() {
    let tree = Tree::new("pipe");
    for i in 0..2000 {
        tree.file(
            format!("a_rather_long_name_to_fill_the_pipe_{i}").as_bytes(),
            b"x",
        );
    }
    let mut child = start(example("digest").arg(".").current_dir(&tree.root));
    drop(child.stdout.take());
    let output = finish(child, "digest");
    assert_success(&output);
}

#[test]
fn digest_reports_output_it_cannot_write() {
    let Ok(full) = File::options().write(true).open("/dev/full") else {
        eprintln!("not tried: there is no /dev/full");
        return;
    };
    let tree = Tree::new("full");
    tree.file(b"file", b"x");
    let mut command = example("digest");
    command.arg("file").current_dir(&tree.root);
    let child = command
        .stdin(Stdio::null())
        .stdout(full)
        .stderr(Stdio::piped());
    let output = finish(child.spawn().expect("digest starts"), "digest");
    assert_eq!(output.status.code(), Some(1));
    let message = text(&output.stderr);
    assert!(
        message.starts_with("digest: standard output: No space left"),
        "{message}"
    );
}

#[test]
fn digest_sums_up_on_a_terminal_and_wipes_its_progress_for_messages() {
    let tree = Tree::new("terminal");
    tree.file(b"file", &[0; 123_456]);
    let (mut ours, theirs) = open_terminal();
    let mut command = example("digest");
    command.args(["file", "missing"]).current_dir(&tree.root);
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(theirs);
    let child = child.spawn().expect("digest starts");
    drop(command); // with the last copy of the terminal's other end
    let output = finish(child, "digest");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout.len(), 64 + "  file\n".len());

    let mut shown = Vec::new();
    // Linux ends a terminal whose other end is closed with EIO rather than with an end of file.
    let _ = ours.read_to_end(&mut shown);
    let shown = text(&shown);
    let message = "\r\x1b[Kdigest: \"missing\": No such file or directory (os error 2)\r\n";
    assert!(shown.contains(message), "{shown:?}");
    let summary = shown
        .trim_end()
        .rsplit("\r\x1b[K")
        .next()
        .expect("a last line");
    assert!(
        summary.starts_with("1 files, 0.1 MB, 1 failed, "),
        "{shown:?}"
    );
}

/// Compares outputs too long to show in full.
#[track_caller]
fn assert_same(ours: &[u8], expected: &[u8]) {
    let lines = |bytes: &[u8]| -> Vec<String> {
        let lines = bytes.split(|&byte| byte == b'\n');
        lines.map(|line| line.escape_ascii().to_string()).collect()
    };
    let (ours, expected) = (lines(ours), lines(expected));
    for (ours, expected) in ours.iter().zip(&expected) {
        assert_eq!(ours, expected);
    }
    assert_eq!(ours.len(), expected.len(), "as many lines");
}

/// Names that are hard to print or to sort. (A carriage return, too, but older versions of
/// `sha256sum` write that as it is.)
const ODD_NAMES: &[&[u8]] = &[
    b"plain",
    b" leading space",
    b"spaces  in the middle",
    b"trailing space ",
    b"tab\tbed",
    b"new\nline",
    b"newZline",
    b"back\\slash",
    b"back\\nslash",
    b"\n",
    b"\\",
    b"-dash",
    b"*",
    b"quote'\"",
    "d\u{e9}j\u{e0}".as_bytes(),
    b"not \xff\xfe unicode",
    b".hidden",
    b"dir/b",
    b"dir/a",
    b"dir-a",
    b"dir.a",
    b"dir0",
    b"dir\nwith newline/back\\slash",
];

/// Makes a file of each name, with the name for its content, an empty one and a large one.
fn fill_with_odd_names(tree: &Tree) {
    for name in ODD_NAMES {
        tree.file(name, name);
    }
    tree.file(b"empty", b"");
    tree.file(b"large", &large_content());
}

/// More than one read of `digest` takes, and not a multiple of it.
fn large_content() -> Vec<u8> {
    (0..3_000_017_u32).map(|i| (i % 251) as u8).collect()
}

/// The name as `sha256sum` prints it.
fn escaped(name: &[u8]) -> Vec<u8> {
    let name = name.iter().flat_map(|byte| match byte {
        b'\\' => b"\\\\",
        b'\n' => b"\\n",
        b'\r' => b"\\r",
        byte => std::slice::from_ref(byte),
    });
    name.copied().collect()
}

/// A new terminal: our end, which reads what is shown, and the end for the process in it.
fn open_terminal() -> (File, File) {
    let (mut ours, mut theirs) = (-1, -1);
    let (name, settings, size) = (ptr::null_mut(), ptr::null(), ptr::null());
    // SAFETY: the first two point to integers of ours, and null is allowed for the others.
    let result = unsafe { libc::openpty(&mut ours, &mut theirs, name, settings, size) };
    assert_eq!(result, 0, "no terminal: {}", io::Error::last_os_error());
    // SAFETY: `openpty` has just opened both, and nobody else knows of them.
    unsafe { (File::from_raw_fd(ours), File::from_raw_fd(theirs)) }
}
