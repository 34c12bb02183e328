//! Pictures of the answers of two models to images.

use std::path::Path;

use image::RgbImage;
use optin::answer;
use optin::checkpoint::config::Config;
use optin::data::dataset::Dataset;
use optin::data::picture::Picture;
use optin::model::batch::Batch;
use optin::model::chain::Model;
use optin::model::mask::Masks;
use optin::model::unit::Units;
use optin::prune::answers::Answers;
use optin::prune::verify::pictures::pictures;
use safetensors::Dtype;
use serde_json::json;

use super::setup::{Setup, classes};
use crate::fixture::folder::open_with;
use crate::fixture::mask2former::{Form, IMAGE};
use crate::fixture::pictures::grey;

/// The colors of the first classes of PASCAL VOC.
const COLORS: [[u8; 3]; 5] = [
    [0, 0, 0],
    [128, 0, 0],
    [0, 128, 0],
    [128, 128, 0],
    [0, 0, 128],
];

const RED: [u8; 3] = [230, 30, 30];

/// Six images, of which four are drawn.
fn images() -> (Setup, Dataset) {
    let setup = Setup::of(
        IMAGE,
        &json!({
            "image_processor_type": "Mask2FormerImageProcessor",
            "size": {"height": IMAGE.height, "width": IMAGE.width},
            "size_divisor": 1,
            "do_normalize": false,
        }),
    );
    for number in 0..6 {
        setup.file(&format!("all/{number}.png"), grey(30 + number, 20));
    }
    let data = setup.calibration(&setup.path("all")).unwrap();
    (setup, data)
}

fn model(folder: &Path, form: Form) -> Model {
    form.write(folder, Dtype::F32);
    open_with(folder, Units::Dimensions).1
}

/// Returns the part of a sheet in a row and a column. The images of the tests are wider than high.
fn tile(sheet: &RgbImage, top: u32, column: u32, height: usize) -> Picture {
    let left = 4 + column * 196;
    let rows = top..top + height as u32;
    let pixels = rows.flat_map(|y| (left..left + 192).map(move |x| sheet.get_pixel(x, y).0));
    Picture {
        height,
        width: 192,
        pixels: pixels.collect(),
    }
}

#[test]
fn the_answers_of_both_models_and_their_differences_are_drawn() {
    let (_setup, data) = images();
    let folder = tempfile::tempdir().unwrap();
    let original = model(folder.path(), Form::Whole);
    let config = Form::Whole.config();
    let task = answer::of(&Config::new(config.as_object().unwrap().clone())).unwrap();
    let other = tempfile::tempdir().unwrap();
    let other = model(other.path(), Form::Projected);
    for cut in [&original, &other] {
        let png = pictures(task.as_ref(), &original, cut, &data).unwrap();
        let sheet = image::load_from_memory(&png.unwrap()).unwrap().to_rgb8();
        assert_eq!(sheet.width(), 4 * 196 + 4);
        let mut top = 4;
        let mut different = 0;
        for row in [0, 1, 3, 4] {
            let expected = data.examples.picture(row, 192).unwrap().unwrap();
            let [image, before, after, differences] =
                [0, 1, 2, 3].map(|column| tile(&sheet, top, column, expected.height));
            assert_eq!(image, expected);
            for (model, drawn) in [(&original, &before), (cut, &after)] {
                let batch = Batch {
                    rows: vec![row],
                    input: data.examples.load(&[row]).unwrap(),
                };
                let answers = model.forward(&batch, &Masks::full(&model.groups)).unwrap();
                let answers = Answers::with_queries(&answers).unwrap();
                let outputs = answers.rows().next().unwrap();
                let predicted = task.predicted_map(outputs, [expected.height, 192]).unwrap();
                let colors: Vec<[u8; 3]> = predicted.iter().map(|&class| COLORS[class]).collect();
                assert_eq!(drawn.pixels, colors);
            }
            let both = before.pixels.iter().zip(&after.pixels);
            for ((before, after), found) in both.zip(&differences.pixels) {
                assert_eq!(before != after, *found == RED);
                different += usize::from(before != after);
            }
            top += expected.height as u32 + 4;
        }
        assert_eq!(sheet.height(), top);
        assert_eq!(
            different > 0,
            !std::ptr::eq(cut, &raw const original),
            "{different}"
        );
    }
}

#[test]
fn models_that_answer_once_per_image_are_not_drawn() {
    let (_setup, data) = images();
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path(), Form::Whole);
    let png = pictures(classes().as_ref(), &model, &model, &data).unwrap();
    assert_eq!(png, None);
}
