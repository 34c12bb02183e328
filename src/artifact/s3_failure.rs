//! Explains the failures of an S3 service, with remedies. A message never contains the access keys or the service's own
//! error text, which may repeat parts of the signature.

use super::network::Trouble;

/// Purpose of a bucket. The remedies depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Stores the files of jobs.
    Store,
    /// Serves models and data, and is only read.
    Source,
}

impl Purpose {
    fn rights(self) -> &'static str {
        match self {
            Self::Store => "list, read, write and delete",
            Self::Source => "list and read",
        }
    }

    /// Returns the command-line flag that names the bucket.
    fn flag(self) -> &'static str {
        match self {
            Self::Store => "--storage-url",
            Self::Source => "--source-bucket",
        }
    }
}

/// Error codes of an overloaded service.
const OVERLOADED: [&str; 5] = [
    "SlowDown",
    "ServiceUnavailable",
    "RequestLimitExceeded",
    "TooManyRequests",
    "ThrottlingException",
];

/// Explanation and remedy of a failure: a phrase that follows the bucket's name.
pub(super) enum Diagnosis {
    /// The service refuses the request, and a retry would be refused again.
    Refused(String),
    /// Any other failure.
    Failed(String),
}

/// Explains a failure.
pub(super) fn diagnose(error: &object_store::Error, purpose: Purpose) -> Diagnosis {
    let text = full_text(error);
    let code = between(&text, "<Code>", "</Code>");
    let status = between(&text, "status code: ", ":").map(str::trim);
    if let Some(what) = refusal(error, code, purpose) {
        return Diagnosis::Refused(what);
    }
    let number = status.and_then(|status| status.split(' ').next());
    let overloaded = code.is_some_and(|code| OVERLOADED.contains(&code))
        || matches!(number, Some("503" | "429"));
    let what = match (code, status, Trouble::of(error)) {
        _ if overloaded => format!(
            "is overloaded ({}); wait until its load is lower, or add capacity",
            number.or(code).unwrap_or_default()
        ),
        (Some("RequestTimeTooSkewed"), ..) => {
            "reports that this machine's clock is wrong; set the clock (NTP)".to_owned()
        }
        (Some(code), ..) => format!("failed with {code}; see the log of the S3 service"),
        (None, Some(status), _) => {
            format!("failed with status {status}; see the log of the S3 service")
        }
        (None, None, Some(trouble)) => describe(trouble),
        (None, None, None) => "failed; the service's response has no known form".to_owned(),
    };
    Diagnosis::Failed(what)
}

/// Explains a refusal that a retry cannot change. Returns `None` for any other failure.
fn refusal(error: &object_store::Error, code: Option<&str>, purpose: Purpose) -> Option<String> {
    let denied = || {
        format!(
            "denies access; give the access key the rights to {}",
            purpose.rights()
        )
    };
    Some(match (code, error) {
        (Some("InvalidAccessKeyId"), _) => {
            "does not know the access key; check AWS_ACCESS_KEY_ID".to_owned()
        }
        (Some("SignatureDoesNotMatch"), _) => {
            "rejects the signature; check AWS_SECRET_ACCESS_KEY and AWS_REGION".to_owned()
        }
        (Some("ExpiredToken" | "InvalidToken"), _) => {
            "rejects the temporary keys, which may have expired; renew them and AWS_SESSION_TOKEN"
                .to_owned()
        }
        (Some("NoSuchBucket"), _) => format!(
            "does not exist; create it, or correct the bucket's name in {}",
            purpose.flag()
        ),
        (Some("RequestTimeTooSkewed"), _) => return None,
        // The response to a HEAD request has no body, so it has no error code.
        (Some("AccessDenied"), _) | (None, object_store::Error::PermissionDenied { .. }) => {
            denied()
        }
        (Some(code), object_store::Error::PermissionDenied { .. }) => {
            format!("{} ({code})", denied())
        }
        (_, object_store::Error::Unauthenticated { .. }) => {
            "does not accept the credentials; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                .to_owned()
        }
        _ => return None,
    })
}

/// Explains a network failure: a phrase that follows the bucket's name.
pub(super) fn describe(trouble: Trouble) -> String {
    match trouble {
        Trouble::Name => {
            "cannot be reached: unknown host name; check --s3-endpoint and the DNS".to_owned()
        }
        Trouble::Connection(_) => {
            "cannot be reached; check --s3-endpoint, the network, and whether the service runs"
                .to_owned()
        }
        Trouble::Certificate(why) => {
            format!("cannot be reached: the TLS certificate of its host {why}")
        }
        Trouble::Tls => {
            "cannot be reached: could not establish a TLS connection; check whether --s3-endpoint must begin with http:// or https://"
                .to_owned()
        }
        Trouble::Late => "did not respond in time; check the network and the service".to_owned(),
        Trouble::BrokenOff => {
            "cannot be used: the connection was interrupted; check the network and the service"
                .to_owned()
        }
        Trouble::Http => {
            "did not send a valid S3 response; check --s3-endpoint".to_owned()
        }
    }
}

/// Returns the text of an error and of all of its causes.
fn full_text(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(current) = cause {
        text.push_str(": ");
        text.push_str(&current.to_string());
        cause = current.source();
    }
    text
}

/// Returns the text between the first `begin` and the `end` that follows it.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begin)?;
    rest.split_once(end).map(|(found, _)| found)
}
