//! Who does the work: goroutines of all sorts, and plain threads.

use std::panic::resume_unwind;
use std::thread;

use super::dice::Dice;
use sudog::runtime::lock_os_thread;
use sudog::{Builder, JoinHandle, blocking, spawn};

/// Stack sizes to ask for. Frames of unoptimised code do not fit the smallest.
const STACKS: &[usize] = if cfg!(debug_assertions) {
    &[1 << 20, 8 << 20]
} else {
    &[64 << 10, 256 << 10, 1 << 20, 8 << 20]
};

/// A goroutine or a thread at work.
pub enum Hand<T> {
    Goroutine(JoinHandle<T>),
    Thread(thread::JoinHandle<T>),
}

impl<T: Send + 'static> Hand<T> {
    /// Sets somebody to work, whom the dice choose.
    pub fn start(dice: &mut Dice, work: impl FnOnce() -> T + Send + 'static) -> Hand<T> {
        let stack = dice.pick(STACKS);
        Hand::Goroutine(match dice.below(16) {
            0 | 1 => return Hand::Thread(thread::spawn(work)),
            2 => {
                let pinned = Builder::new().name("pinned").pinned();
                pinned.spawn(work).expect("a pinned goroutine")
            }
            3 => spawn(move || {
                let _guard = lock_os_thread();
                work()
            }),
            4 => {
                let sized = Builder::new().name("sized").stack_size(stack);
                sized.spawn(work).expect("a goroutine with this stack")
            }
            _ => spawn(work),
        })
    }

    /// Waits for the end, also in a goroutine without holding up the others.
    pub fn join(self) -> thread::Result<T> {
        match self {
            Hand::Goroutine(handle) => handle.join(),
            Hand::Thread(handle) => blocking(|| handle.join()),
        }
    }

    /// The same where nobody panics on purpose.
    #[track_caller]
    pub fn finish(self) -> T {
        self.join().unwrap_or_else(|payload| resume_unwind(payload))
    }
}
