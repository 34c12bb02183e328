//! The parts of a model, such as the backbone and the decoders of a segmentation, and the work of each.

use super::report::{BeforeAfter, PartReport};
use crate::model::chain::Model;
use crate::model::extent::Extent;

/// The part of everything that belongs to no group.
const OTHER: &str = "other";

/// Returns the MACs per row of each part of two models with the same groups, for inputs of these shapes. Empty if all groups
/// belong to one part.
#[must_use]
pub fn parts(original: &Model, cut: &Model, extent: &Extent) -> Vec<PartReport> {
    let names: Vec<&str> = (0..original.blocks.len())
        .map(|block| {
            let groups = original.groups_at(block);
            let name = groups.first().map(|&group| &original.groups[group].name);
            name.and_then(|name| name.split('.').next())
                .unwrap_or(OTHER)
        })
        .collect();
    let mut order: Vec<&str> = Vec::new();
    for name in names.iter().copied().filter(|name| *name != OTHER) {
        if !order.contains(&name) {
            order.push(name);
        }
    }
    if order.len() < 2 {
        return Vec::new();
    }
    order.push(OTHER);
    let [before, after] = [original, cut].map(|model| {
        let works = model.work(extent);
        let all = |macs: f64| macs.round() as u64;
        let mut sums = vec![0; order.len()];
        for (name, work) in names.iter().zip(&works.blocks) {
            let part = order.iter().position(|part| part == name);
            sums[part.unwrap_or(order.len() - 1)] += all(work.macs.with_all(&model.groups));
        }
        let [head, stem] = [works.head, works.stem].map(|work| work.macs.with_all(&model.groups));
        let rest = head + stem;
        sums[order.len() - 1] += all(rest);
        sums
    });
    let macs = before.into_iter().zip(after);
    let parts = order.into_iter().zip(macs);
    parts
        .map(|(part, (before, after))| PartReport {
            part: part.to_owned(),
            macs: BeforeAfter { before, after },
        })
        .collect()
}
