use super::*;
use std::collections::BTreeMap;

fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// A heap beside a map that says what it holds.
struct Checked {
    heap: Heap<u64>,
    model: BTreeMap<u64, Vec<u64>>,
}

impl Checked {
    fn new() -> Checked {
        Checked {
            heap: Heap::new(),
            model: BTreeMap::new(),
        }
    }

    fn push(&mut self, key: u64, value: u64) {
        self.heap.push(key, value);
        self.model.entry(key).or_default().push(value);
        self.check();
    }

    fn pop(&mut self) {
        let popped = self.heap.pop();
        match self.model.first_entry() {
            None => assert_eq!(popped, None),
            Some(mut least) => {
                let values = least.get_mut();
                let place = values.iter().position(|value| Some(*value) == popped);
                values.remove(place.expect("it was among those with the least key"));
                if values.is_empty() {
                    least.remove();
                }
            }
        }
        self.check();
    }

    fn retain(&mut self, keeps: impl Fn(&u64) -> bool) {
        self.heap.retain(&keeps);
        for values in self.model.values_mut() {
            values.retain(&keeps);
        }
        self.model.retain(|_, values| !values.is_empty());
        self.check();
    }

    fn check(&self) {
        let first = self.heap.first().map(|(key, _)| key);
        assert_eq!(first, self.model.keys().next().copied());
        let count: usize = self.model.values().map(Vec::len).sum();
        assert_eq!(self.heap.len(), count);
    }
}

#[test]
fn the_least_key_comes_first_whatever_was_done_before() {
    let (mut checked, mut seed) = (Checked::new(), 0x9e37_79b9);
    for value in 0..20_000 {
        match random(&mut seed) % 100 {
            0..60 => checked.push(random(&mut seed) % 300, value),
            60..99 => checked.pop(),
            _ => {
                let divisor = random(&mut seed) % 5 + 2;
                checked.retain(|value| !value.is_multiple_of(divisor));
            }
        }
    }
    while checked.heap.len() > 0 {
        checked.pop();
    }
    checked.pop();
}

#[test]
fn keys_in_order_and_in_reverse_come_out_in_order() {
    for keys in [(0..1_000).collect::<Vec<u64>>(), (0..1_000).rev().collect()] {
        let mut heap = Heap::new();
        for key in keys {
            heap.push(key, key);
        }
        for key in 0..1_000 {
            assert_eq!(heap.pop(), Some(key));
        }
    }
}
