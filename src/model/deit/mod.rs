//! DeiT: a vision transformer with a distillation token beside the class token (Touvron et al. 2021).
//!
//! A checkpoint with a teacher has a classifier for each of both tokens, and answers with the mean of both.

use super::chain::Model;
use super::unit::Units;
use super::vit::config::Family;
use super::vit::{self, MODELING as MODELING_VIT};
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;

/// Names of the classes that write supported checkpoints.
pub const CLASSES: &[&str] = &[
    "DeiTForImageClassification",
    "DeiTForImageClassificationWithTeacher",
];

const FAMILY: Family = Family {
    model_type: "deit",
    special: &["cls_token", "distillation_token"],
    classes: CLASSES,
    classifiers_with_teacher: &["cls_classifier", "distillation_classifier"],
    modeling: &[
        (
            "modeling_optin_deit.py",
            include_str!("modeling_optin_deit.py"),
        ),
        MODELING_VIT,
    ],
};

/// Builds the graph that the configuration describes from the weights.
///
/// # Errors
/// See [`vit::open`].
pub fn open(source: &Config, weights: &Weights, units: Units) -> Result<Model, CheckpointError> {
    vit::open_family(&FAMILY, source, weights, units)
}
