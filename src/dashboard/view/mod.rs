//! Parts of pages.

pub(crate) mod copy;
pub(crate) mod frontier_chart;
pub(crate) mod keep_map;
pub(crate) mod layout;
pub(crate) mod plain;
pub(crate) mod scatter;
pub(crate) mod state;
pub(crate) mod time;
