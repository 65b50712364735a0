//! By how much two outputs of one target differ, and whether something else would be
//! decided by them.

use concert_policies::{OutputKind, Task};
use concert_runtime::wire::AnyMessage;
use concert_runtime::wire::nav_msgs::Odometry;
use concert_runtime::wire::sensor_msgs::{Image, PointCloud2};
use concert_runtime::wire::vision_msgs::{
    BoundingBox3DArray, Classification, Detection2D, Detection2DArray,
};
use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion};

/// Boxes of one class that overlap by so much are one thing (PASCAL VOC).
const SAME_THING: f64 = 0.5;

/// The difference of two outputs.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Difference {
    /// Largest and mean difference of their values.
    pub(super) largest: f64,
    pub(super) mean: f64,
    /// What would be decided otherwise, where something would.
    pub(super) decision: Option<String>,
}

/// Compares outputs of one target, one pair after the other.
#[derive(Default)]
pub(super) struct Differ {
    /// The first pair of poses.
    origins: Option<[Isometry3<f64>; 2]>,
}

/// Unit of the differences of a target's outputs.
pub(super) fn unit(task: &Task) -> &'static str {
    match task.output {
        OutputKind::Dense { .. } | OutputKind::Vector { .. } => task.unit,
        OutputKind::ClassMap => "of pixels",
        OutputKind::Classes => "score",
        OutputKind::Points { .. } | OutputKind::Boxes2d => "px",
        OutputKind::RoomLayout | OutputKind::Odometry => "m",
    }
}

impl Differ {
    /// The difference of two outputs; `None` where they are not of one kind.
    pub(super) fn differ(
        &mut self,
        task: &Task,
        recorded: &AnyMessage<'_>,
        computed: &AnyMessage<'_>,
    ) -> Option<Difference> {
        Some(match (recorded, computed) {
            (AnyMessage::Image(a), AnyMessage::Image(b)) => images(task, a, b),
            (AnyMessage::Classification(a), AnyMessage::Classification(b)) => classes(a, b),
            (AnyMessage::Detection2DArray(a), AnyMessage::Detection2DArray(b)) => boxes(a, b),
            (AnyMessage::PointCloud2(a), AnyMessage::PointCloud2(b)) => points(a, b),
            (AnyMessage::BoundingBox3DArray(a), AnyMessage::BoundingBox3DArray(b)) => rooms(a, b),
            (AnyMessage::Float32MultiArray(a), AnyMessage::Float32MultiArray(b)) => {
                let [a, b] = [&a.data, &b.data].map(|data| data.iter().copied());
                numbers(a, b)
            }
            (AnyMessage::Odometry(a), AnyMessage::Odometry(b)) => self.poses(a, b),
            _ => return None,
        })
    }

    /// Motion since the first pair, so that a recording that began later than its
    /// odometry is compared, too.
    fn poses(&mut self, recorded: &Odometry, computed: &Odometry) -> Difference {
        let poses = [pose(recorded), pose(computed)];
        let origins = *self.origins.get_or_insert(poses);
        let [a, b] = [0, 1].map(|which: usize| origins[which].inverse() * poses[which]);
        let apart = (a.translation.vector - b.translation.vector).norm();
        Difference {
            largest: apart,
            mean: apart,
            decision: None,
        }
    }
}

fn pose(odometry: &Odometry) -> Isometry3<f64> {
    let [x, y, z] = odometry.pose.position;
    let [i, j, k, w] = odometry.pose.orientation;
    let rotation = UnitQuaternion::from_quaternion(Quaternion::new(w, i, j, k));
    Isometry3::from_parts(Translation3::new(x, y, z), rotation)
}

fn images(task: &Task, recorded: &Image<'_>, computed: &Image<'_>) -> Difference {
    let size = |image: &Image<'_>| (image.width, image.height);
    if size(recorded) != size(computed) || recorded.encoding != computed.encoding {
        let [a, b] = [recorded, computed].map(|it| format!("{}x{}", it.width, it.height));
        return Difference {
            decision: Some(format!(
                "{a} {} became {b} {}",
                recorded.encoding, computed.encoding
            )),
            ..Difference::default()
        };
    }
    if task.output == OutputKind::ClassMap {
        let pairs = recorded.data.iter().zip(computed.data.iter());
        let differ = pairs.filter(|(a, b)| a != b).count();
        let share = differ as f64 / recorded.data.len().max(1) as f64;
        return Difference {
            largest: share,
            mean: share,
            decision: None,
        };
    }
    let floats = |image: &Image<'_>| {
        let chunks = image.data.chunks_exact(4).map(<[u8; 4]>::try_from);
        let floats: Vec<f32> = chunks.flatten().map(f32::from_le_bytes).collect();
        floats
    };
    numbers(floats(recorded).into_iter(), floats(computed).into_iter())
}

/// Numbers one by one; where one is known and the other not, that is told.
fn numbers(
    recorded: impl ExactSizeIterator<Item = f32>,
    computed: impl ExactSizeIterator<Item = f32>,
) -> Difference {
    let (a, b) = (recorded.len(), computed.len());
    if a != b {
        return Difference {
            decision: Some(format!("{a} numbers became {b}")),
            ..Difference::default()
        };
    }
    let (mut largest, mut sum, mut known, mut unlike) = (0.0_f64, 0.0, 0_u64, 0_u64);
    for (a, b) in recorded.zip(computed) {
        match (a.is_finite(), b.is_finite()) {
            (true, true) => {
                let apart = f64::from((a - b).abs());
                largest = largest.max(apart);
                sum += apart;
                known += 1;
            }
            (false, false) => {}
            _ => unlike += 1,
        }
    }
    Difference {
        largest,
        mean: sum / known.max(1) as f64,
        decision: (unlike > 0).then(|| format!("{unlike} values known in one of the two alone")),
    }
}

fn classes(recorded: &Classification, computed: &Classification) -> Difference {
    let best = |message: &Classification| {
        let best = message.results.first();
        best.map_or(("nothing".to_owned(), 0.0), |it| {
            (it.class_id.clone(), it.score)
        })
    };
    let ((a, a_score), (b, b_score)) = (best(recorded), best(computed));
    let apart = (a_score - b_score).abs();
    Difference {
        largest: apart,
        mean: apart,
        decision: (a != b).then(|| format!("{a} ({a_score:.2}) became {b} ({b_score:.2})")),
    }
}

fn boxes(recorded: &Detection2DArray, computed: &Detection2DArray) -> Difference {
    let mut left: Vec<&Detection2D> = computed.detections.iter().collect();
    let (mut largest, mut sum, mut matched) = (0.0_f64, 0.0, 0_u64);
    let mut told = Vec::new();
    for one in &recorded.detections {
        let overlaps = left.iter().enumerate();
        let overlaps = overlaps.filter(|(_, other)| class_of(other) == class_of(one));
        let overlaps = overlaps.map(|(index, other)| (index, overlap(one, other)));
        let best = overlaps.max_by(|(_, a), (_, b)| a.total_cmp(b));
        match best.filter(|(_, overlap)| *overlap >= SAME_THING) {
            Some((index, _)) => {
                let apart = edges_apart(one, left.swap_remove(index));
                largest = largest.max(apart);
                sum += apart;
                matched += 1;
            }
            None => told.push(format!("only in the recording: {}", named(one))),
        }
    }
    told.extend(
        left.iter()
            .map(|one| format!("only replayed: {}", named(one))),
    );
    Difference {
        largest,
        mean: sum / matched.max(1) as f64,
        decision: (!told.is_empty()).then(|| told.join("; ")),
    }
}

fn class_of(detection: &Detection2D) -> &str {
    let best = detection.results.first();
    best.map_or("", |best| &best.class_id)
}

fn named(detection: &Detection2D) -> String {
    let score = detection.results.first().map_or(0.0, |best| best.score);
    let [u, v] = detection.center;
    format!("{} {score:.2} at ({u:.0}, {v:.0})", class_of(detection))
}

/// Left, top, right, bottom, px.
fn edges(detection: &Detection2D) -> [f64; 4] {
    let ([u, v], [w, h]) = (detection.center, detection.size);
    [u - w / 2.0, v - h / 2.0, u + w / 2.0, v + h / 2.0]
}

fn edges_apart(a: &Detection2D, b: &Detection2D) -> f64 {
    let pairs = edges(a).into_iter().zip(edges(b));
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Intersection over union.
fn overlap(a: &Detection2D, b: &Detection2D) -> f64 {
    let ([al, at, ar, ab], [bl, bt, br, bb]) = (edges(a), edges(b));
    let common = (ar.min(br) - al.max(bl)).max(0.0) * (ab.min(bb) - at.max(bt)).max(0.0);
    let union = (ar - al) * (ab - at) + (br - bl) * (bb - bt) - common;
    if union > 0.0 { common / union } else { 0.0 }
}

fn points(recorded: &PointCloud2<'_>, computed: &PointCloud2<'_>) -> Difference {
    let floats = |cloud: &PointCloud2<'_>| {
        let chunks = cloud.data.chunks_exact(4).map(<[u8; 4]>::try_from);
        let floats: Vec<f32> = chunks.flatten().map(f32::from_le_bytes).collect();
        floats
    };
    if recorded.width != computed.width {
        return Difference {
            decision: Some(format!(
                "{} points became {}",
                recorded.width, computed.width
            )),
            ..Difference::default()
        };
    }
    numbers(floats(recorded).into_iter(), floats(computed).into_iter())
}

fn rooms(recorded: &BoundingBox3DArray, computed: &BoundingBox3DArray) -> Difference {
    let count = |array: &BoundingBox3DArray| array.boxes.len();
    if count(recorded) != count(computed) {
        return Difference {
            decision: Some(format!(
                "{} rooms became {}",
                count(recorded),
                count(computed)
            )),
            ..Difference::default()
        };
    }
    let lengths = |array: &BoundingBox3DArray| {
        let each = array.boxes.iter();
        let each = each.flat_map(|room| room.size.into_iter().chain(room.center.position));
        each.map(|metres| metres as f32).collect::<Vec<_>>()
    };
    numbers(lengths(recorded).into_iter(), lengths(computed).into_iter())
}

#[cfg(test)]
mod tests {
    use concert_runtime::wire::common::Pose;
    use concert_runtime::wire::vision_msgs::ObjectHypothesis;

    use super::*;

    fn detection(class: &str, center: [f64; 2]) -> Detection2D {
        Detection2D {
            results: vec![ObjectHypothesis {
                class_id: class.to_owned(),
                score: 0.62,
            }],
            center,
            size: [40.0, 20.0],
            ..Detection2D::default()
        }
    }

    #[test]
    fn a_thing_that_only_one_of_two_policies_sees_is_named() {
        let array = |detections: &[Detection2D]| Detection2DArray {
            detections: detections.to_vec(),
            ..Detection2DArray::default()
        };
        let can = detection("can", [312.0, 200.0]);
        let cup = |u: f64| detection("cup", [u, 90.0]);
        let found = boxes(&array(&[can.clone(), cup(50.0)]), &array(&[cup(53.0)]));
        assert_eq!(found.largest, 3.0);
        let told = "only in the recording: can 0.62 at (312, 200)";
        assert_eq!(found.decision.as_deref(), Some(told));
        // Two of them that hardly overlap are two things.
        let found = boxes(&array(&[cup(50.0)]), &array(&[cup(90.0)])).decision;
        assert!(found.is_some_and(|told| told.contains("; only replayed: cup")));
    }

    #[test]
    fn poses_are_compared_as_motion_since_the_first() {
        let at = |x: f64, turned: f64| Odometry {
            header: Default::default(),
            child_frame_id: String::new(),
            pose: Pose {
                position: [x, 0.0, 0.0],
                orientation: [0.0, 0.0, (turned / 2.0).sin(), (turned / 2.0).cos()],
            },
            pose_covariance: [0.0; 36],
            linear: [0.0; 3],
            angular: [0.0; 3],
            twist_covariance: [0.0; 36],
        };
        let turn = std::f64::consts::FRAC_PI_2;
        let mut differ = Differ::default();
        assert_eq!(differ.poses(&at(5.0, 0.0), &at(0.0, 0.0)).largest, 0.0);
        let found = differ.poses(&at(6.0, turn), &at(1.25, turn));
        assert!((found.largest - 0.25).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn what_is_known_to_one_alone_is_told() {
        let found = numbers(
            [1.0, f32::NAN, 2.0].into_iter(),
            [1.5, f32::NAN, f32::NAN].into_iter(),
        );
        assert_eq!((found.largest, found.mean), (0.5, 0.5));
        let told = "1 values known in one of the two alone";
        assert_eq!(found.decision.as_deref(), Some(told));
    }
}
