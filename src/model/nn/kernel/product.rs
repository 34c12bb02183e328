//! A small matrix product on the calling thread, for matrices that are parts of larger ones.

/// A matrix in a slice: element `(i, j)` is `values[i * row_stride + j * column_stride]`.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The slice. Its first element is `(0, 0)`.
    pub values: &'a [f32],
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// Distance between two rows.
    pub row_stride: usize,
    /// Distance between two columns.
    pub column_stride: usize,
}

impl<'a> View<'a> {
    /// Creates a view of rows with `columns` consecutive numbers and a distance of `stride` between two rows.
    #[must_use]
    pub fn rows_of(values: &'a [f32], rows: usize, columns: usize, stride: usize) -> Self {
        Self {
            values,
            rows,
            columns,
            row_stride: stride,
            column_stride: 1,
        }
    }

    /// Returns the transposed view of the same numbers.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            values: self.values,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }
}

/// Whether all elements of a matrix with this shape and these strides lie in a slice of `len` numbers.
fn lies_within(len: usize, shape: [usize; 2], strides: [usize; 2]) -> bool {
    let last = |size: usize, stride: usize| size.checked_sub(1)?.checked_mul(stride);
    let reach = last(shape[0], strides[0])
        .zip(last(shape[1], strides[1]))
        .and_then(|(row, column)| row.checked_add(column));
    reach.is_some_and(|reach| reach < len)
}

/// Computes `out = left * right`. The rows of `out` have `right.columns` consecutive numbers, and the distance between
/// two rows is `stride`.
///
/// # Panics
/// Panics if the shapes do not match, if a matrix is empty, or if a matrix exceeds its slice.
#[expect(
    unsafe_code,
    reason = "the matrix product of `gemm`, which candle uses as well, takes pointers and strides"
)]
pub fn multiply(out: &mut [f32], stride: usize, left: View<'_>, right: View<'_>) {
    let (rows, columns, depth) = (left.rows, right.columns, left.columns);
    assert_eq!(depth, right.rows, "the shapes of the factors do not match");
    assert!(columns <= stride, "the rows of the result overlap");
    for view in [left, right] {
        let strides = [view.row_stride, view.column_stride];
        let inside = lies_within(view.values.len(), [view.rows, view.columns], strides);
        assert!(inside, "a factor exceeds its slice");
    }
    let inside = lies_within(out.len(), [rows, columns], [stride, 1]);
    assert!(inside, "the result exceeds its slice");
    let signed = |stride: usize| stride as isize;
    // SAFETY: every element that the strides reach lies in its slice (checked above). The result is
    // mutably borrowed, and its elements are distinct, because its rows do not overlap.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            depth,
            out.as_mut_ptr(),
            1,
            signed(stride),
            false,
            left.values.as_ptr(),
            signed(left.column_stride),
            signed(left.row_stride),
            right.values.as_ptr(),
            signed(right.column_stride),
            signed(right.row_stride),
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
