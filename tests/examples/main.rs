//! Runs each example as its users do, as a process, and looks at what it prints and returns.
//!
//! `cargo test` builds the examples before it runs this. A choice of tests (`cargo test --test
//! examples`) does not: then run `cargo build --examples` first, with the same options.

mod chat;
mod digest;
mod echo;
mod http;
mod http_protocol;
mod kv;
mod kv_client;
mod kv_redis;
mod many;
mod server;
mod support;
mod tls_echo;
mod tool;
mod ws_chat;
mod ws_page;

use std::env;
use std::fs;
use std::path::Path;

use support::{Tree, assert_success, example, run, text};

#[test]
fn hello_says_its_two_lines() {
    let output = run(&mut example("hello"));
    assert_success(&output);
    assert_eq!(text(&output.stdout), "hello\nfrom a goroutine\n");
}

#[test]
fn readme_shows_hello_as_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let hello = fs::read_to_string(root.join("examples/hello.rs")).expect("examples/hello.rs");
    let is_comment = |line: &&str| line.starts_with("//!");
    let program: Vec<_> = hello.trim_end().lines().skip_while(is_comment).collect();
    let readme = fs::read_to_string(root.join("README.md")).expect("README.md");
    let shown = format!("```rust\n{}\n```", program.join("\n").trim());
    assert!(
        readme.contains(&shown),
        "README.md does not contain:\n{shown}"
    );
}

#[test]
fn sieve_prints_as_many_primes_as_asked_for() {
    let output = run(example("sieve").arg("10"));
    assert_success(&output);
    assert_eq!(text(&output.stdout), "2\n3\n5\n7\n11\n13\n17\n19\n23\n29\n");

    let output = run(&mut example("sieve"));
    assert_success(&output);
    let primes: Vec<_> = text(&output.stdout).lines().collect();
    assert_eq!((primes.len(), primes[99]), (100, "541"));
}

#[test]
fn sieve_refuses_what_is_no_number() {
    let output = run(example("sieve").arg("many"));
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stderr), "usage: sieve [HOW-MANY]\n");
}

#[test]
fn fan_in_delivers_everything_once_and_each_worker_in_order() {
    let output = run(&mut example("fan_in"));
    assert_success(&output);
    let (results, sum) = text(&output.stdout)
        .trim_end()
        .rsplit_once('\n')
        .expect("many lines");
    assert_eq!(sum, "the squares up to 12 add up to 650");
    for worker in 1..=3 {
        let prefix = format!("worker {worker}: ");
        let squares: Vec<_> = results
            .lines()
            .filter_map(|l| l.strip_prefix(&prefix))
            .collect();
        let expected: Vec<_> = (worker..=12)
            .step_by(3)
            .map(|n| (n * n).to_string())
            .collect();
        assert_eq!(squares, expected);
    }
    assert_eq!(results.lines().count(), 12);
}

#[test]
fn tokio_bridge_prints_the_factors_of_all_numbers_in_their_order() {
    let output = run(example("tokio_bridge").arg("40"));
    assert_success(&output);
    let mut lines: Vec<_> = text(&output.stdout).lines().collect();
    assert_eq!(lines.pop(), Some("40 numbers factored"));
    assert_eq!(lines[0], "1000000000000 = 2^12 * 5^12");
    assert_eq!(lines[1], "1000000000001 = 73 * 137 * 99990001");
    assert_eq!(lines.len(), 40);
    for (line, expected) in lines.into_iter().zip(1_000_000_000_000u64..) {
        let (number, factors) = line.split_once(" = ").expect("a product");
        let power = |factor: &str| match factor.split_once('^') {
            Some((base, count)) => number_in(base).pow(number_in(count) as u32),
            None => number_in(factor),
        };
        assert_eq!(number_in(number), expected);
        assert_eq!(factors.split(" * ").map(power).product::<u64>(), expected);
    }
}

#[test]
fn tokio_bridge_refuses_what_is_no_number() {
    let output = run(example("tokio_bridge").arg("many"));
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stderr), "usage: tokio_bridge [HOW-MANY]\n");
}

fn number_in(text: &str) -> u64 {
    text.parse().expect("a number")
}

#[test]
fn threads_and_async_counts_the_words_of_each_file() {
    let tree = Tree::new("words");
    for n in 0..50 {
        let name = format!("text{n}");
        tree.file(name.as_bytes(), "word \n".repeat(n).as_bytes());
    }
    let names = (0..50).map(|n| format!("text{n}"));
    let output = run(example("threads_and_async")
        .args(names)
        .arg("none")
        .current_dir(&tree.root));
    assert_eq!(output.status.code(), Some(1));
    let expected = (0..50).map(|n| format!("{n:8} text{n}\n"));
    let sum = format!("{:8} words in 50 files, 1 not read\n", 50 * 49 / 2);
    assert_eq!(text(&output.stdout), expected.collect::<String>() + &sum);
    let complaint = text(&output.stderr);
    assert!(complaint.starts_with("none: "), "{complaint}");
}

#[test]
fn threads_and_async_without_files_shows_its_usage() {
    let output = run(&mut example("threads_and_async"));
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).starts_with("usage: threads_and_async PATH..\n"));
}
