//! How the runtime is set up: `Config`, and the environment, which comes before it.
//!
//! A bad value in the environment is a warning that names the variable, and then the default; a bad
//! value in the program is a panic where it was written.
#![forbid(unsafe_code)]

mod debug;

pub(crate) use debug::Debug;

use super::stack::{self, CLASSES};
use crate::sys::{cgroup, os, write_stderr};
use std::fmt;
use std::path::Path;

/// What to do when a goroutine panics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnPanic {
    /// Ends that goroutine only; `join` gives the panic to whoever asks.
    #[default]
    Isolate,
    /// Ends the process with code 2, as Go does, when nobody can join the goroutine any more: at the
    /// panic if the handle was dropped before, else when it is dropped unjoined.
    ///
    /// Whatever becomes of a panic, its message and place go to the panic hook when it happens, with the
    /// goroutine's number and name in front. The end of the process then says which goroutine it was:
    ///
    /// ```text
    /// goroutine 7 'worker' panicked:
    ///
    /// thread 'sudog-1' (4242) panicked at src/main.rs:10:5:
    /// out of luck
    /// panic: nobody can join the goroutine; its message went to the panic hook
    ///
    /// goroutine 7 'worker' [running]:
    /// exit status 2
    /// ```
    ///
    /// A panic that no hook has seen, as one of [`resume_unwind`](std::panic::resume_unwind), has its
    /// message after `panic: `. So has one that a hook saw which was set after the first goroutine
    /// started: it took the place of ours.
    Exit,
}

/// The runtime was already started, so it cannot be configured any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyStarted;

impl fmt::Display for AlreadyStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the runtime was already started; install its `Config` before its first use")
    }
}

impl std::error::Error for AlreadyStarted {}

/// Settings for the runtime, to be installed before its first use.
///
/// What the environment says comes before what stands here. A bad value there is a warning on
/// standard error that names the variable, and is then left aside.
///
/// | variable | key | default |
/// |---|---|---|
/// | `SUDOG_MAXPROCS`, else `GOMAXPROCS` | [`max_procs`](Config::max_procs) | the CPUs this process may use, by affinity and control group |
/// | `SUDOG_STACK`, in bytes or with `K` or `M` | [`stack_size`](Config::stack_size) | 256 KiB; 1 MiB in debug builds |
/// | `SUDOG_PANIC`: `isolate` or `exit` | [`on_panic`](Config::on_panic) | `isolate` |
/// | | [`max_threads`](Config::max_threads) | 10,000 |
/// | `SUDOG_DEBUG`: `guard=mprotect` or `guard=install` | | the best guard pages the kernel has |
/// | `SUDOG_DEBUG`: `barrier=fence` | | `membarrier`, where the kernel has it |
/// | `SUDOG_DEBUG`: `schedtrace=1000` | | no line about the scheduler every so many milliseconds |
/// | `SUDOG_DEBUG`: `stall=100ms` | [`set_stall_report`](super::set_stall_report) | no such reports |
/// | `SUDOG_TRACEBACK`: `none`, `single` or `all` | | `none`: SIGQUIT does what it always does |
///
/// `SUDOG_DEBUG` takes several settings with commas between them; of several only the bad ones are left
/// aside.
///
/// With `SUDOG_TRACEBACK=all` SIGQUIT (Ctrl-\\ at the terminal, or `kill -QUIT`) writes all goroutines to
/// standard error as [`dump`](super::dump) does, and ends the process with code 2; with `single` only
/// those that run at that moment, or goroutine 1 where none does. That works even if no goroutine ever
/// lets another run. A handler that the program has set for SIGQUIT before the runtime starts stays, and
/// while the program receives it through `signal::notify` nothing else is done. Where the process was started
/// with SIGQUIT ignored, as shells do with programs in the background, it is answered all the same, as in Go.
///
/// With `schedtrace` the line is that of Go's scheduler: how many processors there are and idle,
/// threads, those that look for work and that sleep, goroutines in the global queue and in each
/// processor's, and time slices each has begun.
///
/// ```text
/// SCHED 1004ms: gomaxprocs=2 idleprocs=0 threads=4 spinningthreads=0 needspinning=0 idlethreads=1 runqueue=3 [ 4 0 ] schedticks=[ 120 98 ]
/// ```
///
/// # Examples
/// ```
/// use sudog::runtime::{self, Config};
///
/// Config::new().max_procs(2).install().unwrap();
/// # if std::env::var_os("SUDOG_MAXPROCS").is_none() && std::env::var_os("GOMAXPROCS").is_none() {
/// assert_eq!(runtime::max_procs(), 2);
/// # }
/// assert!(Config::new().install().is_err());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Config {
    max_procs: Option<usize>,
    stack_size: Option<usize>,
    on_panic: Option<OnPanic>,
    max_threads: Option<usize>,
}

/// The most Ps there can be.
pub(crate) const MAX_PROCS: usize = 4096;

impl Config {
    /// Makes a configuration with all defaults.
    pub fn new() -> Config {
        Config::default()
    }

    /// Sets how many goroutines run at once.
    ///
    /// By default as many as Go's `GOMAXPROCS`: the CPUs that this process may run on (its affinity), but
    /// no more than the CPU quota of its control group is good for. A quota is rounded up, and 2 at least:
    /// 2.5 CPUs make 3, half a CPU makes 2. Quotas of both versions of control groups are understood, and
    /// those of all groups above count too, of which Go looks at the innermost only. A quota that cannot
    /// be read is none.
    ///
    /// # Panics
    /// If `n` is 0 or above 4096.
    #[track_caller]
    pub fn max_procs(mut self, n: usize) -> Config {
        assert!(
            (1..=MAX_PROCS).contains(&n),
            "max_procs must be 1 to {MAX_PROCS}, not {n}"
        );
        self.max_procs = Some(n);
        self
    }

    /// Sets the size of a goroutine's stack in bytes, rounded up to 64 KiB, 256 KiB, 1 MiB or 8 MiB.
    ///
    /// Part of it, 16 KiB on x86-64, is the guard. Memory is used as the stack is touched, page by
    /// page, so a larger stack costs address space and little else.
    ///
    /// # Panics
    /// If `bytes` is 0 or above 8 MiB.
    #[track_caller]
    pub fn stack_size(mut self, bytes: usize) -> Config {
        if let Err(message) = check_stack_size(bytes) {
            panic!("{message}");
        }
        self.stack_size = Some(bytes);
        self
    }

    /// Sets what happens when a goroutine panics.
    pub fn on_panic(mut self, on_panic: OnPanic) -> Config {
        self.on_panic = Some(on_panic);
        self
    }

    /// Sets how many threads the runtime makes at most; goroutines that block their threads wait for
    /// each other beyond that.
    ///
    /// # Panics
    /// If `n` is 0.
    #[track_caller]
    pub fn max_threads(mut self, n: usize) -> Config {
        assert!(n > 0, "max_threads must be at least 1");
        self.max_threads = Some(n);
        self
    }

    pub(super) fn into_settings(self) -> Settings {
        let default = Settings::default();
        Settings {
            max_procs: self.max_procs.unwrap_or(default.max_procs),
            is_procs_default: self.max_procs.is_none(),
            stack_class: self
                .stack_size
                .and_then(stack::class_of)
                .unwrap_or(default.stack_class),
            on_panic: self.on_panic.unwrap_or(default.on_panic),
            max_threads: self.max_threads.unwrap_or(default.max_threads),
            debug: default.debug,
            traceback: default.traceback,
        }
    }

    /// How many Ps there are to be, if that was given.
    pub(super) fn asked_procs(&self) -> Option<usize> {
        // The environment may have overruled it.
        self.max_procs?;
        Some(self.clone().into_settings().with_environment().max_procs)
    }

    /// The first key that asks for something else than what runs, if one does; the number of Ps is none
    /// of these, since it can be changed.
    pub(super) fn differs_from(&self, running: &Settings) -> Option<&'static str> {
        // The environment may have overruled a key, here as well as at the start.
        let asked = self.clone().into_settings().with_environment();
        let keys = [
            (
                "stack_size",
                self.stack_size.is_some(),
                running.stack_class == asked.stack_class,
            ),
            (
                "on_panic",
                self.on_panic.is_some(),
                running.on_panic == asked.on_panic,
            ),
            (
                "max_threads",
                self.max_threads.is_some(),
                running.max_threads == asked.max_threads,
            ),
        ];
        let differs = keys
            .into_iter()
            .find(|&(_, is_given, is_same)| is_given && !is_same);
        differs.map(|(key, ..)| key)
    }
}

/// Says what is wrong with a stack size, if something is.
pub(crate) fn check_stack_size(bytes: usize) -> Result<u8, String> {
    let largest = CLASSES[usize::from(stack::LARGEST)];
    match stack::class_of(bytes) {
        Some(class) if bytes > 0 => Ok(class),
        _ => Err(format!(
            "a stack size must be 1 to {largest} bytes, not {bytes}"
        )),
    }
}

/// Settings with all questions answered.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) max_procs: usize,
    /// Whether nobody gave that number, so that it follows the system.
    pub(crate) is_procs_default: bool,
    pub(crate) stack_class: u8,
    pub(crate) on_panic: OnPanic,
    pub(crate) max_threads: usize,
    pub(crate) debug: Debug,
    pub(crate) traceback: Traceback,
}

/// What SIGQUIT is to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traceback {
    None,
    Single,
    All,
}

/// How many Ps there are where nobody says so: see [`Config::max_procs`]. Reads it afresh.
pub(crate) fn default_procs() -> usize {
    cgroup::limit_procs(os::cpu_count(), Path::new("/")).min(MAX_PROCS)
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            max_procs: default_procs(),
            is_procs_default: true,
            stack_class: stack::class_of(stack::DEFAULT_SIZE).unwrap_or(stack::LARGEST),
            on_panic: OnPanic::Isolate,
            max_threads: 10_000,
            debug: Debug::default(),
            traceback: Traceback::None,
        }
    }
}

impl Settings {
    /// The same, but for what the environment says.
    pub(crate) fn with_environment(mut self) -> Settings {
        let env = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into());
        self.overrule(env, |warning| write_stderr(&format!("sudog: {warning}\n")));
        self
    }

    fn overrule(&mut self, env: impl Fn(&str) -> Option<String>, mut warn: impl FnMut(String)) {
        let mut read = |name: &str, wants: &str, take: &mut dyn FnMut(&str) -> bool| {
            let value: Option<String> = env(name).filter(|value| !value.is_empty());
            match value {
                Some(value) if take(&value) => true,
                Some(value) => {
                    warn(format!("{name}={value} is ignored: it must be {wants}"));
                    false
                }
                None => false,
            }
        };
        let mut max_procs = |value: &str| {
            let parsed = value.parse().ok().filter(|n| (1..=MAX_PROCS).contains(n));
            self.is_procs_default &= parsed.is_none();
            parsed.map(|n| self.max_procs = n).is_some()
        };
        let wants = format!("a number from 1 to {MAX_PROCS}");
        let _ = read("SUDOG_MAXPROCS", &wants, &mut max_procs)
            || read("GOMAXPROCS", &wants, &mut max_procs);
        read(
            "SUDOG_STACK",
            "a size up to 8M, in bytes or with K or M",
            &mut |value| {
                let class = parse_size(value).and_then(|bytes| check_stack_size(bytes).ok());
                class.map(|class| self.stack_class = class).is_some()
            },
        );
        read("SUDOG_PANIC", "isolate or exit", &mut |value| {
            let on_panic = match value {
                "isolate" => Some(OnPanic::Isolate),
                "exit" => Some(OnPanic::Exit),
                _ => None,
            };
            on_panic.map(|on_panic| self.on_panic = on_panic).is_some()
        });
        read("SUDOG_TRACEBACK", "none, single or all", &mut |value| {
            let traceback = match value {
                "none" => Some(Traceback::None),
                "single" => Some(Traceback::Single),
                "all" => Some(Traceback::All),
                _ => None,
            };
            traceback.map(|it| self.traceback = it).is_some()
        });
        let debug = env("SUDOG_DEBUG").unwrap_or_default();
        for setting in debug.split(',').filter(|setting| !setting.is_empty()) {
            if !self.debug.set(setting) {
                warn(format!(
                    "SUDOG_DEBUG={setting} is ignored: it must be {}",
                    debug::WANTS
                ));
            }
        }
    }
}

/// A number of bytes: digits, and K or M for a factor of 1024 or 1024 squared.
fn parse_size(text: &str) -> Option<usize> {
    let (digits, factor) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 1 << 10),
        b'm' | b'M' => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 1),
    };
    digits.parse::<usize>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests;
