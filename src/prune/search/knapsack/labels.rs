//! Enumeration of all choices whose gap is at most a given size, stage by stage.
//!
//! A label is a choice for the first stages. Its gap is the value that it loses compared with the relaxed optimum. The
//! gap never falls when the label is extended, so labels above the limit are dropped. If one of two labels has more cost
//! and no more worth, it is dropped, too (label setting with dominance: Desrochers and Soumis 1988).

use super::candidates::{Candidate, Reach};
use super::lagrange::Relaxed;
use super::stage::{Choice, Stage, starts_run};

/// Maximum number of labels that one enumeration creates, approximately.
const LABELS: usize = 1 << 19;

/// Minimum number of labels of one stage that are extended.
const MIN_EXTENDED: usize = 64;

/// A choice for the first stages.
#[derive(Clone, Copy, Debug)]
struct Label {
    /// Index of the label that this label extends.
    parent: usize,
    /// The item of the label's last stage.
    item: usize,
    cost: u64,
    worth: f64,
    gap: f64,
}

/// One enumeration.
pub(super) struct Enumeration<'a> {
    pub(super) stages: &'a [Stage],
    pub(super) relaxed: &'a Relaxed,
    /// The items that can be chosen, the smallest loss first.
    pub(super) candidates: &'a [Vec<Candidate>],
    /// Minimum cost of a choice.
    pub(super) low: u64,
    /// Maximum cost of a choice.
    pub(super) high: u64,
    /// Maximum gap of a choice.
    pub(super) limit: f64,
}

/// Result of an enumeration.
pub(super) struct Found {
    /// The best choice and its worth. Of equally good choices, it is the one whose stages but the last cost least.
    pub(super) best: Option<(f64, Vec<usize>)>,
    /// Whether the limit of the gap excluded a choice.
    pub(super) excluded: bool,
    /// Whether labels were dropped because there were too many.
    pub(super) thinned: bool,
}

impl Enumeration<'_> {
    pub(super) fn run(&self) -> Found {
        let candidates = self.candidates.iter().map(|candidates| {
            &candidates[..candidates.partition_point(|item| item.loss <= self.limit)]
        });
        let candidates: Vec<&[Candidate]> = candidates.collect();
        let menus = self.stages.iter().map(|stage| stage.menu.len());
        let mut found = Found {
            best: None,
            excluded: candidates.iter().map(|items| items.len()).ne(menus),
            thinned: false,
        };
        let reach = Reach::of(self.stages, &candidates);
        let root = Label {
            parent: 0,
            item: 0,
            cost: 0,
            worth: 0.0,
            gap: 0.0,
        };
        let mut layers: Vec<Vec<Label>> = vec![vec![root]];
        for (index, reach) in reach.iter().enumerate() {
            let from = &layers[index];
            let mut labels =
                self.extended(index, from, candidates[index], reach, &mut found.excluded);
            self.drop_dominated(index, &mut labels);
            let branches = match index + 2 == self.stages.len() {
                true => 1,
                false => candidates[index + 1].len().max(1),
            };
            let room = LABELS / self.stages.len() / branches;
            found.thinned |= self.thin(index, &mut labels, room.max(MIN_EXTENDED));
            layers.push(labels);
        }
        found.best = self.completed(&layers);
        found
    }

    /// Returns the labels of a stage.
    fn extended(
        &self,
        index: usize,
        from: &[Label],
        candidates: &[Candidate],
        reach: &Reach,
        excluded: &mut bool,
    ) -> Vec<Label> {
        let stage = &self.stages[index];
        let starts_run = starts_run(self.stages, index);
        let mut labels = Vec::new();
        for (parent, label) in from.iter().enumerate() {
            let (shared, expected) = match starts_run {
                true => (0, self.relaxed.run(self.stages, index)),
                false => (
                    self.shared(index, label),
                    self.relaxed.after(index - 1, label.item),
                ),
            };
            for candidate in candidates {
                if starts_run && label.gap + candidate.loss > self.limit {
                    // The later candidates lose more.
                    *excluded = true;
                    break;
                }
                let choice = &candidate.choice;
                let shared = shared * choice.units as u64;
                let gap =
                    label.gap + (expected - candidate.onward + self.relaxed.price * shared as f64);
                let cost = label.cost + choice.cost + shared;
                let [least, most] = reach.after(stage, choice.units).map(|after| cost + after);
                if least > self.high || most < self.low {
                    continue;
                }
                let unused = self.relaxed.price * self.high.saturating_sub(most) as f64;
                if gap + unused > self.limit {
                    *excluded = true;
                    continue;
                }
                labels.push(Label {
                    parent,
                    item: candidate.item,
                    cost,
                    worth: label.worth + choice.worth,
                    gap,
                });
            }
        }
        labels
    }

    /// Returns the cost that each unit of a stage shares with the item of the stage before.
    fn shared(&self, index: usize, label: &Label) -> u64 {
        let before = &self.stages[index - 1];
        before.pair * before.menu[label.item].units as u64
    }

    /// Sorts labels by cost, separately for each item that matters to the next stage, and drops dominated labels.
    ///
    /// A label with more cost and no more worth is dominated. With a lower limit, the cheaper label may be too cheap, so
    /// only labels of equal cost are compared.
    fn drop_dominated(&self, index: usize, labels: &mut Vec<Label>) {
        let state = self.state(index);
        labels.sort_unstable_by(|a, b| {
            (state(a), a.cost)
                .cmp(&(state(b), b.cost))
                .then(b.worth.total_cmp(&a.worth))
                .then((a.parent, a.item).cmp(&(b.parent, b.item)))
        });
        labels.dedup_by(|next, kept| {
            state(next) == state(kept)
                && match self.low {
                    0 => next.worth <= kept.worth,
                    _ => next.cost == kept.cost,
                }
        });
    }

    /// Keeps at most `room` labels if possible: of labels with almost equal costs, the one with the smallest gap.
    fn thin(&self, index: usize, labels: &mut Vec<Label>, room: usize) -> bool {
        let state = self.state(index);
        let before = labels.len();
        let mut shift = 0;
        while labels.len() > room && shift < u64::BITS - 1 {
            shift += 1;
            labels.dedup_by(|next, kept| {
                let same = state(next) == state(kept) && next.cost >> shift == kept.cost >> shift;
                if same && next.gap < kept.gap {
                    *kept = *next;
                }
                same
            });
        }
        labels.len() < before
    }

    /// Returns a function that returns the item of a label if it affects the cost of the next stage.
    fn state(&self, index: usize) -> impl Fn(&Label) -> usize + use<> {
        let shares = self.stages[index].pair > 0;
        move |label| if shares { label.item } else { 0 }
    }

    /// Completes the labels with the last item that fits of the last stage, and returns the best choice.
    fn completed(&self, layers: &[Vec<Label>]) -> Option<(f64, Vec<usize>)> {
        let last = self.stages.len() - 1;
        let menu = &self.stages[last].menu;
        let mut best: Option<(f64, usize, usize)> = None;
        for (index, label) in layers[last].iter().enumerate() {
            let shared = match starts_run(self.stages, last) {
                true => 0,
                false => self.shared(last, label),
            };
            let cost = |choice: &Choice| label.cost + choice.cost + shared * choice.units as u64;
            let fitting = menu.partition_point(|choice| cost(choice) <= self.high);
            let Some(item) = fitting.checked_sub(1) else {
                continue;
            };
            let worth = label.worth + menu[item].worth;
            if cost(&menu[item]) >= self.low && best.is_none_or(|(most, ..)| worth > most) {
                best = Some((worth, index, item));
            }
        }
        let (worth, mut label, item) = best?;
        let mut items = vec![item];
        for layer in layers[1..].iter().rev() {
            items.push(layer[label].item);
            label = layer[label].parent;
        }
        items.reverse();
        Some((worth, items))
    }
}
