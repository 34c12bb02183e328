//! The audit log.

use serde::Deserialize;

use super::moment::Moment;

/// A page of the audit log, newest first.
#[derive(Deserialize)]
pub(crate) struct Audit {
    pub(crate) data: Vec<Entry>,
    pub(crate) next_cursor: Option<String>,
}

/// A request.
#[derive(Deserialize)]
pub(crate) struct Entry {
    pub(crate) at: Moment,
    pub(crate) key: Option<String>,
    pub(crate) method: String,
    pub(crate) route: String,
    pub(crate) subject: Option<String>,
    pub(crate) status: u16,
}
