//! Times.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de};
use std::borrow::Cow;

/// A time of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl Moment {
    /// The current time.
    pub(crate) fn now() -> Self {
        Self(Timestamp::now())
    }

    /// Milliseconds from an earlier time to this one; 0 if that is the later one.
    pub(crate) fn ms_since(self, earlier: Self) -> u64 {
        let ms = self.0.as_millisecond() - earlier.0.as_millisecond();
        ms.max(0).unsigned_abs()
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}
