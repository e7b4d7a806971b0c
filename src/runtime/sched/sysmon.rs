//! The watcher: a thread of its own, without a P, that looks every now and then. Go's `sysmon`.
//!
//! What it does each round: makes the threads that were asked for; fires due timers; looks for events
//! of descriptors if nobody else does (poll.rs); changes the number of Ps (procs.rs); takes Ps from those
//! who do not come back, and pays debts (retake.rs); tells those who wait for the last goroutine; has
//! surplus threads end (reap.rs); runs errands (errands.rs); looks for a deadlock.
//!
//! It sleeps 20 us between rounds while it finds something to do, up to 10 ms when it does not; less
//!
//! - while one P idles and another runs, or has goroutines waiting beside a lent one: at most 500 us, as a debt
//!   may have to be paid;
//! - while descriptors are busy: likewise, as whoever looks for their events may be busy next; 2 ms where they
//!   have been for a while, nobody was owed anything, and no P idles;
//! - where somebody seems not to come back while others wait.
//!
//! Once everything has been idle for 100 ms it sleeps for good. Only where goroutines wait that none of our own
//! threads can wake, it looks for a deadlock once a second, and it comes back for surplus threads and for stacks
//! to trim. Whoever takes the first P off the idle list wakes it.
//!
//! Nothing here waits for long, or else nobody takes Ps any more: what it warns of is dropped or put off where
//! standard error does not take it at once. Only what ends the process may wait.
//!
//! Threads are made here and nowhere else: this thread was started with no signal blocked and
//! without std's help, so the Ms inherit neither a mask nor a test's captured output.

use super::errands::Errands;
use super::retake::SLICE_NS;
use super::timing::far_future;
use super::{
    deadlock, debt, idle, no_park, park, poll, reap, retake, run, sched, spawn, threadless,
};
use crate::runtime::coro::Commit;
use crate::runtime::g::{Place, WaitReason};
use crate::runtime::m::M;
use crate::runtime::sudog::{Outcome, Sudog, WaitQ};
use crate::sys;
use crate::sys::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
use crate::sys::lock::Lock;
use crate::sys::note::Note;
use crate::sys::os;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::time::{Duration, Instant};

/// The stack of an M's thread, for `on_system_stack`. It is address space, until it is used.
const SYSTEM_STACK: usize = 8 << 20;

const SLEEP_MIN_NS: u64 = 20_000;
const SLEEP_MAX_NS: u64 = 10_000_000;
const SLEEP_IN_DEBT_NS: u64 = 500_000;
/// How often that is doubled for a busy server: each round takes the processor from one who works.
const CALM_MAX: u32 = 2;
/// Rounds without anything to do before the sleep doubles.
const PATIENCE: u32 = 50;
const DEEP_SLEEP_AFTER_NS: u64 = 100_000_000;
const DEADLOCK_AFTER_NS: u64 = 10_000_000;
/// A thread that is not ours may end, and nobody tells.
const DEADLOCK_LOOK_EVERY_NS: u64 = 1_000_000_000;

/// The time in milliseconds, as of our last look, or of the wake from a deep sleep; good enough to say how
/// long somebody waited.
static NOW_MS: AtomicU32 = AtomicU32::new(0);

#[inline]
pub(super) fn now_ms() -> u32 {
    NOW_MS.load(Ordering::Relaxed)
}

/// Sets what [`now_ms`] tells, by `os::nanotime`.
pub(super) fn set_now(nanos: u64) {
    NOW_MS.store(as_ms(nanos), Ordering::Relaxed);
}

/// A time of `os::nanotime` in the units of [`now_ms`].
pub(super) fn as_ms(nanos: u64) -> u32 {
    (nanos / 1_000_000) as u32
}

/// Others' side of the watcher.
pub(crate) struct Sysmon {
    note: Note,
    /// When (ns) its present sleep ends by itself.
    sleeps_until: AtomicU64,
    /// Ms whose thread is still to be made.
    wanted: Lock<Vec<&'static M>>,
    /// Who waits until no goroutine is left, and how many of them are goroutines themselves.
    pub(crate) idle_watchers: Lock<IdleWatchers>,
    has_idle_watchers: AtomicBool,
}

pub(crate) struct IdleWatchers {
    pub(crate) queue: WaitQ,
    pub(crate) goroutines: usize,
}

impl Sysmon {
    pub(crate) const fn new() -> Sysmon {
        Sysmon {
            note: Note::new(),
            sleeps_until: AtomicU64::new(0),
            wanted: Lock::new(Vec::new()),
            idle_watchers: Lock::new(IdleWatchers {
                queue: WaitQ::new(),
                goroutines: 0,
            }),
            has_idle_watchers: AtomicBool::new(false),
        }
    }

    /// Ends the watcher's sleep. Also for a signal's handler.
    pub(crate) fn wake(&self) {
        self.note.wake();
    }

    /// Ends its sleep if that would last longer than until `when`.
    ///
    /// The caller has a fence (SeqCst) between what is to be seen and this: see [`Watch::sleep`].
    pub(crate) fn wake_by(&self, when: u64) {
        if when < self.sleeps_until.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    /// Has a thread made for `m`, which then waits for what it is handed.
    pub(crate) fn request_thread(&self, m: &'static M) {
        self.wanted.lock().push(m);
        self.wake();
    }

    /// Waits until no goroutine is left but those that wait for it too; false if `limit` came first.
    pub(crate) fn wait_idle(&self, limit: Duration, at: &'static Location<'static>) -> bool {
        let deadline = Instant::now().checked_add(limit).unwrap_or_else(far_future);
        let mut token = park::enter_blocking();
        let (waiter, is_goroutine) = (token.waiter(), token.goroutine().is_some());
        let ticket = waiter.claim().open();
        let mut sudog = Sudog::contested(waiter, ptr::null_mut(), ticket, 0);
        let mut watchers = self.idle_watchers.lock();
        if spawn::live() <= watchers.goroutines + usize::from(is_goroutine) {
            return true;
        }
        let place = Place {
            reason: WaitReason::WaitIdle,
            at,
        };
        if no_park::is_park_forbidden() {
            drop(watchers);
            drop(token);
            no_park::refuse_park(place);
        }
        watchers.goroutines += usize::from(is_goroutine);
        // SAFETY: under the lock; the sudog stays here until it is out of the queue again, below.
        unsafe { watchers.queue.push(NonNull::from(&mut sudog)) };
        self.has_idle_watchers.store(true, Ordering::SeqCst);
        // It may have gone to sleep for good, with the last goroutine, since we looked.
        self.wake();
        let lock = Lock::leave_locked(watchers);
        // SAFETY: the commit releases the lock we hold.
        unsafe { token.park_until(waiter, place, Commit::unlock(lock), ticket, deadline) };
        let mut watchers = self.idle_watchers.lock();
        watchers.goroutines -= usize::from(is_goroutine);
        // SAFETY: under the lock; our own sudog.
        unsafe { watchers.queue.remove(NonNull::from(&mut sudog)) };
        let is_watched = !watchers.queue.is_empty();
        self.has_idle_watchers.store(is_watched, Ordering::SeqCst);
        sudog.outcome == Outcome::Done
    }
}

/// Starts the watcher's thread; it waits until the scheduler stands.
pub(crate) fn start() {
    if let Err(error) = os::thread_start(entry) {
        sys::fatal!("the first thread cannot be started: {error}");
    }
}

fn entry() -> ! {
    os::thread_name(c"sudog-sysmon");
    os::thread_precise_sleep();
    while !sched().is_started() {
        std::thread::yield_now();
    }
    Watch::new().watch()
}

/// What the watcher remembers from round to round.
struct Watch {
    ps: retake::Watch,
    idle_since: Option<u64>,
    quiet_rounds: u32,
    /// Rounds, at most [`CALM_MAX`], in which descriptors were busy, and there was nothing to do for us.
    calm_rounds: u32,
    sleep_ns: u64,
    /// When surplus threads were last looked for.
    reaped_at: u64,
    has_warned_of_threads: bool,
    errands: Errands,
    /// How often events had been looked for, as of when.
    looks: (u32, u64),
    /// Whether somebody has looked since the round before.
    are_descriptors_busy: bool,
}

impl Watch {
    fn new() -> Watch {
        Watch {
            ps: retake::Watch::new(),
            idle_since: None,
            quiet_rounds: 0,
            calm_rounds: 0,
            sleep_ns: SLEEP_MIN_NS,
            reaped_at: os::nanotime(),
            has_warned_of_threads: false,
            errands: Errands::new(os::nanotime()),
            looks: (0, 0),
            are_descriptors_busy: false,
        }
    }

    fn watch(&mut self) -> ! {
        let sched = sched();
        loop {
            let now = os::nanotime();
            set_now(now);
            let mut did_something = self.make_threads();
            // The sleep ends for the next such timer anyway.
            sched.timers.run_overdue(now);
            did_something |= self.look_for_events(now);
            did_something |= sched.procs().resize();
            did_something |= self.ps.look(now);
            retake::warn_thread_limit(&mut self.has_warned_of_threads);
            self.tell_idle_watchers();
            self.reap(now);
            self.errands.run(now);
            self.sleep(now, did_something);
        }
    }

    fn make_threads(&mut self) -> bool {
        let sysmon = &sched().sysmon;
        let mut made_any = false;
        loop {
            let next = sysmon.wanted.lock().pop();
            let Some(m) = next else { return made_any };
            let thread = std::thread::Builder::new()
                .name(format!("sudog-{}", m.id))
                .stack_size(SYSTEM_STACK);
            if let Err(error) = thread.spawn(move || run::m_main(m)) {
                warn_no_thread(&error);
                // The next round tries again.
                sysmon.wanted.lock().push(m);
                let threadless = sysmon.wanted.lock().clone();
                for m in &threadless {
                    threadless::hand_on(m, &threadless);
                }
                return made_any;
            }
            made_any = true;
        }
    }

    /// Looks for events of descriptors, if it is time; true if somebody can go on.
    fn look_for_events(&mut self, now: u64) -> bool {
        let looks = sched().polling.looks();
        self.are_descriptors_busy = looks != self.looks.0;
        if self.are_descriptors_busy {
            self.looks = (looks, now);
        }
        let unlooked_ns = now - self.looks.1;
        let has_been_long = unlooked_ns >= SLICE_NS;
        // Who has looked since the last round will again before the next, most likely.
        let is_early = self.are_descriptors_busy || unlooked_ns < debt::least_wait();
        if is_early || !poll::is_look_due(has_been_long) {
            return false;
        }
        let found_any = poll::look_from_outside();
        // Its own looks do not count.
        self.looks.0 = sched().polling.looks();
        if has_been_long && poll::is_p_free() && sched().netpoll.has_waiters() {
            // No M has come to poll by itself: one is woken to find nothing else to do.
            idle::wake_p();
            self.looks.1 = now;
        }
        found_any
    }

    fn reap(&mut self, now: u64) {
        if now - self.reaped_at >= reap::REAP_EVERY_NS {
            self.reaped_at = now;
            reap::reap();
        }
    }

    fn tell_idle_watchers(&self) {
        let sysmon = &sched().sysmon;
        if !sysmon.has_idle_watchers.load(Ordering::SeqCst) {
            return;
        }
        let mut woken = Vec::new();
        {
            let mut watchers = sysmon.idle_watchers.lock();
            if spawn::live() > watchers.goroutines {
                return;
            }
            // SAFETY: we hold the lock of the queue; a popped sudog is ours until its waiter is readied.
            while let Some(mut sudog) = unsafe { watchers.queue.pop() } {
                // SAFETY: as above.
                let sudog = unsafe { sudog.as_mut() };
                sudog.outcome = Outcome::Done;
                woken.push(sudog.waiter);
            }
            sysmon.has_idle_watchers.store(false, Ordering::SeqCst);
        }
        let token = park::enter();
        woken.into_iter().for_each(|waiter| token.ready(waiter));
    }

    fn sleep(&mut self, now: u64, did_something: bool) {
        let sched = sched();
        sched.sysmon.sleeps_until.store(u64::MAX, Ordering::Relaxed);
        // SeqCst: pairs with the fence of whoever wants us awake. We see why, or it sees that we sleep.
        fence(Ordering::SeqCst);
        let all_asleep = sched.idle.lock().all_asleep();
        self.idle_since = all_asleep.then(|| self.idle_since.unwrap_or(now));
        let idle_for = self.idle_since.map_or(0, |since| now - since);
        if idle_for >= DEADLOCK_AFTER_NS {
            let threadless = sched.sysmon.wanted.lock().len();
            deadlock::check(M::count() - threadless);
        }
        if did_something {
            self.quiet_rounds = 0;
            self.sleep_ns = SLEEP_MIN_NS;
        } else {
            self.quiet_rounds += 1;
            if self.quiet_rounds > PATIENCE {
                self.sleep_ns = (self.sleep_ns * 2).min(SLEEP_MAX_NS);
            }
        }
        let is_calm = self.are_descriptors_busy && !self.ps.is_debt_open && !did_something;
        self.calm_rounds = match is_calm {
            true => (self.calm_rounds + 1).min(CALM_MAX),
            false => 0,
        };
        let deep = !did_something && idle_for >= DEEP_SLEEP_AFTER_NS && self.may_sleep_deeply();
        let limit = if !deep {
            Some(self.nap())
        } else if deadlock::is_possible() {
            Some(DEADLOCK_LOOK_EVERY_NS)
        } else {
            reap::is_wanted().then_some(reap::REAP_EVERY_NS)
        };
        self.sleep_for(self.errands.shorten(limit, now), deep);
        if deep {
            sched.idle.lock().sysmon_asleep = false;
            self.quiet_rounds = 0;
            self.sleep_ns = SLEEP_MIN_NS;
        }
    }

    /// How long to sleep while something may happen unannounced.
    fn nap(&self) -> u64 {
        let counts = sched().counters.read();
        let some_idle = counts.idle() > 0 && counts.idle() < sched().ps().len();
        let is_debt_seen = self.ps.is_queue_seen && poll::is_p_free();
        let nap = if some_idle || is_debt_seen {
            self.sleep_ns.min(SLEEP_IN_DEBT_NS)
        } else if self.are_descriptors_busy || poll::is_look_due(false) {
            self.sleep_ns.min(SLEEP_IN_DEBT_NS << self.calm_rounds)
        } else {
            self.sleep_ns
        };
        nap.min(self.ps.look_in)
    }

    /// Asks to be woken with the first P; false if there is something to watch after all.
    fn may_sleep_deeply(&self) -> bool {
        let sysmon = &sched().sysmon;
        let mut idle = sched().idle.lock();
        if idle.all_asleep() && !idle.is_polled() {
            // They had gone to sleep before there was a poller. One of them is to sleep in it.
            drop(idle);
            idle::wake_p();
            return false;
        }
        idle.sysmon_asleep = idle.all_asleep()
            && sysmon.wanted.lock().is_empty()
            && !sysmon.has_idle_watchers.load(Ordering::SeqCst);
        idle.sysmon_asleep
    }

    /// Sleeps at most `limit_ns`, and not long past the first timer, unless that wakes somebody else, or
    /// unless `deep` and the poller sees to that: when it leaves, the first P is taken, and that ends a
    /// deep sleep.
    fn sleep_for(&self, limit_ns: Option<u64>, deep: bool) {
        let (sched, sysmon) = (sched(), &sched().sysmon);
        let now = os::nanotime();
        let is_seen_to = deep && sched.netpoll.is_open() || sched.polling.is_slept_in();
        let timer = if is_seen_to {
            None
        } else {
            sched.timers.overdue_time()
        };
        let limit = limit_ns.map(|limit| now.saturating_add(limit));
        let until = limit.into_iter().chain(timer).min();
        sysmon
            .sleeps_until
            .store(until.unwrap_or(u64::MAX), Ordering::Relaxed);
        let left = until.map(|until| Duration::from_nanos(until.saturating_sub(now)));
        sysmon.note.sleep_for(left);
        sysmon.sleeps_until.store(0, Ordering::Relaxed);
    }
}

#[cold]
fn warn_no_thread(error: &std::io::Error) {
    static IS_TOLD: AtomicBool = AtomicBool::new(false);
    sys::warn_once(&IS_TOLD, || {
        format!(
            "sudog: a thread cannot be started, trying on: {error} (`ulimit -u` and the control group's \
             pids.max limit them; with Config::max_threads fewer are tried)\n"
        )
    });
}
