//! Symmetric positive systems, factored block by block: `faer` factors a large
//! one in one go of half a second, between whose parts no thread can give way.

use faer::linalg::triangular_solve::{
    solve_lower_triangular_in_place, solve_upper_triangular_in_place,
};
use faer::{Mat, MatMut, Par, Side};

use super::product::{self, Matrix};
use concert_models::give_way::give_way;

/// Columns of a block.
const BLOCK: usize = 64;
/// Rows below a block that are solved for at once.
const PANEL: usize = 256;

/// The solution of `system` · x = `sums` for a symmetric positive `system`, of
/// which only the lower triangle is read; `None` where it is not positive.
/// `system` becomes its lower factor.
pub(crate) fn solve(mut system: Mat<f64>, sums: Matrix<'_, f64>) -> Option<Mat<f64>> {
    let size = system.nrows();
    for start in (0..size).step_by(BLOCK) {
        let end = (start + BLOCK).min(size);
        factor_block(&mut system, start, end)?;
        update(&mut system, start, end);
    }
    let mut solution = sums.to_owned();
    forward(&system, solution.as_mut());
    back(&system, solution.as_mut());
    Some(solution)
}

/// The factor of the block on the diagonal, and the panel below it solved with
/// it.
fn factor_block(system: &mut Mat<f64>, start: usize, end: usize) -> Option<()> {
    let width = end - start;
    let block = system.as_ref().submatrix(start, start, width, width);
    let factor = block.llt(Side::Lower).ok()?;
    let factor = factor.L();
    system
        .as_mut()
        .submatrix_mut(start, start, width, width)
        .copy_from(factor);
    let size = system.nrows();
    for top in (end..size).step_by(PANEL) {
        let height = PANEL.min(size - top);
        let panel = system.as_mut().submatrix_mut(top, start, height, width);
        // X Lᵀ = A is L Xᵀ = Aᵀ.
        solve_lower_triangular_in_place(factor, panel.transpose_mut(), Par::Seq);
        give_way();
    }
    Some(())
}

/// Takes what the block's columns explain from all behind them.
fn update(system: &mut Mat<f64>, start: usize, end: usize) {
    let size = system.nrows();
    let (before, behind) = system.as_mut().split_at_col_mut(end);
    let panel = before.as_ref().subcols(start, end - start);
    let mut behind = behind;
    for left in (end..size).step_by(BLOCK) {
        let width = BLOCK.min(size - left);
        let below = size - left;
        product::add_scaled_product(
            (behind.as_mut()).submatrix_mut(left, left - end, below, width),
            panel.subrows(left, below),
            panel.subrows(left, width).transpose(),
            &-1.0,
        );
    }
}

/// L y = b, in place.
fn forward(factor: &Mat<f64>, mut right: MatMut<'_, f64>) {
    let size = factor.nrows();
    for start in (0..size).step_by(BLOCK) {
        let width = BLOCK.min(size - start);
        let block = factor.as_ref().submatrix(start, start, width, width);
        let (done, rest) = right.as_mut().split_at_row_mut(start + width);
        let mut part = done.subrows_mut(start, width);
        solve_lower_triangular_in_place(block, part.as_mut(), Par::Seq);
        let below = factor
            .as_ref()
            .submatrix(start + width, start, size - start - width, width);
        product::add_scaled_product(rest, below, part.as_ref(), &-1.0);
    }
}

/// Lᵀ x = y, in place.
fn back(factor: &Mat<f64>, mut right: MatMut<'_, f64>) {
    let size = factor.nrows();
    for start in (0..size).step_by(BLOCK).rev() {
        let width = BLOCK.min(size - start);
        let block = factor.as_ref().submatrix(start, start, width, width);
        let (rest, mut part) = right.as_mut().split_at_row_mut(start);
        let mut part = part.as_mut().subrows_mut(0, width);
        solve_upper_triangular_in_place(block.transpose(), part.as_mut(), Par::Seq);
        let before = factor.as_ref().submatrix(start, 0, width, start);
        product::add_scaled_product(rest, before.transpose(), part.as_ref(), &-1.0);
    }
}

#[cfg(test)]
mod tests {
    use faer::linalg::solvers::Solve;

    use super::*;
    use concert_models::rng::Rng;

    /// A positive matrix, with nonsense above its diagonal.
    fn system(size: usize, rng: &mut Rng) -> (Mat<f64>, Mat<f64>) {
        let roots = Mat::from_fn(size, size + 3, |_, _| f64::from(rng.normal()));
        let whole = &roots * roots.transpose();
        let lower = Mat::from_fn(size, size, |row, column| match row >= column {
            true => whole[(row, column)],
            false => f64::NAN,
        });
        (whole, lower)
    }

    #[test]
    fn it_solves_what_the_library_solves_in_one_go() {
        let mut rng = Rng::from_seed(5);
        for size in [1, 63, 64, 65, 200, 331] {
            let (whole, lower) = system(size, &mut rng);
            let sums = Mat::from_fn(size, 3, |_, _| f64::from(rng.normal()));
            let wanted = whole.llt(Side::Lower).unwrap().solve(&sums);
            let found = solve(lower, sums.as_ref()).unwrap();
            let scale = wanted.norm_max();
            assert!((&found - &wanted).norm_max() < 1e-8 * scale, "{size}");
        }
    }

    #[test]
    fn what_is_not_positive_has_no_solution() {
        let mut rng = Rng::from_seed(6);
        let (_, mut lower) = system(150, &mut rng);
        lower[(140, 140)] = -1.0;
        assert!(solve(lower, Mat::zeros(150, 1).as_ref()).is_none());
    }
}
