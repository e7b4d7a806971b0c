//! Waiting for others: locks, and all else that is not a channel. Go's `sync`, `x/sync`.
//!
//! Everything here serves goroutines, plain threads and async code at once. Who waits parks, and does
//! not hold up the thread if it is a goroutine; guards and permits may be held across blocking calls and
//! go to other threads. A panic poisons nothing. Used from threads or async code only, nothing here
//! starts the runtime.

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
