//! Who did what: one entry for each call that changes something, and for each refusal of a known key.

use super::key::KeyId;
use super::{TenantId, UnixMs};

/// A call, as it came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// Whose jobs the caller may touch.
    pub tenant: TenantId,
    /// The key that was shown; `None` where nobody has to show one.
    pub key: Option<KeyId>,
    /// `POST` or `DELETE`, and any other for a refusal.
    pub method: String,
    /// The route's template, as `/v1/jobs/{id}/cancel`.
    pub route: String,
    /// The job or key that was made or changed.
    pub subject: Option<String>,
    /// The HTTP status of the answer.
    pub status: u16,
    /// Names the request in the service's log.
    pub request_id: String,
}

/// A deed on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Grows with each entry.
    pub sequence: i64,
    /// When it was written.
    pub at: UnixMs,
    /// What was done.
    pub deed: Deed,
}
