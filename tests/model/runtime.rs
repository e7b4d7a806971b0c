//! The runtime of the models: the real protocol files, among doubles of the nouns they speak of.
//!
//! Real are `claim`, `interrupt`, `latch`, `netpoll`, `own_task`, `status`, `pword`, `runq`, `sudog`,
//! `timer`, `waiter`, and in `sched` what is listed there. The doubles (nouns.rs) have the fields and
//! functions these files use, and no more.

#[path = "../../src/runtime/claim.rs"]
pub(crate) mod claim;
#[path = "../../src/runtime/interrupt.rs"]
pub(crate) mod interrupt;
#[path = "../../src/runtime/latch.rs"]
pub(crate) mod latch;
#[path = "../../src/runtime/netpoll.rs"]
pub(crate) mod netpoll;
pub(crate) mod nouns;
#[path = "../../src/runtime/own_task.rs"]
pub(crate) mod own_task;
#[path = "../../src/runtime/pace.rs"]
pub(crate) mod pace;
#[path = "../../src/runtime/pword.rs"]
pub(crate) mod pword;
#[path = "../../src/runtime/runq.rs"]
pub(crate) mod runq;
pub(crate) mod sched;
#[path = "../../src/runtime/status.rs"]
pub(crate) mod status;
#[path = "../../src/runtime/sudog.rs"]
pub(crate) mod sudog;
#[path = "../../src/runtime/timer.rs"]
pub(crate) mod timer;
#[path = "../../src/runtime/waiter.rs"]
pub(crate) mod waiter;

/// Settings that nobody sets here.
pub(crate) mod config {
    pub(crate) const MAX_PROCS: usize = 4;

    pub(crate) fn default_procs() -> usize {
        1
    }
}
pub(crate) mod coro {
    pub(crate) use super::nouns::{Commit, Stack, StackList, Switch};
}
pub(crate) mod g {
    pub(crate) use super::nouns::{G, GList, GRef, Place, WaitReason};
}
pub(crate) mod m {
    pub(crate) use super::nouns::{
        Handed, M, current, is_unwinding, kept_parker, parker, random, set_current,
    };
}
pub(crate) mod p {
    pub(crate) use super::nouns::P;
}
pub(crate) mod task {
    pub(crate) use super::nouns::Task;
}
pub(crate) mod parker {
    pub(crate) use super::nouns::Parker;
}

pub(crate) use claim::Ticket;
pub(crate) use coro::Commit;
pub(crate) use g::{Place, WaitReason};
pub(crate) use m::random;
pub(crate) use netpoll::{Direction, PollDesc};
pub(crate) use nouns::{place, take_out};
pub(crate) use own_task::OwnTask;
pub(crate) use sched::blocking::sleep_in_place;
pub(crate) use sched::no_park::{check_park, is_park_forbidden, refuse_park};
pub(crate) use sched::park::{Parked, Token, end_early, enter, enter_blocking, leave};
pub(crate) use sched::woken::{Tasks, Woken};
pub(crate) use sudog::{Outcome, Sudog, Turn, WaitQ};
pub(crate) use task::Task;
pub(crate) use waiter::Waiter;

/// No time comes.
pub(crate) fn wake_at(_: &'static Task, _: std::time::Instant) {}
