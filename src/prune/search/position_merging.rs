//! The constraint on the merging of positions.

use serde::{Deserialize, Serialize};

/// Merging of positions, written as `search`, `off`, or the percentage to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum PositionMerging {
    /// Tries several schedules and uses the best one.
    Search,
    /// Merges nothing.
    Off,
    /// The layers keep this whole percentage of the positions on average, from 1 to 99.
    Kept(u8),
}

impl PositionMerging {
    /// Returns the given fraction of the positions to keep. `None` if it is not given.
    #[must_use]
    pub fn kept(self) -> Option<f64> {
        match self {
            Self::Kept(percent) => Some(f64::from(percent) / 100.0),
            Self::Search | Self::Off => None,
        }
    }
}

impl TryFrom<String> for PositionMerging {
    type Error = String;

    fn try_from(written: String) -> Result<Self, String> {
        let percent = || {
            let digits = written.strip_suffix('%')?;
            let plain = !digits.starts_with(['0', '+']);
            let percent = digits.parse::<u8>().ok().filter(|_| plain)?;
            (percent < 100).then_some(Self::Kept(percent))
        };
        match written.as_str() {
            "search" => Ok(Self::Search),
            "off" => Ok(Self::Off),
            _ => percent().ok_or_else(|| {
                format!(
                    "\"{written}\" is not search, off, or a whole percentage of the patches to keep, for example 70%"
                )
            }),
        }
    }
}

impl From<PositionMerging> for String {
    fn from(merging: PositionMerging) -> Self {
        match merging {
            PositionMerging::Search => "search".to_owned(),
            PositionMerging::Off => "off".to_owned(),
            PositionMerging::Kept(percent) => format!("{percent}%"),
        }
    }
}
