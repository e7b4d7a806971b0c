//! Plain data, of no one's business in particular.

pub(crate) mod heap;
pub(crate) mod magazine;
