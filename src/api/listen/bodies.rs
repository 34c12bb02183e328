//! Bodies of requests and responses tell the place of their connection whether the client makes progress.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::BoxError;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::places::Seat;
use super::wait::Wait;
use crate::artifact::progress::Patience;

/// The body of a request. It ends with the error [`Stalled`](crate::artifact::progress::Stalled) if too few bytes
/// arrive in a window.
pub(super) struct Arriving {
    body: Incoming,
    seat: Arc<Seat>,
    wait: Wait,
}

impl Arriving {
    pub(super) fn new(body: Incoming, seat: Arc<Seat>, patience: Patience) -> Self {
        Self {
            body,
            seat,
            wait: Wait::new(patience),
        }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            let data = frame.as_ref().and_then(|frame| frame.as_ref().ok());
            let data = data.and_then(Frame::data_ref);
            let bytes = data.map_or(0, Bytes::len);
            self.wait.moved(bytes);
            self.seat.sends();
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        self.seat.does_not_send();
        let stalled = self.wait.poll_stalled(context);
        stalled.map(|stalled| Some(Err(stalled.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        // Nobody waits for the body any more.
        self.seat.sends();
    }
}

/// A request in progress. When it is dropped with the body of the response, the connection waits for the next request.
pub(super) struct InProgress(pub(super) Arc<Seat>);

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.does_not_send();
    }
}
