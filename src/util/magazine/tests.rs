//! Magazines of numbers.

use super::*;

impl Batch for Vec<usize> {
    type Item = usize;
    const EMPTY: Vec<usize> = Vec::new();
    fn push(&mut self, item: usize) {
        Vec::push(self, item);
    }
    fn pop(&mut self) -> Option<usize> {
        Vec::pop(self)
    }
    fn len(&self) -> usize {
        Vec::len(self)
    }
}

#[test]
fn everything_given_can_be_taken_by_another_but_for_two_batches() {
    let depot = Depot::<Vec<usize>>::new();
    let mut giver = Magazine::EMPTY;
    let count = 10 * BATCH;
    (0..count).for_each(|n| giver.push(n, &depot));
    let mut taker = Magazine::EMPTY;
    let mut made = 0;
    let taken: Vec<usize> = (0..count)
        .map(|_| {
            taker.pop(&depot, || {
                made += 1;
                vec![usize::MAX; BATCH]
            })
        })
        .collect();
    let mut old: Vec<usize> = taken.into_iter().filter(|&n| n != usize::MAX).collect();
    old.sort_unstable();
    old.dedup();
    assert_eq!((old.len(), made), (count - 2 * BATCH, 2));
}

#[test]
fn the_edge_of_a_batch_does_not_lead_to_the_depot() {
    let depot = Depot::<Vec<usize>>::new();
    let mut magazine = Magazine::EMPTY;
    (0..BATCH).for_each(|n| magazine.push(n, &depot));
    for _ in 0..10 {
        magazine.push(BATCH, &depot);
        assert_eq!(magazine.pop(&depot, || unreachable!("there is one")), BATCH);
        magazine.pop(&depot, || unreachable!("there is one"));
        magazine.push(0, &depot);
    }
    assert!(depot.take().is_none());
}

#[test]
fn those_without_a_magazine_share_a_batch() {
    let depot = Depot::<Vec<usize>>::new();
    (0..BATCH + 1).for_each(|n| depot.push(n));
    let mut taken: Vec<usize> = (0..BATCH + 1)
        .map(|_| depot.pop(|| unreachable!()))
        .collect();
    taken.sort_unstable();
    assert_eq!(taken, (0..BATCH + 1).collect::<Vec<_>>());
    assert_eq!(depot.pop(|| vec![7]), 7);
}
