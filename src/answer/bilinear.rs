//! Bilinear resizing of maps, as `torch.nn.functional.interpolate` does it with `align_corners=False`.

/// The two places of the source between which a place of the result lies, along one side.
#[derive(Clone, Copy, Debug)]
struct Between {
    first: usize,
    second: usize,
    /// Weight of the second place. That of the first one is the rest to 1.
    share: f32,
}

impl Between {
    /// Returns the places of a side of `to` places over one of `from` places.
    fn along(from: usize, to: usize) -> impl Iterator<Item = Self> {
        let step = from as f32 / to as f32;
        (0..to).map(move |place| {
            let exact = ((place as f32 + 0.5) * step - 0.5).max(0.0);
            let first = (exact as usize).min(from - 1);
            Self {
                first,
                second: (first + 1).min(from - 1),
                share: (exact - first as f32).clamp(0.0, 1.0),
            }
        })
    }

    fn value(self, first: f32, second: f32) -> f32 {
        first * (1.0 - self.share) + second * self.share
    }
}

/// Resizes a map `[height, width, channels]` from one height and width to another one. `visit` receives the index and
/// the numbers `[width, channels]` of each row of the result, one after the other, so that the result is never held as
/// a whole.
pub fn resize(
    values: &[f32],
    [height, width]: [usize; 2],
    to: [usize; 2],
    mut visit: impl FnMut(usize, &[f32]),
) {
    let channels = values.len() / (height * width).max(1);
    let row = |y: usize| &values[y * width * channels..][..width * channels];
    let columns: Vec<Between> = Between::along(width, to[1]).collect();
    let (mut blended, mut resized) = (Vec::new(), Vec::new());
    for (y, rows) in Between::along(height, to[0]).enumerate() {
        let both = row(rows.first).iter().zip(row(rows.second));
        blended.clear();
        blended.extend(both.map(|(&first, &second)| rows.value(first, second)));
        resized.clear();
        for column in &columns {
            let pixel = |x: usize| &blended[x * channels..][..channels];
            let both = pixel(column.first).iter().zip(pixel(column.second));
            resized.extend(both.map(|(&first, &second)| column.value(first, second)));
        }
        visit(y, &resized);
    }
}
