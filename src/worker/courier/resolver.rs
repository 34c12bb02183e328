//! Names to addresses, those left out to which no connection may be made.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::job::webhook::address::Policy;

/// Resolves as the system does, and judges each address at the moment of the connection.
pub(super) struct Judged(pub(super) Policy);

/// That a receiver is not where one may be.
#[derive(Debug, thiserror::Error)]
#[error("{0} has no address of the public internet")]
pub(super) struct NotPublic(String);

impl Resolve for Judged {
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
