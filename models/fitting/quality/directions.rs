//! The direction that is nearest to many others in the mean of the angles.

use super::normals::angle_deg;

/// Cells along a side of the octahedral map of all directions.
const SIDE: usize = 96;
/// Cells of that map along one of the coarse map, whose means begin the search.
const COARSE: usize = 8;
/// Steps of the search; each makes the mean angle less.
const STEPS: usize = 60;

type Direction = [f64; 3];

/// Directions of a stream, gathered in cells of about two degrees; the mean of
/// a cell is exact.
#[derive(Debug, Clone, Default)]
pub(crate) struct Directions {
    /// Per cell the sum of its directions and their number; empty until used.
    cells: Vec<(Direction, f64)>,
}

impl Directions {
    /// Adds a direction of any length; what is none counts nowhere.
    pub(crate) fn add(&mut self, direction: Direction) {
        let Some(unit) = unit(direction) else {
            return;
        };
        if self.cells.is_empty() {
            self.cells = vec![([0.0; 3], 0.0); SIDE * SIDE];
        }
        let (sum, count) = &mut self.cells[cell(unit)];
        add(sum, unit, 1.0);
        *count += 1.0;
    }

    /// The direction of least mean angle to all that were added (their median
    /// on the sphere: Fletcher, Venkatasubramanian and Joshi, CVPR 2008, after
    /// Weiszfeld, 1937); `None` where there is none.
    pub(crate) fn median(&self) -> Option<Direction> {
        let full = self.cells.iter().filter(|(_, count)| *count > 0.0);
        let points: Vec<(Direction, f64)> = full
            .filter_map(|(sum, count)| Some((unit(*sum)?, *count)))
            .collect();
        let angle = |at: Direction| -> f64 {
            let angles = points.iter();
            let angles = angles.map(|(point, count)| count * angle_deg(at, *point).unwrap_or(90.0));
            angles.sum()
        };
        let mut best: Option<(Direction, f64)> = None;
        for start in self.starts(&points) {
            let sum = angle(start);
            if best.is_none_or(|(_, least)| sum < least * (1.0 - 1e-9)) {
                best = Some((start, sum));
            }
        }
        let (mut at, mut least) = best?;
        for _ in 0..STEPS {
            let next = step(at, &points)?;
            let sum = angle(next);
            if sum >= least {
                break;
            }
            (at, least) = (next, sum);
        }
        Some(at)
    }

    /// The directions that the search begins with: the mean, and those of the parts
    /// of the sphere.
    fn starts(&self, points: &[(Direction, f64)]) -> Vec<Direction> {
        let mut sums = vec![[0.0; 3]; 1 + (SIDE / COARSE).pow(2)];
        for (point, count) in points {
            let at = cell(*point);
            let (row, column) = (at / SIDE / COARSE, at % SIDE / COARSE);
            add(&mut sums[0], *point, *count);
            let part = 1 + row * (SIDE / COARSE) + column;
            add(&mut sums[part], *point, *count);
        }
        sums.into_iter().filter_map(unit).collect()
    }
}

/// One step of Weiszfeld's on the sphere.
fn step(at: Direction, points: &[(Direction, f64)]) -> Option<Direction> {
    let (mut sum, mut weights) = ([0.0; 3], 0.0);
    for (point, count) in points {
        let dot = at.iter().zip(point).map(|(a, b)| a * b).sum::<f64>();
        let mut toward = *point;
        add(&mut toward, at, -dot);
        let sine = toward.iter().map(|x| x * x).sum::<f64>().sqrt();
        let angle = sine.atan2(dot);
        let weight = count / angle.max(1e-6);
        weights += weight;
        if sine > 1e-12 {
            add(&mut sum, toward, weight * angle / sine);
        }
    }
    let mut next = at;
    add(&mut next, sum, 1.0 / weights);
    unit(next)
}

fn add(sum: &mut Direction, direction: Direction, times: f64) {
    let both = sum.iter_mut().zip(direction);
    both.for_each(|(sum, x)| *sum += times * x);
}

fn unit(direction: Direction) -> Option<Direction> {
    let length = direction.iter().map(|x| x * x).sum::<f64>().sqrt();
    let sound = length.is_finite() && length > 1e-12;
    sound.then(|| direction.map(|x| x / length))
}

/// The cell of a unit vector on the octahedral map (Meyer et al., "On
/// floating-point normal vectors", EGSR 2010).
fn cell([x, y, z]: Direction) -> usize {
    let length = x.abs() + y.abs() + z.abs();
    let (mut u, mut v) = (x / length, y / length);
    if z < 0.0 {
        (u, v) = ((1.0 - v.abs()) * u.signum(), (1.0 - u.abs()) * v.signum());
    }
    let place = |t: f64| (((t + 1.0) / 2.0 * SIDE as f64) as usize).min(SIDE - 1);
    place(v) * SIDE + place(u)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_direction_is_nearer_to_all_than_the_median() {
        // A sum of four even numbers drawn at random is nearly normal.
        let mut bits = 7u64;
        let mut normal = || {
            let mut even = || {
                bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (bits >> 40) as f64 / (1u64 << 24) as f64 - 0.5
            };
            (even() + even() + even() + even()) * 3f64.sqrt()
        };
        let mut all = Directions::default();
        let mut given: Vec<Direction> = Vec::new();
        // Two walls and a floor, unevenly often, each a little noisy.
        for (main, count) in [
            ([1.0, 0.1, -0.2], 400),
            ([0.0, -1.0, -0.1], 250),
            ([-0.9, 0.0, -0.4], 120),
        ] {
            for _ in 0..count {
                let noisy = main.map(|x: f64| x + 0.05 * normal());
                given.push(unit(noisy).unwrap());
                all.add(noisy);
            }
        }
        let mean_deg = |at: Direction| {
            let angles = given.iter().map(|one| angle_deg(at, *one).unwrap());
            angles.sum::<f64>() / given.len() as f64
        };
        let median = all.median().unwrap();
        let mut mean = [0.0; 3];
        given.iter().for_each(|one| add(&mut mean, *one, 1.0));
        assert!(mean_deg(median) < mean_deg(mean));
        for _ in 0..500 {
            let near = median.map(|x| x + 0.3 * normal());
            assert!(mean_deg(median) <= mean_deg(near) + 0.02);
        }
        assert_eq!(Directions::default().median(), None);
    }
}
