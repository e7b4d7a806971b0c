//! Models of the runtime's protocols, with the smallest sizes, in all orders of events.
//!
//! The files that hold a protocol are the very ones of `src`, included by path; `sys` beside this file
//! stands for theirs, with the checker's atomics. Each model also shows that it can fail.
#![allow(dead_code, reason = "the models use parts of the files they include")]

mod sys;

#[path = "../../src/runtime/claim.rs"]
mod claim;
#[path = "../../src/runtime/sched/counters.rs"]
mod counters;
#[path = "../../src/runtime/pword.rs"]
mod pword;
#[path = "../../src/runtime/status.rs"]
mod status;

mod handover;
mod steps;
