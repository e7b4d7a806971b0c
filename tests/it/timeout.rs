//! What `#[sudog::test(timeout)]` does to a test that does not end.

use sudog::Builder;
use sudog::chan::bounded;

use crate::support::{ALONE, again};

/// Run by the test below in a process of its own, where it does not end.
#[sudog::test(timeout = "300ms")]
fn does_not_end_when_alone() {
    if std::env::var_os(ALONE).is_some() {
        let (_tx, rx) = bounded::<()>(0);
        let stuck = Builder::new()
            .name(String::from("stuck-one"))
            .spawn(move || rx.recv());
        let _ = stuck.unwrap().join();
    }
}

#[test]
fn a_test_that_does_not_end_fails_and_shows_all_goroutines() {
    let output = again("timeout::does_not_end_when_alone", &[]);
    assert_ne!(output.code, Some(0), "it passed: {output}");
    output.assert_stderr("300ms");
    output.assert_stderr("[chan receive");
    output.assert_stderr("stuck-one");
    output.assert_stderr("timeout.rs:");
}
