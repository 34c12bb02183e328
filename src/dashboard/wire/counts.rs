//! Numbers of jobs.

use serde::Deserialize;

use crate::job::State;

/// The number of jobs in each state.
#[derive(Deserialize)]
pub(crate) struct Counts {
    pub(crate) data: Vec<Count>,
}

/// The number of jobs in one state.
#[derive(Deserialize)]
pub(crate) struct Count {
    pub(crate) state: State,
    pub(crate) count: u64,
}

impl Counts {
    /// The number of jobs in a state.
    pub(crate) fn of(&self, state: State) -> u64 {
        let known = self.data.iter().find(|count| count.state == state);
        known.map_or(0, |count| count.count)
    }

    /// The number of all jobs.
    pub(crate) fn total(&self) -> u64 {
        self.data.iter().map(|count| count.count).sum()
    }
}
