//! Pictures of the answers of both models to some images (`before_after.png`), for a look at a segmentation.

use candle_core::Result;

use crate::answer::task::Answer;
use crate::data::dataset::Dataset;
use crate::data::picture::Picture;
use crate::model::batch::Batch;
use crate::model::chain::Model;
use crate::model::mask::Masks;
use crate::prune::answers::Answers;
use crate::prune::failure::{Code, Failure};

/// The name of the file.
pub const NAME: &str = "before_after.png";

/// Number of images, evenly spaced over the data.
const IMAGES: usize = 4;

/// Length of the longer side of an image, in pixels.
const SIDE: usize = 192;

/// Space between images, in pixels.
const GAP: usize = 4;

const WHITE: [u8; 3] = [255; 3];
const RED: [u8; 3] = [230, 30, 30];

/// Draws the answers of both models to some images, one row for each: the image, the classes by the original, the
/// classes by the pruned model, and the image with the pixels of different classes in red. Returns a PNG file, or `None`
/// if the models do not answer with maps of classes.
///
/// # Errors
/// Returns an error if an image cannot be read or a graph fails.
pub fn pictures(
    answer: &dyn Answer,
    original: &Model,
    cut: &Model,
    data: &Dataset,
) -> std::result::Result<Option<Vec<u8>>, Failure> {
    if answer.map_classes().is_none() {
        return Ok(None);
    }
    let count = data.len().min(IMAGES);
    let mut strips = Vec::with_capacity(count);
    for row in (0..count).map(|index| index * data.len() / count) {
        let Some(image) = data.examples.picture(row, SIDE)? else {
            return Ok(None);
        };
        let batch = Batch {
            rows: vec![row],
            input: data.examples.load(&[row])?,
        };
        let before = classes(answer, original, &batch, &image)?;
        let after = classes(answer, cut, &batch, &image)?;
        let differences = differences(&image, &before, &after);
        let [before, after] = [before, after].map(|classes| colored(&image, &classes));
        strips.push([image, before, after, differences]);
    }
    let sheet = sheet(&strips).png().map_err(|error| {
        Failure::new(Code::Internal, format!("could not encode {NAME}: {error}"))
    })?;
    Ok(Some(sheet))
}

/// Returns the class that a model predicts at each pixel of a picture of the only row of a batch.
fn classes(
    answer: &dyn Answer,
    model: &Model,
    batch: &Batch,
    picture: &Picture,
) -> Result<Vec<usize>> {
    let answers = model.forward(batch, &Masks::full(&model.groups))?;
    let answers = Answers::with_queries(&answers)?;
    let maps = answers.rows();
    let mut maps =
        maps.map(|outputs| answer.predicted_map(outputs, [picture.height, picture.width]));
    Ok(maps.next().flatten().unwrap_or_default())
}

/// Returns the picture of a map of classes, in the size of the image.
fn colored(image: &Picture, classes: &[usize]) -> Picture {
    Picture {
        pixels: classes.iter().map(|&class| color(class)).collect(),
        ..*image
    }
}

/// Returns the color of a class, as in the PASCAL VOC data sets: the bits of the class, from the lowest one, are dealt to
/// red, green and blue, from their highest bits.
fn color(class: usize) -> [u8; 3] {
    [0, 1, 2].map(|channel| {
        let bits = (0..8).map(|place| ((class >> (3 * place + channel)) as u8 & 1) << (7 - place));
        bits.sum()
    })
}

/// Returns the image in dark gray, with the pixels of different classes in red.
fn differences(image: &Picture, before: &[usize], after: &[usize]) -> Picture {
    let same = before
        .iter()
        .zip(after)
        .map(|(before, after)| before == after);
    let pixels = image.pixels.iter().zip(same).map(|(pixel, same)| {
        let mean = pixel.iter().map(|&value| u16::from(value)).sum::<u16>() / 3;
        if same { [(mean / 2) as u8; 3] } else { RED }
    });
    Picture {
        pixels: pixels.collect(),
        ..*image
    }
}

/// Arranges the rows below each other. The columns are as wide as the widest image.
fn sheet(strips: &[[Picture; 4]]) -> Picture {
    let width = strips
        .iter()
        .map(|[image, ..]| image.width)
        .max()
        .unwrap_or(0);
    let heights: usize = strips.iter().map(|[image, ..]| image.height + GAP).sum();
    let columns = strips.first().map_or(0, |strip| strip.len());
    let mut sheet = Picture::plain(heights + GAP, columns * (width + GAP) + GAP, WHITE);
    let mut top = GAP;
    for strip in strips {
        for (column, picture) in strip.iter().enumerate() {
            sheet.draw(top, GAP + column * (width + GAP), picture);
        }
        top += strip[0].height + GAP;
    }
    sheet
}
