//! Where code may run that uses a channel: goroutines, threads, and async code on several executors;
//! and what is needed to poll by hand.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::thread;

use crate::support::Rng;
use crate::traffic::Hand;

/// One kind of place to run in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum World {
    Goroutine,
    Thread,
    /// A goroutine in `sudog::block_on`.
    Blocked,
    /// A thread in `sudog::block_on`.
    BlockedThread,
    /// A task of one multi-threaded tokio runtime for all.
    Tokio,
    /// A task of a tokio runtime of its own, on one thread.
    TokioCurrent,
    Pollster,
    Futures,
}

pub const WORLDS: [World; 8] = [
    World::Goroutine,
    World::Thread,
    World::Blocked,
    World::BlockedThread,
    World::Tokio,
    World::TokioCurrent,
    World::Pollster,
    World::Futures,
];

/// Those in which futures run.
pub const EXECUTORS: [World; 6] = [
    World::Blocked,
    World::BlockedThread,
    World::Tokio,
    World::TokioCurrent,
    World::Pollster,
    World::Futures,
];

static TOKIO: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("tokio starts")
});

impl World {
    pub fn any(rng: &mut Rng) -> World {
        WORLDS[rng.below(WORLDS.len())]
    }

    /// Runs one of two that do the same: the function where code blocks, else the future.
    pub fn spawn<T: Send + 'static>(
        self,
        f: impl FnOnce() -> T + Send + 'static,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Hand<T> {
        match self {
            World::Goroutine => Hand::Goroutine(sudog::spawn(f)),
            World::Thread => Hand::Thread(thread::spawn(f)),
            _ => self.run(future),
        }
    }

    /// Runs a future, in a world that is for futures.
    pub fn run<T: Send + 'static>(
        self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Hand<T> {
        let on_thread = |f: Box<dyn FnOnce() -> T + Send>| Hand::Thread(thread::spawn(f));
        match self {
            World::Blocked => Hand::Goroutine(sudog::spawn(|| sudog::block_on(future))),
            World::BlockedThread => on_thread(Box::new(|| sudog::block_on(future))),
            World::Tokio => {
                let task = TOKIO.spawn(future);
                on_thread(Box::new(|| unwrap(TOKIO.block_on(task))))
            }
            World::TokioCurrent => on_thread(Box::new(|| {
                let mut builder = tokio::runtime::Builder::new_current_thread();
                let tokio = builder.enable_time().build().expect("tokio starts");
                unwrap(tokio.block_on(tokio.spawn(future)))
            })),
            World::Pollster => on_thread(Box::new(|| pollster::block_on(future))),
            World::Futures => on_thread(Box::new(|| futures::executor::block_on(future))),
            World::Goroutine | World::Thread => panic!("{self:?} runs no futures"),
        }
    }
}

/// The result of a tokio task, with the task's panic.
fn unwrap<T>(joined: Result<T, tokio::task::JoinError>) -> T {
    joined.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// A task of the tokio runtime for all, to be aborted.
pub fn spawn_tokio<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    TOKIO.spawn(future)
}

/// Polls once.
pub fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>, waker: &Waker) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

/// Polls once for nobody.
pub fn poll_deaf<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    poll(future, Waker::noop())
}

/// Waits in a task while the others have this many turns.
pub async fn turns(mut count: usize) {
    poll_fn(|cx| {
        if count == 0 {
            return Poll::Ready(());
        }
        count -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A waker that counts how often it was called.
#[derive(Default)]
pub struct Bell(AtomicUsize);

impl Bell {
    pub fn new() -> (Arc<Bell>, Waker) {
        let bell = Arc::new(Bell::default());
        (bell.clone(), bell.into())
    }

    pub fn rings(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// What is done to a waker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    Clone,
    Wake,
    Drop,
}

type Hook = Box<dyn Fn(Event) + Send + Sync>;

/// Makes a waker that does `hook` whenever something is done to it.
pub fn rigged(hook: impl Fn(Event) + Send + Sync + 'static) -> Waker {
    let hook: Arc<Hook> = Arc::new(Box::new(hook));
    // SAFETY: the functions below treat the pointer as the `Arc` that it is.
    unsafe { Waker::from_raw(RawWaker::new(Arc::into_raw(hook).cast(), &RIGGED)) }
}

static RIGGED: RawWakerVTable = RawWakerVTable::new(
    |data| {
        let hook = data.cast::<Hook>();
        // SAFETY: the waker that is cloned has one count of this `Arc`.
        unsafe {
            (*hook)(Event::Clone);
            Arc::increment_strong_count(hook);
        }
        RawWaker::new(data, &RIGGED)
    },
    |data| {
        // SAFETY: the waker gives up its count of this `Arc`.
        let hook = unsafe { Arc::from_raw(data.cast::<Hook>()) };
        hook(Event::Wake);
    },
    |data| {
        // SAFETY: the waker has a count of this `Arc`.
        unsafe { (*data.cast::<Hook>())(Event::Wake) };
    },
    |data| {
        // SAFETY: the waker gives up its count of this `Arc`.
        let hook = unsafe { Arc::from_raw(data.cast::<Hook>()) };
        hook(Event::Drop);
    },
);
