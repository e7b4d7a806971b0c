//! What the runtime tells about itself: plain numbers.
#![forbid(unsafe_code)]

/// Numbers about the runtime at one moment, from [`stats`](super::stats).
///
/// Nothing stops while they are gathered, so they need not agree with each other to the last unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Goroutines: spawned and not yet ended. The next three say what they do.
    pub goroutines: usize,
    /// Goroutines that could run, and wait for their turn.
    pub runnable: usize,
    /// Goroutines that run, in a call that blocks the thread too.
    pub running: usize,
    /// Goroutines that wait: for a channel, a lock, a time, a socket.
    pub waiting: usize,
    /// Goroutines spawned since the process began.
    pub spawned: u64,
    /// How many goroutines can run at once, as [`max_procs`](super::max_procs).
    pub procs: usize,
    /// How many of these processors have nothing to do.
    pub idle_procs: usize,
    /// Threads that run goroutines, those that sleep too.
    pub threads: usize,
    /// Threads that sleep until there is something to do.
    pub idle_threads: usize,
    /// Threads that look for something to do.
    pub spinning_threads: usize,
    /// Goroutines in the queue that belongs to no processor.
    pub global_queue: usize,
    /// Goroutines in the queue of each processor.
    pub local_queues: Vec<usize>,
    /// Time slices begun on each processor.
    pub ticks: Vec<u64>,
    /// How often a goroutine was made to run.
    pub switches: u64,
    /// How often a goroutine has begun to wait.
    pub parks: u64,
    /// How often a goroutine has given up its turn: by `yield_now`, or because its time slice was over.
    pub yields: u64,
    /// How often a processor has taken goroutines out of the queue of another.
    pub steals: u64,
    /// How often a processor went from a thread that goes on without it to another.
    pub hand_overs: u64,
    /// Stacks made, which are never unmade: in use, or kept for the next.
    pub stacks: usize,
    /// Bytes of address space reserved for stacks. Memory is used as stacks are touched.
    pub stack_bytes: usize,
    /// Deadlines not yet passed. Some may belong to waits that are over.
    pub timers: usize,
    /// Goroutines and threads that wait for sockets and other descriptors.
    pub net_waiters: usize,
}
