//! What rustc says to a user who made a mistake: each file in `ui` makes some and stores the
//! answer.
//!
//! `TRYBUILD=overwrite cargo test --test ui` stores the answers anew; read the difference.

#![cfg(feature = "macros")]

#[test]
fn mistakes_are_reported_where_they_were_made() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}

#[test]
fn programs_without_mistakes_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
}
