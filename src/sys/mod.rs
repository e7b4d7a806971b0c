//! The operating system: everything that is a system call, and the primitives made of one.
//!
//! This is the lowest step of the ladder. Nothing here knows what a goroutine is. An OS file
//! gives the functions listed in [`os`]; the rest of this folder is written on top of them.
//!
//! | name | gives |
//! |---|---|
//! | `futex_wait`, `futex_wake` | sleeping on a word of our own |
//! | `reserve`, `guard_install`, `guard_protect`, `no_huge_pages`, `release` | memory for stacks |
//! | `thread_start`, `thread_name`, `thread_precise_sleep`, `thread_count` | threads that inherit nothing |
//! | `thread_id`, `thread_cpu_time`, `thread_standing`, `thread_lower` | what other threads do |
//! | `membarrier_register`, `membarrier` | a memory barrier on their behalf |
//! | `on_segv`, `thread_stack_guard`, `signal_stack_new`, `signal_stack` | a look at segmentation faults, on a stack of its own |
//! | `on_quit` | a word when SIGQUIT comes |
//! | `poller` | events of descriptors |
//! | `nanotime` | the monotonic clock |
//! | `resident_pages`, `forget` | what of that memory is in use, and giving it back |
//! | `page_size`, `cpu_count`, `address_space_limit`, `map_count_limit` | what this process may use |
//! | `is_stderr_ready` | whether somebody reads what we say |
//! | `exit_at_once` | the end |

use atomic::{AtomicBool, Ordering};
use std::io::{Error, ErrorKind};

pub(crate) mod atomic;
pub(crate) mod cgroup;
pub(crate) mod lock;
pub(crate) mod note;
#[cfg(feature = "signal")]
pub(crate) mod published;
pub(crate) mod schedstat;
#[cfg(feature = "signal")]
pub(crate) mod signal;
#[cfg(feature = "net")]
pub(crate) mod socket;
pub(crate) mod spin;
#[cfg(feature = "net")]
pub(crate) mod splice;

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
pub(crate) mod os;

// The other poller too runs on Linux, on a double of the system it is for: see kqueue.rs.
#[cfg(all(target_os = "linux", not(sudog_kqueue)))]
#[path = "epoll.rs"]
#[cfg_attr(not(feature = "net"), allow(dead_code, reason = "nobody opens it"))]
pub(crate) mod poller;
#[cfg(any(not(target_os = "linux"), sudog_kqueue))]
#[path = "kqueue.rs"]
#[cfg_attr(not(feature = "net"), allow(dead_code, reason = "nobody opens it"))]
pub(crate) mod poller;

#[cfg(not(target_os = "linux"))]
compile_error!("sudog runs on Linux only so far; other systems need a file like src/sys/linux.rs");

/// Prints a message about a broken invariant and aborts.
///
/// For states that cannot be reached while the runtime is sound: going on would run two threads on
/// one stack or lose a goroutine, so the process stops where the damage was seen.
macro_rules! fatal {
    ($($arg:tt)*) => { $crate::sys::die(format_args!($($arg)*)) };
}
pub(crate) use fatal;

/// Writes `fatal error: ..` to standard error without any lock, and aborts.
#[cold]
#[inline(never)]
pub(crate) fn die(message: std::fmt::Arguments<'_>) -> ! {
    write_stderr(&format!("fatal error: sudog: {message}\n"));
    std::process::abort()
}

/// Writes `text` to standard error with plain `write` calls; what cannot be written is left out.
///
/// Not `eprintln!`: that takes a lock a stopped goroutine may hold.
pub(crate) fn write_stderr(text: &str) {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        // SAFETY: the pointer and the length are those of a live slice.
        let n = unsafe { libc::write(2, rest.as_ptr().cast(), rest.len()) };
        match n {
            1.. => rest = &rest[n as usize..],
            _ if n < 0 && Error::last_os_error().kind() == ErrorKind::Interrupted => {}
            _ => break,
        }
    }
}

/// Writes a warning to standard error, but only as much as that takes at once; false if it takes nothing:
/// whoever reads there has stopped, maybe for ever.
///
/// For sysmon, without which nobody takes Ps, and for Ms inside the gate: what they warn of can wait.
pub(crate) fn warn(text: impl FnOnce() -> String) -> bool {
    if !os::is_stderr_ready() {
        return false;
    }
    let text = text();
    // A pipe that is not full takes a piece of this size whole, unless others fill it meanwhile.
    for piece in text.as_bytes().chunks(libc::PIPE_BUF) {
        // SAFETY: the pointer and the length are those of a live slice.
        let n = unsafe { libc::write(2, piece.as_ptr().cast(), piece.len()) };
        if n < piece.len() as isize || !os::is_stderr_ready() {
            break;
        }
    }
    true
}

/// The same, unless `is_told` says that this was done before.
pub(crate) fn warn_once(is_told: &AtomicBool, text: impl FnOnce() -> String) {
    if !is_told.swap(true, Ordering::Relaxed) && !warn(text) {
        is_told.store(false, Ordering::Relaxed);
    }
}

/// The stack pointer of the function that this is inlined into, or 0 where we do not know how to ask.
/// Whatever that function calls may use the stack below, as may a signal handler.
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    let here: usize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: reads a register.
    unsafe {
        std::arch::asm!("mov {}, rsp", out(reg) here, options(nomem, nostack, preserves_flags));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: reads a register.
    unsafe {
        std::arch::asm!("mov {}, sp", out(reg) here, options(nomem, nostack, preserves_flags));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        here = 0;
    }
    here
}

/// Standard error by [`write_stderr`].
pub(crate) struct Stderr;

impl std::io::Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        write_stderr(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Sleeps for a moment, for others who are about to be done, whatever their priority.
#[cfg(feature = "signal")]
pub(crate) fn nap() {
    std::thread::sleep(std::time::Duration::from_micros(20));
}

/// Has the processor fetch a value into its second cache, if it knows how. Only a hint.
#[inline]
pub(crate) fn prefetch<T>(value: *const T) {
    #[cfg(target_arch = "x86_64")]
    for offset in (0..size_of::<T>()).step_by(64) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        let line = value.cast::<i8>().wrapping_add(offset);
        // SAFETY: a prefetch has no effect on memory and does not fault, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// The same into the first cache, for one who is about to write it.
#[inline]
pub(crate) fn prefetch_to_write<T>(value: *const T) {
    #[cfg(target_arch = "x86_64")]
    for offset in (0..size_of::<T>()).step_by(64) {
        let line = value.cast::<u8>().wrapping_add(offset);
        // SAFETY: a prefetch has no effect on memory and does not fault, whatever the address; processors
        // that do not know this one do nothing.
        unsafe {
            std::arch::asm!("prefetchw [{}]", in(reg) line, options(nostack, preserves_flags, readonly));
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
