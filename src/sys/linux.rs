//! Linux: the system calls behind the names listed in `sys/mod.rs`.

use super::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::io;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::time::Duration;

/// Sleeps while `*word == expected`, at most `limit` long. May return for no reason.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, limit: Option<Duration>) {
    let spec = limit.map(|limit| libc::timespec {
        tv_sec: limit.as_secs().min(i64::MAX as u64) as libc::time_t,
        tv_nsec: limit.subsec_nanos() as libc::c_long,
    });
    let spec = spec.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `word` is a live, aligned u32 for the whole call, and `spec` null or a live timespec.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            expected,
            spec,
        );
    }
}

/// Wakes up to `count` threads asleep on `word`.
pub(crate) fn futex_wake(word: &AtomicU32, count: u32) {
    // SAFETY: FUTEX_WAKE uses the address as a name only; it reads nothing through it.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
            count,
        );
    }
}

/// The monotonic clock in nanoseconds.
pub(crate) fn nanotime() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is a live timespec to write to.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// The size of a page of memory in bytes.
pub(crate) fn page_size() -> usize {
    // SAFETY: sysconf reads a constant of the system.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

/// Reserves `len` bytes of zeroed memory that is committed page by page at first touch.
pub(crate) fn reserve(len: usize) -> io::Result<NonNull<u8>> {
    // SAFETY: a fresh anonymous mapping at an address of the kernel's choice touches no other.
    let base = unsafe {
        libc::mmap(
            ptr::null_mut(),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK,
            -1,
            0,
        )
    };
    if base == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    Ok(NonNull::new(base.cast()).expect("mmap gave a null mapping"))
}

/// Gives a mapping of `reserve` back.
///
/// # Safety
/// `base` and `len` are those of a mapping nobody uses any more.
pub(crate) unsafe fn release(base: NonNull<u8>, len: usize) {
    // SAFETY: our caller says that the mapping is unused.
    unsafe { libc::munmap(base.as_ptr().cast(), len) };
}

/// `MADV_GUARD_INSTALL`, Linux 6.13: markers in the page table instead of a mapping each.
const MADV_GUARD_INSTALL: libc::c_int = 102;

/// Makes `len` bytes inaccessible without a mapping of their own; fails on kernels before 6.13.
///
/// # Safety
/// The range lies in a mapping of `reserve`, and nothing in it is in use.
pub(crate) unsafe fn guard_install(base: *mut u8, len: usize) -> io::Result<()> {
    // SAFETY: our caller owns the unused range.
    check(unsafe { libc::madvise(base.cast(), len, MADV_GUARD_INSTALL) })
}

/// Makes `len` bytes inaccessible by splitting the mapping: two more mappings each.
///
/// # Safety
/// As for [`guard_install`].
pub(crate) unsafe fn guard_protect(base: *mut u8, len: usize) -> io::Result<()> {
    // SAFETY: our caller owns the unused range.
    check(unsafe { libc::mprotect(base.cast(), len, libc::PROT_NONE) })
}

/// Keeps huge pages out of a mapping: a stack that uses 4 KiB must not cost 2 MiB.
///
/// # Safety
/// The range is a mapping of `reserve`.
pub(crate) unsafe fn no_huge_pages(base: *mut u8, len: usize) {
    // Fails on kernels built without huge pages, where there is nothing to keep out.
    // SAFETY: advice about our own mapping; it changes no contents.
    unsafe { libc::madvise(base.cast(), len, libc::MADV_NOHUGEPAGE) };
}

/// How many pages of a range are in memory.
///
/// # Safety
/// The range is a part of a mapping of `reserve` that begins with a page, and not of a guard.
pub(crate) unsafe fn resident_pages(base: *mut u8, len: usize) -> usize {
    let mut pages = [0_u8; 256];
    let step = pages.len() * page_size();
    let mut count = 0;
    for offset in (0..len).step_by(step) {
        let part = step.min(len - offset);
        // SAFETY: the call writes a byte for each page of the part, and there is room for as many.
        let result = unsafe { libc::mincore(base.add(offset).cast(), part, pages.as_mut_ptr()) };
        if result == 0 {
            let seen = &pages[..part.div_ceil(page_size())];
            count += seen.iter().filter(|page| **page & 1 != 0).count();
        }
    }
    count
}

/// Gives the memory of a range back; it reads as zeros from then on. Guards in it stay.
///
/// # Safety
/// The range is whole pages of a mapping of `reserve`, and nobody needs what is in them.
pub(crate) unsafe fn forget(base: *mut u8, len: usize) {
    // SAFETY: our caller's memory, of which nothing is needed.
    unsafe { libc::madvise(base.cast(), len, libc::MADV_DONTNEED) };
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The process's limit on address space in bytes, if it has one.
pub(crate) fn address_space_limit() -> Option<usize> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a live rlimit to write to.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) };
    (result == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur as usize)
}

/// How many mappings the kernel allows a process.
pub(crate) fn map_count_limit() -> usize {
    let text = std::fs::read_to_string("/proc/sys/vm/max_map_count");
    text.ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(65_530)
}

/// How many CPUs the calling thread may run on.
pub(crate) fn cpu_count() -> usize {
    // More than any kernel is built for.
    let mut mask = [0_u64; 1024];
    // SAFETY: the kernel writes at most as many bytes as the mask has, and says how many.
    let written = unsafe {
        let size = size_of_val(&mask);
        libc::syscall(libc::SYS_sched_getaffinity, 0, size, mask.as_mut_ptr())
    };
    let count: u32 = mask.iter().map(|word| word.count_ones()).sum();
    if written > 0 { count as usize } else { 1 }
}

/// How many threads this process has, or `None` where that cannot be read.
pub(crate) fn thread_count() -> Option<usize> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses and may hold anything; the threads are
    // the 18th field after it.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(17)?.parse().ok()
}

/// The number by which the kernel knows the calling thread.
pub(crate) fn thread_id() -> u32 {
    // SAFETY: returns a number of the calling thread.
    unsafe { libc::gettid() as u32 }
}

/// How long (ns) a thread of this process has run so far, or `None` if it has ended.
pub(crate) fn thread_cpu_time(thread: u32) -> Option<u64> {
    // The clocks of threads have no names but these; see CPUCLOCK_PERTHREAD and CPUCLOCK_SCHED in the
    // kernel's posix-timers_types.h.
    let clock = (!(thread as libc::clockid_t) << 3) | 0b110;
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a live timespec to write to.
    let result = unsafe { libc::clock_gettime(clock, &mut time) };
    (result == 0).then(|| time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

/// What a thread whose clock stands does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// It sleeps in a system call.
    InCall,
    /// It would run if it had a CPU.
    Runnable,
    /// It sleeps for another reason, or that cannot be read.
    Unknown,
}

/// What a thread of this process does whose clock stands.
pub(crate) fn thread_standing(thread: u32) -> Standing {
    // The number of the call and its arguments; `running`; or -1 where it sleeps for another reason.
    let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/syscall"));
    match text.unwrap_or_default().bytes().next() {
        Some(b'0'..=b'9') => Standing::InCall,
        Some(b'r') => Standing::Runnable,
        _ => Standing::Unknown,
    }
}

/// Leaves a thread of this process a tenth of the CPU that others get. There is no way back for it
/// without privileges.
pub(crate) fn thread_lower(thread: u32) {
    const NICE: libc::c_int = 10;
    // SAFETY: both calls pass numbers only. On Linux this kind of number may be a thread's.
    unsafe {
        let now = libc::getpriority(libc::PRIO_PROCESS, thread);
        libc::setpriority(libc::PRIO_PROCESS, thread, (now + NICE).min(19));
    }
}

fn membarrier_call(command: libc::c_int) -> bool {
    // SAFETY: the call takes numbers, and has all threads of the process execute a barrier.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// Asks for the use of [`membarrier`]; false if the kernel has none.
pub(crate) fn membarrier_register() -> bool {
    membarrier_call(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
}

/// Has each running thread of the process execute a full memory barrier.
pub(crate) fn membarrier() {
    if !membarrier_call(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED) {
        super::fatal!("membarrier: {}", io::Error::last_os_error());
    }
}

/// Makes the name of the calling thread visible in `ps` and in debuggers.
pub(crate) fn thread_name(name: &std::ffi::CStr) {
    // SAFETY: PR_SET_NAME copies at most 16 bytes of a terminated string.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

/// Lets timed sleeps of the calling thread end on time rather than up to 50 us late.
pub(crate) fn thread_precise_sleep() {
    // SAFETY: sets a number of the calling thread.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1_000) };
}

/// Starts a thread that inherits neither std's test capture nor a signal mask.
pub(crate) fn thread_start(entry: fn() -> !) -> io::Result<()> {
    extern "C" fn begin(entry: *mut libc::c_void) -> *mut libc::c_void {
        // SAFETY: the argument is the function pointer passed to `pthread_create` below.
        let entry: fn() -> ! = unsafe { std::mem::transmute(entry) };
        entry()
    }
    // SAFETY: the attribute and mask structs are plain data, initialised by the calls that take
    // them first.
    unsafe {
        let mut attr = std::mem::zeroed();
        libc::pthread_attr_init(&mut attr);
        libc::pthread_attr_setdetachstate(&mut attr, libc::PTHREAD_CREATE_DETACHED);
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::pthread_sigmask(libc::SIG_SETMASK, &none, &mut before);
        let mut thread = std::mem::zeroed();
        let result = libc::pthread_create(&mut thread, &attr, begin, entry as *mut libc::c_void);
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut());
        libc::pthread_attr_destroy(&mut attr);
        if result == 0 {
            Ok(())
        } else {
            Err(io::Error::from_raw_os_error(result))
        }
    }
}

/// Ends the process without running anything: no destructor, no exit handler.
pub(crate) fn exit_at_once(code: i32) -> ! {
    // SAFETY: `_exit` may be called at any time.
    unsafe { libc::_exit(code) }
}

/// Where the guard below the calling thread's stack is: its first address, and the one behind it. Both
/// are 0 if that cannot be told.
pub(crate) fn thread_stack_guard() -> (usize, usize) {
    // SAFETY: plain data, initialised by the call that takes it first and destroyed after use.
    unsafe {
        let mut attr = std::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attr) != 0 {
            return (0, 0);
        }
        let (mut lowest, mut size, mut guard) = (ptr::null_mut(), 0, 0);
        libc::pthread_attr_getstack(&attr, &mut lowest, &mut size);
        libc::pthread_attr_getguardsize(&attr, &mut guard);
        libc::pthread_attr_destroy(&mut attr);
        let lowest = lowest as usize;
        // glibc used to count the guard to the stack, and does not any more; musl never did.
        (lowest.saturating_sub(guard), lowest + guard)
    }
}

/// Who looks at a segmentation fault first.
static ON_SEGV: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// What was done about one before us.
static OLD_SEGV: OnceLock<libc::sigaction> = OnceLock::new();

/// Has `look` called with the address of every segmentation fault, in the handler; if it returns, the
/// handler that was there before goes on. Once.
pub(crate) fn on_segv(look: fn(usize)) {
    ON_SEGV.store(look as *mut (), Ordering::Release);
    // SAFETY: both structs are plain data; the handler is installed after what it reads is set, and
    // runs on the alternate stack.
    unsafe {
        let mut old: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGSEGV, ptr::null(), &mut old);
        let _ = OLD_SEGV.set(old);
        let mut new: libc::sigaction = std::mem::zeroed();
        new.sa_sigaction = handle_segv as *const () as usize;
        new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigaction(libc::SIGSEGV, &new, ptr::null_mut());
    }
}

extern "C" fn handle_segv(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let look = ON_SEGV.load(Ordering::Acquire);
    if !look.is_null() {
        // SAFETY: `on_segv` stored a `fn(usize)`; the kernel's info is that of a fault.
        unsafe { std::mem::transmute::<*mut (), fn(usize)>(look)((*info).si_addr() as usize) };
    }
    let old = OLD_SEGV
        .get()
        .map_or((libc::SIG_DFL, 0), |old| (old.sa_sigaction, old.sa_flags));
    match old {
        (libc::SIG_DFL | libc::SIG_IGN, _) => {
            // SAFETY: the default action, met again when the faulting instruction is.
            unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
        }
        // SAFETY: the kernel kept this handler under SA_SIGINFO, so it has this signature.
        (handler, flags) if flags & libc::SA_SIGINFO != 0 => unsafe {
            type Long = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
            std::mem::transmute::<usize, Long>(handler)(signal, info, context);
        },
        // SAFETY: without SA_SIGINFO a handler takes the number only.
        (handler, _) => unsafe {
            std::mem::transmute::<usize, extern "C" fn(libc::c_int)>(handler)(signal);
        },
    }
}

/// Who is told of SIGQUIT.
static ON_QUIT: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// Has `tell` called when SIGQUIT comes, in the handler, unless the process has a handler of its own; whether
/// that is so. Once.
///
/// Where it is ignored, too: a shell that runs a program in the background has it so.
pub(crate) fn on_quit(tell: fn()) -> bool {
    ON_QUIT.store(tell as *mut (), Ordering::Release);
    // SAFETY: both structs are plain data; the handler is installed after what it reads is set.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGQUIT, ptr::null(), &mut action);
        if ![libc::SIG_DFL, libc::SIG_IGN].contains(&action.sa_sigaction) {
            return false;
        }
        action.sa_sigaction = handle_quit as *const () as usize;
        action.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
        libc::sigaction(libc::SIGQUIT, &action, ptr::null_mut()) == 0
    }
}

extern "C" fn handle_quit(_: libc::c_int) {
    let tell = ON_QUIT.load(Ordering::Acquire);
    if tell.is_null() {
        return;
    }
    // SAFETY: `on_quit` stored a `fn()`; the place of errno is the thread's, and what is interrupted
    // finds there what it left.
    unsafe {
        let errno = libc::__errno_location();
        let before = *errno;
        std::mem::transmute::<*mut (), fn()>(tell)();
        *errno = before;
    }
}

/// Whether standard error takes some text at once, or fails at once.
pub(crate) fn is_stderr_ready() -> bool {
    let mut stderr = libc::pollfd {
        fd: 2,
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: one live struct, written by the call, which does not wait.
    unsafe { libc::poll(&mut stderr, 1, 0) > 0 }
}

/// Makes a guarded stack of `size` bytes for signal handlers; its lowest address, or `None` where there
/// is no memory for it.
pub(crate) fn signal_stack_new(size: usize) -> Option<NonNull<u8>> {
    let page = page_size();
    let base = reserve(page + size).ok()?;
    // SAFETY: the mapping is ours alone; its lowest page becomes the guard.
    unsafe {
        let _ = guard_protect(base.as_ptr(), page);
        Some(base.add(page))
    }
}

/// Has signal handlers of the calling thread run on `stack`, of `size` bytes, or where the thread is.
///
/// # Safety
/// The stack is one of [`signal_stack_new`], and no other thread's as long as this one has it.
pub(crate) unsafe fn signal_stack(stack: Option<NonNull<u8>>, size: usize) {
    let stack = libc::stack_t {
        ss_sp: stack.map_or(ptr::null_mut(), NonNull::as_ptr).cast(),
        ss_flags: stack.map_or(libc::SS_DISABLE, |_| 0),
        ss_size: size,
    };
    // SAFETY: our caller's memory, for good.
    unsafe { libc::sigaltstack(&stack, ptr::null_mut()) };
}
