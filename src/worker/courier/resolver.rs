//! Resolves host names to the addresses that the webhook policy allows.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::job::webhook::address::Policy;

/// Resolves names like the system, and checks each address against the policy when a connection is made.
pub(super) struct PolicyResolver(pub(super) Policy);

/// The host has no allowed address.
#[derive(Debug, thiserror::Error)]
#[error("{0} has no address on the public internet")]
pub(super) struct NotPublic(String);

impl Resolve for PolicyResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|found| policy.allows(found.ip())).collect();
            if allowed.is_empty() {
                return Err(NotPublic(host).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}
