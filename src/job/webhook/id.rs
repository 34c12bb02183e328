//! Names of receivers and of deliveries: a word and a UUIDv7, as a job has it.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::job::UnixMs;
use crate::job::id::uuid_at;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh name of this moment of the database's clock.
            #[must_use]
            pub fn at(now: UnixMs) -> Self {
                Self(uuid_at(now))
            }

            /// The name without its word, as a database keeps it.
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

name!(
    /// Names a receiver.
    WebhookId,
    "wh_"
);
name!(
    /// Names a delivery.
    DeliveryId,
    "msg_"
);

/// The text is no such name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no \"{0}\"")]
pub struct NoSuchName(String);
