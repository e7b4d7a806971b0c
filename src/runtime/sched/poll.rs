//! Who looks for events of descriptors, and when. Go's part of `findRunnable` that calls `netpoll`.
//!
//! The kernel keeps events until somebody asks, so none is lost; the question is only who asks in time:
//!
//! - an M that finds nothing in the queues looks in, before it steals, except from a P that stands still;
//! - one M that idles sleeps *in the poller* rather than on its note, not past the next timer: the
//!   *poller*. Nobody else looks in meanwhile. It is fetched with the last P that was free (idle_list.rs): while
//!   all are in use there is none, and those who run out look in;
//! - sysmon looks in where nobody has for 10 ms, because all are busy; and where a P is free (idle, or
//!   lent), no M polls for it, because the poller has gone to run what it found, and nobody has looked for
//!   a whole round, and for longer where room is scarce (debt.rs): else sysmon and that M would take each
//!   other's time. After 10 ms of that it wakes an M, which becomes the poller for want of anything else to do.
//!
//! To sleep and be woken costs both sides more than most requests do, the client too, whose call wakes us. So
//! after a brief wait for events the poller first *watches*: it looks again and again for up to 20 us, and
//! leaves the processor to whoever wants it in between. A busy one may want it for milliseconds, and gives it
//! back to who is woken by an event, but not to who gave it away: so after such a loss the poller does not watch
//! for a hundred times as long.
//!
//! Before the first descriptor is registered or the first timer armed there is no poller, and nothing of this
//! costs anything.
//!
//! 1. The poller is an idle M like any other, on the list, and `Idle::poller` names it; that word
//!    changes under the idle lock. Who takes the poller off the list interrupts it after handing it a P.
//!    It stays the poller until it is out of the wait: of two in there the one could take the interrupt
//!    that was meant for the other, who would sleep on with a P in its hands.
//! 2. An M that has events takes itself off the list before it ends a wait: a listed M holds nobody's
//!    goroutine in its hands, or else a deadlock might be reported while there is none.
//! 3. `until` says until when the poller sleeps. Timers are armed by others meanwhile:
//!
//! ```text
//!   poller                                 who arms a timer
//!   a. until = for ever                    1. publishes it
//!   b. fence (SeqCst)                      2. fence (SeqCst)
//!   c. reads the first timer               3. another is the first: done
//!   d. until = that; sleeps                4. reads until: nobody: see below
//!   e. awake: until = nobody, fence,                   later: interrupts the poller
//!      reads the first timer: has sysmon
//!      woken if it would sleep past it
//! ```
//!
//! Of the fences b and 2 one comes first: c sees the timer, or 4 sees the sleeper. The same holds of e
//! and 2: the timer is seen in passing it on to sysmon, or sysmon is told by whoever armed it. 3 comes
//! after 2 as well: one that was there before may have fired, and its sleeper have gone to sleep for ever,
//! before ours was published.
//!
//! Where nobody sleeps in the poller, but there is one: while all Ps are in use their Ms look at the
//! timers, and the first to idle passes through c. While a P is free, an M that arms will soon idle
//! itself, or find helpers of whom one will; it only has sysmon see that this does not take long. A thread
//! that is no M has an M woken, which finds nothing to do and polls.

use super::global::push_behind;
use super::{debt, idle, ready, sched};
use crate::runtime::coro::Stack;
use crate::runtime::g::{GList, GRef};
use crate::runtime::m::{self, M};
use crate::runtime::waiter::Kind;
use crate::sys::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
use crate::sys::os;
use crate::sys::poller::Events;
use std::thread;
use std::time::Duration;

/// The value of `until` while no M sleeps in the poller.
const NOBODY: u64 = 0;
const FOR_EVER: u64 = u64::MAX;

/// How long an M that is awake is taken to be at something else than timers: as long as sysmon sleeps at
/// most where a P is free and another in use.
const RUN_NS: u64 = 500_000;

/// Up to which length a wait for events is brief: about what it costs to sleep and be woken, on both sides.
const BRIEF_NS: u64 = 20_000;

/// How late who gave the processor away may get it back, and how many times as long it does not try again
/// after more.
const LOSS_NS: u64 = 100_000;
const LOSS_FACTOR: u64 = 100;

pub(crate) struct Polling {
    /// Until when (ns) the poller sleeps.
    until: AtomicU64,
    /// The poller's own: whether the last wait, of whoever was the poller, was brief; and from when (ns) on it
    /// may watch.
    was_brief: AtomicBool,
    watch_from: AtomicU64,
    /// Held while somebody looks in: two who do take each other's time.
    is_looked_in: AtomicBool,
    /// How often somebody has looked.
    looks: AtomicU32,
}

impl Polling {
    pub(crate) const fn new() -> Polling {
        Polling {
            until: AtomicU64::new(NOBODY),
            was_brief: AtomicBool::new(false),
            watch_from: AtomicU64::new(0),
            is_looked_in: AtomicBool::new(false),
            looks: AtomicU32::new(0),
        }
    }

    /// Whether an M sleeps in the poller; a hint, but for those who armed a timer before.
    pub(super) fn is_slept_in(&self) -> bool {
        self.until.load(Ordering::Relaxed) != NOBODY
    }

    /// A number that changes when somebody has looked.
    pub(crate) fn looks(&self) -> u32 {
        self.looks.load(Ordering::Relaxed)
    }

    /// Takes what events there are; false if others see to that.
    fn look(&self, events: &mut Events) -> bool {
        if self.is_slept_in() || self.is_looked_in.swap(true, Ordering::Acquire) {
            return false;
        }
        sched().netpoll.wait(events, Some(Duration::ZERO));
        self.count();
        self.is_looked_in.store(false, Ordering::Release);
        true
    }

    /// Whether the poller is to watch, at the time it says.
    fn may_watch(&self, now: u64) -> bool {
        self.was_brief.load(Ordering::Relaxed) && now >= self.watch_from.load(Ordering::Relaxed)
    }

    /// The poller, which watched, was without a processor for as long as it says.
    fn note_loss(&self, now: u64, lost: u64) {
        if lost > LOSS_NS {
            let from = now + LOSS_FACTOR * lost;
            self.watch_from.store(from, Ordering::Relaxed);
        }
    }

    fn count(&self) {
        let looks = self.looks.load(Ordering::Relaxed);
        self.looks.store(looks.wrapping_add(1), Ordering::Relaxed);
    }
}

/// Looks for events on the way to other work: returns the first goroutine that they make runnable, and
/// queues the rest.
pub(crate) fn look_in_passing(m: &'static M) -> Option<GRef> {
    if !sched().netpoll.has_descriptors() {
        return None;
    }
    look_open(m)
}

#[cold]
#[inline(never)]
fn look_open(m: &'static M) -> Option<GRef> {
    let mut events = Events::new();
    if !sched().polling.look(&mut events) {
        return None;
    }
    deliver_here(m, &events)
}

/// The same for sysmon, which has no P; true if somebody could go on.
pub(crate) fn look_from_outside() -> bool {
    let mut events = Events::new();
    sched().polling.look(&mut events) && deliver_to_all(&events)
}

/// Whether sysmon is to look, who last saw `looks`, at the time it says.
pub(crate) fn is_look_due(has_been_long: bool) -> bool {
    let sched = sched();
    sched.netpoll.has_descriptors()
        && !sched.polling.is_slept_in()
        && (has_been_long || is_p_free())
}

/// Makes those runnable whose waits the events end: threads at once, goroutines by `keep`.
fn deliver(events: &Events, mut keep: impl FnMut(GRef)) {
    sched()
        .netpoll
        .deliver(events, |waiter| match waiter.kind() {
            Kind::Thread(parker) => parker.wake(),
            // One that has yet to park finds that it is over.
            Kind::Early(g) if !g.latch.ready() => {}
            Kind::Goroutine(g) | Kind::Early(g) => {
                if ready::make_runnable(g) {
                    // It runs in a moment, most likely.
                    g.stack.get().into_iter().for_each(Stack::prefetch);
                    keep(g);
                }
            }
            Kind::Task(_) => crate::sys::fatal!("a future waits for a descriptor"),
        });
}

/// Delivers events where there is no P to queue at; true if somebody can go on.
fn deliver_to_all(events: &Events) -> bool {
    let mut ready = GList::new();
    deliver(events, |g| ready.push_back(g));
    let found_any = ready.len() > 0;
    if found_any {
        sched().global.push_all(ready);
        idle::wake_p();
    }
    found_any
}

/// Delivers events: returns the first goroutine, queues the others at the P of `m`, and sees to it that
/// somebody helps if those are many.
fn deliver_here(m: &'static M, events: &Events) -> Option<GRef> {
    let mut first = None;
    let mut are_others = false;
    deliver(events, |g| match first {
        None => first = Some(g),
        Some(_) => {
            are_others = true;
            push_behind(m.p(), g);
        }
    });
    debt::note_look(m.p(), events.is_full());
    if are_others {
        debt::note_batch(m.p(), os::nanotime());
    }
    first
}

/// Sleeps until there is work for `m`, which is on the idle list and has looked at everything: on its
/// note, or in the poller. On return it may have a P or none.
pub(crate) fn sleep(m: &'static M) {
    if m.is_poller.get() {
        sleep_in_poller(m);
    } else {
        idle::await_handed(m);
    }
}

#[cold]
#[inline(never)]
fn sleep_in_poller(m: &'static M) {
    let sched = sched();
    let mut events = Events::new();
    loop {
        wait(&mut events);
        // An interrupt: for a timer, or because somebody needs this M.
        if !events.is_empty() || sched.timers.is_due() || !idle::is_listed(m) {
            break;
        }
    }
    stop_polling();
    let left = idle::leave(m);
    if is_p_free()
        && let Some(first) = sched.timers.first()
    {
        // We look at the timers with the P that we have or get, but run others in between.
        expect_timer_if_long(first);
    }
    if left == idle::Left::Handed {
        idle::await_handed(m);
    }
    if !m.has_p() {
        deliver_to_all(&events);
    } else if let Some(first) = deliver_here(m, &events) {
        // This one the M will run itself, and wakes nobody.
        push_behind(m.p(), first);
    }
}

/// Steps a to d.
fn wait(events: &mut Events) {
    let (sched, polling) = (sched(), &sched().polling);
    polling.until.store(FOR_EVER, Ordering::Relaxed);
    // SeqCst: pairs with the fence in `expect_timer`.
    fence(Ordering::SeqCst);
    let wake_time = sched.timers.wake_time();
    polling
        .until
        .store(wake_time.unwrap_or(FOR_EVER), Ordering::Relaxed);
    let start = os::nanotime();
    let brief_end = (start + BRIEF_NS).min(wake_time.unwrap_or(FOR_EVER));
    if !(polling.may_watch(start) && watch(events, brief_end)) {
        let left = wake_time.map(|when| when.saturating_sub(os::nanotime()));
        sched.netpoll.wait(events, left.map(Duration::from_nanos));
    }
    let was_brief = !events.is_empty() && os::nanotime() - start < BRIEF_NS;
    polling.was_brief.store(was_brief, Ordering::Relaxed);
    polling.count();
}

/// Waits for events awake; false if none has come by `end`, or the sleep to come is interrupted already.
fn watch(events: &mut Events, end: u64) -> bool {
    let (netpoll, polling) = (&sched().netpoll, &sched().polling);
    while !netpoll.is_interrupted() {
        netpoll.wait(events, Some(Duration::ZERO));
        if !events.is_empty() {
            return true;
        }
        thread::yield_now();
        let now = os::nanotime();
        if now >= end {
            polling.note_loss(now, now - end);
            break;
        }
    }
    false
}

/// The beginning of step e. The caller reads the first timer once it has a P or none.
fn stop_polling() {
    sched().polling.until.store(NOBODY, Ordering::Relaxed);
    // SeqCst: pairs with the fence in `expect_timer`.
    fence(Ordering::SeqCst);
}

/// Whether a P is free that nobody looks for work with.
pub(crate) fn is_p_free() -> bool {
    let sched = sched();
    sched.counters.read().idle() > 0 || sched.lent.load(Ordering::Relaxed) > 0
}

/// Has somebody wake at `when`, if that is the first timer of all. Called after it was published.
///
/// The first timer opens the poller. If all Ps are in use nobody need be woken: the first to idle reads
/// the timer on its way to sleep, and sysmon looks in every 10 ms.
pub(crate) fn expect_timer(when: u64) {
    let sched = sched();
    let is_open = sched.netpoll.open_for_timers();
    // SeqCst: pairs with the fences in `wait` and `stop_polling`, and in sysmon's `sleep`.
    fence(Ordering::SeqCst);
    if sched.timers.first().is_some_and(|first| first < when) {
        return;
    }
    match sched.polling.until.load(Ordering::Relaxed) {
        NOBODY if is_open && !is_p_free() => {}
        // An M arms for a goroutine that parks, and most often idles and polls next.
        NOBODY if is_open && m::current().is_some() => expect_timer_if_long(when),
        // Whom this wakes finds nothing to do and polls.
        NOBODY if is_open && idle::wake_p() => {}
        NOBODY => sched.sysmon.wake_by(when),
        until if when < until => sched.netpoll.interrupt(),
        _ => {}
    }
}

/// Has sysmon see to the first timer, unless that comes before an M that is awake has done what it is
/// at: it polls next, or finds helpers of whom one will.
fn expect_timer_if_long(when: u64) {
    let when = when.max(os::nanotime() + RUN_NS);
    sched().sysmon.wake_by(when);
}

/// Sees to it that somebody polls, for a thread that is about to wait: no M of its own will look for
/// work behind it.
#[cfg_attr(not(feature = "net"), allow(dead_code, reason = "for sockets"))]
pub(crate) fn ensure_polling() {
    if sched().netpoll.is_open() && !sched().polling.is_slept_in() {
        idle::wake_p();
    }
}
