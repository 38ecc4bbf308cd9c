//! The body of a request, on its way from the client: who reads it waits for the client, and what nobody reads is read
//! all the same, so that the client gets to read the answer.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, combinators::BoxBody};
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::places::Presence;

/// How much is read of what nobody wants, so that the connection can be kept.
const MOST: u64 = 8 << 20;
/// How long the client has to send that.
const PATIENCE: Duration = Duration::from_secs(5);

/// A body that somebody reads, and leaves what they have not read.
struct Arriving {
    body: Option<Incoming>,
    presence: Arc<Presence>,
    was_asked: bool,
    is_waiting: bool,
    left: Left,
}

/// Where what was not read of a body is found, once nobody reads it any more.
#[derive(Clone, Default)]
pub struct Left(Arc<Mutex<Option<Rest>>>);

/// What was not read of a body.
pub struct Rest {
    body: Incoming,
    /// Whether anything of it was read, or would have been, had it been there.
    was_asked: bool,
}

impl Left {
    /// The body for whoever reads it. What they leave is here then.
    pub fn of(&self, body: Incoming, presence: &Arc<Presence>) -> poem::Body {
        let (presence, left) = (Arc::clone(presence), self.clone());
        BoxBody::new(Arriving { body: Some(body), presence, was_asked: false, is_waiting: false, left }).into()
    }

    /// What was left, if anything was.
    pub fn take(&self) -> Option<Rest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Rest {
    /// Reads and forgets it, so that the client can use the connection again.
    ///
    /// `false` if the connection is better closed: where it is too much, or where the client, which has said that it
    /// expects to be asked, was not and has nothing on its way.
    pub fn discard(self, expects_to_be_asked: bool) -> bool {
        let Self { mut body, was_asked } = self;
        if body.size_hint().lower() > MOST || (expects_to_be_asked && !was_asked) {
            return false;
        }
        // hyper closes the connection if this ends before the body does.
        tokio::spawn(tokio::time::timeout(PATIENCE, async move {
            let mut more = MOST;
            while let Some(Ok(frame)) = body.frame().await {
                match more.checked_sub(frame.data_ref().map_or(0, |data| data.len() as u64)) {
                    Some(less) => more = less,
                    None => break,
                }
            }
        }));
        true
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        this.was_asked = true;
        let polled = Pin::new(body).poll_frame(context);
        match &polled {
            Poll::Pending if !this.is_waiting => {
                this.is_waiting = true;
                this.presence.wait();
            }
            Poll::Pending => {}
            Poll::Ready(frame) => {
                if std::mem::take(&mut this.is_waiting) && !this.presence.answer() {
                    // The task is about to end.
                    return Poll::Pending;
                }
                // One that broke off is left: its client may be sending still.
                if frame.is_none() {
                    this.body = None;
                }
            }
        }
        polled.map_err(io::Error::other)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint)
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if self.is_waiting {
            self.presence.answer();
        }
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            let rest = Rest { body, was_asked: self.was_asked };
            *self.left.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(rest);
        }
    }
}
