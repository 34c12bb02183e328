//! Explains why a network request failed: what happened, and at which host. A message never contains the rest of the
//! URL, which may be signed, nor the error texts of the libraries.

use std::error::Error;
use std::io::{self, ErrorKind};

use object_store::client::{HttpError, HttpErrorKind};
use url::Url;

/// Cause of a request that got no response, or an incomplete one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The host name could not be resolved.
    Name,
    /// The host did not accept a connection.
    Connection(Option<ErrorKind>),
    /// The host's certificate was not accepted, for this reason.
    Certificate(&'static str),
    /// The TLS handshake failed.
    Tls,
    /// The response did not arrive in time.
    Late,
    /// The connection ended before the end of the response.
    BrokenOff,
    /// The response is not valid HTTP.
    Http,
}

impl Trouble {
    /// Returns the cause of an error, or `None` if it is not a network error.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let causes = causes(error);
        // Inner errors are more specific: the outer ones only say that the request failed.
        let mut layers = [of_tls, of_name, of_system, of_http, of_client]
            .into_iter()
            .map(|layer| causes.iter().rev().find_map(|cause| layer(*cause)));
        layers.find_map(|found| found)
    }

    /// Returns a message about this host.
    #[must_use]
    pub fn at(self, host: &str) -> String {
        match self {
            Self::Name => format!("could not connect to {host}: unknown host name"),
            Self::Connection(None) => format!("could not connect to {host}"),
            Self::Connection(Some(kind)) => format!("could not connect to {host} ({kind})"),
            Self::Certificate(why) => format!("the TLS certificate of {host} {why}"),
            Self::Tls => format!("could not establish a TLS connection to {host}"),
            Self::Late => format!("{host} did not respond in time"),
            Self::BrokenOff => format!("the connection to {host} was interrupted"),
            Self::Http => format!("{host} did not send a valid HTTP response"),
        }
    }
}

/// Returns a message about a failed request to this host.
#[must_use]
pub fn told(error: &(dyn Error + 'static), host: &str) -> String {
    let trouble = Trouble::of(error);
    trouble.map_or_else(
        || format!("the request to {host} failed"),
        |what| what.at(host),
    )
}

/// Returns the host and port of a URL, without its other parts.
#[must_use]
pub fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or("an unknown host");
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Returns the first error of type `E` in a chain of causes, which begins with the error itself.
#[must_use]
pub fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    causes(error)
        .into_iter()
        .find_map(|cause| cause.downcast_ref())
}

/// Returns an error and all of its causes, outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut causes = vec![error];
    let mut at = error;
    loop {
        // `io::Error::source` skips the error that an `io::Error` wraps.
        let wrapped = at
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .map(|wrapped| wrapped as &(dyn Error + 'static));
        match wrapped.or_else(|| at.source()) {
            Some(cause) => {
                causes.push(cause);
                at = cause;
            }
            None => return causes,
        }
    }
}

fn of_tls(error: &(dyn Error + 'static)) -> Option<Trouble> {
    use rustls::CertificateError as Wrong;
    Some(match error.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(wrong) => Trouble::Certificate(match wrong {
            Wrong::Expired | Wrong::ExpiredContext { .. } => "has expired",
            Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => {
                "is not valid yet; check this machine's clock"
            }
            Wrong::UnknownIssuer => "is not trusted by this machine (unknown issuer)",
            Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => {
                "is for another host name"
            }
            Wrong::Revoked => "was revoked",
            _ => "is not accepted",
        }),
        _ => Trouble::Tls,
    })
}

/// Recognizes a DNS error by its text, because the library does not export its type.
fn of_name(error: &(dyn Error + 'static)) -> Option<Trouble> {
    error
        .to_string()
        .starts_with("dns error")
        .then_some(Trouble::Name)
}

fn of_system(error: &(dyn Error + 'static)) -> Option<Trouble> {
    let kind = error.downcast_ref::<io::Error>()?.kind();
    Some(match kind {
        ErrorKind::TimedOut => Trouble::Late,
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected
        | ErrorKind::UnexpectedEof => Trouble::BrokenOff,
        ErrorKind::ConnectionRefused
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::AddrNotAvailable => Trouble::Connection(Some(kind)),
        _ => return None,
    })
}

fn of_http(error: &(dyn Error + 'static)) -> Option<Trouble> {
    let error = error.downcast_ref::<hyper::Error>()?;
    if error.is_timeout() {
        Some(Trouble::Late)
    } else if error.is_parse() {
        Some(Trouble::Http)
    } else if error.is_incomplete_message()
        || error.is_closed()
        || error.is_canceled()
        || error.is_body_write_aborted()
    {
        Some(Trouble::BrokenOff)
    } else {
        None
    }
}

fn of_client(error: &(dyn Error + 'static)) -> Option<Trouble> {
    if let Some(error) = error.downcast_ref::<reqwest::Error>() {
        return if error.is_timeout() {
            Some(Trouble::Late)
        } else if error.is_connect() {
            Some(Trouble::Connection(None))
        } else if error.is_request() || error.is_body() || error.is_decode() {
            Some(Trouble::BrokenOff)
        } else {
            None
        };
    }
    match error.downcast_ref::<HttpError>()?.kind() {
        HttpErrorKind::Connect => Some(Trouble::Connection(None)),
        HttpErrorKind::Timeout => Some(Trouble::Late),
        HttpErrorKind::Request | HttpErrorKind::Interrupted | HttpErrorKind::Decode => {
            Some(Trouble::BrokenOff)
        }
        _ => None,
    }
}
