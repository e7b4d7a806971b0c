//! The errors of channels: crossbeam-channel 0.5's, to the letter.

use std::error::Error;

use sudog::chan::{
    ReadyTimeoutError, RecvError, RecvTimeoutError, SelectTimeoutError, SendError,
    SendTimeoutError, TryReadyError, TryRecvError, TrySelectError, TrySendError,
};

/// A value that can be sent and nothing else.
struct Opaque;

#[test]
fn send_errors_print_without_their_value() {
    let error = SendError(Opaque);
    assert_eq!(error.to_string(), "sending on a disconnected channel");
    assert_eq!(format!("{error:?}"), r#""SendError(..)""#);

    let error = TrySendError::Full(Opaque);
    assert_eq!(error.to_string(), "sending on a full channel");
    assert_eq!(format!("{error:?}"), r#""Full(..)""#);

    let error = TrySendError::Disconnected(Opaque);
    assert_eq!(error.to_string(), "sending on a disconnected channel");
    assert_eq!(format!("{error:?}"), r#""Disconnected(..)""#);

    let error = SendTimeoutError::Timeout(Opaque);
    assert_eq!(error.to_string(), "timed out waiting on send operation");
    assert_eq!(format!("{error:?}"), r#""SendTimeoutError(..)""#);

    let error = SendTimeoutError::Disconnected(Opaque);
    assert_eq!(error.to_string(), "sending on a disconnected channel");
    assert_eq!(format!("{error:?}"), r#""SendTimeoutError(..)""#);
}

#[test]
fn receive_errors_print_like_crossbeams() {
    assert_eq!(
        RecvError.to_string(),
        "receiving on an empty and disconnected channel"
    );
    assert_eq!(format!("{RecvError:?}"), "RecvError");

    assert_eq!(
        TryRecvError::Empty.to_string(),
        "receiving on an empty channel"
    );
    assert_eq!(format!("{:?}", TryRecvError::Empty), "Empty");
    let error = TryRecvError::Disconnected;
    assert_eq!(
        error.to_string(),
        "receiving on an empty and disconnected channel"
    );
    assert_eq!(format!("{error:?}"), "Disconnected");

    let error = RecvTimeoutError::Timeout;
    assert_eq!(error.to_string(), "timed out waiting on receive operation");
    assert_eq!(format!("{error:?}"), "Timeout");
    let error = RecvTimeoutError::Disconnected;
    assert_eq!(error.to_string(), "channel is empty and disconnected");
    assert_eq!(format!("{error:?}"), "Disconnected");
}

#[test]
fn select_errors_print_like_crossbeams() {
    assert_eq!(
        TrySelectError.to_string(),
        "all operations in select would block"
    );
    assert_eq!(
        SelectTimeoutError.to_string(),
        "timed out waiting on select"
    );
    assert_eq!(format!("{TrySelectError:?}"), "TrySelectError");
    assert_eq!(format!("{SelectTimeoutError:?}"), "SelectTimeoutError");
    assert_eq!(format!("{TryReadyError:?}"), "TryReadyError");
    assert_eq!(format!("{ReadyTimeoutError:?}"), "ReadyTimeoutError");
}

#[test]
fn padding_applies_to_the_text() {
    assert_eq!(
        format!("{:>35}|", SendError(1)),
        "  sending on a disconnected channel|"
    );
    assert_eq!(
        format!("{:<48}|", RecvError),
        format!("{:<48}|", RecvError.to_string())
    );
}

#[test]
fn into_inner_gives_the_value_back() {
    let value = || String::from("kept");
    assert_eq!(SendError(value()).into_inner(), "kept");
    assert_eq!(SendError(value()).0, "kept");
    assert_eq!(TrySendError::Full(value()).into_inner(), "kept");
    assert_eq!(TrySendError::Disconnected(value()).into_inner(), "kept");
    assert_eq!(SendTimeoutError::Timeout(value()).into_inner(), "kept");
    assert_eq!(SendTimeoutError::Disconnected(value()).into_inner(), "kept");
}

#[test]
fn errors_tell_which_they_are() {
    let full = TrySendError::Full(Opaque);
    assert!(full.is_full() && !full.is_disconnected());
    let gone = TrySendError::Disconnected(Opaque);
    assert!(!gone.is_full() && gone.is_disconnected());

    let late = SendTimeoutError::Timeout(Opaque);
    assert!(late.is_timeout() && !late.is_disconnected());
    let gone = SendTimeoutError::Disconnected(Opaque);
    assert!(!gone.is_timeout() && gone.is_disconnected());

    assert!(TryRecvError::Empty.is_empty() && !TryRecvError::Empty.is_disconnected());
    assert!(!TryRecvError::Disconnected.is_empty() && TryRecvError::Disconnected.is_disconnected());

    assert!(RecvTimeoutError::Timeout.is_timeout());
    assert!(!RecvTimeoutError::Timeout.is_disconnected());
    assert!(!RecvTimeoutError::Disconnected.is_timeout());
    assert!(RecvTimeoutError::Disconnected.is_disconnected());
}

#[test]
fn blocking_errors_turn_into_those_of_the_other_forms() {
    assert_eq!(
        TrySendError::from(SendError(1)),
        TrySendError::Disconnected(1)
    );
    assert_eq!(
        SendTimeoutError::from(SendError(1)),
        SendTimeoutError::Disconnected(1)
    );
    assert_eq!(TryRecvError::from(RecvError), TryRecvError::Disconnected);
    assert_eq!(
        RecvTimeoutError::from(RecvError),
        RecvTimeoutError::Disconnected
    );
}

#[test]
fn every_failure_is_an_error_for_question_marks() {
    fn boxed(error: impl Error + Send + Sync + 'static) -> Box<dyn Error + Send + Sync> {
        assert!(error.source().is_none());
        Box::new(error)
    }
    let errors = [
        boxed(SendError(Opaque)),
        boxed(TrySendError::Full(Opaque)),
        boxed(SendTimeoutError::Timeout(Opaque)),
        boxed(RecvError),
        boxed(TryRecvError::Empty),
        boxed(RecvTimeoutError::Timeout),
        boxed(TrySelectError),
        boxed(SelectTimeoutError),
    ];
    assert!(errors.iter().all(|error| !error.to_string().is_empty()));
}

#[test]
fn errors_copy_and_compare_like_their_value() {
    fn twice<E: Copy + Clone + Eq>(error: E) -> bool {
        let copy = error;
        copy == error
    }
    assert!(twice(SendError(1)));
    assert!(twice(TrySendError::Full(1)));
    assert!(twice(SendTimeoutError::Timeout(1)));
    assert!(twice(RecvError) && twice(TryRecvError::Empty) && twice(RecvTimeoutError::Timeout));
    assert!(twice(TrySelectError) && twice(SelectTimeoutError));
    assert!(twice(TryReadyError) && twice(ReadyTimeoutError));
    assert!(SendError(1) != SendError(2));
    assert!(TrySendError::Full(1) != TrySendError::Disconnected(1));
    assert!(TryRecvError::Empty != TryRecvError::Disconnected);
}
