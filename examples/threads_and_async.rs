//! Channels without goroutines: threads and async code, and no runtime behind them.
//!
//! Run it with `cargo run --example threads_and_async -- PATHS`. A thread reads the files, since reading
//! blocks; another counts the words of each, since counting keeps a CPU busy; and async code, run by as
//! small an executor as there is (pollster), collects the counts and the complaints, whichever come
//! first. No thread is started but those two: channels need no scheduler.
//!
//! ```text
//!      965 one.txt
//!      454 two.txt
//! nothing.txt: No such file or directory (os error 2)
//!     1419 words in 2 files, 1 not read
//! ```
//!
//! The exit code is 1 if a file was not read.

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs, io, thread};

use futures::StreamExt;
use futures::stream::select;
use sudog::chan::{Receiver, Sender, bounded, unbounded};

const USAGE: &str = "usage: threads_and_async PATH..\nCount the words of files.\n";

/// What the two threads tell.
enum News {
    Counted(PathBuf, usize),
    Unread(PathBuf, io::Error),
}

/// Reads the files, no faster than they are counted.
fn read(paths: Vec<PathBuf>, texts: Sender<(PathBuf, String)>, complaints: Sender<News>) {
    for path in paths {
        match fs::read_to_string(&path) {
            Ok(text) => texts
                .send((path, text))
                .expect("they are counted to the last"),
            Err(error) => complaints
                .send(News::Unread(path, error))
                .expect("complaints are heard to the last"),
        }
    }
}

fn count(texts: Receiver<(PathBuf, String)>, counts: Sender<News>) {
    for (path, text) in texts {
        let words = text.split_whitespace().count();
        counts
            .send(News::Counted(path, words))
            .expect("counts are taken to the last");
    }
}

/// Prints what comes from either side, until both have ended. Gives how many files were not read.
async fn collect(counts: Receiver<News>, complaints: Receiver<News>) -> usize {
    let (mut words, mut files, mut unread) = (0, 0, 0);
    let mut news = select(counts.into_stream(), complaints.into_stream());
    while let Some(news) = news.next().await {
        match news {
            News::Counted(path, count) => {
                println!("{count:8} {}", path.display());
                (words, files) = (words + count, files + 1);
            }
            News::Unread(path, error) => {
                eprintln!("{}: {error}", path.display());
                unread += 1;
            }
        }
    }
    println!("{words:8} words in {files} files, {unread} not read");
    unread
}

fn main() -> ExitCode {
    let paths: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    match paths.first() {
        None => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
        Some(path) if path.as_os_str() == "--help" => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Some(_) => {}
    }
    let (texts_tx, texts) = bounded(4);
    let (counts_tx, counts) = bounded(0);
    let (complaints_tx, complaints) = unbounded();
    let reader = thread::spawn(move || read(paths, texts_tx, complaints_tx));
    let counter = thread::spawn(move || count(texts, counts_tx));

    let unread = pollster::block_on(collect(counts, complaints));
    reader.join().expect("reading does not panic");
    counter.join().expect("counting does not panic");
    ExitCode::from(u8::from(unread > 0))
}
