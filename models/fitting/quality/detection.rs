//! Boxes: average precision of each class.

use super::measures::{Measures, mean};
use crate::dataset::{BOX_NUMBERS, Label, ObjectBox, area, longer_side};

/// Least intersection over union of a hit: the 50 of AP50.
const MIN_OVERLAP: f64 = 0.5;
/// Objects whose longer side is shorter than this are neither hit nor miss, px.
const DEFAULT_MIN_PIXELS: f64 = 12.0;

/// Average precision of detected boxes at an intersection over union of 0.5.
///
/// Detections of a class are taken by falling score over all frames; each hits
/// the free object of its class and frame that it overlaps most, if by half, and
/// is a false alarm where there is none. AP50 is the whole area below the curve
/// of precision over recall, precision made monotonous (*all-point* interpolation:
/// Everingham et al., The PASCAL Visual Object Classes Challenge: A Retrospective,
/// IJCV 2015, section 3.3; COCO samples the same curve at 101 points).
///
/// What is not to be measured is neither hit nor miss, as in COCO's `cocoeval`
/// (Lin et al., Microsoft COCO, ECCV 2014): objects marked so and those whose
/// longer side is below 12 px (or what was asked for), detections that hit nothing else but such
/// an object, and detections that hit nothing and are as small themselves. A crowd
/// takes any number of detections, of which it covers half.
#[derive(Debug, Clone)]
pub struct Detections {
    min_pixels: f64,
    classes: Vec<ClassDetections>,
}

/// Detections of one class, and objects to be found.
#[derive(Debug, Clone, Default)]
struct ClassDetections {
    objects: u64,
    /// Score, and whether it is a hit.
    found: Vec<(f32, bool)>,
}

/// The measure of one class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassPrecision {
    /// Its number.
    pub class: usize,
    /// Area below the curve of precision over recall; NaN without objects.
    pub ap50: f64,
    /// Share of the objects that any detection hits; NaN without objects.
    pub recall: f64,
    /// Objects that count.
    pub objects: u64,
    /// Detections that count.
    pub detections: usize,
}

impl Default for Detections {
    fn default() -> Self {
        Self::with_min_pixels(DEFAULT_MIN_PIXELS)
    }
}

impl Detections {
    /// An empty accumulator for objects of at least so many px in their longer side.
    #[must_use]
    pub fn with_min_pixels(min_pixels: f64) -> Self {
        Self {
            min_pixels,
            classes: Vec::new(),
        }
    }

    /// An empty accumulator of the same rule.
    pub(super) fn emptied(&self) -> Self {
        Self::with_min_pixels(self.min_pixels)
    }

    /// Adds a frame: its label, and rows `x0 y0 x1 y1 class score` in px of the
    /// same picture, those with a score of 0 left out.
    pub(super) fn add(&mut self, truth: &Label, predicted: &[f32]) {
        let objects: Vec<ObjectBox> = truth.objects().collect();
        let found = FoundBox::of_rows(predicted);
        let most = (objects.iter().map(|object| object.class))
            .chain(found.iter().map(|found| found.class))
            .filter(|class| *class < MAX_CLASSES)
            .max();
        let Some(most) = most else {
            return;
        };
        if self.classes.len() <= most {
            self.classes.resize_with(most + 1, Default::default);
        }
        for object in objects
            .iter()
            .filter(|object| counts(object, self.min_pixels))
        {
            if let Some(class) = self.classes.get_mut(object.class) {
                class.objects += 1;
            }
        }
        let matches = match_boxes(&objects, &found, self.min_pixels);
        for (found, matched) in found.iter().zip(matches) {
            let Some(of_class) = self.classes.get_mut(found.class) else {
                continue;
            };
            match matched {
                BoxMatch::Hit(_) => of_class.found.push((found.score, true)),
                BoxMatch::Alarm => of_class.found.push((found.score, false)),
                BoxMatch::Uncounted => {}
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        if self.classes.len() < other.classes.len() {
            self.classes
                .resize_with(other.classes.len(), Default::default);
        }
        for (all, one) in self.classes.iter_mut().zip(&other.classes) {
            all.objects += one.objects;
            all.found.extend(&one.found);
        }
    }

    /// The measure of every class that has objects or detections.
    #[must_use]
    pub fn classes(&self) -> Vec<ClassPrecision> {
        let all = self.classes.iter().enumerate();
        all.filter(|(_, class)| class.objects > 0 || !class.found.is_empty())
            .map(|(number, class)| class.precision(number))
            .collect()
    }

    pub(super) fn measures(&self) -> Measures {
        let classes = self.classes();
        let known = classes.iter().filter(|class| class.objects > 0);
        let sum = |value: fn(&ClassPrecision) -> f64| -> f64 { known.clone().map(value).sum() };
        let count = known.clone().count() as u64;
        Measures {
            values: vec![
                ("ap50", mean(sum(|class| class.ap50), count)),
                ("recall50", mean(sum(|class| class.recall), count)),
                ("objects", sum(|class| class.objects as f64)),
            ],
            median_scaled: Vec::new(),
        }
    }
}

/// Most classes; boxes of greater numbers are left out.
const MAX_CLASSES: usize = 4096;

/// A box that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoundBox {
    /// Left, top, right and bottom, px of the same picture and in the same frame as those
    /// of the objects that it is held against.
    pub corners: [f32; 4],
    /// Number of its class.
    pub class: usize,
    /// 0..=1.
    pub score: f32,
}

impl FoundBox {
    /// The boxes of rows `x0 y0 x1 y1 class score`, by falling score; those with a score
    /// of 0 are none.
    #[must_use]
    pub fn of_rows(rows: &[f32]) -> Vec<Self> {
        let rows = rows.chunks_exact(BOX_NUMBERS);
        let rows = rows.filter(|row| row[5] > 0.0 && row[4] >= 0.0);
        let mut found: Vec<Self> = rows
            .map(|row| Self {
                corners: [row[0], row[1], row[2], row[3]],
                class: row[4] as usize,
                score: row[5],
            })
            .collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found
    }
}

/// What a box that was found is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoxMatch {
    /// That of the object with this number.
    Hit(usize),
    /// That of no object: a false alarm.
    Alarm,
    /// Neither hit nor alarm: that of an object that does not count, or too small itself.
    Uncounted,
}

/// Tells whether an object is to be found: it is not marked, and its longer side has at
/// least `min_pixels`.
#[must_use]
pub fn counts(object: &ObjectBox, min_pixels: f64) -> bool {
    !object.ignored && object.longer_side() >= min_pixels
}

/// What each of `found` is, which stand by falling score: each takes the free object of its
/// class that it overlaps most, if by half of their union (of a crowd, by half of itself);
/// one that counts before one that does not. The rule of [`Detections`], and of whatever
/// is drawn or fitted by it.
#[must_use]
pub fn match_boxes(objects: &[ObjectBox], found: &[FoundBox], min_pixels: f64) -> Vec<BoxMatch> {
    let is_counted: Vec<bool> = (objects.iter())
        .map(|object| counts(object, min_pixels))
        .collect();
    let mut taken = vec![false; objects.len()];
    let each = found.iter().map(|found| {
        let overlap = |at: usize| match objects[at].crowd {
            true => covered(found.corners, objects[at].corners),
            false => intersection_over_union(found.corners, objects[at].corners),
        };
        let hit = |counted: bool, taken: &[bool]| {
            (0..objects.len())
                .filter(|at| is_counted[*at] == counted && objects[*at].class == found.class)
                .filter(|at| !taken[*at] || objects[*at].crowd)
                .map(|at| (at, overlap(at)))
                .filter(|(_, overlap)| *overlap >= MIN_OVERLAP)
                .max_by(|a, b| a.1.total_cmp(&b.1))
                .map(|(at, _)| at)
        };
        let best = hit(true, &taken).or_else(|| hit(false, &taken));
        match best {
            Some(at) => {
                taken[at] = true;
                match is_counted[at] {
                    true => BoxMatch::Hit(at),
                    false => BoxMatch::Uncounted,
                }
            }
            None if longer_side(found.corners) < min_pixels => BoxMatch::Uncounted,
            None => BoxMatch::Alarm,
        }
    });
    each.collect()
}

impl ClassDetections {
    fn precision(&self, class: usize) -> ClassPrecision {
        let mut found = self.found.clone();
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        // Precision and hits after every detection; equal scores are one threshold.
        let mut curve: Vec<(f64, u64)> = Vec::with_capacity(found.len());
        let mut hits = 0;
        for (at, (score, hit)) in found.iter().enumerate() {
            hits += u64::from(*hit);
            if found.get(at + 1).is_none_or(|next| next.0 < *score) {
                curve.push((hits as f64 / (at + 1) as f64, hits));
            }
        }
        let (mut area, mut best) = (0.0, 0.0);
        for at in (0..curve.len()).rev() {
            best = f64::max(best, curve[at].0);
            let before = at.checked_sub(1).map_or(0, |before| curve[before].1);
            area += best * (curve[at].1 - before) as f64;
        }
        ClassPrecision {
            class,
            ap50: mean(area, self.objects),
            recall: mean(hits as f64, self.objects),
            objects: self.objects,
            detections: found.len(),
        }
    }
}

fn intersection(a: [f32; 4], b: [f32; 4]) -> f64 {
    area([
        a[0].max(b[0]),
        a[1].max(b[1]),
        a[2].min(b[2]),
        a[3].min(b[3]),
    ])
}

/// Share of the union of two boxes that both cover, 0..=1; 0 where both are empty.
#[must_use]
pub fn intersection_over_union(a: [f32; 4], b: [f32; 4]) -> f64 {
    let both = intersection(a, b);
    let union = area(a) + area(b) - both;
    if union > 0.0 { both / union } else { 0.0 }
}

/// Share of a box that another covers.
fn covered(of: [f32; 4], by: [f32; 4]) -> f64 {
    let whole = area(of);
    if whole > 0.0 {
        intersection(of, by) / whole
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(corners: [f32; 4], class: usize) -> ObjectBox {
        ObjectBox::new(corners, class)
    }

    fn label(objects: &[ObjectBox]) -> Label {
        Label::of_objects((320, 240), objects)
    }

    fn row(corners: [f32; 4], class: usize, score: f32) -> Vec<f32> {
        let mut row = corners.to_vec();
        row.extend([class as f32, score]);
        row
    }

    /// A square of 20 px whose corner is at (x, 0).
    fn square(x: f32) -> [f32; 4] {
        [x, 0.0, x + 20.0, 20.0]
    }

    fn ap(detections: &Detections, class: usize) -> f64 {
        let classes = detections.classes();
        let found = classes.iter().find(|one| one.class == class);
        found.expect("the class occurs").ap50
    }

    #[test]
    fn the_area_below_the_curve_is_that_of_a_hand_computed_case() {
        // Three objects; by falling score: hit, alarm, hit, alarm. Precision after each: 1,
        // 1/2, 2/3, 1/2; recall 1/3, 1/3, 2/3, 2/3. Made monotonous: 1 up to 1/3, then 2/3
        // up to 2/3, then 0: the area is 1/3 + 2/9.
        let mut detections = Detections::default();
        let truth = label(&[
            object(square(0.0), 2),
            object(square(100.0), 2),
            object(square(200.0), 2),
        ]);
        let found = [
            row(square(0.0), 2, 0.9),
            row(square(50.0), 2, 0.8),
            row(square(100.0), 2, 0.7),
            row(square(150.0), 2, 0.6),
        ];
        detections.add(&truth, &found.concat());
        let expected = 1.0 / 3.0 + 2.0 / 9.0;
        assert!((ap(&detections, 2) - expected).abs() < 1e-12);
        let measures = detections.measures();
        assert!((measures.get("recall50").unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(measures.get("objects"), Some(3.0));
    }

    #[test]
    fn scores_are_compared_across_frames_and_the_mean_is_over_classes_with_objects() {
        let mut detections = Detections::default();
        // Frame 1: an alarm with the highest score; frame 2: a hit. Precision 1/2 at recall 1.
        detections.add(&label(&[]), &row(square(0.0), 0, 0.9));
        detections.add(&label(&[object(square(0.0), 0)]), &row(square(0.0), 0, 0.5));
        assert!((ap(&detections, 0) - 0.5).abs() < 1e-12);
        // A class that is found and never there has no AP; one that is there and never found has 0.
        detections.add(&label(&[object(square(0.0), 1)]), &row(square(0.0), 3, 0.9));
        assert_eq!(ap(&detections, 1), 0.0);
        assert!(ap(&detections, 3).is_nan());
        assert!((detections.measures().get("ap50").unwrap() - 0.25).abs() < 1e-12);
    }

    #[test]
    fn an_object_is_hit_once_and_only_by_half_of_the_union() {
        let mut detections = Detections::default();
        let truth = label(&[object([0.0, 0.0, 30.0, 30.0], 0)]);
        // Moved by a third of its side: IoU (20 * 30) / (2 * 900 - 600) = 1/2 exactly.
        let found = [
            row([10.0, 0.0, 40.0, 30.0], 0, 0.9),
            row([0.0, 0.0, 30.0, 30.0], 0, 0.8),
        ];
        detections.add(&truth, &found.concat());
        // The second finds its object taken: an alarm below the only hit.
        assert_eq!(ap(&detections, 0), 1.0);
        assert_eq!(detections.classes()[0].detections, 2);
        let mut missed = Detections::default();
        missed.add(&truth, &row([10.1, 0.0, 40.1, 30.0], 0, 0.9));
        assert_eq!(ap(&missed, 0), 0.0);
    }

    #[test]
    fn what_is_small_or_marked_is_neither_hit_nor_miss_and_a_crowd_takes_many() {
        let mut detections = Detections::default();
        let hidden = ObjectBox {
            ignored: true,
            ..object(square(50.0), 0)
        };
        let crowd = ObjectBox {
            ignored: true,
            crowd: true,
            ..object([100.0, 0.0, 200.0, 100.0], 0)
        };
        let small = object([0.0, 50.0, 11.0, 60.0], 0);
        let truth = label(&[object(square(0.0), 0), hidden, crowd, small]);
        let found = [
            row(square(50.0), 0, 0.99),
            row([110.0, 10.0, 130.0, 30.0], 0, 0.98),
            row([150.0, 10.0, 170.0, 30.0], 0, 0.97),
            row([0.0, 50.0, 11.0, 60.0], 0, 0.96),
            // Smaller than what is measured, and at nothing.
            row([250.0, 50.0, 258.0, 58.0], 0, 0.95),
            row(square(0.0), 0, 0.5),
        ];
        detections.add(&truth, &found.concat());
        let classes = detections.classes();
        assert_eq!((classes[0].objects, classes[0].detections), (1, 1));
        assert_eq!(classes[0].ap50, 1.0);
        // Measured from 10 px on, the small one counts.
        let mut all = Detections::with_min_pixels(10.0);
        all.add(&truth, &found.concat());
        assert_eq!(all.classes()[0].objects, 2);
    }

    #[test]
    fn rows_without_a_score_are_none_and_detections_of_one_score_are_one_threshold() {
        let mut detections = Detections::default();
        let truth = label(&[object(square(0.0), 0)]);
        let found = [
            row(square(0.0), 0, 0.0),
            row(square(100.0), 0, 0.5),
            row(square(0.0), 0, 0.5),
        ];
        detections.add(&truth, &found.concat());
        // Whichever comes first: at that threshold one of two is right.
        assert_eq!(ap(&detections, 0), 0.5);
        assert_eq!(detections.classes()[0].detections, 2);
    }
}
