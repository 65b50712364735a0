//! Value noise that tiles.

use crate::dice::hash_unit;

/// Smooth noise in 0..1 over a lattice of `period` cells that repeats.
pub(crate) fn value(x: f32, y: f32, period: (i32, i32), salt: u32) -> f32 {
    let (cell_x, cell_y) = (x.floor(), y.floor());
    let (fx, fy) = (x - cell_x, y - cell_y);
    let (sx, sy) = (fx * fx * (3.0 - 2.0 * fx), fy * fy * (3.0 - 2.0 * fy));
    let (x0, y0) = (
        (cell_x as i32).rem_euclid(period.0),
        (cell_y as i32).rem_euclid(period.1),
    );
    let (x1, y1) = ((x0 + 1) % period.0, (y0 + 1) % period.1);
    let top = hash_unit(x0, y0, salt) * (1.0 - sx) + hash_unit(x1, y0, salt) * sx;
    let bottom = hash_unit(x0, y1, salt) * (1.0 - sx) + hash_unit(x1, y1, salt) * sx;
    top * (1.0 - sy) + bottom * sy
}

/// Octaves of [`value`], each half as strong and twice as fine; in 0..1, u and v in 0..1.
pub(crate) fn fractal(u: f32, v: f32, cells: (i32, i32), octaves: u32, salt: u32) -> f32 {
    let (mut sum, mut weight, mut total) = (0.0, 1.0, 0.0);
    let (mut x, mut y) = cells;
    for octave in 0..octaves {
        sum += weight
            * value(
                u * x as f32,
                v * y as f32,
                (x, y),
                salt.wrapping_add(octave * 77),
            );
        total += weight;
        weight *= 0.5;
        x *= 2;
        y *= 2;
    }
    sum / total
}
