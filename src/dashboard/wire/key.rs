//! API keys.

use serde::Deserialize;

use super::moment::Moment;

/// The keys of a tenant.
#[derive(Deserialize)]
pub(crate) struct Keys {
    pub(crate) data: Vec<Key>,
}

/// A key without its secret.
#[derive(Deserialize)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) scope: String,
    pub(crate) created_at: Moment,
    pub(crate) expires_at: Option<Moment>,
    pub(crate) revoked_at: Option<Moment>,
    pub(crate) last_used_at: Option<Moment>,
}

/// A new key.
#[derive(Deserialize)]
pub(crate) struct CreatedKey {
    pub(crate) key: String,
}
