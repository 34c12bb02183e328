//! Restricts webhooks to addresses on the public internet.
//!
//! A client chooses the URL, but the service sends the request from inside its own network (server-side request
//! forgery). So every address is checked before a connection to it: a literal address in the URL, and each address that
//! a name resolves to. Names are checked at the time of the connection, because they may resolve differently each time
//! (DNS rebinding).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// The addresses that webhooks may connect to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Allows plain HTTP and private addresses. Use it only in a closed network, never for a service on the internet.
    pub private: bool,
}

impl Policy {
    /// Checks the scheme, user info and literal address of a URL. Names are not resolved.
    ///
    /// # Errors
    /// Returns a sentence that says why the URL is not allowed.
    pub fn check(self, url: &str) -> Result<Url, String> {
        let parsed: Url = url
            .parse()
            .map_err(|_| format!("invalid URL \"{url}\"; it must be like https://host/path"))?;
        let scheme = parsed.scheme();
        if scheme != "https" && !(self.private && scheme == "http") {
            return Err(format!("unsupported scheme in \"{url}\"; use https"));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(
                "the URL of a webhook must not contain a user name or password; deliveries are signed"
                    .to_owned(),
            );
        }
        let literal = match parsed.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) => None,
            None => return Err(format!("\"{url}\" has no host")),
        };
        match literal {
            Some(address) if !self.allows(address) => Err(format!(
                "\"{url}\" leads to {address}, which is not an address on the public internet"
            )),
            _ => Ok(parsed),
        }
    }

    /// Returns whether a connection to this address is allowed.
    #[must_use]
    pub fn allows(self, address: IpAddr) -> bool {
        self.private || is_public(address)
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Returns whether the address is public, according to the IANA registry of special-purpose addresses.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b)))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // Only 2000::/3 is global unicast. Within it, some ranges are not public or embed an IPv4 address.
    let global_unicast = segments[0] & 0xe000 == 0x2000;
    let special = match segments {
        [0x2001, second, ..] => second < 0x0200 || second == 0x0db8,
        [0x2002, ..] => true,
        [0x3fff, second, ..] => second < 0x1000,
        _ => false,
    };
    global_unicast && !special
}
