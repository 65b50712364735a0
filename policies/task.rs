//! A task: one entry of the dictionary in `dictionary.rs`.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use crate::dictionary::TASKS;

/// An entry of the task dictionary: Taskonomy's 26 tasks and those that robots
/// need beside them.
///
/// Entries are compile-time constants, handed around as `&'static Task`; two
/// are equal when their names are.
///
/// Coordinates in a task's output are those of the camera's optical frame
/// (REP-103: x right, y down, z forward), pixels have their centres at whole
/// numbers, angles are radians and lengths metres.
#[derive(Debug, Clone, Copy)]
pub struct Task {
    /// Canonical name, as in the `visualpriors` package; also the last part of
    /// the topic and the first part of the readout's file name.
    pub name: &'static str,
    /// Quantity that is estimated, and where ours differs from Taskonomy's.
    pub description: &'static str,
    /// Unit of one value, in UCUM style: `m`, `1/m`, `rad`, `px`, `1` where
    /// there is none, several separated by commas.
    pub unit: &'static str,
    /// Range that one value of the output tensor may lie in.
    pub range: ValueRange,
    /// Kind of the output tensor of a readout for this task.
    pub output: OutputKind,
    /// Number of successive frames that a readout for this task looks at.
    pub frames: usize,
    /// Use of the task in Taskonomy's dictionary.
    pub role: Role,
    /// Other published spellings, accepted on input: Taskonomy's key (also used
    /// in its tables of transfers) and the name in the paper's figures.
    pub aliases: &'static [&'static str],
}

/// Use of a task where a problem for the solver does not say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Wanted as an output, and its own network may serve as a source.
    TargetAndSource,
    /// Available as a source, not wanted as an output (four of Taskonomy's 26).
    SourceOnly,
    /// Wanted as an output, without a network of its own to serve as a source.
    TargetOnly,
}

/// Kind of a readout's tensor, and so which ROS message carries it.
///
/// All tensors are `f32` with a leading batch dimension of 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputKind {
    /// `[1, channels, h, w]`: one value per pixel and channel.
    Dense {
        /// Number of values per pixel.
        channels: usize,
    },
    /// `[1, classes, h, w]` scores per class, or `[1, 1, h, w]` labels.
    ClassMap,
    /// `[1, n]` probabilities, one per class.
    Classes,
    /// `[1, N, columns]`: one row per point; N varies up to the tensor's size,
    /// rows with a score of 0 are empty.
    Points {
        /// Names of what stands in each column.
        columns: &'static [&'static str],
    },
    /// `[1, N, 6]`: x0, y0, x1, y1 in pixels, class index, score; rows with a
    /// score of 0 are empty.
    Boxes2d,
    /// `[1, 9]`: Taskonomy's cuboid around the room; centre x, y, z (m), Euler
    /// angles about the static axes x, y, z (rad) of the rotation
    /// `room_from_optical`, size x, y, z (m).
    RoomLayout,
    /// `[1, length]`: a few named numbers.
    Vector {
        /// Number of numbers.
        length: usize,
        /// Name of each; as many as `length`.
        names: &'static [&'static str],
    },
    /// Pose and velocity of the camera; made by a geometric readout.
    Odometry,
}

impl OutputKind {
    /// Full name of the ROS 2 message that carries this kind of output.
    pub fn message_type(self) -> &'static str {
        match self {
            OutputKind::Dense { .. } | OutputKind::ClassMap => "sensor_msgs/msg/Image",
            OutputKind::Classes => "vision_msgs/msg/Classification",
            OutputKind::Points { .. } => "sensor_msgs/msg/PointCloud2",
            OutputKind::Boxes2d => "vision_msgs/msg/Detection2DArray",
            OutputKind::RoomLayout => "vision_msgs/msg/BoundingBox3DArray",
            OutputKind::Vector { .. } => "std_msgs/msg/Float32MultiArray",
            OutputKind::Odometry => "nav_msgs/msg/Odometry",
        }
    }

    /// Names of the columns of one row, for outputs that are rows.
    pub fn columns(self) -> Option<&'static [&'static str]> {
        match self {
            OutputKind::Points { columns } => Some(columns),
            OutputKind::Boxes2d => Some(&["x0", "y0", "x1", "y1", "class", "score"]),
            OutputKind::Dense { .. }
            | OutputKind::ClassMap
            | OutputKind::Classes
            | OutputKind::RoomLayout
            | OutputKind::Vector { .. }
            | OutputKind::Odometry => None,
        }
    }

    /// Tells whether there is a value, or a class, for every cell of a grid over
    /// the image: such outputs have pixels, and a `CameraInfo` beside them.
    pub fn is_dense(self) -> bool {
        match self {
            OutputKind::Dense { .. } | OutputKind::ClassMap => true,
            OutputKind::Classes
            | OutputKind::Points { .. }
            | OutputKind::Boxes2d
            | OutputKind::RoomLayout
            | OutputKind::Vector { .. }
            | OutputKind::Odometry => false,
        }
    }
}

impl Task {
    /// Every task, Taskonomy's first, in the order of its dictionary.
    pub fn all() -> &'static [Task] {
        TASKS
    }

    /// The task of this name or alias, in upper or lower case.
    pub fn find(spelling: &str) -> Option<&'static Task> {
        TASKS.iter().find(|task| {
            task.spellings()
                .any(|known| known.eq_ignore_ascii_case(spelling))
        })
    }

    /// The canonical name and the aliases.
    pub fn spellings(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// The task whose spelling comes closest to an unknown one, if any comes
    /// close enough to be meant: at most a third of its letters differ, or it is
    /// how a spelling begins (`depth`), or one of its words (`semantic`).
    pub fn suggest(spelling: &str) -> Option<&'static Task> {
        let length = spelling.chars().count();
        if length > crate::MAX_NAME_BYTES {
            return None;
        }
        let wanted = spelling.to_ascii_lowercase();
        let distance = |task: &Task| {
            task.spellings()
                .map(|known| strsim::osa_distance(&known.to_ascii_lowercase(), &wanted))
                .min()
                .unwrap_or(usize::MAX)
        };
        TASKS
            .iter()
            .map(|task| (distance(task), task))
            .min_by_key(|(distance, _)| *distance)
            .filter(|(distance, _)| *distance <= (length / 3).max(1))
            .map(|(_, task)| task)
            .or_else(|| Self::suggest_longer(&wanted))
    }

    /// The first task of which this is the beginning or a word, of at least
    /// three letters.
    fn suggest_longer(wanted: &str) -> Option<&'static Task> {
        let is_part = |part: fn(&str, &str) -> bool| {
            let of = |task: &&Task| {
                let mut known = task.spellings().map(str::to_ascii_lowercase);
                known.any(|known| part(&known, wanted))
            };
            TASKS.iter().find(of)
        };
        let long_enough = wanted.chars().count() >= 3;
        let begins = |known: &str, wanted: &str| known.starts_with(wanted);
        let is_word = |known: &str, wanted: &str| known.split(['_', ' ']).any(|it| it == wanted);
        let found = || is_part(begins).or_else(|| is_part(is_word));
        long_enough.then(found).flatten()
    }

    /// Full name of the ROS 2 message that carries this task's output.
    pub fn message_type(&self) -> &'static str {
        self.output.message_type()
    }

    /// Tells whether the task can be a target of a policy: all but `random`, which
    /// estimates nothing.
    pub fn can_be_target(&self) -> bool {
        self.name != "random"
    }

    /// Checks every value of an output tensor, in memory order.
    ///
    /// Rows of points and boxes are checked by column: a `score` lies in 0..=1
    /// and a `class` is not negative, whatever `range` says of the coordinates.
    ///
    /// # Errors
    /// The first value that may not be.
    pub fn check_values(&self, values: &[f32]) -> Result<(), OutOfRange> {
        let Some(columns) = self.output.columns() else {
            return self.range.check(values);
        };
        let columns = columns.iter().cycle();
        for (index, (value, column)) in values.iter().zip(columns).enumerate() {
            let range = match *column {
                "score" => ValueRange::UNIT,
                "class" => ValueRange::new(0.0, f32::MAX),
                _ => self.range,
            };
            range
                .check(&[*value])
                .map_err(|error| OutOfRange { index, ..error })?;
        }
        Ok(())
    }
}

impl PartialEq for Task {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Task {}

impl Hash for Task {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl PartialOrd for Task {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Task {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name.cmp(other.name)
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Range of one value of an output: finite, from `min` to `max`.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct ValueRange {
    /// Least value allowed.
    pub min: f32,
    /// Greatest value allowed.
    pub max: f32,
    /// Set if NaN is allowed and means "unknown" (REP-117).
    pub nan_is_unknown: bool,
}

/// A value that its task does not allow.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("value {index} is {value}, but must be finite and from {min} to {max}")]
pub struct OutOfRange {
    /// Place in the tensor, in memory order.
    pub index: usize,
    /// Value that stands there.
    pub value: f32,
    /// Least value allowed.
    pub min: f32,
    /// Greatest value allowed.
    pub max: f32,
}

impl ValueRange {
    /// From 0 to 1: probabilities, scores, intensities.
    pub const UNIT: ValueRange = ValueRange::new(0.0, 1.0);
    /// From -1 to 1: components of unit vectors.
    pub const SIGNED_UNIT: ValueRange = ValueRange::new(-1.0, 1.0);
    /// Any finite number.
    pub const FINITE: ValueRange = ValueRange::new(f32::MIN, f32::MAX);

    /// From `min` to `max`, both included, NaN refused.
    pub const fn new(min: f32, max: f32) -> ValueRange {
        ValueRange {
            min,
            max,
            nan_is_unknown: false,
        }
    }

    /// The same range, with NaN for "unknown" allowed.
    pub const fn or_unknown(self) -> ValueRange {
        ValueRange {
            nan_is_unknown: true,
            ..self
        }
    }

    /// Checks every value. A thousandth of the range, at most 0.01, is granted
    /// on both sides for rounding in half precision.
    ///
    /// # Errors
    /// The first value that is not allowed.
    pub fn check(&self, values: &[f32]) -> Result<(), OutOfRange> {
        let slack = (self.max * 1e-3 - self.min * 1e-3).min(0.01);
        // Infinity lies beyond the greatest bounds, NaN within none.
        let allowed = self.min - slack..=self.max + slack;
        let is_allowed =
            |value: &f32| allowed.contains(value) || (value.is_nan() && self.nan_is_unknown);
        match values.iter().position(|value| !is_allowed(value)) {
            None => Ok(()),
            Some(index) => Err(OutOfRange {
                index,
                value: values[index],
                min: self.min,
                max: self.max,
            }),
        }
    }
}

#[cfg(test)]
#[path = "task_tests.rs"]
mod tests;
