//! The channels of the models: the real files, all of them, on the doubles of `sys` and `runtime`.
//!
//! `door` makes channels as a model needs them and values that the checker watches. `broken` holds
//! copies of single steps with something taken out, for the variants that must fail; it stands here
//! because it uses what only the channel's own files may.

#[path = "../../src/chan/arms.rs"]
mod arms;
#[path = "../../src/chan/case.rs"]
mod case;
#[path = "../../src/chan/clock.rs"]
#[allow(dead_code, reason = "no model waits for a time")]
mod clock;
#[path = "../../src/chan/core.rs"]
mod core;
#[path = "../../src/chan/dynamic.rs"]
mod dynamic;
#[path = "../../src/chan/ends.rs"]
mod ends;
#[path = "../../src/chan/error.rs"]
mod error;
#[path = "../../src/chan/future/mod.rs"]
#[allow(unused_imports, reason = "the models need not name the futures")]
mod future;
#[path = "../../src/chan/iter.rs"]
mod iter;
#[path = "../../src/chan/locks.rs"]
mod locks;
#[path = "../../src/chan/marks.rs"]
mod marks;
#[path = "../../src/chan/offer.rs"]
mod offer;
#[path = "../../src/chan/raw.rs"]
mod raw;
#[path = "../../src/chan/ready.rs"]
mod ready;
#[path = "../../src/chan/select.rs"]
mod select;
#[path = "../../src/chan/share.rs"]
mod share;
#[path = "../../src/chan/timed.rs"]
mod timed;
#[path = "../../src/chan/tries.rs"]
mod tries;
#[path = "../../src/chan/wait.rs"]
mod wait;

pub(crate) mod broken;
pub(crate) mod door;

pub(crate) use arms::{late, recv, value};
pub(crate) use dynamic::Select;
pub(crate) use ends::{Receiver, end, signal};
pub(crate) use error::SendError;
pub(crate) use select::{try_wait, wait, wait_timeout};

// What the real files name of one another through `chan`.
use error::{ReadyTimeoutError, TryReadyError};
