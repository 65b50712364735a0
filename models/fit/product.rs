//! Products of matrices that lie in slices, row by row.
//!
//! Readouts multiply many flat matrices (16 rows, a thousand columns); `faer`
//! does so without copying them first, which took half the time of a fit.

use faer::linalg::matmul::matmul;
use faer::traits::ComplexField;
use faer::{Accum, MatMut, MatRef, Par};

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
pub(crate) fn spaced<T>(data: &[T], rows: usize, columns: usize, apart: usize) -> Matrix<'_, T> {
    MatRef::from_row_major_slice_with_stride(data, rows, columns, apart)
}

/// As [`spaced`], to add to.
pub(crate) fn spaced_mut<T>(
    data: &mut [T],
    rows: usize,
    columns: usize,
    apart: usize,
) -> MatrixMut<'_, T> {
    MatMut::from_column_major_slice_with_stride_mut(data, columns, rows, apart).transpose_mut()
}

/// out += a · b, on this thread alone: the sums do not depend on how many there
/// are.
pub(crate) fn add_product<T: ComplexField>(
    out: MatrixMut<'_, T>,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
) {
    matmul(out, Accum::Add, a, b, T::one_impl(), Par::Seq);
}
