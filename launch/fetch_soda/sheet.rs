//! An errand as a picture: what the robot saw when it began something new, and
//! the map that it made, with its way.

use std::path::Path;

use concert_policies::document::WriteError;

use super::behaviour::Behaviour;
use super::grid::{CELL, GridPicture};
use super::place::Point;
use crate::draw::{Canvas, Rgb};

/// Size of a camera picture on the sheet, px, and how many there are in a row
/// and in all.
const TILE: (usize, usize) = (240, 180);
const COLUMNS: usize = 3;
const MAX_TILES: usize = 6;
const GAP: usize = 4;
const PAPER: Rgb = [20, 22, 28];
const INK: Rgb = [235, 235, 240];
const UNKNOWN: Rgb = [38, 41, 50];
const FREE: Rgb = [216, 222, 228];
const TAKEN: Rgb = [96, 104, 120];
const WAY: Rgb = [52, 120, 246];
const START: Rgb = [40, 170, 90];
const THING: Rgb = [226, 60, 60];
const PLACE: Rgb = [120, 80, 40];
/// The robot's way is drawn through points so far apart, m.
const SPACING: f64 = 0.08;

/// What will be drawn.
#[derive(Default)]
pub(crate) struct Sheet {
    tiles: Vec<(Canvas, String)>,
    state: &'static str,
    newest: Option<Canvas>,
    way: Vec<Point>,
}

impl Sheet {
    /// Takes the camera's newest picture.
    pub(crate) fn see(&mut self, picture: Canvas) {
        self.newest = Some(picture);
    }

    /// Takes note of where the robot is and what it is at, `seconds` after the
    /// start.
    pub(crate) fn note(&mut self, behaviour: &Behaviour, seconds: f64) {
        let [x, y] = behaviour.place().point();
        let moved = self.way.last().map(|last| (last[0] - x).hypot(last[1] - y));
        if moved.is_none_or(|moved| moved > SPACING) && self.way.len() < 20_000 {
            self.way.push([x, y]);
        }
        let state = behaviour.state();
        if state == self.state {
            return;
        }
        let Some(picture) = &self.newest else { return };
        self.state = state;
        let caption = format!("{seconds:.0} s: {state}");
        let is_known = |(_, known): &(Canvas, String)| known.ends_with(state);
        // The last of a kind stands for all of them.
        let before = self.tiles.iter().position(is_known);
        if let Some(before) = before.filter(|_| state != "explores") {
            self.tiles.remove(before);
        } else if before.is_some() || state == "backs off" {
            return;
        }
        if self.tiles.len() < MAX_TILES {
            self.tiles.push((picture.clone(), caption));
        }
    }

    /// Writes the sheet as PNG.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(crate) fn write(&self, behaviour: &Behaviour, path: &Path) -> Result<(), WriteError> {
        let rows = MAX_TILES.div_ceil(COLUMNS);
        let height = rows * (TILE.1 + GAP) + GAP;
        let tiles_width = COLUMNS * (TILE.0 + GAP) + GAP;
        let map = self.map(behaviour, height - 2 * GAP);
        let mut sheet = Canvas::new(tiles_width + map.width() + GAP, height, PAPER);
        for (index, (picture, caption)) in self.tiles.iter().enumerate() {
            let (column, row) = (index % COLUMNS, index / COLUMNS);
            let mut tile = picture.resized(TILE.0, TILE.1);
            tile.caption(std::slice::from_ref(caption));
            let (u, v) = (GAP + column * (TILE.0 + GAP), GAP + row * (TILE.1 + GAP));
            sheet.paste(&tile, u, v);
        }
        sheet.paste(&map, tiles_width, GAP);
        sheet.write_png(path)
    }

    /// The map, north up as the robot looked first to the right, of a height in
    /// px.
    fn map(&self, behaviour: &Behaviour, height: usize) -> Canvas {
        let GridPicture {
            origin,
            columns,
            rows,
            cells,
        } = behaviour.map();
        let scale = (height as f64 / rows as f64).min(3.0 * height as f64 / columns as f64);
        let width = ((columns as f64 * scale) as usize).max(1);
        let mut map = Canvas::new(width, height, UNKNOWN);
        for v in 0..height {
            for u in 0..width {
                let column = ((u as f64 / scale) as usize).min(columns - 1);
                let row = (v as f64 / scale) as usize;
                let Some(row) = rows.checked_sub(1 + row) else {
                    continue;
                };
                let colour = match cells[row * columns + column] {
                    0 => continue,
                    1 => FREE,
                    _ => TAKEN,
                };
                map.set(u as i64, v as i64, colour);
            }
        }
        let pixel = |[x, y]: Point| {
            let (column, row) = ((x - origin[0]) / CELL, (y - origin[1]) / CELL);
            [column * scale, (rows as f64 - row) * scale]
        };
        for pair in self.way.windows(2) {
            map.line(pixel(pair[0]), pixel(pair[1]), WAY);
        }
        map.disc(pixel([0.0, 0.0]), 5.0, START);
        let [u, v] = pixel([0.0, 0.0]);
        map.text(u as i64 + 7, v as i64 - 4, 1, START, "start");
        for (class, at) in behaviour.things() {
            let colour = if behaviour.wants(&class) {
                THING
            } else {
                PLACE
            };
            let [u, v] = pixel(at);
            map.disc([u, v], 4.0, colour);
            map.text(u as i64 + 6, v as i64 - 4, 1, colour, &class);
        }
        map.text(6, height as i64 - 12, 1, INK, behaviour.said());
        map
    }
}
