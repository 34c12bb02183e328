//! Scoring: what the removal of each unit does to the trajectory.
//!
//! In: the model and the scoring rows. Out: for each unit the manifold term of every feature after
//! it and the divergence of the logits ([`Scores`]), apart, so that they can be weighed without
//! scoring again. Source: paper, section 3; the released code's index factors, stale masks, fresh
//! samples and order-dependent scaling are not part of the method and not here.

pub mod combine;
pub mod divergence;
pub mod document;
pub mod exact;
pub mod manifold;
pub mod sample;
pub mod sketch;
pub mod teacher;

use super::failure::Failure;
use super::journal::Journal;
use super::prepare::Prepared;
use super::recipe::Recipe;
use super::watch::Watch;
use teacher::Teacher;

/// Rows times positions that go through the graph at once, all masked variants together.
pub const STACKED_TOKENS: usize = 2_048;

/// The scores of every group, in the order of the groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// One entry a group.
    pub groups: Vec<UnitScores>,
}

/// The scores of one group's units.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitScores {
    /// Features that follow the block, its own layer's included.
    pub features: usize,
    /// Squared change of the Gram matrix, `[units, features]`, row-major.
    pub manifold: Vec<f64>,
    /// Divergence of the logits, `[units]`.
    pub logits: Vec<f64>,
}

/// Scores every unit of every group, block by block; finished blocks are taken from the journal.
///
/// # Errors
/// When asked to stop, or the journal cannot be read or written.
pub fn score(
    prepared: &Prepared,
    recipe: &Recipe,
    journal: &dyn Journal,
    watch: &dyn Watch,
) -> Result<Scores, Failure> {
    let model = prepared.model.as_ref();
    let total: u64 = model.groups().iter().map(|group| group.width as u64).sum();
    let mut done = 0;
    watch.progress(done, total);
    let teacher = Teacher::run(prepared, recipe)?;
    let mut groups = Vec::with_capacity(model.groups().len());
    for (block, group) in model.groups().iter().enumerate() {
        let digest = document::digest(prepared, recipe, block);
        let known = journal
            .load(document::NAME, &digest)?
            .and_then(|bytes| document::decode(&bytes, group.width));
        let scores = match known {
            Some(scores) => scores,
            None => {
                let scores = exact::score_block(&teacher, recipe, block, &|units| {
                    watch.proceed()?;
                    watch.progress(done + units, total);
                    Ok(())
                })?;
                journal.store(document::NAME, &digest, &document::encode(&scores)?)?;
                scores
            }
        };
        done += group.width as u64;
        watch.progress(done, total);
        groups.push(scores);
    }
    Ok(Scores { groups })
}
