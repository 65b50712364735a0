//! The essential matrices that five correspondences allow.
//!
//! D. Nistér, "An efficient solution to the five-point relative pose problem",
//! IEEE PAMI 26(6), 2004.

use nalgebra::{Matrix3, SMatrix, Vector2, Vector3};

use super::polynomial::{MAX_DEGREE, real_roots, value};

/// Most essential matrices that five correspondences can allow.
pub(super) const MOST: usize = MAX_DEGREE;

/// Powers of x, y and z in the monomials of degree 1, 2 and 3 and below, those
/// of degree 3 in the order of the paper's elimination.
const LINEAR: [[usize; 3]; 4] = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]];
const QUADRATIC: [[usize; 3]; 10] = [
    [2, 0, 0],
    [1, 1, 0],
    [1, 0, 1],
    [1, 0, 0],
    [0, 2, 0],
    [0, 1, 1],
    [0, 1, 0],
    [0, 0, 2],
    [0, 0, 1],
    [0, 0, 0],
];
const CUBIC: [[usize; 3]; 20] = [
    [3, 0, 0],
    [0, 3, 0],
    [2, 1, 0],
    [1, 2, 0],
    [2, 0, 1],
    [2, 0, 0],
    [0, 2, 1],
    [0, 2, 0],
    [1, 1, 1],
    [1, 1, 0],
    [1, 0, 2],
    [1, 0, 1],
    [1, 0, 0],
    [0, 1, 2],
    [0, 1, 1],
    [0, 1, 0],
    [0, 0, 3],
    [0, 0, 2],
    [0, 0, 1],
    [0, 0, 0],
];

/// Place of the product of two monomials among those of the next degrees.
const LINEAR_TIMES_LINEAR: [[usize; 4]; 4] = products(LINEAR, LINEAR, QUADRATIC);
const QUADRATIC_TIMES_LINEAR: [[usize; 4]; 10] = products(QUADRATIC, LINEAR, CUBIC);

const fn products<const A: usize, const B: usize, const C: usize>(
    a: [[usize; 3]; A],
    b: [[usize; 3]; B],
    among: [[usize; 3]; C],
) -> [[usize; B]; A] {
    let mut table = [[0; B]; A];
    let mut i = 0;
    while i < A {
        let mut j = 0;
        while j < B {
            let mut k = 0;
            while k < C {
                let same = a[i][0] + b[j][0] == among[k][0]
                    && a[i][1] + b[j][1] == among[k][1]
                    && a[i][2] + b[j][2] == among[k][2];
                if same {
                    table[i][j] = k;
                }
                k += 1;
            }
            j += 1;
        }
        i += 1;
    }
    table
}

type Linear = [f64; 4];
type Quadratic = [f64; 10];
type Cubic = [f64; 20];
type Constraints = SMatrix<f64, 10, 20>;

/// A correspondence: the same point on the image planes z = 1 of two cameras.
pub(super) type Match = (Vector2<f64>, Vector2<f64>);

/// Every essential matrix E with x₂ᵀ E x₁ = 0 for these five (x₁, x₂), as far
/// as they are real. Nothing for points that allow infinitely many.
pub(super) fn essential_matrices(matches: &[Match; 5]) -> impl Iterator<Item = Matrix3<f64>> {
    let mut found = [Matrix3::zeros(); MOST];
    let mut count = 0;
    if let Some(basis) = null_space(matches)
        && let Some(rows) = eliminate(constraints(&basis))
    {
        let polynomials = ThreeRows::of(&rows);
        let mut roots = [0.0; MAX_DEGREE];
        let degree_ten = polynomials.determinant();
        let solutions = real_roots(&degree_ten, &mut roots);
        for &z in &roots[..solutions] {
            if let Some([x, y]) = polynomials.solve(z) {
                let essential = basis[0] * x + basis[1] * y + basis[2] * z + basis[3];
                let norm = essential.norm();
                if norm.is_normal() {
                    found[count] = essential / norm;
                    count += 1;
                }
            }
        }
    }
    found.into_iter().take(count)
}

/// Four matrices that span those with x₂ᵀ E x₁ = 0, orthonormal.
fn null_space(matches: &[Match; 5]) -> Option<[Matrix3<f64>; 4]> {
    let mut rows = [[0.0; 9]; 5];
    for (row, (one, two)) in rows.iter_mut().zip(matches) {
        let (one, two) = ([one.x, one.y, 1.0], [two.x, two.y, 1.0]);
        for (index, cell) in row.iter_mut().enumerate() {
            *cell = two[index / 3] * one[index % 3];
        }
    }
    let mut columns: [usize; 9] = std::array::from_fn(|column| column);
    for pivot in 0..5 {
        let cells = (pivot..5).flat_map(|row| (pivot..9).map(move |column| (row, column)));
        let size = |&(row, column): &(usize, usize)| f64::abs(rows[row][columns[column]]);
        let (row, column) = cells.max_by(|a, b| size(a).total_cmp(&size(b)))?;
        rows.swap(pivot, row);
        columns.swap(pivot, column);
        let lead = rows[pivot][columns[pivot]];
        if lead.abs() < 1e-9 || !lead.is_finite() {
            return None;
        }
        rows[pivot].iter_mut().for_each(|cell| *cell /= lead);
        let pivot_row = rows[pivot];
        for (_, row) in rows.iter_mut().enumerate().filter(|(row, _)| *row != pivot) {
            let factor = row[columns[pivot]];
            for (cell, of_pivot) in row.iter_mut().zip(&pivot_row) {
                *cell -= factor * of_pivot;
            }
        }
    }
    let mut basis = [Matrix3::zeros(); 4];
    for free in 0..4 {
        let mut vector = [0.0; 9];
        vector[columns[5 + free]] = 1.0;
        for pivot in 0..5 {
            vector[columns[pivot]] = -rows[pivot][columns[5 + free]];
        }
        let mut matrix = Matrix3::from_row_slice(&vector);
        for earlier in &basis[..free] {
            matrix -= earlier * earlier.dot(&matrix);
        }
        basis[free] = matrix / matrix.norm();
    }
    Some(mirrored(&basis))
}

/// The same space from other sides. A camera that moves in a plane has an
/// essential matrix with zeros, which may leave the last of the basis out: it
/// would lie at infinity.
fn mirrored(basis: &[Matrix3<f64>; 4]) -> [Matrix3<f64>; 4] {
    const NORMAL: [f64; 4] = [0.31, 0.47, 0.55, 0.62];
    let squared: f64 = NORMAL.iter().map(|x| x * x).sum();
    let along = (0..4).map(|i| basis[i] * NORMAL[i]).sum::<Matrix3<f64>>();
    std::array::from_fn(|i| basis[i] - along * (2.0 * NORMAL[i] / squared))
}

/// det E = 0 and 2 E Eᵀ E − trace(E Eᵀ) E = 0 as cubics in x, y, z of
/// E = x E₀ + y E₁ + z E₂ + E₃.
#[expect(
    clippy::needless_range_loop,
    reason = "indices of matrices, as in the formula"
)]
fn constraints(basis: &[Matrix3<f64>; 4]) -> Constraints {
    let entry = |row: usize, column: usize| -> Linear {
        std::array::from_fn(|index| basis[index][(row, column)])
    };
    let e: [[Linear; 3]; 3] =
        std::array::from_fn(|row| std::array::from_fn(|column| entry(row, column)));
    let mut rows = Constraints::zeros();
    let mut determinant = [0.0; 20];
    for column in 0..3 {
        let (second, third) = ((column + 1) % 3, (column + 2) % 3);
        let mut minor = [0.0; 10];
        add_linear(&mut minor, &e[1][second], &e[2][third], 1.0);
        add_linear(&mut minor, &e[1][third], &e[2][second], -1.0);
        add_quadratic(&mut determinant, &minor, &e[0][column]);
    }
    set_row(&mut rows, 0, &determinant);
    let mut squares = [[[0.0; 10]; 3]; 3];
    for (row, squares) in squares.iter_mut().enumerate() {
        for (column, square) in squares.iter_mut().enumerate() {
            for inner in 0..3 {
                add_linear(square, &e[row][inner], &e[column][inner], 2.0);
            }
        }
    }
    // 2 E Eᵀ − trace(E Eᵀ), where the squares are doubled already.
    for index in 0..10 {
        let trace = (0..3).map(|row| squares[row][row][index]).sum::<f64>();
        (0..3).for_each(|row| squares[row][row][index] -= 0.5 * trace);
    }
    for row in 0..3 {
        for column in 0..3 {
            let mut cubic = [0.0; 20];
            for inner in 0..3 {
                add_quadratic(&mut cubic, &squares[row][inner], &e[inner][column]);
            }
            set_row(&mut rows, 1 + 3 * row + column, &cubic);
        }
    }
    rows
}

fn add_linear(sum: &mut Quadratic, a: &Linear, b: &Linear, factor: f64) {
    for (places, a) in LINEAR_TIMES_LINEAR.iter().zip(a) {
        for (&place, b) in places.iter().zip(b) {
            sum[place] += factor * a * b;
        }
    }
}

fn add_quadratic(sum: &mut Cubic, a: &Quadratic, b: &Linear) {
    for (places, a) in QUADRATIC_TIMES_LINEAR.iter().zip(a) {
        for (&place, b) in places.iter().zip(b) {
            sum[place] += a * b;
        }
    }
}

fn set_row(rows: &mut Constraints, row: usize, values: &Cubic) {
    for (column, value) in values.iter().enumerate() {
        rows[(row, column)] = *value;
    }
}

/// Gauss–Jordan: the first ten columns become the identity.
fn eliminate(mut rows: Constraints) -> Option<Constraints> {
    for pivot in 0..10 {
        let size = |row: &usize| rows[(*row, pivot)].abs();
        let best = (pivot..10).max_by(|a, b| size(a).total_cmp(&size(b)))?;
        rows.swap_rows(pivot, best);
        let lead = rows[(pivot, pivot)];
        if lead.abs() < 1e-13 || !lead.is_finite() {
            return None;
        }
        for column in pivot..20 {
            rows[(pivot, column)] /= lead;
        }
        for row in (0..10).filter(|row| *row != pivot) {
            let factor = rows[(row, pivot)];
            for column in pivot..20 {
                rows[(row, column)] -= factor * rows[(pivot, column)];
            }
        }
    }
    Some(rows)
}

/// Three equations whose coefficients of x, y and 1 are polynomials in z.
struct ThreeRows([[[f64; 5]; 3]; 3]);

impl ThreeRows {
    fn of(rows: &Constraints) -> Self {
        // One row minus z times the next, whose leading monomials cancel.
        let row = |upper: usize| {
            let (a, b) = (rows.row(upper), rows.row(upper + 1));
            let part = |start: usize, length: usize| {
                let mut polynomial = [0.0; 5];
                for index in 0..length {
                    let power = length - 1 - index;
                    polynomial[power] += a[start + index];
                    polynomial[power + 1] -= b[start + index];
                }
                polynomial
            };
            [part(10, 3), part(13, 3), part(16, 4)]
        };
        Self([row(4), row(6), row(8)])
    }

    fn determinant(&self) -> [f64; MAX_DEGREE + 1] {
        let [a, b, c] = &self.0;
        let mut determinant = [0.0; MAX_DEGREE + 1];
        for (column, a) in a.iter().enumerate() {
            let (second, third) = ((column + 1) % 3, (column + 2) % 3);
            for (factor, left, right) in [(1.0, second, third), (-1.0, third, second)] {
                for (i, x) in a.iter().enumerate() {
                    for (j, y) in b[left].iter().enumerate() {
                        for (k, z) in c[right].iter().enumerate() {
                            // Beyond degree 10 everything is zero by structure.
                            if let Some(sum) = determinant.get_mut(i + j + k) {
                                *sum += factor * x * y * z;
                            }
                        }
                    }
                }
            }
        }
        determinant
    }

    /// x and y that go with a root z.
    fn solve(&self, z: f64) -> Option<[f64; 2]> {
        let at = |row: &[[f64; 5]; 3]| Vector3::from(row.map(|polynomial| value(&polynomial, z)));
        let [a, b, c] = [at(&self.0[0]), at(&self.0[1]), at(&self.0[2])];
        let candidates = [a.cross(&b), b.cross(&c), c.cross(&a)];
        let solution = candidates
            .into_iter()
            .max_by(|a, b| a.norm_squared().total_cmp(&b.norm_squared()))?;
        let [x, y] = [solution.x / solution.z, solution.y / solution.z];
        (x.is_finite() && y.is_finite()).then_some([x, y])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometric::two_view::essential_of;
    use nalgebra::{Isometry3, Point3, Translation3, UnitQuaternion};

    #[test]
    fn the_true_essential_matrix_is_among_those_that_five_points_allow() {
        let points = [
            [0.3, -0.4, 2.0],
            [-0.8, 0.2, 3.1],
            [0.5, 0.6, 2.6],
            [-0.2, -0.7, 4.0],
            [0.9, 0.1, 3.3],
        ];
        for (step, turn) in [
            ([0.2, 0.0, 0.0], [0.0, 0.1, 0.0]),
            ([0.0, 0.05, 0.3], [0.05, -0.02, 0.2]),
            ([-0.4, 0.3, 0.1], [0.3, 0.2, -0.1]),
        ] {
            let two_from_one = Isometry3::from_parts(
                Translation3::from(Vector3::from(step)),
                UnitQuaternion::from_scaled_axis(Vector3::from(turn)),
            );
            let matches = points.map(|point| {
                let one = Point3::from(point);
                let two = two_from_one * one;
                (one.xy().coords / one.z, two.xy().coords / two.z)
            });
            let truth = essential_of(&two_from_one);
            let truth = truth / truth.norm();
            let nearest = essential_matrices(&matches)
                .map(|found| (found - truth).norm().min((found + truth).norm()))
                .fold(f64::INFINITY, f64::min);
            assert!(nearest < 1e-6, "nearest is {nearest} away");
        }
    }

    #[test]
    fn five_times_the_same_point_allows_nothing_to_be_said() {
        let same = (Vector2::new(0.1, 0.2), Vector2::new(0.2, 0.2));
        assert_eq!(essential_matrices(&[same; 5]).count(), 0);
        let nan = (Vector2::new(f64::NAN, 0.2), Vector2::new(0.2, 0.2));
        assert_eq!(essential_matrices(&[nan; 5]).count(), 0);
    }
}
