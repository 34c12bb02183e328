//! The accept loop, with limits on connections and a graceful shutdown.
//!
//! `axum::serve` has no such limits: a client that opens connections and sends or reads nothing would hold them all.

mod bodies;
mod line;
pub(super) mod places;
mod wait;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::held_body::HeldBody;
use crate::artifact::progress::Patience;
use bodies::{Arriving, InProgress};
use line::Line;
use places::Places;

/// Delay after a failed accept, for example when the process has no file descriptors left.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Maximum timeout for the headers of a request on a reserved place.
const RESERVED_HEAD: Duration = Duration::from_secs(5);

/// Size of the buffer in which the system keeps the unread bytes of a connection; Linux doubles it. Without a limit, the
/// system keeps up to 4 MiB, and a thousand clients that do not read use up the memory that it has for all connections.
const SEND_BUFFER_BYTES: u32 = 256 << 10;

/// Maximum number of connections that wait to be accepted.
const BACKLOG: u32 = 1_024;

/// Limits on connections.
#[derive(Clone, Debug)]
pub struct Connections {
    /// Maximum number of concurrent connections. A further one takes the place of an idle connection, or can only call the
    /// probes.
    pub most: usize,
    /// Maximum number of concurrent connections of one client address. The same applies to further ones.
    pub most_per_address: usize,
    /// Timeout for the headers of a request, from the start of the connection or the end of the last response.
    pub head: Duration,
    /// Minimum speed at which a client must send the body of a request, and read a response.
    pub patience: Patience,
}

/// Listens on an address. The connections have small send buffers.
///
/// # Errors
/// Returns the error of the system, for example if the address is in use.
pub fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restarted process can use the address of its predecessor at once.
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit it.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `stop` is canceled, then completes the requests in flight.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    connections: Connections,
    stop: CancellationToken,
) {
    let places = Places::new(connections.most, connections.most_per_address);
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, address): (_, SocketAddr) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "a connection could not be accepted");
                places.free_one();
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                continue;
            }
        };
        // Responses are small and should not be delayed.
        let _ = stream.set_nodelay(true);
        let place = places.take(address.ip());
        let (seat, crowded, patience) = (&place.seat, place.crowded, connections.patience);
        let head = match crowded {
            Some(_) => connections.head.min(RESERVED_HEAD),
            None => connections.head,
        };
        let line = TokioIo::new(Line::new(stream, Arc::clone(seat), patience));
        let (seat, router) = (Arc::clone(seat), router.clone());
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let seat = Arc::clone(&seat);
            seat.sends();
            let mut request: Request<_> =
                request.map(|body| Arriving::new(body, Arc::clone(&seat), patience));
            request.extensions_mut().insert(ConnectInfo(address));
            if let Some(crowded) = crowded {
                request.extensions_mut().insert(crowded);
            }
            let answered = router.clone().oneshot(request);
            async move {
                let response = answered.await?;
                Ok::<_, Infallible>(response.map(|body| HeldBody::new(body, InProgress(seat))))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head)
            .keep_alive(crowded.is_none())
            .serve_connection(line, service);
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            tokio::select! {
                ended = watched => if let Err(error) = ended {
                    tracing::debug!(%error, "a connection failed");
                },
                () = place.seat.closed() => {}
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
}
