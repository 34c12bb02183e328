//! The audit log: one entry for each request that changes something, and for each refused request of a known key.

use super::key::KeyId;
use super::{TenantId, UnixMs};

/// An audited request and its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// Tenant of the caller.
    pub tenant: TenantId,
    /// API key of the request; `None` if the service requires none.
    pub key: Option<KeyId>,
    /// HTTP method: `POST` or `DELETE`; for a refused request, any method.
    pub method: String,
    /// Route template, for example `/v1/jobs/{id}/cancel`.
    pub route: String,
    /// The job or key that was created or changed.
    pub subject: Option<String>,
    /// HTTP status of the response.
    pub status: u16,
    /// Id of the request in the service's log.
    pub request_id: String,
}

/// A stored entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Sequence number; it increases with each entry.
    pub sequence: i64,
    /// Time when the entry was written.
    pub at: UnixMs,
    /// The request and its outcome.
    pub deed: Deed,
}
