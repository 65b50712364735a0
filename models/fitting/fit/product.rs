//! Products of matrices that lie in slices, row by row.
//!
//! Readouts multiply many flat matrices (16 rows, a thousand columns); `faer`
//! does so without copying them first, which took half the time of a fit.

use faer::linalg::matmul::matmul;
use faer::traits::ComplexField;
use faer::{Accum, MatMut, MatRef, Par};

use concert_models::give_way::give_way;

/// Multiplications in one piece; the thread may give way between two.
const PIECE: usize = 2 << 20;
/// Fewest rows or columns of a piece: thinner ones are slow.
const MIN_PIECE_SIDE: usize = 32;

/// A matrix to read.
pub(crate) type Matrix<'a, T> = MatRef<'a, T>;
/// A matrix to add to.
pub(crate) type MatrixMut<'a, T> = MatMut<'a, T>;

/// The whole slice as a matrix.
pub(crate) fn rows<T>(data: &[T], rows: usize, columns: usize) -> Matrix<'_, T> {
    MatRef::from_row_major_slice(data, rows, columns)
}

/// As [`rows`], to add to.
pub(crate) fn rows_mut<T>(data: &mut [T], rows: usize, columns: usize) -> MatrixMut<'_, T> {
    MatMut::from_row_major_slice_mut(data, rows, columns)
}

/// A matrix whose rows begin `apart` numbers from each other.
pub(crate) fn strided_rows<T>(
    data: &[T],
    rows: usize,
    columns: usize,
    apart: usize,
) -> Matrix<'_, T> {
    MatRef::from_row_major_slice_with_stride(data, rows, columns, apart)
}

/// As [`strided_rows`], to add to.
pub(crate) fn strided_rows_mut<T>(
    data: &mut [T],
    rows: usize,
    columns: usize,
    apart: usize,
) -> MatrixMut<'_, T> {
    MatMut::from_column_major_slice_with_stride_mut(data, columns, rows, apart).transpose_mut()
}

/// out += a · b, on this thread alone: the sums do not depend on how many there
/// are. Gives way between pieces.
pub(crate) fn add_product<T: ComplexField>(
    out: MatrixMut<'_, T>,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
) {
    add_scaled_product(out, a, b, &T::one_impl());
}

/// out += factor · a · b, as [`add_product`].
pub(crate) fn add_scaled_product<T: ComplexField>(
    out: MatrixMut<'_, T>,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    factor: &T,
) {
    let (rows, columns, terms) = (out.nrows(), out.ncols(), a.ncols());
    if rows * columns * terms <= PIECE || rows.max(columns) < 2 * MIN_PIECE_SIDE {
        matmul(out, Accum::Add, a, b, factor.clone(), Par::Seq);
        return give_way();
    }
    if rows >= columns {
        let half = rows / 2;
        let (top, bottom) = out.split_at_row_mut(half);
        let (above, below) = a.split_at_row(half);
        add_scaled_product(top, above, b, factor);
        add_scaled_product(bottom, below, b, factor);
    } else {
        let half = columns / 2;
        let (left, right) = out.split_at_col_mut(half);
        let (before, after) = b.split_at_col(half);
        add_scaled_product(left, a, before, factor);
        add_scaled_product(right, a, after, factor);
    }
}
