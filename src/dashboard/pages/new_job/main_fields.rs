//! The fields at the top of the form. All others are settings.

pub(super) const MODEL: &str = "model.uri";
pub(super) const CALIBRATION: &str = "calibration.uri";
pub(super) const EVALUATION: &str = "evaluation.uri";
pub(super) const TARGET: &str = "target.value";
pub(super) const METRIC: &str = "target.metric";

/// All of them.
pub(super) const MAIN: [&str; 5] = [MODEL, CALIBRATION, EVALUATION, TARGET, METRIC];
