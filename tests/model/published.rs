//! Published values: a reader sees one that is there, whole, and the one who replaces it has it alone afterwards.

use crate::check;
use crate::runtime::nouns::keep;
use crate::sys::atomic::set_without_fences_of;
use crate::sys::published::Published;
use loom::cell::Cell;
use loom::thread;
use std::mem::ManuallyDrop;

/// A value in a cell that the checker watches.
struct Watched(Cell<u32>);

// SAFETY: as above.
unsafe impl Sync for Watched {}

impl Watched {
    fn new(value: u32) -> Watched {
        Watched(Cell::new(value))
    }
}

fn publish(value: u32) -> &'static Published<Watched> {
    // Not dropped: where a model fails that would be after it, without the checker.
    let published = keep(ManuallyDrop::new(Published::new(Watched::new(value))));
    published.read(|_| ());
    published
}

/// Replaces the value, and does with the one before what only its owner may.
fn replace(published: &Published<Watched>, value: u32) -> u32 {
    // Stays: where a model fails, somebody still reads it.
    Box::leak(published.replace(Watched::new(value)))
        .0
        .replace(0)
}

fn one_reads_while_it_is_replaced() {
    let published = publish(1);
    let reader = thread::spawn(|| published.read(|value| value.0.get()));
    assert_eq!(replace(published, 2), 1);
    let seen = reader.join().unwrap();
    assert!([1, 2].contains(&seen), "{seen}");
    assert_eq!(published.read(|value| value.0.get()), 2);
}

#[test]
fn who_replaces_a_value_waits_for_its_reader() {
    check(None, one_reads_while_it_is_replaced);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn without_fences_it_is_taken_from_its_reader() {
    set_without_fences_of(Some("published.rs"));
    check(None, one_reads_while_it_is_replaced);
}

#[test]
fn two_read_one_after_the_other_while_it_is_replaced() {
    check(Some(3), || {
        let published = publish(1);
        let reader = thread::spawn(|| {
            let first = published.read(|value| value.0.get());
            let then = published.read(|value| value.0.get());
            assert!(0 < first && first <= then, "{first}, {then}");
        });
        assert_eq!(replace(published, 2), 1);
        assert_eq!(replace(published, 3), 2);
        reader.join().unwrap();
    });
}

#[test]
fn of_two_who_replace_it_each_gets_another() {
    check(Some(3), || {
        let published = publish(1);
        let other = thread::spawn(|| replace(published, 2));
        let mine = replace(published, 3);
        let theirs = other.join().unwrap();
        let last = published.read(|value| value.0.get());
        let mut all = [mine, theirs, last];
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3]);
    });
}
