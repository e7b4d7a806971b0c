//! Memory for stacks: guarded slots in big arenas.
//!
//! ```text
//!   arena (64 MiB at first, or less where that is refused, doubling to 1 GiB;
//!   reserved, committed page by page at first touch)
//!   +----------------+----------------+----------------+--- -
//!   | guard | stack  x guard | stack  x guard | stack  x
//!   +----------------+----------------+----------------+--- -
//!           limit ->                <- base, stacks grow down       x: a page that is never touched
//! ```
//!
//! The odd page is for the processor, which keeps translations of addresses in sets, chosen by the
//! low bits of the page's number. At distances of a power of two all stacks would share a few sets,
//! and most switches would walk the page tables (`sieve` of benches/ is the row that shows it).
//!
//! 1. A slot never moves and never changes its size class; arenas are never unmapped. So values on
//!    a parked goroutine's stack can be pointed at from outside.
//! 2. A guard is a marker in the page table where the kernel has `MADV_GUARD_INSTALL` (Linux 6.13):
//!    a million guarded stacks need some thirty mappings. Elsewhere it is an `mprotect`, which
//!    splits the mapping: then the number of slots is held to 45 % of what `vm.max_map_count`
//!    allows, because a process that meets that limit cannot even allocate memory to say so.
//! 3. Arenas stop at three quarters of RLIMIT_AS, so that `malloc` still works for the error.
//!
//! Go grows stacks by copying them, which needs a compiler that knows every pointer.

use crate::sys::atomic::{AtomicU8, AtomicUsize, Ordering};
use crate::sys::lock::Lock;
use crate::sys::os;
use std::ptr::NonNull;
use std::sync::OnceLock;

/// The sizes a stack can have, guard included.
pub(crate) const CLASSES: [usize; 4] = [SMALLEST, 256 << 10, 1 << 20, 8 << 20];

/// Twice the guard at least.
const SMALLEST: usize = if cfg!(target_arch = "aarch64") {
    128 << 10
} else {
    64 << 10
};

const _: () = assert!(SMALLEST >= 2 * GUARD);

/// The class of the bodies of `main`, `run` and `test`.
pub(crate) const LARGEST: u8 = 3;

/// The default: 256 KiB; frames of unoptimised code are several times as large.
pub(crate) const DEFAULT_SIZE: usize = if cfg!(debug_assertions) {
    1 << 20
} else {
    256 << 10
};

/// One page is enough for code that probes each page, as Rust's does; C's need not.
pub(crate) const GUARD: usize = if cfg!(target_arch = "aarch64") {
    64 << 10
} else {
    16 << 10
};

const FIRST_ARENA: usize = 64 << 20;
const LARGEST_ARENA: usize = 1 << 30;

/// The smallest class that holds `size` bytes, if there is one.
pub(crate) fn class_of(size: usize) -> Option<u8> {
    CLASSES
        .iter()
        .position(|&class| size <= class)
        .map(|index| index as u8)
}

/// A slot: its ends, guard included.
#[derive(Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) limit: NonNull<u8>,
    pub(crate) size: usize,
    /// How many slots of this class were made before it.
    pub(crate) index: usize,
}

/// Why there is no slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exhausted {
    /// `mprotect` guards have used the mappings this process may have.
    Mappings,
    /// Three quarters of RLIMIT_AS are arenas already, or the rest is not enough for one.
    AddressSpace,
    /// The kernel refused.
    Memory,
}

impl Exhausted {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Exhausted::Mappings => {
                "vm.max_map_count (stacks guarded with mprotect; `sysctl -w` raises it)"
            }
            Exhausted::AddressSpace => "RLIMIT_AS (`ulimit -v` raises it)",
            Exhausted::Memory => {
                "memory the kernel would map (vm.overcommit_memory, or the limit of the control group)"
            }
        }
    }
}

struct Arena {
    next: usize,
    end: usize,
    arena_size: usize,
    made: usize,
}

static ARENAS: [Lock<Arena>; CLASSES.len()] = [const {
    Lock::new(Arena {
        next: 0,
        end: 0,
        arena_size: FIRST_ARENA,
        made: 0,
    })
}; CLASSES.len()];

/// Slots made so far, of all classes.
static MADE: AtomicUsize = AtomicUsize::new(0);
/// Bytes of address space in arenas.
static RESERVED: AtomicUsize = AtomicUsize::new(0);

/// How many slots there are.
pub(crate) fn made() -> usize {
    MADE.load(Ordering::Relaxed)
}

/// Makes a slot that was never used before.
pub(crate) fn make(class: u8) -> Result<Slot, Exhausted> {
    let size = CLASSES[usize::from(class)];
    if guards() == Guards::Protect && made() >= protect_limit(class) {
        return Err(Exhausted::Mappings);
    }
    let mut arena = ARENAS[usize::from(class)].lock();
    let stride = size + os::page_size();
    if arena.end - arena.next < stride {
        // A program has to have some; but the last of the memory is not for stacks.
        let least = if arena.made == 0 {
            stride
        } else {
            arena.arena_size
        };
        let (base, len) = reserve_most(arena.arena_size, least)?;
        arena.next = base;
        arena.end = base + len;
        arena.arena_size = (len * 2).min(LARGEST_ARENA);
    }
    let limit = arena.next as *mut u8;
    install_guard(limit)?;
    arena.next += stride;
    arena.made += 1;
    MADE.fetch_add(1, Ordering::Relaxed);
    let limit = NonNull::new(limit).expect("an arena begins above address 0");
    Ok(Slot {
        limit,
        size,
        index: arena.made - 1,
    })
}

/// How much address space the arenas have.
pub(crate) fn reserved() -> usize {
    RESERVED.load(Ordering::Relaxed)
}

/// Reserves `len` bytes, or a quarter as many and so on, so that as much is left for others, but at least
/// `least`; gives where, and how many.
fn reserve_most(len: usize, least: usize) -> Result<(usize, usize), Exhausted> {
    match reserve(len) {
        Err(_) if len > least => reserve_most((len / 4).max(least), least),
        result => result.map(|base| (base, len)),
    }
}

fn reserve(len: usize) -> Result<usize, Exhausted> {
    static ALLOWED: OnceLock<usize> = OnceLock::new();
    let allowed =
        *ALLOWED.get_or_init(|| os::address_space_limit().map_or(usize::MAX, |all| all / 4 * 3));
    let before = RESERVED.fetch_add(len, Ordering::Relaxed);
    let result = if before.saturating_add(len) > allowed {
        Err(Exhausted::AddressSpace)
    } else {
        // What else is in the address space counts too, and where it is limited that is met first.
        os::reserve(len).map_err(|_| match allowed {
            usize::MAX => Exhausted::Memory,
            _ => Exhausted::AddressSpace,
        })
    };
    match result {
        Ok(base) => {
            // SAFETY: the range is the mapping we have just made.
            unsafe { os::no_huge_pages(base.as_ptr(), len) };
            Ok(base.as_ptr() as usize)
        }
        Err(exhausted) => {
            RESERVED.fetch_sub(len, Ordering::Relaxed);
            Err(exhausted)
        }
    }
}

/// How guards are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Guards {
    Install,
    Protect,
}

const UNKNOWN: u8 = 0;
static GUARDS: AtomicU8 = AtomicU8::new(UNKNOWN);

/// Makes `mprotect` guards even where the kernel has better ones; before the first slot.
pub(crate) fn force_protect() {
    GUARDS.store(Guards::Protect as u8 + 1, Ordering::Relaxed);
}

pub(crate) fn guards() -> Guards {
    match GUARDS.load(Ordering::Relaxed) {
        UNKNOWN => probe_guards(),
        known if known == Guards::Install as u8 + 1 => Guards::Install,
        _ => Guards::Protect,
    }
}

#[cold]
fn probe_guards() -> Guards {
    let page = os::page_size();
    let kind = match os::reserve(page) {
        Err(_) => Guards::Protect,
        Ok(base) => {
            // SAFETY: the page is ours alone, and gone after this block.
            let installed = unsafe {
                let installed = os::guard_install(base.as_ptr(), page);
                os::release(base, page);
                installed
            };
            if installed.is_ok() {
                Guards::Install
            } else {
                Guards::Protect
            }
        }
    };
    GUARDS.store(kind as u8 + 1, Ordering::Relaxed);
    kind
}

/// How many slots there may be, with an `mprotect` guard each, for one more of this class: two mappings
/// each, 45 % of what there are. A part is kept for the largest: a program whose goroutines have taken all
/// others can still call `run`.
fn protect_limit(class: u8) -> usize {
    static LIMIT: OnceLock<usize> = OnceLock::new();
    let limit = *LIMIT.get_or_init(|| os::map_count_limit() / 100 * 45 / 2);
    if class == LARGEST {
        limit
    } else {
        limit - limit / 16
    }
}

fn install_guard(limit: *mut u8) -> Result<(), Exhausted> {
    // SAFETY: the guard lies at the low end of a slot that nobody has yet.
    let result = unsafe {
        match guards() {
            Guards::Install => os::guard_install(limit, GUARD),
            Guards::Protect => os::guard_protect(limit, GUARD),
        }
    };
    // ENOMEM with `mprotect` is the mapping limit, met sooner than we counted: others map too.
    result.map_err(|_| match guards() {
        Guards::Install => Exhausted::Memory,
        Guards::Protect => Exhausted::Mappings,
    })
}
