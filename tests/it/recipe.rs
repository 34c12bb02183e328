//! Tests of the bounds of a recipe, and of recipes that another release stored.

use optin::model::batch::{ImageShape, Reads, Resolution};
use optin::prune::failure::Code;
use optin::prune::recipe::{
    Compensation, Constraints, Importance, Method, PositionWeights, Recipe, Trajectory, bounds,
};
use optin::prune::search::position_merging::PositionMerging;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::fixture::job;

/// Returns the detail of the failure of a recipe that is otherwise valid.
fn failure(change: impl FnOnce(&mut Recipe)) -> String {
    let mut recipe = job::recipe("file:///model");
    change(&mut recipe);
    let failure = recipe.validated().unwrap_err();
    assert_eq!(failure.code, Code::InvalidRecipe);
    failure.detail
}

/// Returns a recipe with another number in one field.
fn with(part: &str, field: &str, number: f64) -> Recipe {
    let mut recipe = json!(job::recipe("file:///model"));
    recipe[part][field] = match recipe[part][field].is_f64() {
        true => json!(number),
        false => json!(number as u64),
    };
    serde_json::from_value(recipe).unwrap()
}

/// Checks that each number of a part of a recipe has bounds, that the bounds are allowed, and that a number beyond the
/// maximum is not.
fn check_numbers<T: JsonSchema + Serialize>(part: &str, value: &T) {
    let value = serde_json::to_value(value).unwrap();
    for (field, _) in value
        .as_object()
        .unwrap()
        .iter()
        .filter(|f| f.1.is_number())
    {
        let (low, high) = bounds::<T>(field).unwrap();
        assert!(with(part, field, low).validated().is_ok(), "{field}");
        assert!(with(part, field, high).validated().is_ok(), "{field}");
        let failure = with(part, field, high + 1.0).validated().unwrap_err();
        let number = high + 1.0;
        assert_eq!(
            failure.detail,
            format!("{part}.{field} is {number}; it must be between {low} and {high}")
        );
    }
}

#[test]
fn each_number_of_the_method_and_the_constraints_has_bounds_that_are_checked() {
    check_numbers("method", &Method::default());
    let constraints = Constraints {
        round_to: Some(1),
        ..Constraints::default()
    };
    check_numbers("constraints", &constraints);
}

#[test]
fn a_number_that_is_not_finite_is_rejected() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let detail = failure(|recipe| recipe.method.ridge = number);
        assert!(detail.starts_with("method.ridge is not finite"), "{detail}");
        let detail = failure(|recipe| recipe.target.tolerance = number);
        assert!(detail.starts_with("target.tolerance is"), "{detail}");
    }
}

#[test]
fn a_list_that_is_too_long_is_rejected() {
    let detail = failure(|recipe| recipe.constraints.keep_whole = vec!["a".to_owned(); 257]);
    assert_eq!(
        detail,
        "constraints.keep_whole has 257 items; the maximum is 256"
    );
}

/// During a rolling upgrade, a process of the old release can read a job that the new release stored.
#[test]
fn fields_that_a_newer_release_stored_are_ignored() {
    let recipe = job::recipe("file:///model");
    let mut stored = json!(recipe);
    for part in [
        "/method",
        "/constraints",
        "/calibration/mapping",
        "/target",
        "",
    ] {
        stored.pointer_mut(part).unwrap()["newer"] = Value::Bool(true);
    }
    let read: Recipe = serde_json::from_value(stored).unwrap();
    assert_eq!(read, recipe);
}

#[test]
fn merging_is_searched_off_or_a_whole_percentage() {
    let read = |written: &str| serde_json::from_value::<PositionMerging>(json!(written));
    for (written, expected) in [
        ("search", PositionMerging::Search),
        ("off", PositionMerging::Off),
        ("1%", PositionMerging::Kept(1)),
        ("70%", PositionMerging::Kept(70)),
    ] {
        assert_eq!(read(written).unwrap(), expected);
        assert_eq!(json!(expected), written);
    }
    assert_eq!(PositionMerging::Kept(70).kept(), Some(0.7));
    for wrong in [
        "", "%", "0%", "07%", "+7%", "7", "7.5%", "100%", "1e1%", "Search",
    ] {
        let error = read(wrong).unwrap_err().to_string();
        assert!(error.contains("for example 70%"), "{wrong}: {error}");
    }
}

#[test]
fn auto_depends_on_the_model() {
    let images = |resolution| {
        Reads::Pixels(ImageShape {
            height: 28,
            width: 28,
            channels: 1,
            patch: 4,
            padded: false,
            resolution,
        })
    };
    let with = |importance, (trajectory, compensation, position_weights)| Method {
        importance,
        trajectory,
        compensation,
        position_weights,
        ..Method::default()
    };
    let of_positions = with(
        Importance::Optin,
        (
            Trajectory::Sum,
            Compensation::LeastSquares,
            PositionWeights::Sensitivity,
        ),
    );
    let of_maps = with(
        Importance::AfterRepair,
        (
            Trajectory::Mean,
            Compensation::Joint,
            PositionWeights::Uniform,
        ),
    );
    let of_stages = Method {
        compensation: Compensation::Joint,
        ..of_positions
    };
    for (resolution, expected) in [
        (Resolution::Constant, of_positions),
        (Resolution::Staged, of_stages),
        (Resolution::Maps, of_maps),
    ] {
        let reads = images(resolution);
        assert_eq!(Method::default().for_model(&reads), expected);
        let chosen = with(
            Importance::Fisher,
            (
                Trajectory::Sum,
                Compensation::Bias,
                PositionWeights::Sensitivity,
            ),
        );
        assert_eq!(chosen.for_model(&reads), chosen);
    }
}
