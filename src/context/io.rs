//! `ctx.io`: operations on sockets and other descriptors under a context.
//!
//! A socket knows nothing of contexts. What ends with the context is what this caller does on sockets
//! meanwhile: an interrupt over the caller's calls, which the scope raises when it ends.
#![forbid(unsafe_code)]

use super::scope::{Child, Scope};
use super::{Context, ContextError, Error};
use crate::runtime::{self, Interrupt};
use crate::sys::atomic::AtomicUsize;
use std::io;
use std::sync::Arc;

/// An interrupt that stands among the children of a scope.
pub(super) struct Watch {
    interrupt: Interrupt,
    /// See [`Scope`]'s.
    pub(super) place: AtomicUsize,
}

impl Watch {
    pub(super) fn end(&self, error: ContextError) {
        self.interrupt.raise(match error {
            ContextError::Canceled => || ContextError::Canceled.into(),
            ContextError::DeadlineExceeded => || ContextError::DeadlineExceeded.into(),
        });
    }
}

/// A watch among the children of a scope, which it leaves with this.
struct Watching<'a> {
    scope: &'a Scope,
    watch: Arc<Watch>,
}

impl Watching<'_> {
    fn begin(scope: &Scope) -> Watching<'_> {
        let watch = Arc::new(Watch {
            interrupt: Interrupt::new(),
            place: AtomicUsize::new(usize::MAX),
        });
        scope.adopt(Child::Watch(Arc::clone(&watch)));
        Watching { scope, watch }
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.scope.let_go(&self.watch.place);
    }
}

impl Context {
    /// Runs `op`, whose calls on sockets and other descriptors fail when the context ends.
    ///
    /// It is called once, with the socket; any number of calls may be made in it, on that or on others,
    /// and also `connect` and `accept`. The one that is blocked when the context ends fails at once, as
    /// do all that follow; they fail with the [`ContextError`] as an [`io::Error`]. Only this caller's
    /// calls do: others that share the socket go on, and it stays usable. What was read or written before
    /// stays so; a protocol that was left in the middle of a message wants the connection closed.
    ///
    /// Works for all types of [`net`](crate::net) and for [`Pollable`](crate::io::Pollable); looking up a
    /// name is not cut short, nor is what blocks otherwise. Goroutines that `op` starts are not concerned.
    ///
    /// Blocks the goroutine, or the thread on a plain thread, as `op` does. There is no async form, as
    /// there is none of sockets.
    ///
    /// # Errors
    /// [`Error::Context`] if the context has ended and, if it was called, `op` has failed because a call
    /// was interrupted; [`Error::Op`] if it has failed otherwise.
    ///
    /// # Examples
    /// ```
    /// use std::io::{Read, Write};
    /// use std::time::Duration;
    /// use sudog::context::{Context, ContextError, Error};
    /// use sudog::net;
    ///
    /// let (client, mut server) = net::pipe();
    /// let (ctx, _cancel) = Context::background().with_timeout(Duration::from_millis(1));
    /// let result = ctx.io(&client, |stream| stream.read(&mut [0; 16]));
    /// assert!(matches!(result, Err(Error::Context(ContextError::DeadlineExceeded))));
    ///
    /// server.write_all(b"late").unwrap();
    /// let mut text = [0; 4];
    /// Context::background().io(&client, |stream| stream.read_exact(&mut text)).unwrap();
    /// assert_eq!(&text, b"late");
    /// ```
    ///
    /// Where there is no socket yet, any value will do in its place:
    ///
    /// ```
    /// use sudog::context::Context;
    /// use sudog::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    /// let address = listener.local_addr().unwrap();
    /// let ctx = Context::background();
    /// let stream = ctx.io(&(), |_| TcpStream::connect(address)).unwrap();
    /// assert_eq!(stream.peer_addr().unwrap(), address);
    /// ```
    pub fn io<S: ?Sized, R>(
        &self,
        socket: &S,
        mut op: impl FnMut(&mut &S) -> io::Result<R>,
    ) -> Result<R, Error<io::Error>> {
        self.check()?;
        let mut socket = socket;
        let Some(scope) = &self.scope else {
            return op(&mut socket).map_err(Error::Op);
        };
        let watching = Watching::begin(scope);
        let interrupt = &watching.watch.interrupt;
        match runtime::interruptible(interrupt, || op(&mut socket)) {
            (Ok(value), _) => Ok(value),
            (Err(_), true) => Err(Error::Context(self.ending())),
            (Err(error), false) => Err(Error::Op(error)),
        }
    }
}
