//! Notes: a wake is never lost, whenever it comes, and brings what was written before it.

use crate::check;
use crate::runtime::nouns::{fresh_note, keep};
use crate::sys::note::Note;
use crate::sys::os;
use loom::cell::Cell;
use loom::thread;
use std::time::Instant;

struct Letter {
    note: Note,
    text: Cell<u32>,
}

// SAFETY: the checker watches the cell.
unsafe impl Sync for Letter {}

impl Letter {
    fn new() -> &'static Letter {
        keep(Letter {
            note: fresh_note(),
            text: Cell::new(0),
        })
    }

    fn send(&self, text: u32) {
        self.text.set(text);
        self.note.wake();
    }
}

#[test]
fn a_wake_is_kept_until_the_sleep() {
    check(None, || {
        let letter = Letter::new();
        let sleeper = thread::spawn(|| {
            letter.note.sleep();
            assert_eq!(letter.text.get(), 1);
        });
        letter.send(1);
        sleeper.join().unwrap();
    });
}

#[test]
fn a_note_serves_again() {
    check(Some(3), || {
        let (there, back) = (Letter::new(), Letter::new());
        let sleeper = thread::spawn(|| {
            for text in 1..=2 {
                there.note.sleep();
                assert_eq!(there.text.get(), text);
                back.send(text);
            }
        });
        for text in 1..=2 {
            there.send(text);
            back.note.sleep();
            assert_eq!(back.text.get(), text);
        }
        sleeper.join().unwrap();
    });
}

#[test]
fn a_sleep_that_ends_for_no_reason_goes_on() {
    check(Some(3), || {
        let letter = Letter::new();
        let sleeper = thread::spawn(|| {
            letter.note.sleep();
            assert_eq!(letter.text.get(), 1);
        });
        let stray = thread::spawn(os::wake_for_no_reason);
        letter.send(1);
        sleeper.join().unwrap();
        stray.join().unwrap();
    });
}

#[test]
fn a_wake_after_the_limit_is_kept() {
    check(None, || {
        let letter = Letter::new();
        let sleeper = thread::spawn(|| {
            let in_time = letter.note.sleep_until(Some(Instant::now()));
            if !in_time {
                letter.note.sleep();
            }
            assert_eq!(letter.text.get(), 1);
        });
        letter.send(1);
        sleeper.join().unwrap();
    });
}
