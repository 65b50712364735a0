//! What comes in goes to where it belongs.

use concert_runtime::Timestamp;

use super::super::errand::{is_small, tells_a_room};
use super::super::grid::{Scan, scale};
use super::super::landmarks::boxes_of;
use super::super::localiser::seconds;
use super::super::senses::{Boxes, DepthMap, Sense};
use super::Behaviour;

/// Depth waits so long for the classes of its frame, s.
const WAITS_S: f64 = 0.8;
/// Part of a scale's change that one frame brings.
const SCALE_GAIN: f64 = 0.3;
/// Depth of so many frames is kept for what else is made of them.
const MAX_DEPTHS: usize = 5;

impl Behaviour {
    pub(super) fn note(&mut self, now: Timestamp, sense: Sense) {
        match sense {
            Sense::Wheels(stamp, odom_from_base) => {
                self.localiser.note_wheels(stamp, odom_from_base);
                if let Some(base) = self.localiser.place() {
                    self.grid.note_passed(base, 0.18);
                }
            }
            Sense::Bumper(touches) => self.is_touching = touches,
            Sense::Holding(holds) => self.is_holding = holds,
            Sense::Visual(visual) => self.localiser.note_visual(visual, self.settings.mount),
            Sense::Normals(normals) => self.localiser.note_walls(&normals, self.settings.mount),
            Sense::Depth(depth) => self.note_depth(now, depth),
            Sense::Classes(classes) => {
                self.classes = Some(classes);
                self.map_pair();
                self.note_pieces();
            }
            Sense::Boxes(boxes) => {
                self.has_detector = true;
                self.note_boxes(&boxes);
            }
        }
    }

    fn note_depth(&mut self, now: Timestamp, depth: DepthMap) {
        let age = seconds(depth.stamp, now);
        // A stamp of the future is none.
        if age >= -0.05 {
            self.sighted = Some(depth.stamp);
            self.counts.sights += 1;
            self.counts.age_sum_s += age;
        }
        self.map_old_depth(now);
        if let Some(base) = self.localiser.place_at(depth.stamp) {
            let mount = self.settings.mount;
            self.close.note(base, mount, &depth, self.scale);
        }
        if self.depths.len() == MAX_DEPTHS {
            self.depths.pop_front();
        }
        self.depths.push_back(depth);
        self.map_pair();
    }

    /// Depth whose classes never came is mapped by itself.
    fn map_old_depth(&mut self, now: Timestamp) {
        let Some(depth) = self.depths.back() else {
            return;
        };
        let classes = self.classes.as_ref();
        let lacks_classes = classes.is_none_or(|map| seconds(map.stamp, now) > WAITS_S);
        if !lacks_classes || self.mapped == Some(depth.stamp) {
            return;
        }
        self.mapped = Some(depth.stamp);
        let (stamp, scan) = (depth.stamp, Scan::of(self.settings.mount, depth, None));
        self.map_scan(stamp, &scan);
    }

    /// Depth and classes of one frame are mapped together, the depth put to scale
    /// by the floor.
    fn map_pair(&mut self) {
        let Some(classes) = &self.classes else { return };
        let mut depths = self.depths.iter_mut();
        let Some(depth) = depths.find(|depth| depth.stamp == classes.stamp) else {
            return;
        };
        if self.mapped == Some(depth.stamp) {
            return;
        }
        self.mapped = Some(depth.stamp);
        let mount = self.settings.mount;
        let pair = (!self.meanings.floor.is_empty()).then_some((classes, &self.meanings));
        let scale = pair.and_then(|pair| scale(mount, depth, pair));
        if let Some(scale) = scale {
            self.scale += SCALE_GAIN * (scale - self.scale);
        }
        // Where no floor is seen, as it was where some was.
        let scale = scale.unwrap_or(self.scale) as f32;
        for metres in &mut depth.metres {
            *metres *= scale;
        }
        let (stamp, scan) = (depth.stamp, Scan::of(mount, depth, pair));
        self.map_scan(stamp, &scan);
    }

    /// Puts a frame into the map, and what of it stands close into memory.
    fn map_scan(&mut self, stamp: Timestamp, scan: &Scan) {
        let Some(base) = self.localiser.place_at(stamp) else {
            return;
        };
        self.grid.note_scan(base, scan);
        self.close.note_scan(base, stamp, scan);
    }

    /// Pieces of the class map are things: the small ones where there is no
    /// detector, the large ones in any case.
    fn note_pieces(&mut self) {
        let Some(classes) = &self.classes else { return };
        let wanted = self.errand.classes();
        let has_detector = self.has_detector;
        let is_wanted = |name: &str| {
            let is_wanted = tells_a_room(name) || wanted.iter().any(|one| one == name);
            match is_small(name) {
                true => !has_detector,
                false => is_wanted,
            }
        };
        let boxes = boxes_of(classes, &self.settings.names, is_wanted, is_small);
        self.note_boxes(&boxes);
    }

    fn note_boxes(&mut self, boxes: &Boxes) {
        let mut depths = self.depths.iter();
        let Some(depth) = depths.find(|depth| depth.stamp == boxes.stamp) else {
            return;
        };
        let Some(base) = self.localiser.place_at(boxes.stamp) else {
            return;
        };
        let mount = self.settings.mount;
        self.landmarks.note(base, mount, boxes, depth, is_small);
    }
}
