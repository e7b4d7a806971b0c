//! What may stand for a channel.

use super::*;

struct Holder {
    rx: Receiver<i32>,
    list: Vec<Receiver<i32>>,
    cell: RefCell<Receiver<i32>>,
}

impl Holder {
    fn new() -> Self {
        Self {
            rx: filled([1, 2, 3]),
            list: vec![never(), filled([1, 2, 3])],
            cell: RefCell::new(filled([1, 2, 3])),
        }
    }

    fn shared(&self) -> &Receiver<i32> {
        &self.rx
    }

    fn exclusive(&mut self) -> &mut Receiver<i32> {
        &mut self.rx
    }

    fn made(&self) -> Receiver<i32> {
        self.rx.clone()
    }
}

#[sudog::test(timeout = LIMIT)]
fn channel_may_be_a_field_an_index_or_a_call() {
    let mut holder = Holder::new();
    let mut sum = 0;
    macro_rules! takes {
        ($($rx:expr),*) => { $(
            select! { recv($rx) -> n => sum += n.unwrap() }
            select! { recv($rx) -> n => sum += n.unwrap(), default => panic!() }
            select! { recv($rx) -> n => sum += n.unwrap(), recv(never::<()>()) -> _ => {} }
            assert_eq!(std::mem::take(&mut sum), 6);
            holder = Holder::new();
        )* };
    }
    takes!(
        holder.rx,
        holder.list[1],
        holder.shared(),
        holder.made(),
        *holder.exclusive(),
        holder.exclusive(),
        holder.cell.borrow(),
        *holder.cell.borrow_mut(),
        { &holder }.rx,
        { &holder.list }.last().unwrap(),
        holder.list.get(1).unwrap_or(&never())
    );
    assert_eq!(holder.rx.len(), 3);
}

#[sudog::test(timeout = LIMIT)]
fn guarded_channel_may_be_so_too() {
    let mut holder = Holder::new();
    macro_rules! takes {
        ($($rx:expr),*) => { $(
            let n = select! {
                recv($rx) -> n, if holder.rx.len() == 3 => n.unwrap(),
                recv(never()) -> n => n.unwrap(),
            };
            assert_eq!(n, 1);
            holder = Holder::new();
        )* };
    }
    takes!(
        holder.rx,
        holder.list[1],
        holder.shared(),
        holder.made(),
        *holder.exclusive(),
        holder.cell.borrow(),
        { &holder.list }.last().unwrap()
    );
    assert_eq!(holder.rx.len(), 3);
}

#[sudog::test(timeout = LIMIT)]
fn channel_may_stand_behind_pointers() {
    let (tx, rx) = unbounded();
    let (shared, boxed) = (Arc::new(rx.clone()), Box::new(rx.clone()));
    let senders = Arc::new(vec![Box::new(tx)]);
    for n in 0..8 {
        select! { send(&senders[0], n) -> sent => sent.unwrap(), default => panic!() }
    }
    let taken = [
        select! { recv(shared) -> n => n },
        select! { recv(&shared) -> n => n, default => panic!() },
        select! { recv(boxed) -> n => n, recv(&&shared) -> n => n },
        select! { recv(&&&&rx) -> n => n, recv(&boxed) -> n => n },
        select! { recv(shared) -> n, if true => n, recv(&boxed) -> n, if true => n },
    ];
    assert_eq!(taken.map(Result::unwrap), [0, 1, 2, 3, 4]);
}

#[sudog::test(timeout = LIMIT)]
fn channel_may_be_chosen_by_an_expression() {
    let (a, b) = (filled([1, 3]), filled([2, 4]));
    let mut is_first = false;
    for n in 1..=4 {
        is_first = !is_first;
        let m = select! {
            recv(if is_first { &a } else { &b }) -> m => m,
            recv(match is_first { true => never(), false => never() }) -> m => m,
            recv(if is_first { &a } else { &b }) -> m, if false => m,
        };
        assert_eq!(m, Ok(n));
    }
    select! { recv(if is_first { &a } else { &b }) -> _ => panic!(), default => {} }
    let none = a.is_closed().then_some(&a);
    select! { recv(none.unwrap_or(&never())) -> _ => panic!(), default => {} }
    select! { recv(none.unwrap_or(&never())) -> _ => panic!(), default(MOMENT) => {} }
}

#[sudog::test(timeout = LIMIT)]
fn temporaries_live_until_the_choice_and_no_longer() {
    let ends = std::sync::Mutex::new((unbounded::<i32>(), 0));
    for expected in 0..3 {
        let lock = || ends.lock().unwrap();
        lock().0.0.send(expected).unwrap();
        macro_rules! takes {
            ($($rest:tt)*) => {
                select! {
                    recv(lock().0.1) -> n => {
                        lock().1 += n.unwrap();
                    }
                    $($rest)*
                }
            };
        }
        match expected {
            0 => takes!(),
            1 => takes!(default => panic!()),
            _ => takes!(recv(never::<()>()) -> _ => panic!()),
        }
    }
    select! {
        recv(ends.lock().unwrap().0.1) -> _ => panic!(),
        default => ends.lock().unwrap().1 += 1,
    }
    select! {
        recv(ends.lock().unwrap().0.1) -> _ => panic!(),
        default(MOMENT) => ends.lock().unwrap().1 += 1,
    }
    select! {
        send(ends.lock().unwrap().0.0, ends.lock().unwrap().1) -> sent => sent.unwrap(),
    }
    select! {
        send(ends.lock().unwrap().0.0, 1) -> sent, if true => sent.unwrap(),
        recv(never::<()>()) -> _, if ends.lock().unwrap().1 == 5 => panic!(),
    }
    let ((_tx, rx), sum) = ends.into_inner().unwrap();
    assert_eq!((rx.try_iter().collect::<Vec<_>>(), sum), (vec![5, 1], 5));
}

#[sudog::test(timeout = LIMIT)]
fn bodies_may_change_and_move_what_a_channel_expression_borrowed() {
    let mut holder = Holder::new();
    select! {
        recv(holder.rx) -> _ => holder.rx = filled([7]),
        recv(holder.list[1]) -> _, if false => drop(holder),
        default => drop(holder),
    }
    holder = Holder::new();
    let n = select! {
        recv(holder.rx) -> n => {
            drop(holder);
            n
        }
        recv(holder.list[0]) -> n => {
            holder.list.clear();
            n
        }
    };
    assert_eq!(n, Ok(1));
    holder = Holder::new();
    select! { recv(holder.exclusive()) -> _ => holder.exclusive().clone_from(&never()) }
    assert!(holder.rx.is_empty());
    let mut rx = filled([filled([1])]);
    rx = select! { recv(rx) -> inner => { drop(rx); filled([inner.unwrap()]) } };
    select! { recv(rx) -> inner => drop((rx, inner)), default => drop(rx) }
}

#[sudog::test(timeout = LIMIT)]
fn values_may_change_and_move_what_a_channel_expression_borrowed() {
    let (tx, rx) = unbounded::<Sender<i32>>();
    let (inner, _rest) = unbounded::<i32>();
    let mut ends = (tx, inner);
    select! {
        send(ends.0, { ends.0 = ends.0.clone(); ends.1 }) -> sent => sent.unwrap(),
        recv(never::<()>()) -> _ => drop(ends),
    }
    assert!(rx.recv().is_ok());
}

#[sudog::test(timeout = LIMIT)]
fn generic_functions_may_select() {
    fn exchange<T: Clone, E, const N: usize>(
        tx: &Sender<[T; N]>,
        rx: &Receiver<Result<T, E>>,
        value: T,
    ) -> Option<T> {
        let filled = std::array::from_fn(|_| value.clone());
        select_biased! {
            recv(rx) -> n => n.ok()?.ok(),
            send(tx, filled) -> sent => sent.is_err().then_some(value),
            send(tx, [const { None }; N].map(|n| n.unwrap_or(value.clone()))) -> _ => None,
        }
    }
    let ((tx, rx), results) = (bounded(1), filled([Ok::<_, ()>("one"), Err(())]));
    assert_eq!(exchange(&tx, &results, "two"), Some("one"));
    assert_eq!(exchange(&tx, &results, "two"), None);
    assert_eq!(exchange::<_, _, 2>(&tx, &results, "two"), None);
    assert_eq!(rx.recv(), Ok(["two"; 2]));
}

#[sudog::test(timeout = LIMIT)]
fn one_channel_may_stand_in_several_arms() {
    let (tx, rx) = bounded(1);
    for turn in 0..10 {
        select! {
            recv(rx) -> n => assert_eq!(n, Ok(turn - 1)),
            send(tx, turn) -> sent => sent.unwrap(),
            recv(rx) -> n => assert_eq!(n, Ok(turn - 1)),
        }
    }
}
