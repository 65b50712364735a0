//! Surroundings that glossy surfaces in a room reflect: an octahedral picture of
//! the room from its middle, in sharp and blurred copies, looked up where the
//! reflected ray meets the room's box.

use glam::{Vec2, Vec3};

const SIZE: usize = 64;
const LEVELS: usize = 5;

/// The picture of one room.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    centre: Vec3,
    low: Vec3,
    high: Vec3,
    /// Sharp first; sides 64, 32, 16, 8, 4.
    levels: Vec<Vec<Vec3>>,
}

impl Probe {
    /// Takes the picture from `centre` of the box with `radiance(direction)`.
    pub(crate) fn take(
        centre: Vec3,
        low: Vec3,
        high: Vec3,
        radiance: impl Fn(Vec3) -> Vec3,
    ) -> Self {
        let mut levels = vec![
            (0..SIZE * SIZE)
                .map(|i| {
                    let place =
                        Vec2::new((i % SIZE) as f32 + 0.5, (i / SIZE) as f32 + 0.5) / SIZE as f32;
                    radiance(unfold(place)).min(Vec3::splat(30.0))
                })
                .collect::<Vec<_>>(),
        ];
        let mut size = SIZE;
        for level in 1..LEVELS {
            let finer = &levels[level - 1];
            let half = size / 2;
            levels.push(
                (0..half * half)
                    .map(|i| {
                        let corner = i / half * 2 * size + i % half * 2;
                        (finer[corner]
                            + finer[corner + 1]
                            + finer[corner + size]
                            + finer[corner + size + 1])
                            * 0.25
                    })
                    .collect(),
            );
            size = half;
        }
        Self {
            centre,
            low,
            high,
            levels,
        }
    }

    /// What a surface of this roughness at `point` sees along `direction`.
    pub(crate) fn reflect(&self, point: Vec3, direction: Vec3, roughness: f32) -> Vec3 {
        let safe = |d: f32| if d.abs() < 1e-6 { 1e-6 } else { d };
        let inverse = Vec3::new(
            1.0 / safe(direction.x),
            1.0 / safe(direction.y),
            1.0 / safe(direction.z),
        );
        let far = ((self.low - point) * inverse).max((self.high - point) * inverse);
        let reach = far.min_element().max(0.0);
        let towards = (point + direction * reach - self.centre).normalize_or(direction);
        let place = fold(towards);
        let level = (roughness.sqrt() * LEVELS as f32).min(LEVELS as f32 - 1.001);
        let fine = level as usize;
        let part = level - fine as f32;
        self.at(fine, place).lerp(self.at(fine + 1, place), part)
    }

    fn at(&self, level: usize, place: Vec2) -> Vec3 {
        let size = SIZE >> level;
        let place = (place * size as f32 - 0.5).clamp(Vec2::ZERO, Vec2::splat(size as f32 - 1.001));
        let (x, y) = (place.x as usize, place.y as usize);
        let (px, py) = (place.x - x as f32, place.y - y as f32);
        let image = &self.levels[level];
        let first = y * size + x;
        image[first]
            .lerp(image[first + 1], px)
            .lerp(image[first + size].lerp(image[first + size + 1], px), py)
    }
}

/// Octahedral map, direction to 0..1².
fn fold(d: Vec3) -> Vec2 {
    let d = d / (d.x.abs() + d.y.abs() + d.z.abs());
    let flat = if d.z >= 0.0 {
        d.truncate()
    } else {
        Vec2::new(
            (1.0 - d.y.abs()) * 1f32.copysign(d.x),
            (1.0 - d.x.abs()) * 1f32.copysign(d.y),
        )
    };
    flat * 0.5 + 0.5
}

fn unfold(place: Vec2) -> Vec3 {
    let f = place * 2.0 - 1.0;
    let z = 1.0 - f.x.abs() - f.y.abs();
    let t = (-z).max(0.0);
    Vec3::new(
        f.x - t * 1f32.copysign(f.x),
        f.y - t * 1f32.copysign(f.y),
        z,
    )
    .normalize()
}
