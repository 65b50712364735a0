//! What it knows, for whoever looks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::grid::{CELL, GridPicture};
use super::super::place::{Place, Point};
use super::{Behaviour, Outcome};

impl Behaviour {
    /// What it is at, in a few words.
    pub(crate) fn state(&self) -> &'static str {
        self.step.name()
    }

    /// How often walls and pictures put the heading right.
    pub(crate) fn localised(&self) -> (u64, u64) {
        (self.localiser.walls_used, self.localiser.visual_used)
    }

    /// `map_from_base`, as it believes.
    pub(crate) fn place(&self) -> Place {
        self.localiser.place().unwrap_or_default()
    }

    /// Its map.
    pub(crate) fn map(&self) -> GridPicture {
        self.grid.picture()
    }

    /// Things that it is sure of: class and place.
    pub(crate) fn things(&self) -> impl Iterator<Item = (String, Point)> {
        let certain = self.landmarks.certain(4);
        certain.map(|one| (one.class.clone(), one.at))
    }

    /// Log odds of the map that something stands at a point of it.
    #[cfg(test)]
    pub(crate) fn odds(&self, at: Point) -> f32 {
        let cell = self.grid.cell(at);
        cell.map_or(f32::NAN, |cell| self.grid.odds(cell))
    }

    /// All that it believes to have seen at least thrice.
    #[cfg(test)]
    pub(crate) fn landmarks(&self) -> impl Iterator<Item = &super::super::landmarks::Landmark> {
        self.landmarks.certain(3)
    }

    /// Whether the errand wants things of a class.
    pub(crate) fn wants(&self, class: &str) -> bool {
        self.errand.classes().iter().any(|wanted| wanted == class)
    }

    /// Why it gave up, or what it is at.
    pub(crate) fn said(&self) -> &str {
        self.ends.as_ref().map_or(self.state(), Outcome::said)
    }

    /// What it knows, for whoever looks: see docs/formats.md.
    pub(crate) fn picture(&self) -> Value {
        let grid = self.grid.picture();
        let base = self.localiser.place().unwrap_or_default();
        let landmarks = self.landmarks.certain(3).map(|one| {
            json!({ "class": one.class, "at": one.at, "score": one.score, "sights": one.sights })
        });
        json!({
            "errand": self.errand.to_string(),
            "state": self.state(),
            "pose": [base.x, base.y, base.yaw],
            "path": self.plan.as_ref().map_or(&[][..], |plan| &plan.way),
            "goal": self.plan.as_ref().map(|plan| plan.goal.at),
            "start": [0.0, 0.0],
            "landmarks": landmarks.collect::<Vec<_>>(),
            "grid": {
                "origin": grid.origin, "cell": CELL, "columns": grid.columns,
                "rows": grid.rows, "cells": STANDARD.encode(grid.cells),
            },
        })
    }
}
