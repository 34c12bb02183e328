//! The address of a client, for its limits: the connection's, or the one that a trusted proxy forwards.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

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
    /// The network of the client of a request. A request without a valid header did not pass the proxy: the connection's
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
        network(forwarded.unwrap_or_else(|| {
            let connection = request.extensions.get::<ConnectInfo<SocketAddr>>();
            connection.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip())
        }))
    }
}

/// The part of an address that identifies a client: an IPv4 address, or the first 64 bits of an IPv6 address. The holder
/// of an IPv6 network can use any address in it.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let bits = address.to_bits() & (u128::from(u64::MAX) << 64);
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
        address => address,
    }
}
