//! Waiting for others: locks, and all else that is not a channel. Go's `sync`, `x/sync`.
//!
//! Everything here serves goroutines, plain threads and async code at once. Who waits parks, and does
//! not hold up the thread if it is a goroutine; guards and permits may be held across blocking calls and
//! go to other threads. A panic poisons nothing. Used from threads or async code only, nothing here
//! starts the runtime.

mod condvar;
mod guard;
mod mutex;
mod rwlock;
mod seat;
mod sema;
mod semaphore;
mod waitgroup;

pub use condvar::{Condvar, WaitTimeoutResult};
pub use mutex::{LockFuture, MappedMutexGuard, Mutex, MutexGuard};
pub use rwlock::{
    MappedRwLockReadGuard, MappedRwLockWriteGuard, ReadFuture, RwLock, RwLockReadGuard,
    RwLockWriteGuard, WriteFuture,
};
pub use semaphore::{
    AcquireFuture, AcquireTimeoutError, Closed, Permit, Semaphore, TryAcquireError,
};
pub use waitgroup::{DoneGuard, WaitGroup};
