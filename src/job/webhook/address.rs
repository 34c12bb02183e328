//! Which addresses a webhook may lead to: those of the public internet, and no others.
//!
//! A URL is the caller's; the request is ours, from inside our network. So every address is judged that a
//! connection would be made to: a literal one in the URL, and each that a name resolves to, at the moment of
//! the connection (a name that resolves otherwise the second time is judged the second time).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// What is allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Plain HTTP, and addresses of private networks: for a closed network, never for the internet.
    pub private: bool,
}

impl Policy {
    /// Checks what a URL says of itself.
    ///
    /// # Errors
    /// A sentence.
    pub fn check(self, url: &str) -> Result<Url, String> {
        let parsed: Url = url
            .parse()
            .map_err(|_| format!("\"{url}\" is no URL; write https://host/path"))?;
        let scheme = parsed.scheme();
        if scheme != "https" && !(self.private && scheme == "http") {
            return Err(format!("\"{url}\" is not https"));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err("a webhook's URL must hold no password; deliveries are signed".to_owned());
        }
        let literal = match parsed.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) => None,
            None => return Err(format!("\"{url}\" has no host")),
        };
        match literal {
            Some(address) if !self.allows(address) => Err(format!(
                "\"{url}\" leads to {address}, which is no address of the public internet"
            )),
            _ => Ok(parsed),
        }
    }

    /// Whether a connection may be made to this address.
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

/// By the IANA registry of special-purpose addresses.
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
    // Only 2000::/3 is handed out, and within it some parts are not the internet or hide a version 4 address.
    let handed_out = segments[0] & 0xe000 == 0x2000;
    let special = match segments {
        [0x2001, second, ..] => second < 0x0200 || second == 0x0db8,
        [0x2002, ..] => true,
        [0x3fff, second, ..] => second < 0x1000,
        _ => false,
    };
    handed_out && !special
}
