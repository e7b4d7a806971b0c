//! For those who come from elsewhere: what is called how here, and what differs.

#[doc = include_str!("from_crossbeam_channel.md")]
pub mod from_crossbeam_channel {}
#[doc = include_str!("from_go.md")]
pub mod from_go {}
