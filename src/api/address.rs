//! The address of a client, for rate limits: the connection's, or the one that a trusted proxy forwards.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;

/// Where the address of a client is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressSource {
    /// The connection: no proxy is in front.
    Connection,
    /// The last address in `X-Forwarded-For`. Clients can forge the addresses before it.
    XForwardedFor,
    /// The header `X-Real-IP`.
    XRealIp,
    /// The header `True-Client-IP`.
    TrueClientIp,
    /// The header `CF-Connecting-IP`.
    CfConnectingIp,
}

impl AddressSource {
    /// The address of the client of a request. A request without a valid header did not pass the proxy: the connection's
    /// address counts.
    pub(super) fn of(self, request: &Parts) -> IpAddr {
        let headers = &request.headers;
        let forwarded = match self {
            Self::Connection => None,
            Self::XForwardedFor => client_ip::rightmost_x_forwarded_for(headers).ok(),
            Self::XRealIp => client_ip::x_real_ip(headers).ok(),
            Self::TrueClientIp => client_ip::true_client_ip(headers).ok(),
            Self::CfConnectingIp => client_ip::cf_connecting_ip(headers).ok(),
        };
        forwarded.unwrap_or_else(|| {
            let connection = request.extensions.get::<ConnectInfo<SocketAddr>>();
            connection.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip())
        })
    }
}
