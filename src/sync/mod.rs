//! Waiting for others: locks, and all else that is not a channel. Go's `sync`, `x/sync`.
//!
//! Everything here serves goroutines and plain threads at once. Who waits parks, and does not hold up the
//! thread if it is a goroutine; guards and permits may be held across blocking calls and go to other threads.
//! A panic poisons nothing, but a [`LazyLock`] that it left without a value. Nothing here starts the runtime
//! but what starts a goroutine ([`WaitGroup::go`], [`ErrGroup::go`]).
//!
//! Async code, on any executor, can wait with the same objects where there is a future for it:
//!
//! | in goroutines and threads | in async code |
//! |---|---|
//! | [`Mutex::lock`] | [`lock_async`](Mutex::lock_async) |
//! | [`RwLock::read`], [`write`](RwLock::write) | [`read_async`](RwLock::read_async), [`write_async`](RwLock::write_async) |
//! | [`Semaphore::acquire`] | [`acquire_async`](Semaphore::acquire_async) |
//! | [`WaitGroup::wait`] | [`wait_async`](WaitGroup::wait_async) |
//! | [`BroadcastReceiver::recv`] | [`recv_async`](BroadcastReceiver::recv_async) |
//!
//! The others, and the forms with a time limit, block an executor's thread. Wait for a [`Condvar`], a
//! [`Barrier`], a [`Once`], an [`OnceLock`], a [`LazyLock`], a [`SingleFlight`] or an [`ErrGroup`] in a
//! goroutine, whose [`JoinHandle`](crate::JoinHandle) is a future.

mod barrier;
mod broadcast;
mod condvar;
mod err_group;
mod guard;
mod lazy_lock;
mod mutex;
mod once;
mod once_lock;
mod pool;
mod rwlock;
mod seat;
mod sema;
mod semaphore;
mod single_flight;
mod waitgroup;

pub use barrier::{Barrier, BarrierWaitResult};
pub use broadcast::{
    Broadcast, BroadcastReceiver, BroadcastRecvError, BroadcastRecvFuture,
    BroadcastRecvTimeoutError, BroadcastTryRecvError,
};
pub use condvar::{Condvar, WaitTimeoutResult};
pub use err_group::ErrGroup;
pub use lazy_lock::LazyLock;
pub use mutex::{LockFuture, MappedMutexGuard, Mutex, MutexGuard};
pub use once::Once;
pub use once_lock::OnceLock;
pub use pool::{Pool, PoolGuard};
pub use rwlock::{
    MappedRwLockReadGuard, MappedRwLockWriteGuard, ReadFuture, RwLock, RwLockReadGuard,
    RwLockWriteGuard, WriteFuture,
};
pub use semaphore::{
    AcquireFuture, AcquireTimeoutError, Closed, Permit, Semaphore, TryAcquireError,
};
pub use single_flight::SingleFlight;
pub use waitgroup::{DoneGuard, WaitFuture, WaitGroup};
