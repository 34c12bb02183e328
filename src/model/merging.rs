//! Merging of positions, as an architecture declares it.

use serde_json::json;

use crate::checkpoint::config::Config;

/// How many pairs of positions each layer of a model merges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merging {
    /// Key of a planned schedule in the configuration in memory. The configuration of a result has another key.
    pub key: &'static str,
    /// Number of pairs that each layer merges.
    pub schedule: Vec<usize>,
    /// Number of positions of the first layer that can be merged.
    pub positions: usize,
}

impl Merging {
    /// Whether no layer merges positions.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.schedule.iter().all(|&pairs| pairs == 0)
    }

    /// Returns the configuration with which a model opens with another schedule.
    #[must_use]
    pub fn planned(&self, config: &Config, schedule: &[usize]) -> Config {
        let mut map = config.map().clone();
        map.insert(self.key.to_owned(), json!(schedule));
        config.with_map(map)
    }
}
