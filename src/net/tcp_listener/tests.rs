//! What accepting makes of the system's errors. Linux gives a connection that was reset while it was queued like
//! any other, so no client can bring about `ECONNABORTED` here; the system's answers are made up.

use super::pass_aborted;
use std::io;

/// Has the system give these answers one after the other; what becomes of them, and how many were asked for.
fn accept(answers: &[Result<u32, i32>]) -> (Result<u32, Option<i32>>, usize) {
    let mut asked = 0;
    let result = pass_aborted(|| {
        asked += 1;
        answers[asked - 1].map_err(io::Error::from_raw_os_error)
    });
    (result.map_err(|error| error.raw_os_error()), asked)
}

#[test]
fn connections_that_have_gone_are_passed_over() {
    let gone = Err(libc::ECONNABORTED);
    assert_eq!(accept(&[Ok(7)]), (Ok(7), 1));
    assert_eq!(accept(&[gone, gone, gone, Ok(7)]), (Ok(7), 4));
}

#[test]
fn no_other_error_is_tried_again() {
    // Where there is no room, to try at once would be to spin.
    for error in [
        libc::EMFILE,
        libc::ENFILE,
        libc::ENOMEM,
        libc::EAGAIN,
        libc::EINVAL,
    ] {
        let gone = Err(libc::ECONNABORTED);
        assert_eq!(accept(&[Err(error), Ok(7)]), (Err(Some(error)), 1));
        assert_eq!(accept(&[gone, Err(error), Ok(7)]), (Err(Some(error)), 2));
    }
}
