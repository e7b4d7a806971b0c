//! What sudog does, seen from outside: one binary, one module per subject, tests named by behaviour.
//!
//! Every wait is bounded (see `support`). Tests that depend on a number of Ps, on the environment or
//! on having the runtime to themselves run again in a process of their own (`support::alone`).
//! `SUDOG_TEST_SEED` replays a stress test with the seed that a failing one printed, and
//! `SUDOG_TEST_ROUNDS` makes stress tests that many times as long, in the time they have
//! (`support::in_time`). `chan_stress` goes on for `SUDOG_STRESS_SECONDS`.

mod child;
mod support;
mod traffic;
mod worlds;

mod block_on;
mod blocking;
mod chan;
mod chan_async;
mod chan_async_drop;
mod chan_async_traffic;
mod chan_close;
mod chan_drop;
mod chan_errors;
mod chan_futures;
mod chan_golang;
mod chan_late;
mod chan_mixed;
mod chan_random;
mod chan_random_hands;
mod chan_select;
#[cfg(feature = "macros")]
mod chan_stress;
mod chan_threads;
mod chan_time;
mod chan_timeout;
mod chan_timeout_races;
mod chan_wakers;
mod context;
mod context_blocking;
#[cfg(feature = "net")]
mod context_io;
mod done;
mod group;
mod idle;
#[cfg(feature = "macros")]
mod local;
#[cfg(feature = "macros")]
mod macros;
mod migrate;
#[cfg(feature = "net")]
mod net_drained;
#[cfg(feature = "net")]
mod net_io;
#[cfg(feature = "net")]
mod net_load;
#[cfg(feature = "net")]
mod net_support;
#[cfg(feature = "net")]
mod net_tcp;
#[cfg(feature = "net")]
mod net_unix;
#[cfg(feature = "macros")]
mod no_park;
mod os_thread;
mod preempt;
mod procs;
mod run;
mod runtime;
mod scope;
mod seeing;
#[cfg(feature = "macros")]
mod select_macro;
#[cfg(feature = "signal")]
mod signal;
mod spawn;
mod stacks;
mod stealing;
mod stuck;
mod sync_broadcast;
mod sync_condvar;
mod sync_err_group;
mod sync_mutex;
mod sync_once;
mod sync_pool;
mod sync_rwlock;
mod sync_semaphore;
#[cfg(feature = "macros")]
mod system_stack;
mod time_func;
mod time_sleep;
mod time_ticker;
mod time_timer;
#[cfg(feature = "macros")]
mod timeout;
#[cfg(target_os = "linux")]
mod trim;
mod waitgroup;
mod yield_now;
