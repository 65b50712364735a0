//! How an errand goes, as a behaviour tells it at `<prefix>/errand`.
//!
//! It comes from another program, so every part is checked before pages get it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::digest::is_near;

/// Longest message that is read, bytes (4 MiB).
pub(super) const MAX_ERRAND_BYTES: usize = 4 << 20;
/// Most points of a path.
const MAX_PATH: usize = 8192;
/// Most landmarks.
const MAX_LANDMARKS: usize = 512;
/// Most cells along a side of the grid.
const MAX_SIDE: usize = 2048;
/// Longest text, letters.
const MAX_LETTERS: usize = 200;

/// State of an errand: metres and radians in the frame of odometry (x ahead at
/// the start, y left). Unknown entries are passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Errand {
    /// What the robot does, in a few words.
    #[serde(default)]
    pub(super) state: String,
    /// x, y, yaw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pose: Option<[f64; 3]>,
    /// Where it means to go.
    #[serde(default)]
    path: Vec<[f64; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    goal: Option<[f64; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<[f64; 2]>,
    /// What was seen, and where.
    #[serde(default)]
    landmarks: Vec<Landmark>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grid: Option<Grid>,
}

/// Something that was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Landmark {
    class: String,
    at: [f64; 2],
    /// From 0 to 1.
    score: f64,
}

/// An occupancy grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Grid {
    /// Corner of the first cell, m.
    origin: [f64; 2],
    /// Side of a cell, m.
    cell: f64,
    /// Cells along x.
    columns: usize,
    /// Cells along y.
    rows: usize,
    /// Base64 of a byte for each cell, along x first: 0 unknown, 1 free, 2 obstacle.
    cells: String,
}

impl Errand {
    /// Reads a message.
    ///
    /// # Errors
    /// Words on what is wrong with it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (length, most) = (bytes.len(), MAX_ERRAND_BYTES);
        if length > most {
            return Err(format!("{length} bytes, but at most {most} are read"));
        }
        let mut errand: Errand =
            serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        errand.check()?;
        let cut = |text: &mut String| *text = text.chars().take(MAX_LETTERS).collect();
        cut(&mut errand.state);
        errand
            .landmarks
            .iter_mut()
            .for_each(|mark| cut(&mut mark.class));
        Ok(errand)
    }

    fn check(&self) -> Result<(), String> {
        let counts = [
            ("path", self.path.len(), MAX_PATH),
            ("landmarks", self.landmarks.len(), MAX_LANDMARKS),
        ];
        for (name, count, most) in counts {
            if count > most {
                return Err(format!(
                    "{name} has {count} entries, but at most {most} are shown"
                ));
            }
        }
        let ends = [self.goal, self.start];
        let at = self.landmarks.iter().map(|mark| mark.at);
        let origin = self.grid.iter().map(|grid| grid.origin);
        let places = ends.into_iter().flatten().chain(at).chain(origin);
        let places = places.chain(self.path.iter().copied());
        let place = self.pose.map(|[x, y, _]| [x, y]);
        if let Some([x, y]) = place
            .into_iter()
            .chain(places)
            .find(|place| !place.iter().all(|part| is_near(*part)))
        {
            return Err(format!(
                "a place is at {x}, {y} m, which is farther than can be shown"
            ));
        }
        let Some(grid) = &self.grid else {
            return Ok(());
        };
        let sides = 1..=MAX_SIDE;
        if !sides.contains(&grid.columns) || !sides.contains(&grid.rows) {
            return Err(format!(
                "grid has {} columns and {} rows, but must have from 1 to {MAX_SIDE}",
                grid.columns, grid.rows
            ));
        }
        if grid.cell.is_nan() || grid.cell <= 0.0 {
            return Err(format!("grid.cell is {} m, but must be above 0", grid.cell));
        }
        let cells = STANDARD.decode(&grid.cells);
        let cells = cells.map_err(|error| format!("grid.cells is not Base64: {error}"))?;
        let wanted = grid.columns * grid.rows;
        match cells.len() == wanted {
            true => Ok(()),
            false => Err(format!(
                "grid.cells has {} bytes, but columns times rows is {wanted}",
                cells.len()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parse(value: &Value) -> Result<Errand, String> {
        Errand::parse(value.to_string().as_bytes())
    }

    #[test]
    fn an_errand_is_read_whole_or_in_part() {
        let whole = json!({
            "state": "approaching", "pose": [1.0, 2.0, 0.5], "path": [[0.0, 0.0], [1.0, 1.0]],
            "goal": [1.0, 1.0], "start": [0.0, 0.0],
            "landmarks": [{ "class": "can", "at": [2.0, 1.0], "score": 0.8 }],
            "grid": { "origin": [-1.0, -1.0], "cell": 0.05, "columns": 2, "rows": 1, "cells": "AAI=" },
        });
        let errand = parse(&whole).expect("an errand");
        assert_eq!(serde_json::to_value(&errand).expect("JSON"), whole);
        assert_eq!(
            parse(&json!({})).expect("an errand").path,
            Vec::<[f64; 2]>::new()
        );
        let long = parse(&json!({ "state": "ä".repeat(9000) })).expect("an errand");
        assert_eq!(long.state.chars().count(), MAX_LETTERS);
    }

    #[test]
    fn an_errand_that_lies_about_its_grid_is_none() {
        let grid = |columns: usize, cells: &str, cell: f64| {
            parse(&json!({ "grid": {
                "origin": [0, 0], "cell": cell, "columns": columns, "rows": 1, "cells": cells,
            }}))
        };
        assert!(grid(2, "AAI=", 0.05).is_ok());
        for bad in [
            grid(3, "AAI=", 0.05),
            grid(1 << 40, "AAI=", 0.05),
            grid(2, "!", 0.05),
            grid(2, "AAI=", 0.0),
            Errand::parse(b"\xff"),
            Errand::parse(b"{\"pose\": [1, 2]}"),
            parse(&json!({ "path": vec![[0.0, 0.0]; MAX_PATH + 1] })),
            parse(&json!({ "pose": [0.0, 1e300, 0.0] })),
            parse(&json!({ "path": [[0.0, 0.0], [-1e9, 0.0]] })),
            parse(&json!({ "landmarks": [{ "class": "can", "at": [1e6, 0.0], "score": 1.0 }] })),
        ] {
            assert!(bad.is_err(), "{bad:?}");
        }
    }
}
