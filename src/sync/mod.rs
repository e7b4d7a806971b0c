//! Waiting for others: locks, and all else that is not a channel. Go's `sync`, `x/sync`.
//!
//! Everything here serves goroutines, plain threads and async code at once. Who waits parks, and does
//! not hold up the thread if it is a goroutine; guards and permits may be held across blocking calls and
//! go to other threads. A panic poisons nothing. Used from threads or async code only, nothing here
//! starts the runtime.

mod barrier;
mod condvar;
mod guard;
mod lazy_lock;
mod mutex;
mod once;
mod once_lock;
mod rwlock;
mod seat;
mod sema;
mod semaphore;
mod waitgroup;

pub use barrier::{Barrier, BarrierWaitResult};
pub use condvar::{Condvar, WaitTimeoutResult};
pub use lazy_lock::LazyLock;
pub use mutex::{LockFuture, MappedMutexGuard, Mutex, MutexGuard};
pub use once::Once;
pub use once_lock::OnceLock;
pub use rwlock::{
    MappedRwLockReadGuard, MappedRwLockWriteGuard, ReadFuture, RwLock, RwLockReadGuard,
    RwLockWriteGuard, WriteFuture,
};
pub use semaphore::{
    AcquireFuture, AcquireTimeoutError, Closed, Permit, Semaphore, TryAcquireError,
};
pub use waitgroup::{DoneGuard, WaitFuture, WaitGroup};
