//! A policy as a picture: camera, encoders, outputs, and who reads what.
//!
//! Every output has a row of its own. A line runs to its output's row between
//! two columns and then along that row, where nothing else stands; so no line
//! crosses a box, however many columns of outputs there are.

use concert_policies::Policy;
use concert_policies::explain::{Cost, ExplainedOutput, Explanation};

use super::svg::{Anchor, Svg};

const MARGIN: f64 = 32.0;
const HEAD: f64 = 92.0;
const GAP: f64 = 96.0;
const BETWEEN_ROWS: f64 = 20.0;
const LINE: f64 = 17.0;
const PADDING: f64 = 14.0;
const STRIPE: f64 = 6.0;
const BADGE: f64 = 22.0;
const NAME_SIZE: f64 = 15.0;
const SMALL_SIZE: f64 = 12.0;
const INK: &str = "#1b1f24";
const GREY: &str = "#5c6670";
const PALE: &str = "#f6f8fa";
const OUTLINE: &str = "#c9d1d9";
/// Of the encoders, in their order; told apart by the colour-blind (Okabe and
/// Ito, 2008).
const COLOURS: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#56b4e9", "#7a5195",
];
/// Of what is no encoder's.
const NEUTRAL: &str = "#8b949e";

/// The camera's depth, as a policy names it.
const CAMERA_DEPTH: &str = "camera.depth";

/// A box with its lines of text.
struct Node {
    lines: Vec<String>,
    colour: &'static str,
    column: usize,
    middle: f64,
}

/// Width that a text takes, px: an estimate on the wide side, as fonts differ.
fn width_of(text: &str, size: f64) -> f64 {
    let ems: f64 = (text.chars())
        .map(|letter| match letter {
            'i' | 'j' | 'l' | '.' | ',' | ':' | '\'' | '|' => 0.34,
            'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.95,
            'A'..='Z' => 0.74,
            letter if letter.is_ascii() => 0.61,
            _ => 1.0,
        })
        .sum();
    ems * size
}

/// The beginning of a text that fits a width.
fn fitted(text: &str, size: f64, width: f64) -> String {
    if width_of(text, size) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for letter in text.chars() {
        kept.push(letter);
        if width_of(&kept, size) + size > width {
            break;
        }
    }
    format!("{}…", kept.trim_end())
}

impl Node {
    fn width(&self) -> f64 {
        let widths = self
            .lines
            .iter()
            .enumerate()
            .map(|(index, line)| match index {
                0 => width_of(line, NAME_SIZE) + BADGE,
                _ => width_of(line, SMALL_SIZE),
            });
        widths.fold(0.0, f64::max) + 2.0 * PADDING + STRIPE
    }

    fn height(&self) -> f64 {
        self.lines.len() as f64 * LINE + PADDING + 4.0
    }
}

/// The picture of a policy, as the text of an SVG file.
#[must_use]
pub(crate) fn policy_picture(policy: &Policy, explanation: &Explanation) -> String {
    Graph::new(explanation).draw(policy, explanation)
}

/// Boxes with places.
struct Graph {
    /// Encoders, and the camera's depth where something reads it.
    givers: Vec<(String, Node)>,
    outputs: Vec<Node>,
    /// Left edge of every column, and its width: camera, givers, outputs.
    columns: Vec<(f64, f64)>,
    camera: f64,
    bottom: f64,
}

impl Graph {
    fn new(explanation: &Explanation) -> Self {
        let mut givers: Vec<_> = (explanation.encoders.iter().enumerate())
            .map(|(index, encoder)| {
                let mut lines = vec![encoder.source.clone()];
                let count = encoder.read_by.len();
                lines.push(match count {
                    1 => "1 output reads it".to_owned(),
                    _ => format!("shared by {count} outputs"),
                });
                lines.extend(encoder.cost.as_ref().map(cost_line));
                let node = Node {
                    lines,
                    colour: COLOURS[index % COLOURS.len()],
                    column: 1,
                    middle: 0.0,
                };
                (encoder.source.clone(), node)
            })
            .collect();
        let mut inputs = explanation.outputs.iter().flat_map(|output| &output.inputs);
        if inputs.any(|input| *input == CAMERA_DEPTH) {
            let lines = vec![
                CAMERA_DEPTH.to_owned(),
                "as the camera measures it".to_owned(),
            ];
            let node = Node {
                lines,
                colour: NEUTRAL,
                column: 1,
                middle: 0.0,
            };
            givers.push((CAMERA_DEPTH.to_owned(), node));
        }
        let depths = depths(&explanation.outputs);
        let outputs = explanation
            .outputs
            .iter()
            .enumerate()
            .map(|(place, output)| Node {
                lines: output_lines(output),
                colour: NEUTRAL,
                column: 2 + depths[place],
                middle: 0.0,
            });
        let mut graph = Graph {
            outputs: outputs.collect(),
            givers,
            columns: Vec::new(),
            camera: 0.0,
            bottom: 0.0,
        };
        graph.place(&explanation.outputs);
        graph
    }

    /// Rows of outputs that read the same encoder stand together.
    fn place(&mut self, outputs: &[ExplainedOutput]) {
        let first_giver = |output: &ExplainedOutput| {
            let reads = |name: &String| reads(output, name);
            let at = self.givers.iter().position(|(name, _)| reads(name));
            at.unwrap_or(self.givers.len())
        };
        let mut rows: Vec<usize> = (0..outputs.len()).collect();
        rows.sort_by_key(|&row| (first_giver(&outputs[row]), self.outputs[row].column, row));
        let mut y = HEAD;
        for row in rows {
            let node = &mut self.outputs[row];
            node.middle = y + node.height() / 2.0;
            y += node.height() + BETWEEN_ROWS;
        }
        let mut lowest = y - BETWEEN_ROWS;
        // Givers stand at the mean of their readers, below one another.
        let mut below = HEAD;
        for (name, node) in &mut self.givers {
            let readers = outputs.iter().zip(&self.outputs);
            let readers = readers.filter(|(output, _)| reads(output, name));
            let middles: Vec<_> = readers.map(|(_, node)| node.middle).collect();
            let mean = middles.iter().sum::<f64>() / middles.len().max(1) as f64;
            let half = node.height() / 2.0;
            node.middle = mean.max(below + half);
            below = node.middle + half + BETWEEN_ROWS;
            lowest = lowest.max(node.middle + half);
        }
        self.bottom = lowest;
        let middles = self.givers.iter().map(|(_, node)| node.middle);
        self.camera = middles.sum::<f64>() / self.givers.len().max(1) as f64;
        self.camera = self.camera.max(HEAD + 24.0);
        let last = self
            .outputs
            .iter()
            .map(|node| node.column)
            .max()
            .unwrap_or(2);
        let widest = |column: usize| {
            let givers = self.givers.iter().map(|(_, node)| node);
            let nodes = givers
                .chain(&self.outputs)
                .filter(|node| node.column == column);
            nodes.map(Node::width).fold(0.0, f64::max)
        };
        let mut x = MARGIN;
        for column in 0..=last {
            let width = if column == 0 { 92.0 } else { widest(column) };
            self.columns.push((x, width));
            x += width + GAP;
        }
    }

    fn draw(&self, policy: &Policy, explanation: &Explanation) -> String {
        let (left, width) = *self.columns.last().unwrap_or(&(0.0, 0.0));
        let title = format!("{}: {}", policy.name(), summary(policy, explanation));
        let least = (width_of(&title, 19.0) + 2.0 * MARGIN).min(900.0);
        let whole = (left + width + MARGIN).max(least);
        let mut svg = Svg::new(whole, self.bottom + 64.0);
        let room = whole - 2.0 * MARGIN;
        let title = fitted(&title, 19.0, room);
        svg.text([MARGIN, 38.0], 19.0, INK, Anchor::Start, &title);
        if let Some(description) = policy.description() {
            let description = fitted(description, 13.0, room);
            svg.text([MARGIN, 60.0], 13.0, GREY, Anchor::Start, &description);
        }
        self.draw_lines(&mut svg, &explanation.outputs);
        let (x, width) = self.columns[0];
        let corner = [x, self.camera - 22.0];
        svg.rectangle(corner, [width, 44.0], INK, INK);
        let middle = [x + width / 2.0, self.camera + 5.0];
        svg.text(middle, NAME_SIZE, "#ffffff", Anchor::Middle, "camera");
        for (_, node) in &self.givers {
            self.draw_node(&mut svg, node, &[node.colour], None);
        }
        for (place, (node, output)) in self.outputs.iter().zip(&explanation.outputs).enumerate() {
            let of = self.givers.iter().filter(|(name, _)| reads(output, name));
            let mut colours: Vec<_> = of.map(|(_, node)| node.colour).collect();
            if colours.is_empty() {
                colours.push(NEUTRAL);
            }
            self.draw_node(&mut svg, node, &colours, Some(place + 1));
        }
        let note = "numbers in circles: importance, 1 is given up last; dashed: reads another output; colours: encoders";
        let note = fitted(note, 11.0, room);
        svg.text(
            [MARGIN, self.bottom + 42.0],
            11.0,
            GREY,
            Anchor::Start,
            &note,
        );
        svg.finish()
    }

    fn draw_node(&self, svg: &mut Svg, node: &Node, colours: &[&str], rank: Option<usize>) {
        let (x, width) = self.columns[node.column];
        let (height, top) = (node.height(), node.middle - node.height() / 2.0);
        svg.rectangle([x, top], [width, height], PALE, OUTLINE);
        let share = (height - 2.0) / colours.len() as f64;
        for (index, colour) in colours.iter().enumerate() {
            let y = top + 1.0 + share * index as f64;
            let end = [x + STRIPE / 2.0, y + share];
            svg.lines(&[[x + STRIPE / 2.0, y], end], colour, STRIPE, false);
        }
        let mut y = top + PADDING + 7.0;
        for (index, line) in node.lines.iter().enumerate() {
            let (size, colour) = match index {
                0 => (NAME_SIZE, INK),
                _ => (SMALL_SIZE, GREY),
            };
            svg.text([x + STRIPE + PADDING, y], size, colour, Anchor::Start, line);
            y += LINE;
        }
        if let Some(rank) = rank {
            let middle = [x + width - PADDING - 3.0, top + PADDING + 2.0];
            svg.disc(middle, 10.0, OUTLINE);
            let base = [middle[0], middle[1] + 4.0];
            svg.text(base, 11.0, INK, Anchor::Middle, &rank.to_string());
        }
    }

    fn draw_lines(&self, svg: &mut Svg, outputs: &[ExplainedOutput]) {
        let right = |column: usize| self.columns[column].0 + self.columns[column].1;
        for (_, node) in &self.givers {
            let from = [right(0), self.camera];
            svg.curve(from, [self.columns[1].0, node.middle], NEUTRAL, 2.0);
        }
        for (node, output) in self.outputs.iter().zip(outputs) {
            let left = self.columns[node.column].0;
            let spread = |index: usize, count: usize| {
                node.middle + (index as f64 - (count as f64 - 1.0) / 2.0) * 9.0
            };
            let givers: Vec<_> = (self.givers.iter())
                .filter(|(name, _)| reads(output, name))
                .map(|(_, giver)| giver)
                .collect();
            let of_outputs: Vec<_> = (self.outputs.iter().zip(outputs))
                .filter(|(_, other)| output.inputs.contains(&other.target))
                .map(|(other, _)| other)
                .collect();
            let count = givers.len() + of_outputs.len();
            for (index, giver) in givers.iter().enumerate() {
                let (x, y) = (self.columns[2].0, spread(index, count));
                svg.curve([right(1), giver.middle], [x, y], giver.colour, 2.5);
                if left > x {
                    svg.faint_line([x, y], [left, y], giver.colour, 2.5, false);
                }
            }
            for (index, other) in of_outputs.iter().enumerate() {
                let (x, y) = (
                    self.columns[other.column + 1].0,
                    spread(givers.len() + index, count),
                );
                svg.dashed_curve([right(other.column), other.middle], [x, y], INK, 1.6);
                if left > x {
                    svg.faint_line([x, y], [left, y], INK, 1.6, true);
                }
            }
        }
    }
}

/// Tells whether an output reads an encoder, or the camera's depth.
fn reads(output: &ExplainedOutput, giver: &str) -> bool {
    let is_depth = giver == CAMERA_DEPTH && output.inputs.contains(&CAMERA_DEPTH);
    is_depth || output.sources.iter().any(|source| source == giver)
}

/// How many outputs must be there before each.
fn depths(outputs: &[ExplainedOutput]) -> Vec<usize> {
    let mut depths = vec![0; outputs.len()];
    // Inputs have no cycle, so as many rounds as outputs settle everything.
    for _ in 0..outputs.len() {
        for (place, output) in outputs.iter().enumerate() {
            let read = outputs.iter().enumerate();
            let read = read.filter(|(_, other)| output.inputs.contains(&other.target));
            let deepest = read.map(|(other, _)| depths[other] + 1).max();
            depths[place] = deepest.unwrap_or(0);
        }
    }
    depths
}

fn summary(policy: &Policy, explanation: &Explanation) -> String {
    let (encoders, budget) = (explanation.encoders.len(), policy.supervision_budget());
    let outputs = explanation.outputs.len();
    let plural = if outputs == 1 { "" } else { "s" };
    let cost = explanation.cost.as_ref();
    let cost = cost.map_or(String::new(), |cost| format!(", {}", cost_line(cost)));
    format!("{outputs} output{plural} from {encoders} of at most {budget} encoders{cost}")
}

fn cost_line(cost: &Cost) -> String {
    let megabytes = cost.memory_bytes as f64 / 1e6;
    format!("{:.1} ms a frame, {megabytes:.1} MB", cost.frame_millis)
}

fn output_lines(output: &ExplainedOutput) -> Vec<String> {
    let rate = output.rate_hz.map_or("every frame".to_owned(), |hz| {
        format!("at most {hz} a second")
    });
    let order = match output.order {
        0 => "no encoder".to_owned(),
        order => format!("order {order}"),
    };
    let mut lines = vec![output.target.to_owned(), format!("{order}, {rate}")];
    let worth = [
        ("affinity", output.affinity, 4),
        ("gain", output.gain, 2),
        ("quality", output.quality, 2),
    ];
    let worth = worth.iter().filter_map(|(name, value, digits)| {
        let digits = *digits;
        value.map(|value| format!("{name} {value:.digits$}"))
    });
    let worth: Vec<_> = worth.collect();
    if !worth.is_empty() {
        lines.push(worth.join(", "));
    }
    if let (Some(own), Some(saved)) = (&output.readout_cost, &output.saved_by_dropping) {
        let saved = match output.needed_by.is_empty() {
            true => format!("dropping it saves {:.2} ms", saved.frame_millis),
            false => format!("stays for {}", output.needed_by.join(", ")),
        };
        lines.push(format!("takes {:.2} ms; {saved}", own.frame_millis));
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use concert_policies::explain::{Evidence, explain};

    use super::*;

    fn graph(text: &str) -> (Policy, Explanation, Graph) {
        let policy = Policy::parse(text, "test").expect("a policy");
        let explanation = explain(&policy, &Evidence::default(), Duration::MAX, &|| {
            Duration::ZERO
        });
        let explanation = explanation.expect("an explanation");
        let graph = Graph::new(&explanation);
        (policy, explanation, graph)
    }

    /// Corners of every box.
    fn boxes(graph: &Graph) -> Vec<[f64; 4]> {
        let givers = graph.givers.iter().map(|(_, node)| node);
        let nodes = givers.chain(&graph.outputs);
        let corners = |node: &Node| {
            let ((x, width), half) = (graph.columns[node.column], node.height() / 2.0);
            [x, node.middle - half, x + width, node.middle + half]
        };
        nodes.map(corners).collect()
    }

    #[test]
    fn no_box_stands_on_another_and_long_names_fit() {
        let long = "a_source_with_a_very_long_name_that_still_is_one_of_64_letters";
        let text = format!(
            "name = \"long\"\nsupervision_budget = 3\n\
             [[transfer]]\ntarget = \"segment_semantic\"\nsources = [\"{long}\", \"xfeat\"]\n\
             [[transfer]]\ntarget = \"depth_zbuffer\"\nsources = [\"{long}\"]\n\
             [[transfer]]\ntarget = \"odometry\"\nsources = [\"other\"]\ninputs = [\"depth_zbuffer\", \"camera.depth\"]\n\
             [[transfer]]\ntarget = \"room_layout\"\ninputs = [\"depth_zbuffer\"]\n\
             [[transfer]]\ntarget = \"vanishing_point\"\ninputs = [\"room_layout\"]\n"
        );
        let shipped = Policy::shipped_names().filter_map(Policy::shipped_text);
        let texts = shipped.map(str::to_owned).chain([text]);
        for text in texts {
            let (policy, explanation, graph) = graph(&text);
            let boxes = boxes(&graph);
            for (index, a) in boxes.iter().enumerate() {
                for b in &boxes[index + 1..] {
                    let apart = a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
                    assert!(apart, "{}: {a:?} on {b:?}", policy.name());
                }
            }
            let givers = graph.givers.iter().map(|(_, node)| node);
            for node in givers.chain(&graph.outputs) {
                let room = graph.columns[node.column].1 - STRIPE - 2.0 * PADDING;
                assert!(width_of(&node.lines[0], NAME_SIZE) <= room);
            }
            let picture = policy_picture(&policy, &explanation);
            for output in &explanation.outputs {
                assert!(picture.contains(output.target), "{}", output.target);
            }
        }
    }

    #[test]
    fn every_output_stands_right_of_all_that_it_reads() {
        let text = Policy::shipped_text("apartment").expect("a policy");
        let (_, explanation, graph) = graph(text);
        for (node, output) in graph.outputs.iter().zip(&explanation.outputs) {
            for (other, read) in graph.outputs.iter().zip(&explanation.outputs) {
                if output.inputs.contains(&read.target) {
                    assert!(node.column > other.column);
                }
            }
        }
    }
}
