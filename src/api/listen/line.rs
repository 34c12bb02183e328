//! A TCP stream that ends when its peer stops reading.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::places::Seat;
use super::wait::Wait;
use crate::artifact::progress::Patience;
use crate::telemetry::metric;

/// The stream of a connection. A write fails if the peer has read too few bytes in a window. Reads have no limit here:
/// a peer may send nothing while it waits for a response.
///
/// What the peer reads is seen late: the system accepts more bytes only when a third of its buffer is free. So the window
/// must not be too short.
pub(super) struct Line {
    stream: TcpStream,
    seat: Arc<Seat>,
    wait: Wait,
}

impl Line {
    pub(super) fn new(stream: TcpStream, seat: Arc<Seat>, patience: Patience) -> Self {
        Self {
            stream,
            seat,
            wait: Wait::new(patience),
        }
    }

    fn written(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = written {
            self.wait.moved(written.as_ref().map_or(0, |bytes| *bytes));
            self.seat.reads();
            return Poll::Ready(written);
        }
        self.seat.does_not_read();
        self.wait.poll_stalled(context).map(|_| {
            metrics::counter!(metric::HTTP_CONNECTIONS_CLOSED, "reason" => "stalled").increment(1);
            let text = "the client reads too slowly";
            Err(io::Error::new(ErrorKind::TimedOut, text))
        })
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.wait.is_waiting() {
            // Otherwise, the system would keep the unread bytes in memory.
            let _ = self.stream.set_zero_linger();
        }
    }
}
