//! Laws of scores: exact scores equal those of masked runs, and sketched scores agree with them.

use candle_core::Tensor;
use optin::model::layer::Layer;
use optin::model::mask::Masks;
use optin::model::unit::UnitKind;
use optin::prune::answers::Answers;
use optin::prune::recipe::Method;
use optin::prune::score::exact::{self, Wanted};
use optin::prune::score::manifold::normalise;
use optin::prune::score::scored::Scored;
use optin::prune::score::scores::UnitScores;
use optin::prune::score::sketch::{self, Stop};
use optin::prune::score::teacher::{TRAJECTORY_BYTES, Teacher};
use optin::statistics::{mean, spearman};
use safetensors::Dtype;

use super::{Case, Family, case};

const SEED: u64 = 5;

fn teacher<F: Family>(case: &Case) -> Teacher<'_> {
    let batches = [(2, 9, 1), (1, 5, 2), (3, 4, 3)];
    let batches = batches.map(|(rows, length, seed)| F::batch(rows, length, seed));
    Teacher::follow(
        &case.model,
        Scored::answers(&case.model, case.task.as_ref()),
        batches.to_vec(),
        5,
        SEED,
        TRAJECTORY_BYTES,
    )
    .unwrap()
}

/// Returns the products of all pairs of vectors of each row: `[rows, k, channels]` to `[rows, k, k]`.
fn gram(vectors: &Tensor) -> Tensor {
    let turned = vectors.transpose(1, 2).unwrap().contiguous().unwrap();
    vectors.matmul(&turned).unwrap()
}

fn exactly(case: &Case, teacher: &Teacher<'_>, method: &Method) -> Vec<UnitScores> {
    let groups = case.model.groups.iter().enumerate();
    let wanted = groups.map(|(index, group)| Wanted {
        group: index,
        units: (0..group.width).collect(),
    });
    let wanted: Vec<Wanted> = wanted.collect();
    exact::score(teacher, method, &wanted, &|_| Ok(()), &|_, _| Ok(())).unwrap()
}

pub fn exact_scores_equal_those_of_one_masked_run_per_unit<F: Family>() {
    let case = case::<F>(Dtype::F32);
    let model = &case.model;
    let teacher = teacher::<F>(&case);
    let scores = exactly(&case, &teacher, &Method::default());
    for (index, group) in model.groups.iter().enumerate() {
        for unit in 0..group.width {
            let mut masks = Masks::full(&model.groups);
            masks.drop_unit(index, unit);
            let (mut expected, mut answers) = (0.0, Vec::new());
            for (at, batch) in teacher.batches.iter().enumerate() {
                let mut hidden = model.start(batch).unwrap();
                for block in 0..model.blocks.len() {
                    hidden = model.block(block, &hidden, &masks).unwrap();
                    let layers = model.blocks[block].feature.as_ref();
                    if let (Some(layers), Some(feature)) = (layers, &teacher.features[block]) {
                        let stream = layers.forward(&hidden).unwrap().stream;
                        let changed = feature.samples[at].select(&stream).unwrap();
                        let change = gram(&normalise(&changed).unwrap());
                        let change = (change - gram(&feature.vectors[at])).unwrap();
                        let squares = change.sqr().unwrap().mean((1, 2)).unwrap();
                        let sum = squares.sum_all().unwrap().to_scalar::<f32>().unwrap();
                        expected += f64::from(sum) / teacher.rows() as f64;
                    }
                }
                answers.push(Answers::of(&model.head.forward(&hidden).unwrap()).unwrap());
            }
            let ours = scores[index].manifold_sums().nth(unit).unwrap();
            let name = &group.name;
            assert!(
                (ours - expected).abs() <= 1e-2 * expected + 1e-7,
                "{name} {unit}: {ours}, expected {expected}"
            );
            let reference = teacher.answers.iter().flat_map(Answers::rows);
            let examples = reference.zip(answers.iter().flat_map(Answers::rows));
            let divergences = examples
                .map(|(original, changed)| teacher.divergence().divergence(original, changed, 4.0));
            let expected = mean(&divergences.collect::<Vec<_>>());
            let ours = scores[index].answers[unit];
            assert!(
                (ours - expected).abs() <= 1e-2 * expected + 1e-8,
                "{name} {unit}: {ours}, expected {expected}"
            );
        }
    }
}

pub fn sketched_scores_agree_with_exact_scores<F: Family>() {
    let case = case::<F>(Dtype::F32);
    let teacher = teacher::<F>(&case);
    let method = Method::default();
    let stop = Stop {
        most: 256,
        reliability: f64::INFINITY,
    };
    // Heads are never sketched, because their removal is too large a change for a linear estimate.
    let groups = case.model.groups.iter();
    let wanted: Vec<bool> = groups.map(|group| group.kind != UnitKind::Head).collect();
    let sketch = sketch::score(&teacher, &method, SEED, &wanted, stop, &|_| Ok(())).unwrap();
    let exact = exactly(&case, &teacher, &method);
    for (group, (sketched, exact)) in sketch.groups.iter().zip(&exact).enumerate() {
        assert_eq!(sketched.is_some(), wanted[group]);
        if let Some(sketched) = sketched {
            let sums = |scores: &UnitScores| scores.manifold_sums().collect::<Vec<f64>>();
            let name = &case.model.groups[group].name;
            let (ours, expected) = (sums(sketched), sums(exact));
            if expected.iter().any(|&term| term > 0.0) {
                let alike = spearman(&ours, &expected);
                assert!(alike > 0.6, "{name}: {alike}");
            } else {
                // The only later feature has one position per row, so there are no pairs.
                assert_eq!(ours, expected, "{name}");
            }
            let alike = spearman(&sketched.answers, &exact.answers);
            assert!(alike > 0.6, "{name}: logits {alike}");
        }
    }
}
