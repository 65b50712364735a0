//! Boxes from maps of centres, as nodes of a graph.

use super::Writer;
use crate::fit::objective::boxes::{
    BOX_PLANES, CELL_PX, FIRST_MIDDLE, LEAST_SCORE, LOG_CELLS, MOST_OVERLAP, rows,
};
use concert_models::onnx::Attr;

/// ONNX's numbers of types.
const FLOAT: i64 = 1;

impl Writer<'_> {
    /// Rows of boxes from the net's planes, as `decode` of the objective has them: what
    /// changes there changes here.
    pub(super) fn boxes(&mut self, planes: &str, classes: usize) -> String {
        let grid = self.model.grid();
        let (cells, count) = (grid.cells(), rows(classes, grid));
        let (score, index) = self.peaks(planes, classes);
        let (in_plane, in_row) = (self.integers(&[cells]), self.integers(&[grid.width]));
        let class = self.node("Div", &[&index, &in_plane], &[]);
        let cell = self.node("Mod", &[&index, &in_plane], &[]);
        let column = self.node("Mod", &[&cell, &in_row], &[]);
        let row = self.node("Div", &[&cell, &in_row], &[]);
        let boxes = self.slice(planes, 1, (classes, classes + BOX_PLANES));
        let shape = self.integers(&[BOX_PLANES, cells]);
        let boxes = self.node("Reshape", &[&boxes, &shape], &[]);
        let boxes = self.node("Gather", &[&boxes, &cell], &[("axis", Attr::Int(1))]);
        let numbers: Vec<String> = (0..BOX_PLANES)
            .map(|plane| {
                let one = self.slice(&boxes, 0, (plane, plane + 1));
                let shape = self.integers(&[count]);
                self.node("Reshape", &[&one, &shape], &[])
            })
            .collect();
        let (left, right) = self.ends(&column, &numbers[0], &numbers[2]);
        let (top, bottom) = self.ends(&row, &numbers[1], &numbers[3]);
        let corners = [left, top, right, bottom];
        let hidden = self.hidden(&corners, &class, count);
        let score = self.kept_scores(&score, &hidden);
        let class = self.node("Cast", &[&class], &[("to", Attr::Int(FLOAT))]);
        let shape = self.integers(&[1, count, 1]);
        let columns: Vec<String> = (corners.iter().chain([&class, &score]))
            .map(|column| self.node("Reshape", &[column, &shape], &[]))
            .collect();
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        self.node("Concat", &columns, &[("axis", Attr::Int(2))])
    }

    fn slice(&mut self, from: &str, axis: usize, (start, end): (usize, usize)) -> String {
        let (start, end) = (self.integers(&[start]), self.integers(&[end]));
        let axis = self.integers(&[axis]);
        self.node("Slice", &[from, &start, &end, &axis], &[])
    }

    /// Scores and indices of the best peaks of the heat maps, over all of them.
    fn peaks(&mut self, planes: &str, classes: usize) -> (String, String) {
        let grid = self.model.grid();
        let heat = self.slice(planes, 1, (0, classes));
        let scores = self.node("Sigmoid", &[&heat], &[]);
        let window = [
            ("kernel_shape", Attr::Ints(vec![3, 3])),
            ("pads", Attr::Ints(vec![1; 4])),
        ];
        let around = self.node("MaxPool", &[&scores], &window);
        let is_peak = self.node("GreaterOrEqual", &[&scores, &around], &[]);
        let none = self.scalar(0.0);
        let peaks = self.node("Where", &[&is_peak, &scores, &none], &[]);
        let shape = self.integers(&[classes * grid.cells()]);
        let peaks = self.node("Reshape", &[&peaks, &shape], &[]);
        let most = self.integers(&[rows(classes, grid)]);
        self.made += 1;
        let (score, index) = (
            format!("score_{}", self.made),
            format!("index_{}", self.made),
        );
        let outputs = [score.as_str(), index.as_str()];
        self.graph(|graph| graph.node("TopK", &[&peaks, &most], &outputs, &[]));
        (score, index)
    }

    /// Both ends of boxes along an axis, px: from the cell's number, the middle's offset and
    /// the logarithm of the length.
    fn ends(&mut self, cell: &str, offset: &str, log: &str) -> (String, String) {
        let cell = self.node("Cast", &[cell], &[("to", Attr::Int(FLOAT))]);
        let half = self.scalar(0.5);
        let middle = self.node("Add", &[&cell, &half], &[]);
        let middle = self.node("Add", &[&middle, offset], &[]);
        let held = self.clip(log, LOG_CELLS.0, LOG_CELLS.1);
        let length = self.node("Exp", &[&held], &[]);
        let reach = self.node("Mul", &[&length, &half], &[]);
        let (scale, shift) = (self.scalar(CELL_PX), self.scalar(FIRST_MIDDLE));
        let ends = ["Sub", "Add"].map(|operator| {
            let end = self.node(operator, &[&middle, &reach], &[]);
            let px = self.node("Mul", &[&end, &scale], &[]);
            self.node("Sub", &[&px, &shift], &[])
        });
        let [low, high] = ends;
        (low, high)
    }

    /// For every box, the greatest overlap with a better one of its class: intersection
    /// over union.
    fn hidden(&mut self, corners: &[String; 4], class: &str, count: usize) -> String {
        let (own, other) = (self.integers(&[count, 1]), self.integers(&[1, count]));
        let zero = self.scalar(0.0);
        let mut lengths = Vec::new();
        let mut shared = Vec::new();
        for axis in 0..2 {
            let (low, high) = (&corners[axis], &corners[axis + 2]);
            lengths.push(self.node("Sub", &[high, low], &[]));
            let sides = [(low, "Max"), (high, "Min")].map(|(side, operator)| {
                let (a, b) = (
                    self.node("Reshape", &[side, &own], &[]),
                    self.node("Reshape", &[side, &other], &[]),
                );
                self.node(operator, &[&a, &b], &[])
            });
            let along = self.node("Sub", &[&sides[1], &sides[0]], &[]);
            shared.push(self.node("Max", &[&along, &zero], &[]));
        }
        let both = self.node("Mul", &[&shared[0], &shared[1]], &[]);
        let area = self.node("Mul", &[&lengths[0], &lengths[1]], &[]);
        let areas = [&own, &other].map(|shape| self.node("Reshape", &[&area, shape], &[]));
        let sum = self.node("Add", &[&areas[0], &areas[1]], &[]);
        let union = self.node("Sub", &[&sum, &both], &[]);
        let overlap = self.node("Div", &[&both, &union], &[]);
        let classes = [&own, &other].map(|shape| self.node("Reshape", &[class, shape], &[]));
        let same = self.node("Equal", &[&classes[0], &classes[1]], &[]);
        let overlap = self.node("Where", &[&same, &overlap, &zero], &[]);
        // Row i, column j: 1 where j stands before i.
        let before: Vec<f32> = (0..count * count)
            .map(|at| f32::from(u8::from(at % count < at / count)))
            .collect();
        self.made += 1;
        let name = format!("before_{}", self.made);
        let before = self.floats(&name, &[count, count], &before);
        let overlap = self.node("Mul", &[&overlap, &before], &[]);
        let attributes = [("axes", Attr::Ints(vec![1])), ("keepdims", Attr::Int(0))];
        self.node("ReduceMax", &[&overlap], &attributes)
    }

    /// Scores, 0 where they are too low or a better box hides this one.
    fn kept_scores(&mut self, score: &str, hidden: &str) -> String {
        let (most, least) = (self.scalar(MOST_OVERLAP), self.scalar(LEAST_SCORE));
        let none = self.scalar(0.0);
        let dropped = self.node("Greater", &[hidden, &most], &[]);
        let low = self.node("Less", &[score, &least], &[]);
        let absent = self.node("Or", &[&dropped, &low], &[]);
        self.node("Where", &[&absent, &none, score], &[])
    }
}
