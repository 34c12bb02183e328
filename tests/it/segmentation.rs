//! Semantic segmentation: the resizing of answers, and metrics with known values.

use candle_core::{Device, Tensor};
use optin::answer::bilinear::resize;
use optin::answer::metric::{Metric, Records};
use optin::answer::task::{Answer, Outputs, QueryOutputs};
use optin::data::label_map::LabelMap;
use optin::data::truth::Truth;
use optin::model::hidden::{Hidden, Layout, Slot};
use optin::prune::answers::Answers;
use optin::prune::failure::{Code, Failure};
use serde_json::json;
use std::sync::Arc;

use crate::fixture::refusal::assert_says;
use crate::fixture::task::{pixels, task};

/// A map `[height, width, channels]`, and the same in another height and width by
/// `torch.nn.functional.interpolate(.., mode="bilinear", align_corners=False)` of torch 2.15.
type Resized = ([usize; 2], &'static [f32], [usize; 2], &'static [f32]);

const RESIZED: [Resized; 4] = [
    (
        [2, 3],
        &[8.0, 7.0, 0.0, 1.0, 2.0, 1.0, 6.0, 0.0, 7.0, 8.0, 6.0, 2.0],
        [5, 7],
        &[
            8.0, 7.0, 6.857143, 6.142857, 3.428571, 3.571428, 0.0, 1.0, 0.857143, 1.0, 1.714286,
            1.0, 2.0, 1.0, 7.8, 6.3, 6.785714, 5.642858, 3.742857, 3.671428, 0.7, 1.7, 1.428571,
            1.442857, 2.157143, 1.185714, 2.4, 1.1, 7.0, 3.5, 6.5, 3.642857, 5.0, 4.071428, 3.5,
            4.5, 3.714286, 3.214286, 3.928571, 1.928571, 4.0, 1.5, 6.2, 0.7, 6.214286, 1.642857,
            6.257143, 4.471429, 6.3, 7.3, 6.0, 4.985714, 5.7, 2.671428, 5.6, 1.9, 6.0, 0.0,
            6.142858, 1.142857, 6.571428, 4.571429, 7.0, 8.0, 6.571428, 5.428571, 6.142857,
            2.857142, 6.0, 2.0,
        ],
    ),
    (
        [3, 2],
        &[6.0, 3.0, 1.0, 2.0, 0.0, 0.0],
        [3, 2],
        &[6.0, 3.0, 1.0, 2.0, 0.0, 0.0],
    ),
    // A smaller map is not smoothed.
    (
        [4, 5],
        &[
            5.0, 8.0, 3.0, 7.0, 8.0, 2.0, 2.0, 3.0, 8.0, 7.0, 2.0, 7.0, 8.0, 1.0, 5.0, 5.0, 7.0,
            4.0, 8.0, 7.0, 6.0, 5.0, 0.0, 7.0, 1.0, 4.0, 0.0, 2.0, 8.0, 5.0, 6.0, 4.0, 1.0, 8.0,
            6.0, 5.0, 1.0, 5.0, 8.0, 4.0,
        ],
        [2, 3],
        &[
            4.166667, 6.333333, 6.5, 3.5, 6.833333, 5.833333, 4.166667, 5.5, 3.5, 4.5, 5.499999,
            4.166667,
        ],
    ),
    ([1, 1], &[2.0], [2, 3], &[2.0; 6]),
];

#[test]
fn maps_are_resized_as_torch_does() {
    for (size, values, to, expected) in RESIZED {
        let (mut found, mut rows) = (Vec::new(), Vec::new());
        resize(values, size, to, |y, row| {
            rows.push(y);
            found.extend_from_slice(row);
        });
        assert_eq!(rows, (0..to[0]).collect::<Vec<_>>());
        assert_eq!(found.len(), expected.len(), "{size:?} to {to:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found - expected).abs() < 2e-6,
                "{size:?} to {to:?}: {found}, expected {expected}"
            );
        }
    }
}

fn classes() -> Arc<dyn Answer> {
    pixels(&["a", "b", "c", "d"])
}

/// Returns a label map. A pixel with `-1` has no class.
fn map<const WIDTH: usize>(rows: &[[i32; WIDTH]]) -> Truth {
    let pixels = rows.iter().flatten();
    let pixels = pixels.map(|&class| u16::try_from(class).ok());
    Truth::Map(LabelMap::new([rows.len(), WIDTH], 4, pixels))
}

/// Returns the answers of queries with these logits of their classes, `[queries, 5]`, and masks, `[height, width, queries]`.
fn of_queries<'a>(classes: &'a [f32], masks: &'a [f32], size: [usize; 2]) -> Outputs<'a> {
    Outputs {
        queries: Some(QueryOutputs { classes, masks }),
        ..Outputs::of_map(&[], size)
    }
}

/// Returns the record of an image. There is a query for each class, and `masks` has its logit at each pixel.
fn record(task: &dyn Answer, size: [usize; 2], masks: &[[f32; 4]], truth: &Truth) -> Vec<f64> {
    let classes: Vec<f32> = (0..4 * 5)
        .map(|at| if at / 5 == at % 5 { 50.0 } else { 0.0 })
        .collect();
    task.record(of_queries(&classes, masks.as_flattened(), size), truth)
}

fn named(metrics: &[Metric], value: impl Fn(&Metric) -> f64) -> Vec<(&str, f64)> {
    let all = metrics.iter();
    all.map(|metric| (metric.name.as_str(), value(metric)))
        .collect()
}

fn assert_near(found: &[(&str, f64)], expected: &[(&str, f64)]) {
    let names = |all: &[(&str, f64)]| -> Vec<String> {
        all.iter().map(|(name, _)| (*name).to_owned()).collect()
    };
    assert_eq!(names(found), names(expected));
    for ((name, found), (_, expected)) in found.iter().zip(expected) {
        assert!(
            (found - expected).abs() < 1e-12,
            "{name}: {found}, {expected}"
        );
    }
}

/// torch resizes the masks of the first image to these classes:
///
/// ```text
/// 0 0 0 1 1 1      in truth:  0 0 1 1 1 1
/// 0 0 0 1 1 1                 0 0 0 - - 1
/// 2 2 2 2 1 1                 2 2 2 2 2 2
/// 2 2 2 2 2 2                 2 2 - - 2 2
/// ```
#[test]
fn intersection_over_union_is_that_of_all_images_and_leaves_out_void() {
    let task = classes();
    let first = [
        [0.9, 0.05, 0.05, 1e-4],
        [0.1, 0.8, 0.1, 1e-4],
        [0.2, 0.1, 0.7, 1e-4],
        [0.3, 0.3, 0.4, 1e-4],
    ];
    let truths = [
        map(&[
            [0, 0, 1, 1, 1, 1],
            [0, 0, 0, -1, -1, 1],
            [2, 2, 2, 2, 2, 2],
            [2, 2, -1, -1, 2, 2],
        ]),
        map(&[[0, 1]]),
    ];
    let records = |second: [f32; 4]| {
        vec![
            record(task.as_ref(), [2, 2], &first, &truths[0]),
            record(task.as_ref(), [1, 1], &[second], &truths[1]),
        ]
    };
    // The original predicts b in the second image, and the pruned model d, which is nowhere true.
    let (before, after) = (records([0.1, 0.7, 0.1, 0.1]), records([0.1, 0.1, 0.1, 0.7]));
    let truths: Vec<&Truth> = truths.iter().collect();
    let metrics = task.metrics(
        &truths,
        Records {
            before: &before,
            after: &after,
            bare: Some(&before),
        },
    );
    // a: 5 of 7 pixels, b: 5 of 9, c: 8 of 10. d occurs in neither, so the mean leaves it out.
    let [a, b, c] = [5.0 / 7.0, 5.0 / 9.0, 0.8];
    assert_near(
        &named(&metrics, |metric| metric.before.value),
        &[
            ("mean_iou", (a + b + c) / 3.0),
            ("pixel_accuracy", 18.0 / 22.0),
            ("iou_a", a),
            ("iou_b", b),
            ("iou_c", c),
            ("iou_d", 0.0),
        ],
    );
    let b = 4.0 / 8.0;
    assert_near(
        &named(&metrics, |metric| metric.after.value),
        &[
            ("mean_iou", (a + b + c) / 4.0),
            ("pixel_accuracy", 17.0 / 22.0),
            ("iou_a", a),
            ("iou_b", b),
            ("iou_c", c),
            ("iou_d", 0.0),
        ],
    );
    assert_eq!(metrics[0].bare, Some(metrics[0].before.value));
    // c is the most frequent class.
    assert_eq!(metrics[1].constant, Some(10.0 / 22.0));
    assert!(metrics[0].difference_error > 0.0 && metrics[1].difference_error > 0.0);
}

/// The classes of three queries of three classes, `[queries, classes + 1]`, and their masks, `[2, 3, queries]`.
const QUERIES: [[f32; 4]; 3] = [
    [-1.25, 1.0, 0.25, -1.25],
    [1.25, -0.25, -0.75, -3.0],
    [1.75, 0.25, 1.75, 0.0],
];
const MASKS: [[f32; 3]; 6] = [
    [0.0, -4.25, -2.0],
    [-2.25, 3.5, 3.25],
    [-3.0, 4.0, 1.0],
    [-0.5, -10.0, -1.5],
    [-0.75, -3.75, -0.75],
    [0.0, 1.25, -3.75],
];

/// The classes of 5 x 6 pixels by torch 2.15: `interpolate` of the masks, `sigmoid`, `einsum` with the probabilities of the
/// classes, and `argmax`. If the masks are added up first, 4 pixels have another class.
const CLASSES: [[usize; 6]; 5] = [
    [1, 1, 0, 0, 0, 0],
    [1, 1, 0, 0, 0, 0],
    [1, 1, 0, 0, 0, 0],
    [1, 1, 2, 1, 0, 0],
    [1, 1, 1, 1, 0, 0],
];

#[test]
fn masks_are_enlarged_before_they_are_added_up() {
    let task = pixels(&["a", "b", "c"]);
    let outputs = of_queries(QUERIES.as_flattened(), MASKS.as_flattened(), [2, 3]);
    let predicted = task.predicted_map(outputs, [5, 6]).unwrap();
    assert_eq!(predicted, CLASSES.as_flattened());
    // The record counts the same classes: all pixels are right.
    let truth = LabelMap::new([5, 6], 3, predicted.iter().map(|&class| Some(class as u16)));
    let count = |class| predicted.iter().filter(|&&own| own == class).count() as f64;
    let expected: Vec<f64> = (0..3).flat_map(|class| [count(class); 3]).collect();
    assert_eq!(task.record(outputs, &Truth::Map(truth)), expected);
}

#[test]
fn a_class_that_occurs_nowhere_has_no_metric_and_equal_answers_have_no_interval() {
    let task = classes();
    let truth = map(&[[0, -1], [2, 2]]);
    let scores = [
        [0.9, 0.1, 0.1, 0.1],
        [0.1, 0.9, 0.1, 0.1],
        [0.1, 0.1, 0.9, 0.1],
    ];
    let scores = [scores[0], scores[1], scores[2], scores[2]];
    let records = vec![record(task.as_ref(), [2, 2], &scores, &truth); 3];
    let metrics = task.metrics(
        &[&truth; 3],
        Records {
            before: &records,
            after: &records,
            bare: None,
        },
    );
    // b is predicted only where there is no class.
    assert_near(
        &named(&metrics, |metric| metric.after.value),
        &[
            ("mean_iou", 1.0),
            ("pixel_accuracy", 1.0),
            ("iou_a", 1.0),
            ("iou_c", 1.0),
        ],
    );
    assert!(metrics.iter().all(|metric| metric.difference_error == 0.0));
}

/// The agreement compares the pixels of the output map, and the divergence is their mean.
#[test]
fn answers_are_compared_at_each_pixel() {
    let task = classes();
    let [one, other] = [[3.0f32, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]];
    let (left, right) = (
        [one, one, one, one].concat(),
        [one, one, one, other].concat(),
    );
    let of = |values| Outputs::of_map(values, [2, 2]);
    assert_eq!(task.agreement(of(&left), of(&right)), Some(0.75));
    let whole = task.divergence(of(&left), of(&right), 2.0);
    let pixel = task.divergence(
        Outputs::of_map(&one, [1, 1]),
        Outputs::of_map(&other, [1, 1]),
        2.0,
    );
    assert!(whole > 0.0 && (whole - pixel / 4.0).abs() < 1e-12);
}

#[test]
fn the_answers_of_a_map_have_its_size_and_its_queries() {
    let read = |positions: usize, height: usize, width: usize| {
        let values: Vec<f32> = (0..2 * positions * 3).map(|at| at as f32).collect();
        let stream = Tensor::from_vec(values, (2, positions, 3), &Device::Cpu).unwrap();
        let layout = Layout::Map {
            height,
            width,
            lead: 0,
        };
        Answers::of(&Hidden::new(stream, layout)).unwrap()
    };
    let answers = read(8, 4, 2);
    let rows: Vec<Outputs<'_>> = answers.rows().collect();
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[1].size, rows[1].positions), (Some([4, 2]), 8));
    assert_eq!(rows[1].values, &answers.values[24..]);
    assert_eq!(rows[1].rows().nth(1), Some(&[27.0, 28.0, 29.0][..]));
    assert!(rows[1].queries.is_none());
    let carried = |numbers: usize| {
        let values = (0..2 * numbers).map(|at| at as f32).collect();
        Tensor::from_vec(values, (2, numbers, 1), &Device::Cpu).unwrap()
    };
    let head = Hidden::sequence(carried(8))
        .carrying(Slot::QueryClasses, carried(5))
        .carrying(Slot::QueryMasks, carried(7));
    let with_queries = Answers::with_queries(&head).unwrap();
    let queries = with_queries.rows().nth(1).unwrap().queries.unwrap();
    assert_eq!(queries.classes, [5.0, 6.0, 7.0, 8.0, 9.0]);
    assert_eq!((queries.masks.len(), queries.masks[0]), (7, 7.0));
    // A head that reads one position of a map does not answer with a map.
    let answers = read(1, 4, 2);
    let sizes: Vec<_> = answers
        .rows()
        .map(|row| (row.size, row.positions))
        .collect();
    assert_eq!(sizes, [(None, 1); 2]);
}

#[test]
fn maps_of_many_classes_keep_ids_above_255() {
    let pixels = || [Some(255), None, Some(299), Some(0)].into_iter();
    let map = LabelMap::new([2, 2], 300, pixels());
    let found: Vec<Option<usize>> = map.classes().collect();
    assert_eq!(found, [Some(255), None, Some(299), Some(0)]);
    let small = || [Some(254), None, Some(0), Some(1)].into_iter();
    let map = LabelMap::new([1, 4], 255, small());
    assert_eq!(
        (map.size(), map.class(0), map.class(1)),
        ([1, 4], Some(254), None)
    );
}

#[test]
fn a_segmentation_needs_two_classes() {
    let config = json!({"num_labels": 1, "architectures": ["Mask2FormerForUniversalSegmentation"]});
    let config = optin::checkpoint::config::Config::new(config.as_object().unwrap().clone());
    let failure: Failure = optin::answer::of(&config).unwrap_err().into();
    assert_says(
        &failure,
        Code::UnsupportedModel,
        &["a segmentation with one label", "at least two", "id2label"],
    );
    let task =
        task(json!({"num_labels": 2, "architectures": ["Mask2FormerForUniversalSegmentation"]}));
    let head = task.task().head("image");
    assert_eq!(
        (head.class, head.pipeline, task.map_classes()),
        ("ForUniversalSegmentation", "image-segmentation", Some(2))
    );
}
