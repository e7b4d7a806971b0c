//! How Ms and Ps go to sleep and are woken. Go's `wakep`, `startm`, `stopm`.
//!
//! Waking a sleeping thread costs its waker a system call, more than everything else the scheduler does
//! for a goroutine, so it is done as seldom as no goroutine suffers from it: at most one M is on its way
//! at a time (counters.rs), and a goroutine that will run here in a moment wakes nobody (debt.rs).
//!
//! 1. A P on the idle list is IDLE; it is taken off, and its word changed, under the idle lock.
//! 2. An M on the idle list sleeps on its note or is about to; who takes it off hands it a P.
//!    Or has its thread end (reap.rs).
//! 3. Ms are made by sysmon only, on request, so that they inherit nothing from the requester.
//! 4. One of the Ms on the idle list may sleep in the poller instead of on its note (poll.rs,
//!    idle_list.rs).

use super::idle_list::Idle;
use super::{find, poll, retake, sched, spawn, stats, sysmon};
use crate::runtime::coro::StackList;
use crate::runtime::g::GRef;
use crate::runtime::m::{Handed, M};
use crate::runtime::p::P;
use crate::runtime::pword::{State, Word};
use crate::sys;
use crate::sys::atomic::{Ordering, fence};
use crate::sys::lock::Guard;
use std::ptr;

/// Wakes an M to look for work, unless one looks already or no P is free for it; true if it did.
///
/// Call after publishing the work.
#[inline]
pub(crate) fn wake_p() -> bool {
    let sched = sched();
    let counts = sched.counters.read_after_publishing();
    counts.spinning() == 0
        && (counts.idle() > 0 || sched.lent.load(Ordering::Relaxed) > 0)
        && wake_p_slow()
}

#[cold]
#[inline(never)]
fn wake_p_slow() -> bool {
    while sched().counters.start_only_spinner() {
        match start_spinner() {
            Start::Started => return true,
            Start::NoM => return false,
            // Step d of counters.rs: who lent a P meanwhile saw us looking, and woke nobody.
            Start::NoP if is_p_wanted() => {}
            Start::NoP => return false,
        }
    }
    false
}

/// What came of the attempt to start an M.
#[must_use]
enum Start {
    Started,
    /// All threads that there may be are in use.
    NoM,
    /// No P is free.
    NoP,
}

/// Whether a P is free that has work, or for which there is some.
fn is_p_wanted() -> bool {
    let sched = sched();
    let is_work = find::is_work_anywhere();
    is_work && sched.counters.read().idle() > 0
        || sched.lent.load(Ordering::Relaxed) > 0
            && sched.ps().iter().any(|p| {
                // The word and not the count, which is too high for a moment: nobody spins for that.
                p.word.read().state() == State::Lent && (is_work || !p.runq.is_empty())
            })
}

/// Starts an M on a free P, to look for work; it is counted as spinning already. If there is no M or
/// no P it is counted no more.
///
/// Counted down under the lock: makers trust whoever spins to look again. The one that was to spin
/// will not, so whoever idles its P after us must not be told by this count that somebody does.
fn start_spinner() -> Start {
    let mut idle = sched().idle.lock();
    let free = idle.ps.len() + sched().lent.load(Ordering::Relaxed);
    let mut why = Start::NoP;
    if free > 0 {
        if let Some((m, is_new)) = take_m(&mut idle, free > 1) {
            if let Some((p, word)) = take_p(&mut idle, m) {
                let handed = Handed {
                    p,
                    word,
                    spinning: true,
                    g: None,
                };
                finish_start(idle, m, is_new, handed);
                return Start::Started;
            }
            put_back(&mut idle, m, is_new);
        } else {
            why = Start::NoM;
        }
    }
    sched().counters.stop_spinning();
    why
}

/// Starts an M on the P that `owner` owns; on return `owner` has none.
///
/// False if no M can be had; then nothing has changed.
pub(crate) fn hand_over(owner: &M, spinning: bool, g: Option<GRef>) -> bool {
    let mut idle = sched().idle.lock();
    let is_p_left = !idle.ps.is_empty();
    let Some((m, is_new)) = take_m(&mut idle, is_p_left) else {
        return false;
    };
    let p = owner.p();
    let word = p.word.give_up(owner.word.get(), Some(m.id));
    owner.drop_p();
    owner.part(sysmon::now_ms());
    stats::count_hand_over();
    finish_start(
        idle,
        m,
        is_new,
        Handed {
            p,
            word,
            spinning,
            g,
        },
    );
    true
}

/// Wakes `m`, which is on no list any more, with a P.
pub(super) fn finish_start(mut idle: Guard<'_, Idle>, m: &'static M, is_new: bool, handed: Handed) {
    let wake_sysmon = idle.rouse_sysmon();
    let is_poller = idle.is_poller(m);
    drop(idle);
    m.handed.set(Some(handed));
    m.note.wake();
    if is_poller {
        sched().netpoll.interrupt();
    }
    if is_new {
        // The wake waits for the thread.
        sched().sysmon.request_thread(m);
    } else if wake_sysmon {
        sched().sysmon.wake();
    }
}

/// Takes an idle M off the list, or makes the record of a new one; `is_p_left` says whether a P stays
/// free after this.
fn take_m(idle: &mut Idle, is_p_left: bool) -> Option<(&'static M, bool)> {
    if let Some(m) = idle.pop_m(is_p_left) {
        return Some((m, false));
    }
    if M::count() >= sched().settings().max_threads {
        retake::note_thread_limit();
        return None;
    }
    Some((M::new(), true))
}

fn put_back(idle: &mut Idle, m: &'static M, is_new: bool) {
    idle.ms.push(m);
    if is_new {
        // Its record exists, so its thread must; it begins by sleeping.
        sched().sysmon.request_thread(m);
    }
}

/// Takes a free P for `m`: an idle one, else one that was lent.
fn take_p(idle: &mut Idle, m: &M) -> Option<(&'static P, Word)> {
    let sched = sched();
    if let Some(p) = idle.ps.pop() {
        sched.counters.remove_idle();
        let word = p.word.acquire(p.word.read(), m.id);
        let Some(word) = word else {
            sys::fatal!("idle P {} reads {:?}", p.id, p.word.read())
        };
        return Some((p, word));
    }
    if sched.lent.load(Ordering::Relaxed) == 0 {
        return None;
    }
    sched
        .ps()
        .iter()
        .find_map(|&p| take_lent(p, m.id).map(|word| (p, word)))
}

/// Takes an idle P off the list; false if it is not there any more.
pub(super) fn unlist_p(p: &P) -> bool {
    let mut idle = sched().idle.lock();
    let Some(position) = idle.ps.iter().position(|other| ptr::eq(*other, p)) else {
        return false;
    };
    idle.ps.remove(position);
    sched().counters.remove_idle();
    true
}

/// Takes `p` for M `m` if it is lent.
pub(super) fn take_lent(p: &P, m: u32) -> Option<Word> {
    let seen = p.word.read();
    if seen.state() != State::Lent {
        return None;
    }
    let word = p.word.acquire(seen, m)?;
    M::by_id(seen.m()).part(sysmon::now_ms());
    sched().lent.fetch_sub(1, Ordering::Relaxed);
    Some(word)
}

/// Starts an M on `p` if it is lent; true if it was.
pub(crate) fn retake_lent(p: &'static P) -> bool {
    start_m_on(p, |m| take_lent(p, m.id))
}

/// Starts an M on `p`, which `take` takes for it from whoever has it; true if it did.
pub(crate) fn start_m_on(p: &'static P, take: impl FnOnce(&M) -> Option<Word>) -> bool {
    let mut idle = sched().idle.lock();
    let is_p_left = !idle.ps.is_empty();
    let Some((m, is_new)) = take_m(&mut idle, is_p_left) else {
        return false;
    };
    let Some(word) = take(m) else {
        put_back(&mut idle, m, is_new);
        return false;
    };
    stats::count_hand_over();
    finish_start(
        idle,
        m,
        is_new,
        Handed {
            p,
            word,
            spinning: false,
            g: None,
        },
    );
    true
}

/// Gives `m`, which has none, a free P at once; false if there is none.
pub(crate) fn acquire_p(m: &M) -> bool {
    if !poll::is_p_free() {
        return false;
    }
    let mut idle = sched().idle.lock();
    let Some((p, word)) = take_p(&mut idle, m) else {
        return false;
    };
    begin(idle, m, p, word);
    true
}

/// Puts `m` and its P on the idle lists. The caller looks for work once more before it sleeps.
pub(crate) fn release_p(m: &'static M) {
    let mut idle = sched().idle.lock();
    let spare = shelve_p(&mut idle, m);
    idle.list(m);
    drop(idle);
    spawn::shelve_all(spare);
}

/// Puts the P of `m` on the idle list. The caller looks for work once more, and shelves the stacks that
/// it gets.
#[must_use]
pub(crate) fn shelve_p(idle: &mut Idle, m: &M) -> StackList {
    let p = m.p();
    let mut spare = StackList::new();
    // Under the lock, so that whoever finds stacks short finds this P's here or in the pool.
    spawn::take_stacks_if_short(p, &mut spare);
    p.word.give_up(m.word.get(), None);
    m.drop_p();
    idle.ps.push(p);
    sched().counters.add_idle();
    spare
}

/// Takes a P for `m`, which is on the idle list and has seen work; false if there is none, or if
/// somebody has taken `m` off the list and is about to hand it one.
pub(crate) fn take_back_p(m: &'static M) -> bool {
    let mut idle = sched().idle.lock();
    if !idle.ms.iter().any(|other| ptr::eq(*other, m)) {
        return false;
    }
    let Some((p, word)) = take_p(&mut idle, m) else {
        return false;
    };
    idle.unlist(m);
    begin(idle, m, p, word);
    true
}

/// Has `m`, which runs on the calling thread, own a P.
fn begin(mut idle: Guard<'_, Idle>, m: &M, p: &'static P, word: Word) {
    let wake_sysmon = idle.rouse_sysmon();
    drop(idle);
    m.set_p(p, word);
    if wake_sysmon {
        sched().sysmon.wake();
    }
}

/// What became of an M that wanted to leave the idle list.
#[must_use]
#[derive(PartialEq, Eq)]
pub(crate) enum Left {
    /// Somebody had taken it off, and hands it a P.
    Handed,
    /// It is off, with a P if one was free.
    ByItself,
}

/// Takes the poller off the idle list, for it has found something.
pub(crate) fn leave(m: &'static M) -> Left {
    let mut idle = sched().idle.lock();
    idle.end_polling(m);
    if !idle.unlist(m) {
        return Left::Handed;
    }
    if let Some((p, word)) = take_p(&mut idle, m) {
        begin(idle, m, p, word);
    }
    Left::ByItself
}

/// Whether `m` is still on the idle list; if not, somebody is handing it a P.
pub(crate) fn is_listed(m: &M) -> bool {
    sched()
        .idle
        .lock()
        .ms
        .iter()
        .any(|other| ptr::eq(*other, m))
}

/// Does something to each idle P on behalf of its owner: while the lock is held nobody can get it.
pub(crate) fn for_each_idle_p(mut act: impl FnMut(&P)) {
    sched().idle.lock().ps.iter().for_each(|p| act(p));
}

/// Sleeps until somebody hands `m`, which is on no list yet, a P.
pub(crate) fn stop_m(m: &'static M) {
    debug_assert!(!m.has_p() && !m.spinning.get());
    sched().idle.lock().list(m);
    // SeqCst: pairs with the fence of makers. At the limit of threads one may have found an idle P
    // and no M for it: then that P is for this one.
    fence(Ordering::SeqCst);
    if find::is_work_anywhere() && take_back_p(m) {
        m.spinning.set(true);
        sched().counters.start_spinning();
        return;
    }
    poll::sleep(m);
}

/// Waits for the wake that brings `handed`, and takes over what it names; or for the one that ends `m`.
pub(crate) fn await_handed(m: &'static M) {
    m.note.sleep();
    let Some(handed) = m.handed.take() else {
        if !m.is_ending.get() {
            sys::fatal!("m{} was woken empty-handed", m.id)
        }
        return;
    };
    m.set_p(handed.p, handed.word);
    m.spinning.set(handed.spinning);
    m.handed_g.set(handed.g);
}
