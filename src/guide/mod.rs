//! For those who come from elsewhere: what is called how here, and what differs; and the programs that
//! they have in mind.

#[doc = include_str!("from_crossbeam_channel.md")]
pub mod from_crossbeam_channel {}
#[doc = include_str!("from_go.md")]
pub mod from_go {}
#[doc = include_str!("from_tokio.md")]
pub mod from_tokio {}
#[cfg(all(feature = "macros", feature = "net", feature = "signal"))]
#[doc = include_str!("patterns.md")]
pub mod patterns {}
