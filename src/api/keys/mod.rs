//! Keys of the caller's tenant: one file a verb.

pub(super) mod create;
pub(super) mod list;
pub(super) mod revoke;
