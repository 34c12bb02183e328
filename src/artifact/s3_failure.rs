//! What the failures of an S3 service mean, and what to do about them: told without the keys and without the service's
//! own words, which may repeat parts of the signature.

use super::network::Trouble;

/// What is asked of a bucket: the remedies differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// To keep what jobs leave.
    ToStore,
    /// To give models and data.
    ToRead,
}

impl Asks {
    fn rights(self) -> &'static str {
        match self {
            Self::ToStore => "list, read, write and delete",
            Self::ToRead => "list and read",
        }
    }

    /// The flag that names the bucket.
    fn flag(self) -> &'static str {
        match self {
            Self::ToStore => "--storage-url",
            Self::ToRead => "--source-bucket",
        }
    }
}

/// What a service answers when too much is asked of it.
const OVERLOADED: [&str; 5] = [
    "SlowDown",
    "ServiceUnavailable",
    "RequestLimitExceeded",
    "TooManyRequests",
    "ThrottlingException",
];

/// What a failure means and what to do about it: the rest of a sentence that begins with the bucket.
pub(super) enum Meant {
    /// Whoever asks again is refused again.
    Refused(String),
    /// Anything else.
    Failed(String),
}

/// What a failure means.
pub(super) fn meant(error: &object_store::Error, asks: Asks) -> Meant {
    let text = words(error);
    let code = between(&text, "<Code>", "</Code>");
    let status = between(&text, "status code: ", ":").map(str::trim);
    if let Some(what) = refusal(error, code, asks) {
        return Meant::Refused(what);
    }
    let number = status.and_then(|status| status.split(' ').next());
    let overloaded = code.is_some_and(|code| OVERLOADED.contains(&code))
        || matches!(number, Some("503" | "429"));
    let what = match (code, status, Trouble::of(error)) {
        _ if overloaded => format!(
            "is overloaded ({}); wait until it has less to do, or give it more room",
            number.or(code).unwrap_or_default()
        ),
        (Some("RequestTimeTooSkewed"), ..) => {
            "says that this machine's clock is wrong; set the clock (NTP)".to_owned()
        }
        (Some(code), ..) => format!("failed with {code}; its service's log tells why"),
        (None, Some(status), _) => {
            format!("failed with status {status}; its service's log tells why")
        }
        (None, None, Some(trouble)) => told(trouble),
        (None, None, None) => "failed; the service's answer was not understood".to_owned(),
    };
    Meant::Failed(what)
}

/// What the service refuses whoever asks again; `None` when it is something else.
fn refusal(error: &object_store::Error, code: Option<&str>, asks: Asks) -> Option<String> {
    let denied = || {
        format!(
            "denies access; give the access key the rights to {}",
            asks.rights()
        )
    };
    Some(match (code, error) {
        (Some("InvalidAccessKeyId"), _) => {
            "does not know the access key; check AWS_ACCESS_KEY_ID".to_owned()
        }
        (Some("SignatureDoesNotMatch"), _) => {
            "refuses the signature; check AWS_SECRET_ACCESS_KEY and AWS_REGION".to_owned()
        }
        (Some("ExpiredToken" | "InvalidToken"), _) => {
            "refuses the temporary keys, which may have expired; renew them and AWS_SESSION_TOKEN"
                .to_owned()
        }
        (Some("NoSuchBucket"), _) => format!(
            "does not exist; make it, or correct the bucket's name in {}",
            asks.flag()
        ),
        (Some("RequestTimeTooSkewed"), _) => return None,
        // An answer to HEAD has no body that could tell more.
        (Some("AccessDenied"), _) | (None, object_store::Error::PermissionDenied { .. }) => {
            denied()
        }
        (Some(code), object_store::Error::PermissionDenied { .. }) => {
            format!("{} ({code})", denied())
        }
        (_, object_store::Error::Unauthenticated { .. }) => {
            "does not know who asks; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned()
        }
        _ => return None,
    })
}

/// What happened on the way to the service.
pub(super) fn told(trouble: Trouble) -> String {
    match trouble {
        Trouble::Name => {
            "cannot be reached: the host's name is not known; check --s3-endpoint and the DNS"
                .to_owned()
        }
        Trouble::Connection(_) => {
            "cannot be reached; check --s3-endpoint, the network, and whether the service runs"
                .to_owned()
        }
        Trouble::Certificate(why) => {
            format!("cannot be reached: its host shows a certificate that {why}")
        }
        Trouble::Tls => {
            "cannot be reached: no encrypted connection (TLS) can be made; check --s3-endpoint: http:// or https://?"
                .to_owned()
        }
        Trouble::Late => "did not answer in time; check the network and the service".to_owned(),
        Trouble::BrokenOff => {
            "cannot be used: the connection broke off; check the network and the service".to_owned()
        }
        Trouble::Http => {
            "does not answer as an S3 service does; check --s3-endpoint".to_owned()
        }
    }
}

/// All that an error says, that of its causes too.
fn words(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(current) = cause {
        text.push_str(": ");
        text.push_str(&current.to_string());
        cause = current.source();
    }
    text
}

/// What stands behind a mark, up to the next one.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begin)?;
    rest.split_once(end).map(|(found, _)| found)
}
