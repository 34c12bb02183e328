//! Operations on the API keys of the caller's tenant.

pub(super) mod create;
pub(super) mod list;
pub(super) mod revoke;
