//! Selects in async code.

use super::*;

fn require_send<F: Future + Send>(future: F) -> F {
    future
}

async fn later<T>(value: T) -> T {
    let mut is_first = true;
    std::future::poll_fn(move |context| {
        if std::mem::take(&mut is_first) {
            context.waker().wake_by_ref();
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(())
    })
    .await;
    value
}

#[sudog::test(timeout = LIMIT)]
fn bodies_may_await_in_a_future_that_is_send() {
    let (tx, rx) = bounded::<String>(1);
    let future = require_send(async move {
        let mut log = Vec::new();
        let text = String::from("text");
        select! {
            send(tx, text) -> sent => log.push(later(sent.is_ok()).await),
            recv(rx) -> n => log.push(later(n.is_ok()).await),
            send(tx, text + "!") -> sent, if log.is_empty() => log.push(later(sent.is_ok()).await),
            default(MOMENT) => log.push(later(false).await),
        }
        select! { recv(rx) -> n => log.push(later(n).await.is_ok()) }
        select! { recv(rx) -> n => drop(later(n).await), default => log.push(later(true).await) }
        select! { send(tx, format!("{log:?}")) -> sent => drop(later(sent).await) }
        (log, rx.recv())
    });
    let (log, text) = sudog::block_on(future);
    assert_eq!(log, [true; 3]);
    assert_eq!(text.as_deref(), Ok("[true, true, true]"));
}

#[sudog::test(timeout = LIMIT)]
fn channels_guards_and_durations_may_await() {
    let rx = filled([1, 2]);
    let future = require_send(async {
        let n = select! {
            recv(later(&rx).await) -> n => n,
            recv(later(&rx).await) -> n, if later(true).await => n,
            default(later(MOMENT).await) => Ok(0),
        };
        let m = select! { recv(later(&rx).await) -> n => n };
        (n, m)
    });
    assert_eq!(sudog::block_on(future), (Ok(1), Ok(2)));
}
