//! Ids of webhooks and deliveries: a prefix and a UUIDv7, like job ids.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::job::UnixMs;
use crate::job::id::uuid_at;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Creates a new id with this database time.
            #[must_use]
            pub fn at(now: UnixMs) -> Self {
                Self(uuid_at(now))
            }

            /// Returns the id without its prefix, as databases store it.
            #[must_use]
            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!($prefix, "{}"), self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = NoSuchName;

            fn from_str(text: &str) -> Result<Self, NoSuchName> {
                let wrong = || NoSuchName(text.chars().take(64).collect());
                let uuid = text.strip_prefix($prefix).ok_or_else(wrong)?;
                let parsed = Uuid::try_parse(uuid).map_err(|_| wrong())?;
                match parsed.hyphenated().to_string() == uuid {
                    true => Ok(Self(parsed)),
                    false => Err(wrong()),
                }
            }
        }
    };
}

id!(
    /// Identifier of a webhook.
    WebhookId,
    "wh_"
);
id!(
    /// Identifier of a delivery.
    DeliveryId,
    "msg_"
);

/// The text is not a valid id of this kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" not found")]
pub struct NoSuchName(String);
