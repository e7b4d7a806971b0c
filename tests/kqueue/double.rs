//! A double of kqueue, made of epoll: so much of it as src/sys/kqueue.rs uses, with kqueue's names.
//!
//! Compiled into the library itself, with `--cfg sudog_kqueue`, in place of libc's. What it promises is what
//! the manual pages of kqueue do:
//!
//! 1. The two filters of a descriptor are added and deleted one by one, and reported one by one.
//! 2. With `EV_CLEAR` a filter is reported when its state changes. (Here also when that of the other
//!    does, which those who use it must bear.)
//! 3. A user event that was triggered is reported once, to one of those who wait.

#![allow(non_camel_case_types, reason = "kqueue's own names")]

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::Mutex;

#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct kevent {
    pub(super) ident: usize,
    pub(super) filter: i16,
    pub(super) flags: u16,
    pub(super) fflags: u32,
    pub(super) data: isize,
    pub(super) udata: *mut c_void,
}

pub(super) const EVFILT_READ: i16 = -1;
pub(super) const EVFILT_WRITE: i16 = -2;
pub(super) const EVFILT_USER: i16 = -10;
pub(super) const EV_ADD: u16 = 1;
pub(super) const EV_DELETE: u16 = 2;
pub(super) const EV_CLEAR: u16 = 0x20;
pub(super) const EV_EOF: u16 = 0x8000;
pub(super) const NOTE_TRIGGER: u32 = 0x0100_0000;

/// What epoll calls the user event; descriptors go by their numbers.
const USER: u64 = u64::MAX;

/// The names under which a descriptor's filters were added.
#[derive(Clone, Copy, Default)]
struct Filters {
    read: Option<usize>,
    write: Option<usize>,
}

struct Queue {
    filters: HashMap<usize, Filters>,
    /// An eventfd that stands for the user event.
    user: libc::c_int,
}

static QUEUES: Mutex<Option<HashMap<libc::c_int, Queue>>> = Mutex::new(None);

fn with_queue<T>(queue: libc::c_int, act: impl FnOnce(&mut Queue) -> T) -> T {
    let mut queues = QUEUES.lock().expect("nobody panics under it");
    let queues = queues.get_or_insert_default();
    act(queues.get_mut(&queue).expect("a queue that was made here"))
}

pub(super) unsafe fn kqueue() -> libc::c_int {
    // SAFETY: both calls make a descriptor.
    let (epoll, user) = unsafe {
        let flags = libc::EFD_CLOEXEC | libc::EFD_NONBLOCK;
        (libc::epoll_create1(0), libc::eventfd(0, flags))
    };
    if epoll < 0 || user < 0 {
        return -1;
    }
    let queue = Queue {
        filters: HashMap::new(),
        user,
    };
    let mut queues = QUEUES.lock().expect("nobody panics under it");
    queues.get_or_insert_default().insert(epoll, queue);
    epoll
}

/// Applies the changes, then waits for events, if there is room for any.
///
/// # Safety
/// As of the real one: so many changes, room for so many events, and a timespec or null.
pub(super) unsafe fn kevent(
    queue: libc::c_int,
    changes: *const kevent,
    change_count: libc::c_int,
    events: *mut kevent,
    event_count: libc::c_int,
    limit: *const libc::timespec,
) -> libc::c_int {
    for index in 0..change_count as usize {
        // SAFETY: our caller's changes.
        let result = unsafe { apply(queue, &*changes.add(index)) };
        if result < 0 {
            return result;
        }
    }
    if event_count == 0 {
        return 0;
    }
    // SAFETY: our caller's buffer and limit.
    unsafe { report(queue, events, event_count as usize, limit) }
}

unsafe fn apply(queue: libc::c_int, change: &kevent) -> libc::c_int {
    if change.filter == EVFILT_USER {
        // SAFETY: our own eventfd; eight bytes, as it takes them.
        return unsafe { change_user(queue, change) };
    }
    let (before, after) = with_queue(queue, |queue| {
        let filters = queue.filters.entry(change.ident).or_default();
        let before = *filters;
        let name = (change.flags & EV_ADD != 0).then(|| change.udata.addr());
        match change.filter {
            EVFILT_READ => filters.read = name,
            _ => filters.write = name,
        }
        let after = *filters;
        if after.read.or(after.write).is_none() {
            queue.filters.remove(&change.ident);
        }
        (before.read.or(before.write), after.read.or(after.write))
    });
    let what = match (before, after) {
        (None, Some(_)) => libc::EPOLL_CTL_ADD,
        (Some(_), None) => libc::EPOLL_CTL_DEL,
        _ => return 0,
    };
    // SAFETY: a descriptor of our caller's.
    let result = unsafe {
        control(
            queue,
            what,
            change.ident as libc::c_int,
            change.ident as u64,
        )
    };
    if result < 0 && what == libc::EPOLL_CTL_ADD {
        with_queue(queue, |queue| queue.filters.remove(&change.ident));
    }
    result
}

unsafe fn change_user(queue: libc::c_int, change: &kevent) -> libc::c_int {
    let user = with_queue(queue, |queue| queue.user);
    // SAFETY: our own eventfd; eight bytes, as it takes them.
    unsafe {
        if change.flags & EV_ADD != 0 {
            return control(queue, libc::EPOLL_CTL_ADD, user, USER);
        }
        if change.fflags & NOTE_TRIGGER != 0 {
            let one = 1_u64;
            libc::write(user, std::ptr::from_ref(&one).cast(), 8);
        }
    }
    0
}

unsafe fn control(
    queue: libc::c_int,
    what: libc::c_int,
    fd: libc::c_int,
    name: u64,
) -> libc::c_int {
    let all = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET;
    let events = if name == USER {
        libc::EPOLLIN | libc::EPOLLET
    } else {
        all
    };
    let mut event = libc::epoll_event {
        events: events as u32,
        u64: name,
    };
    // SAFETY: a live epoll_event.
    unsafe { libc::epoll_ctl(queue, what, fd, &mut event) }
}

unsafe fn report(
    queue: libc::c_int,
    events: *mut kevent,
    room: usize,
    limit: *const libc::timespec,
) -> libc::c_int {
    const BATCH: usize = 64;
    // SAFETY: plain data.
    let mut raw: [libc::epoll_event; BATCH] = unsafe { std::mem::zeroed() };
    // Each may become two.
    let most = BATCH.min(room / 2);
    // SAFETY: room for `most`; our caller's limit.
    let count = unsafe {
        let mask = std::ptr::null::<libc::sigset_t>();
        libc::syscall(
            libc::SYS_epoll_pwait2,
            queue,
            raw.as_mut_ptr(),
            most,
            limit,
            mask,
            0,
        )
    };
    if count < 0 {
        return -1;
    }
    let mut written = 0;
    let mut tell = |event: kevent| {
        // SAFETY: `most` left room for two each.
        unsafe { events.add(written).write(event) };
        written += 1;
    };
    for raw in &raw[..count as usize] {
        let (name, state) = (raw.u64, raw.events as libc::c_int);
        if name == USER {
            tell(made(0, EVFILT_USER, 0, 0));
            continue;
        }
        let filters = with_queue(queue, |queue| queue.filters.get(&(name as usize)).copied());
        let Filters { read, write } = filters.unwrap_or_default();
        let is_over = state & (libc::EPOLLHUP | libc::EPOLLERR) != 0;
        let is_half_over = is_over || state & libc::EPOLLRDHUP != 0;
        if let Some(udata) = read.filter(|_| is_half_over || state & libc::EPOLLIN != 0) {
            let flags = if is_half_over { EV_EOF } else { 0 };
            tell(made(name as usize, EVFILT_READ, flags, udata));
        }
        if let Some(udata) = write.filter(|_| is_over || state & libc::EPOLLOUT != 0) {
            let flags = if is_over { EV_EOF } else { 0 };
            tell(made(name as usize, EVFILT_WRITE, flags, udata));
        }
    }
    written as libc::c_int
}

fn made(ident: usize, filter: i16, flags: u16, udata: usize) -> kevent {
    kevent {
        ident,
        filter,
        flags,
        fflags: 0,
        data: 0,
        udata: std::ptr::without_provenance_mut(udata),
    }
}
