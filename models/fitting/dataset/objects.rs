//! Boxes around objects: from images of instances, or as a data set lists them.

use std::path::Path;

use super::error::DataSetError;
use super::example::Example;
use super::label::{Label, LabelKind};
use super::label_file::check_size;
use super::sequence::read_picture;
use concert_models::image_file;

/// Numbers of a row of a label of boxes: x0, y0, x1, y1 (px), class, and 0, or 1 where it
/// is not to be measured, or 2 where it is a crowd.
pub const BOX_NUMBERS: usize = 6;
/// Something is nearer than an object by more than this, m, and by [`NEARER_SHARE`] of its
/// depth: as for occlusion edges.
const NEARER_METRES: f32 = 0.04;
const NEARER_SHARE: f32 = 0.02;
/// Share of an object's outline that something nearer may cover before the object counts
/// as mostly hidden: its box is then not its own.
const MOST_COVERED: f64 = 0.5;

/// The box around an object that a picture shows, or around a part of one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ObjectBox {
    /// Left, top, right and bottom, px of the picture counted from its top left corner: the
    /// first pixel reaches from 0 to 1. (Outputs count from the middle of the first pixel.)
    pub corners: [f32; 4],
    /// Number of its class.
    pub class: usize,
    /// True where a detector is neither to find it nor to leave it: it is mostly hidden.
    pub ignored: bool,
    /// True for a group of objects within one box; such are ignored too.
    pub crowd: bool,
}

impl ObjectBox {
    /// A box that is to be found.
    #[must_use]
    pub fn new(corners: [f32; 4], class: usize) -> Self {
        Self {
            corners,
            class,
            ignored: false,
            crowd: false,
        }
    }

    /// Its longer side, px.
    #[must_use]
    pub fn longer_side(&self) -> f64 {
        longer_side(self.corners)
    }
}

/// The longer side of a box of these corners (left, top, right, bottom).
#[must_use]
pub fn longer_side([x0, y0, x1, y1]: [f32; 4]) -> f64 {
    f64::from((x1 - x0).max(y1 - y0))
}

/// The area of a box of these corners (left, top, right, bottom); 0 where it has none.
#[must_use]
pub fn area([x0, y0, x1, y1]: [f32; 4]) -> f64 {
    f64::from((x1 - x0).max(0.0)) * f64::from((y1 - y0).max(0.0))
}

impl Label {
    /// A label of boxes in a picture of this width and height.
    #[must_use]
    pub fn of_objects((width, height): (usize, usize), objects: &[ObjectBox]) -> Self {
        let row = |object: &ObjectBox| {
            let [x0, y0, x1, y1] = object.corners;
            let mark = f32::from(u8::from(object.ignored || object.crowd) + u8::from(object.crowd));
            [x0, y0, x1, y1, object.class as f32, mark]
        };
        Self {
            channels: 1,
            width,
            height,
            values: objects.iter().flat_map(row).collect(),
            kind: LabelKind::Boxes,
        }
    }

    /// The boxes of a label of that kind; none of another.
    pub fn objects(&self) -> impl Iterator<Item = ObjectBox> {
        let values: &[f32] = match self.kind {
            LabelKind::Boxes => &self.values,
            _ => &[],
        };
        values.chunks_exact(BOX_NUMBERS).map(|row| ObjectBox {
            corners: [row[0], row[1], row[2], row[3]],
            class: row[4] as usize,
            ignored: row[5] >= 1.0,
            crowd: row[5] >= 2.0,
        })
    }

    /// The boxes changed, or left out where `change` gives none; another kind of label as it is.
    #[must_use]
    pub fn map_objects(self, change: impl FnMut(ObjectBox) -> Option<ObjectBox>) -> Self {
        if self.kind != LabelKind::Boxes {
            return self;
        }
        let kept: Vec<ObjectBox> = self.objects().filter_map(change).collect();
        Self::of_objects((self.width, self.height), &kept)
    }
}

/// The bounds of every instance of a picture, with its own class, or that which most of
/// its pixels have.
pub(super) fn of_instances(
    instance: &Path,
    semantic: &Path,
    example: &Example,
) -> Result<Label, DataSetError> {
    let (width, height) = (example.image.width(), example.image.height());
    let numbers = read_picture(instance, image_file::decode_numbers_png)?;
    let classes = read_picture(semantic, image_file::decode_grey8_png)?;
    check_size(instance, (numbers.width, numbers.height), example)?;
    check_size(semantic, (classes.width(), classes.height()), example)?;
    let picture = Instances {
        numbers: &numbers.numbers,
        classes: classes.bytes(),
        depth: example.depth.as_ref().map(|depth| depth.metres.as_slice()),
        width,
        height,
        named: &example.named,
    };
    Ok(Label::of_objects((width, height), &picture.objects()))
}

/// Instances and classes of all pixels; 0 is nothing.
struct Instances<'a> {
    numbers: &'a [u16],
    classes: &'a [u8],
    depth: Option<&'a [f32]>,
    width: usize,
    height: usize,
    /// Instances with a class of their own.
    named: &'a [(u16, usize)],
}

/// What is known of one instance so far.
#[derive(Clone)]
struct Seen {
    /// First column and row, and those behind the last.
    bounds: [usize; 4],
    /// Pixels per class.
    classes: Vec<(u8, u32)>,
    outline: u32,
    covered: u32,
}

impl Instances<'_> {
    fn objects(&self) -> Vec<ObjectBox> {
        let mut seen: std::collections::BTreeMap<u16, Seen> = std::collections::BTreeMap::new();
        for (at, number) in self.numbers.iter().enumerate().filter(|(_, n)| **n > 0) {
            let (u, v) = (at % self.width, at / self.width);
            let one = seen.entry(*number).or_insert_with(|| Seen {
                bounds: [u, v, u + 1, v + 1],
                classes: Vec::new(),
                outline: 0,
                covered: 0,
            });
            let [left, top, right, bottom] = one.bounds;
            one.bounds = [left.min(u), top, right.max(u + 1), bottom.max(v + 1)];
            match one
                .classes
                .iter_mut()
                .find(|(class, _)| *class == self.classes[at])
            {
                Some((_, count)) => *count += 1,
                None => one.classes.push((self.classes[at], 1)),
            }
            self.outline(at, one);
        }
        let object = |(number, one): (u16, Seen)| {
            let object = one.object()?;
            let own = self.named.iter().find(|(named, _)| *named == number);
            let class = own.map_or(object.class, |(_, class)| *class);
            Some(ObjectBox { class, ..object })
        };
        seen.into_iter().filter_map(object).collect()
    }

    /// Counts the sides of a pixel at which its instance ends, and those at which something
    /// nearer begins. What lies beyond the picture is no neighbour.
    fn outline(&self, at: usize, one: &mut Seen) {
        let (u, v) = (at % self.width, at / self.width);
        let neighbours = [
            (u > 0).then(|| at - 1),
            (u + 1 < self.width).then(|| at + 1),
            (v > 0).then(|| at - self.width),
            (v + 1 < self.height).then(|| at + self.width),
        ];
        for other in neighbours.into_iter().flatten() {
            if self.numbers[other] == self.numbers[at] {
                continue;
            }
            one.outline += 1;
            let nearer =
                |depth: &[f32]| depth[other] < depth[at] * (1.0 - NEARER_SHARE) - NEARER_METRES;
            one.covered += u32::from(self.depth.is_some_and(nearer));
        }
    }
}

impl Seen {
    fn object(self) -> Option<ObjectBox> {
        let (class, _) = self
            .classes
            .into_iter()
            .max_by_key(|(class, count)| (*count, *class))?;
        let covered = f64::from(self.covered) > MOST_COVERED * f64::from(self.outline);
        (class > 0 && class < u8::MAX).then(|| ObjectBox {
            corners: self.bounds.map(|side| side as f32),
            class: usize::from(class),
            ignored: covered,
            crowd: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_the_bounds_of_instances_and_what_is_mostly_covered_is_marked() {
        // Instance 1 (class 7) 2x2 in front; instance 2 (class 9) around it, further away
        // and with one stray pixel; instance 3 has no class.
        #[rustfmt::skip]
        let numbers = [
            2, 2, 2, 0, 0,
            2, 1, 1, 0, 3,
            0, 1, 1, 0, 3,
            0, 0, 0, 0, 2,
        ];
        let classes = numbers.map(|number| [0, 7, 9, 0][usize::from(number)]);
        let depth = numbers.map(|number| [5.0, 1.0, 2.0, 5.0][usize::from(number)]);
        let picture = Instances {
            numbers: &numbers,
            classes: &classes,
            depth: Some(&depth),
            width: 5,
            height: 4,
            named: &[],
        };
        let objects = picture.objects();
        assert_eq!(objects.len(), 2);
        assert_eq!(objects[0].corners, [1.0, 1.0, 3.0, 3.0]);
        assert_eq!((objects[0].class, objects[0].ignored), (7, false));
        assert_eq!(objects[1].corners, [0.0, 0.0, 5.0, 4.0]);
        // Outline of instance 2: below (1, 0), right of (0, 1) and below (2, 0) lies instance 1;
        // other sides lie open.
        assert_eq!((objects[1].class, objects[1].ignored), (9, false));
    }

    #[test]
    fn a_thing_behind_another_is_ignored_where_most_of_its_outline_is_the_others() {
        // A strip of instance 2 between two nearer ones; it ends at the picture's border.
        let numbers = [1, 2, 3, 1, 2, 3, 1, 2, 3];
        let classes = numbers.map(|number| [0, 4, 5, 4][usize::from(number)]);
        let depth = numbers.map(|number| [0.0, 1.0, 2.0, 1.0][usize::from(number)]);
        let picture = Instances {
            numbers: &numbers,
            classes: &classes,
            depth: Some(&depth),
            width: 3,
            height: 3,
            named: &[(2, 40)],
        };
        let ignored: Vec<_> = picture.objects().iter().map(|one| one.ignored).collect();
        assert_eq!(ignored, [false, true, false]);
        let classes: Vec<_> = picture.objects().iter().map(|one| one.class).collect();
        assert_eq!(classes, [4, 40, 4], "the second has a class of its own");
        let without_depth = Instances {
            depth: None,
            ..picture
        };
        assert!(without_depth.objects().iter().all(|one| !one.ignored));
    }

    #[test]
    fn a_label_of_boxes_gives_back_what_it_was_made_of() {
        let objects = [
            ObjectBox::new([1.0, 2.0, 3.5, 4.0], 3),
            ObjectBox {
                corners: [0.0, 0.0, 9.0, 9.0],
                class: 0,
                ignored: true,
                crowd: false,
            },
            ObjectBox {
                corners: [5.0, 0.0, 9.0, 9.0],
                class: 1,
                ignored: true,
                crowd: true,
            },
        ];
        let label = Label::of_objects((10, 10), &objects);
        assert_eq!(label.objects().collect::<Vec<_>>(), objects);
        let moved = label.map_objects(|object| (object.class != 0).then_some(object));
        assert_eq!(moved.objects().count(), 2);
    }
}
