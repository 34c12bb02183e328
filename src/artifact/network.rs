//! Why a request over the network failed, in plain words: at which host, and what happened there. Never the rest of an
//! address, which may be signed, nor the words of the libraries below.

use std::error::Error;
use std::io::{self, ErrorKind};

use object_store::client::{HttpError, HttpErrorKind};
use url::Url;

/// What happened to a request that got no answer, or no whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody knows the host's name.
    Name,
    /// Nobody takes the connection there.
    Connection(Option<ErrorKind>),
    /// The host's certificate is not accepted, for this reason.
    Certificate(&'static str),
    /// What answers does not speak TLS as we do.
    Tls,
    /// No answer in time.
    Late,
    /// The connection ended before the answer did.
    BrokenOff,
    /// What answers does not speak HTTP.
    Http,
}

impl Trouble {
    /// What an error says happened; `None` when it is not of the network.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let causes = causes(error);
        // What lies deeper knows more: the layers above only say that they could not go on.
        let mut layers = [of_tls, of_name, of_system, of_http, of_client]
            .into_iter()
            .map(|layer| causes.iter().rev().find_map(|cause| layer(*cause)));
        layers.find_map(|found| found)
    }

    /// The sentence, about this host.
    #[must_use]
    pub fn at(self, host: &str) -> String {
        match self {
            Self::Name => format!("{host} cannot be reached: its name is not known"),
            Self::Connection(None) => format!("no connection to {host} can be made"),
            Self::Connection(Some(kind)) => {
                format!("no connection to {host} can be made ({kind})")
            }
            Self::Certificate(why) => format!("{host} shows a certificate that {why}"),
            Self::Tls => format!("no encrypted connection (TLS) to {host} can be made"),
            Self::Late => format!("{host} did not answer in time"),
            Self::BrokenOff => format!("the connection to {host} broke off"),
            Self::Http => format!("{host} does not answer as an HTTP server does"),
        }
    }
}

/// The sentence about an error of a request to this host.
#[must_use]
pub fn told(error: &(dyn Error + 'static), host: &str) -> String {
    let trouble = Trouble::of(error);
    trouble.map_or_else(
        || format!("the request to {host} failed"),
        |what| what.at(host),
    )
}

/// Where an address leads: host and port, and nothing else of it.
#[must_use]
pub fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or("an unknown host");
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// An error of this kind, where it is what another stands on.
#[must_use]
pub fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    causes(error)
        .into_iter()
        .find_map(|cause| cause.downcast_ref())
}

/// An error and all that it stands on.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut causes = vec![error];
    let mut at = error;
    loop {
        // An error of the system that holds another hides it from its own list of causes.
        let held = at
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .map(|held| held as &(dyn Error + 'static));
        match held.or_else(|| at.source()) {
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
                "is not valid yet; is this machine's clock right?"
            }
            Wrong::UnknownIssuer => "this machine does not trust (its issuer is not known here)",
            Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => "is of another host",
            Wrong::Revoked => "was revoked",
            _ => "is not accepted",
        }),
        _ => Trouble::Tls,
    })
}

/// The type of this error is its library's own; its words are all that it shows.
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
