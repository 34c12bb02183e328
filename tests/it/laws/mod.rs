//! Laws that every family must obey, tested on tiny random models: one module per family, each with all laws.

mod costs;
mod gradients;
mod graphs;
mod masks;
mod restarts;
mod round_trips;
mod scores;
mod texts;
mod trajectories;

use std::path::Path;
use std::sync::Arc;

use optin::answer;
use optin::answer::task::Answer;
use optin::checkpoint::config::Config;
use optin::checkpoint::weights::Weights;
use optin::checkpoint::write::write;
use optin::model::batch::Batch;
use optin::model::chain::Model;
use optin::model::hidden::Layout;
use optin::model::mask::Masks;
use optin::model::unit::{InHeads, Units};
use optin::prune::repairs::Repairs;
use optin::prune::surgery;
use safetensors::Dtype;
use tempfile::TempDir;

use self::texts::*;
use crate::fixture::folder;
use crate::fixture::scratch::Scratch;
use crate::fixture::{convnet, mask2former, random_images, resnet, swin, vit};

/// A family of models.
trait Family {
    /// Half of the distance between the masks of a central difference, and the difference from the derivative that it may
    /// have. Where activations have a kink, the step is small, and rounding errors are large.
    const DIFFERENCE: (f32, f64) = (0.01, 0.02);

    /// Rounding error of the sum of all features and answers.
    const ROUNDING: f64 = 0.0;

    /// Names of the answers in an ONNX graph.
    const ANSWERS: &'static [&'static str] = &["logits"];

    /// Part of the name of the class that wrote the checkpoint.
    const CLASS: &'static str = "ForSequenceClassification";

    /// Writes a tiny model with random weights.
    fn write(folder: &Path, dtype: Dtype);

    /// Writes the files beside `config.json` that belong to it, if there are some.
    fn write_beside(_folder: &Path) {}

    /// Opens a model folder.
    fn open(folder: &Path) -> (Weights, Model);

    /// Returns a batch of `rows` rows with `length` random positions each.
    fn batch(rows: usize, length: usize, seed: u64) -> Batch;

    /// Returns the arrangement of a row of this length, and its number of positions.
    fn row(length: usize) -> (Layout, usize) {
        (Layout::Sequence, length)
    }
}

/// Declares families that read images. The images have one size, so batches have no other length.
macro_rules! of_images {
    ($($family:ident: $module:ident, $form:ident, $units:ident $(, $class:literal)?;)+) => {
        $(
            struct $family;

            impl Family for $family {
                $(
                    const CLASS: &'static str = $class;
                    const ROUNDING: f64 = $module::ROUNDING;
                )?
                const DIFFERENCE: (f32, f64) = $module::DIFFERENCE;

                fn write(folder: &Path, dtype: Dtype) {
                    $module::Form::$form.write(folder, dtype);
                }

                fn open(folder: &Path) -> (Weights, Model) {
                    folder::open_with(folder, Units::$units)
                }

                fn batch(rows: usize, _: usize, seed: u64) -> Batch {
                    random_images::batch($module::IMAGE, rows, seed)
                }

                fn row(length: usize) -> (Layout, usize) {
                    $module::row(length)
                }
            }
        )+
    };
}

of_images! {
    Vit: vit, Vit, Heads;
    VitDimensions: vit, Vit, Dimensions;
    DeitDimensions: vit, Deit, Dimensions;
    DeitWithTeacher: vit, DeitWithTeacher, Dimensions;
    TimmVit: vit, Timm, Heads;
    TimmDistilled: vit, TimmDistilled, Dimensions;
    VitMerging: vit, VitMerging, Dimensions;
    Swin: swin, Swin, Heads;
    SwinDimensions: swin, Swin, Dimensions;
    Mask2Former: mask2former, Whole, Heads, "ForUniversalSegmentation";
    Mask2FormerDimensions: mask2former, Whole, Dimensions, "ForUniversalSegmentation";
    Mask2FormerProjected: mask2former, Projected, Dimensions, "ForUniversalSegmentation";
    ResNetBasic: resnet, Basic, Heads;
    ResNetBottleneck: resnet, Bottleneck, Heads;
    CifarResNet: convnet, Cifar, Heads;
    TorchvisionResNet: convnet, Torchvision, Heads;
    TimmResNet: convnet, TimmD, Heads;
    Vgg: convnet, Vgg, Heads;
    TimmVgg: convnet, TimmVgg, Heads;
}

impl Family for Scratch {
    fn write(folder: &Path, dtype: Dtype) {
        Self::default().write(folder, dtype);
    }

    fn open(folder: &Path) -> (Weights, Model) {
        Self::open(folder)
    }

    fn batch(rows: usize, length: usize, seed: u64) -> Batch {
        Self::batch(rows, length, seed)
    }
}

/// A tiny model of a family, in a temporary folder.
struct Case {
    folder: TempDir,
    weights: Weights,
    model: Model,
    task: Arc<dyn Answer>,
}

fn case<F: Family>(dtype: Dtype) -> Case {
    let folder = tempfile::tempdir().unwrap();
    F::write(folder.path(), dtype);
    let (weights, model) = F::open(folder.path());
    Case {
        folder,
        weights,
        model,
        task: task(F::CLASS, F::ANSWERS),
    }
}

/// Returns masks that keep all units of the first group, no unit of two groups, and some units of the others.
fn uneven(model: &Model) -> Masks {
    keeping(model, |index, unit| match index {
        0 => true,
        3 | 4 => false,
        _ => (unit * 7 + index) % 3 != 0,
    })
}

/// Returns masks that keep about two thirds of the units of each group, and at least one.
fn thinned(model: &Model) -> Masks {
    keeping(model, |index, unit| (unit + index) % 3 != 1)
}

/// Returns masks that keep the units for which `keeps` of the index of the group and the unit is true. For channels of
/// heads, `keeps` selects heads, and how many channels each of them keeps.
fn keeping(model: &Model, keeps: impl Fn(usize, usize) -> bool) -> Masks {
    let groups = model.groups.iter().enumerate();
    let kept = groups.map(|(index, group)| match &group.heads {
        None => (0..group.width)
            .filter(|&unit| keeps(index, unit))
            .collect(),
        &Some(InHeads { count, values, .. }) => {
            let heads = (0..count).filter(|&head| keeps(values.unwrap_or(index), head));
            let each = group.width.checked_div(count).unwrap_or(0);
            let kept = (0..each).filter(|&channel| keeps(index, channel)).count();
            let units = |head: usize| (0..kept).map(move |at| head * each + (at + head) % each);
            heads.flat_map(units).collect()
        }
    });
    Masks::keeping(&model.groups, &kept.collect::<Vec<Vec<usize>>>())
}

/// Prunes and repairs, writes the pruned model and opens it from disk.
fn prune<F: Family>(
    weights: &Weights,
    model: &Model,
    masks: &Masks,
    repairs: &Repairs,
    folder: &Path,
) -> Model {
    let tensors = surgery::cut::cut(weights, model, masks, repairs).unwrap();
    write(
        &folder.join("model.safetensors"),
        &tensors,
        weights.metadata(),
    )
    .unwrap();
    let config = serde_json::to_string(&(model.export)(masks).config).unwrap();
    std::fs::write(folder.join("config.json"), config).unwrap();
    F::write_beside(folder);
    F::open(folder).1
}

/// Returns no repairs for a model.
fn unrepaired(model: &Model) -> Repairs {
    Repairs::none(model.blocks.len())
}

/// Returns the task of a model whose class has this in its name, with three classes, as tiny models have them, or with an answer of
/// each name.
fn task(class: &str, answers: &[&str]) -> Arc<dyn Answer> {
    let labels = if answers.len() > 1 { answers.len() } else { 3 };
    let config = serde_json::json!({"num_labels": labels, "architectures": [class]});
    answer::of(&Config::new(config.as_object().unwrap().clone())).unwrap()
}

/// Declares a test per law for each family.
macro_rules! laws {
    ($($module:ident: $family:ty;)+) => {
        $(
            mod $module {
                use super::*;

                #[test]
                fn full_masks_change_nothing() {
                    masks::full_masks_change_nothing::<$family>();
                }

                #[test]
                fn a_mask_removes_exactly_the_contribution_of_the_unit() {
                    masks::a_mask_removes_exactly_the_contribution_of_the_unit::<$family>();
                }

                #[test]
                fn a_masked_model_equals_the_pruned_model() {
                    masks::a_masked_model_equals_the_pruned_model::<$family>();
                }

                #[test]
                fn a_repaired_and_masked_model_equals_the_pruned_model() {
                    masks::a_repaired_and_masked_model_equals_the_pruned_model::<$family>();
                }

                #[test]
                fn costs_equal_the_operations_that_the_pruned_model_executes() {
                    costs::costs_equal_the_operations_that_the_pruned_model_executes::<$family>();
                }

                #[test]
                fn costs_are_means_over_rows_of_different_lengths() {
                    costs::costs_are_means_over_rows_of_different_lengths::<$family>();
                }

                #[test]
                fn extents_equal_the_positions_of_a_run() {
                    costs::extents_equal_the_positions_of_a_run::<$family>();
                }

                #[test]
                fn parameters_equal_those_of_the_pruned_model() {
                    costs::parameters_equal_those_of_the_pruned_model::<$family>();
                }

                #[test]
                fn a_run_that_resumes_at_a_block_equals_the_whole_run() {
                    restarts::a_run_that_resumes_at_a_block_equals_the_whole_run::<$family>();
                }

                #[test]
                fn rows_do_not_depend_on_their_batch() {
                    restarts::rows_do_not_depend_on_their_batch::<$family>();
                }

                #[test]
                fn inputs_that_are_not_kept_are_computed_again_to_the_bit() {
                    restarts::inputs_that_are_not_kept_are_computed_again_to_the_bit::<$family>();
                }

                #[test]
                fn a_pruned_model_can_be_loaded_and_pruned_again() {
                    round_trips::a_pruned_model_can_be_loaded_and_pruned_again::<$family>();
                }

                #[test]
                fn pruning_nothing_reproduces_the_bytes() {
                    round_trips::pruning_nothing_reproduces_the_bytes::<$family>();
                }

                #[test]
                fn the_backward_pass_equals_finite_differences() {
                    gradients::the_backward_pass_equals_finite_differences::<$family>();
                }

                #[test]
                fn the_damage_after_each_block_is_that_of_the_masked_model() {
                    trajectories::the_damage_after_each_block_is_that_of_the_masked_model::<$family>();
                }

                #[test]
                fn an_onnx_graph_equals_the_pruned_model() {
                    graphs::an_onnx_graph_equals_the_pruned_model::<$family>();
                }

                #[test]
                fn a_cotangent_passes_blocks_without_units() {
                    gradients::a_cotangent_passes_blocks_without_units::<$family>();
                }
            }
        )+
    };
}

/// Declares a test per law of scores for each family.
macro_rules! score_laws {
    ($($module:ident: $family:ty;)+) => {
        $(
            mod $module {
                use super::*;

                #[test]
                fn exact_scores_equal_those_of_one_masked_run_per_unit() {
                    scores::exact_scores_equal_those_of_one_masked_run_per_unit::<$family>();
                }

                #[test]
                fn sketched_scores_agree_with_exact_scores() {
                    scores::sketched_scores_agree_with_exact_scores::<$family>();
                }
            }
        )+
    };
}

laws! {
    bert: Bert;
    bert_dimensions: BertDimensions;
    roberta: Roberta;
    roberta_dimensions: RobertaDimensions;
    roberta_tokens: RobertaTokens;
    roberta_questions: RobertaQuestions;
    roberta_body: RobertaBody;
    distilbert: DistilBert;
    distilbert_dimensions: DistilBertDimensions;
    electra: Electra;
    electra_dimensions: ElectraDimensions;
    mpnet: Mpnet;
    mpnet_dimensions: MpnetDimensions;
    mpnet_sentences: MpnetSentences;
    modernbert_heads: ModernBert;
    modernbert_dimensions: ModernBertDimensions;
    modernbert_mean: ModernBertMean;
    modernbert_mean_dimensions: ModernBertMeanDimensions;
    modernbert_tokens: ModernBertTokens;
    modernbert_sentences: ModernBertSentences;
    scratch_family: Scratch;
    vit_heads: Vit;
    vit_dimensions: VitDimensions;
    deit_dimensions: DeitDimensions;
    deit_with_teacher: DeitWithTeacher;
    timm_vit_heads: TimmVit;
    timm_distilled: TimmDistilled;
    vit_merging: VitMerging;
    swin_heads: Swin;
    swin_dimensions: SwinDimensions;
    mask2former_heads: Mask2Former;
    mask2former_dimensions: Mask2FormerDimensions;
    mask2former_projected: Mask2FormerProjected;
    resnet_basic: ResNetBasic;
    resnet_bottleneck: ResNetBottleneck;
    cifar_resnet: CifarResNet;
    torchvision_resnet: TorchvisionResNet;
    timm_resnet: TimmResNet;
    vgg: Vgg;
    timm_vgg: TimmVgg;
}

// Jobs score a model before it merges positions. Without a unit, other positions may be merged, so scores of tiny models that
// merge are not smooth.
score_laws! {
    scores_of_bert: Bert;
    scores_of_bert_dimensions: BertDimensions;
    scores_of_roberta: Roberta;
    scores_of_roberta_tokens: RobertaTokens;
    scores_of_roberta_questions: RobertaQuestions;
    scores_of_roberta_body: RobertaBody;
    scores_of_distilbert: DistilBert;
    scores_of_electra: Electra;
    scores_of_mpnet: Mpnet;
    scores_of_mpnet_dimensions: MpnetDimensions;
    scores_of_mpnet_sentences: MpnetSentences;
    scores_of_modernbert: ModernBert;
    scores_of_modernbert_dimensions: ModernBertDimensions;
    scores_of_modernbert_mean_dimensions: ModernBertMeanDimensions;
    scores_of_modernbert_tokens: ModernBertTokens;
    scores_of_modernbert_sentences: ModernBertSentences;
    scores_of_scratch_family: Scratch;
    scores_of_vit_heads: Vit;
    scores_of_vit_dimensions: VitDimensions;
    scores_of_deit_dimensions: DeitDimensions;
    scores_of_deit_with_teacher: DeitWithTeacher;
    scores_of_timm_vit_heads: TimmVit;
    scores_of_timm_distilled: TimmDistilled;
    scores_of_swin_heads: Swin;
    scores_of_swin_dimensions: SwinDimensions;
    scores_of_resnet_basic: ResNetBasic;
    scores_of_resnet_bottleneck: ResNetBottleneck;
    scores_of_cifar_resnet: CifarResNet;
    scores_of_torchvision_resnet: TorchvisionResNet;
    scores_of_timm_resnet: TimmResNet;
    scores_of_vgg: Vgg;
    scores_of_timm_vgg: TimmVgg;
}

/// Without a unit, other pixels may be in the mask of a query, so scores of tiny models with random weights are not smooth.
/// Exact scores are those of a run.
mod scores_of_mask2former {
    use super::*;

    #[test]
    fn exact_scores_equal_those_of_one_masked_run_per_unit() {
        scores::exact_scores_equal_those_of_one_masked_run_per_unit::<Mask2FormerDimensions>();
    }
}
