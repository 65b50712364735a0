//! Photographs with boxes in COCO's format of instances.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::Deserialize;

use super::error::DataSetError;
use super::files::{MAX_ENTRIES, below_as, read_bounded};
use super::objects::ObjectBox;
use super::open::DataSet;
use super::sequence::{FrameFiles, FramePose, Sequence};

/// Longest file of labels, bytes: twice that of COCO's validation set with all outlines.
const MAX_BYTES: u64 = 64 << 20;
/// Most categories.
const MAX_CATEGORIES: usize = 4096;
/// Most boxes.
const MAX_BOXES: usize = 4_000_000;
/// A box may reach beyond its picture by this, px: COCO's own are rounded.
const BEYOND: f64 = 2.0;
/// Longest name of a category, bytes.
const MAX_NAME_BYTES: usize = 256;

/// What is read of a file of instances; all else in it, outlines above all, is passed over.
#[derive(Deserialize)]
struct File {
    images: Vec<Picture>,
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Picture {
    id: u64,
    file_name: String,
    width: u32,
    height: u32,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: u64,
    category_id: u64,
    /// Left, top, width, height, px.
    bbox: [f64; 4],
    #[serde(default)]
    iscrowd: u8,
}

#[derive(Deserialize)]
struct Category {
    id: u64,
    name: String,
}

impl DataSet {
    /// Opens photographs whose boxes stand in a file of COCO's format of instances (Lin et
    /// al., Microsoft COCO, ECCV 2014): `images` with `id`, `file_name` (below `folder`),
    /// `width` and `height`; `annotations` with `image_id`, `category_id`, `bbox` (left,
    /// top, width, height, px) and `iscrowd`; `categories` with `id` and `name`. Crowds are
    /// marked as such. The order is the file's; pictures are opened one at a time.
    ///
    /// # Errors
    /// A file of more than 64 MiB, one that is not of this format (with line and column),
    /// and the first entry that breaks a rule, with its number: two of one id, ids that no
    /// entry has, names that lead out of the folder or that no file has, boxes that are
    /// not finite, of negative size or beyond their picture. A picture of another size than
    /// is listed is refused when it is [read](Sequence::read).
    pub fn open_coco(path: &Path, folder: &Path) -> Result<Self, DataSetError> {
        let bytes = read_bounded(path, MAX_BYTES)?;
        let file: File = serde_json::from_slice(&bytes)
            .map_err(|error| DataSetError::malformed_file(path, error))?;
        drop(bytes);
        let labels = Labels { path, file };
        labels.check_counts()?;
        let (numbers, names) = labels.categories()?;
        let mut sequence = labels.pictures(folder)?;
        labels.boxes(&numbers, &mut sequence)?;
        sequence.lists.push(path.to_owned());
        sequence.find_intrinsics(&[folder])?;
        Ok(DataSet::of_photographs(folder, sequence, names))
    }
}

/// A file of labels that was read, not yet checked.
struct Labels<'a> {
    path: &'a Path,
    file: File,
}

impl Labels<'_> {
    /// The fault of an entry of a list.
    fn fault(&self, list: &str, at: usize, reason: impl std::fmt::Display) -> DataSetError {
        DataSetError::malformed_file(self.path, format!("{list}[{at}]: {reason}"))
    }

    fn check_counts(&self) -> Result<(), DataSetError> {
        let file = &self.file;
        let counts = [
            ("images", file.images.len(), MAX_ENTRIES),
            ("annotations", file.annotations.len(), MAX_BOXES),
            ("categories", file.categories.len(), MAX_CATEGORIES),
        ];
        for (what, count, limit) in counts {
            if count > limit {
                let path = self.path.to_owned();
                return Err(DataSetError::TooMany { path, what, limit });
            }
        }
        match file.images.is_empty() || file.categories.is_empty() {
            true => Err(DataSetError::malformed_file(
                self.path,
                format!(
                    "lists {} images and {} categories, but must list at least one of each",
                    file.images.len(),
                    file.categories.len()
                ),
            )),
            false => Ok(()),
        }
    }

    /// The number of each category's id, and the names by number.
    fn categories(&self) -> Result<(HashMap<u64, usize>, Vec<String>), DataSetError> {
        let mut numbers = HashMap::new();
        let mut names: Vec<String> = Vec::new();
        for (at, Category { id, name }) in self.file.categories.iter().enumerate() {
            let length = name.len();
            if name.trim().is_empty() || length > MAX_NAME_BYTES {
                let rule = format!(
                    "name has {length} bytes, but must have 1 to {MAX_NAME_BYTES} and a letter"
                );
                return Err(self.fault("categories", at, rule));
            }
            if let Some(first) = numbers.insert(*id, at) {
                let rule = format!("id {id} is categories[{first}]'s, but ids must differ");
                return Err(self.fault("categories", at, rule));
            }
            names.push(name.clone());
        }
        Ok((numbers, names))
    }

    fn pictures(&self, folder: &Path) -> Result<Sequence, DataSetError> {
        let mut sequence = Sequence::new("photographs", folder);
        let (mut ids, mut files) = (HashSet::new(), HashSet::new());
        for (at, picture) in self.file.images.iter().enumerate() {
            let (id, name) = (picture.id, picture.file_name.as_str());
            if !ids.insert(id) {
                let rule = format!("id {id} is an earlier image's, but ids must differ");
                return Err(self.fault("images", at, rule));
            }
            if !files.insert(name) {
                let rule = format!("file_name {name:?} is an earlier image's too");
                return Err(self.fault("images", at, rule));
            }
            if picture.width == 0 || picture.height == 0 {
                let rule = format!(
                    "size {}x{} px, but both sides must be at least 1",
                    picture.width, picture.height
                );
                return Err(self.fault("images", at, rule));
            }
            let Some(file) = below_as(folder, name) else {
                let rule = format!("file_name {name:?} must lie below the folder of pictures");
                return Err(self.fault("images", at, rule));
            };
            if !file.is_file() {
                let rule = format!(
                    "file_name {name:?}: there is no such file in {}",
                    folder.display()
                );
                return Err(self.fault("images", at, rule));
            }
            sequence.entries.push(FrameFiles {
                name: name.into(),
                image: name.into(),
                size: Some((picture.width as usize, picture.height as usize)),
                depth: None,
                pose: FramePose::Unknown,
                stamp_seconds: None,
                class: None,
                objects: None,
                labels: 0,
            });
        }
        Ok(sequence)
    }

    /// Gives every frame its boxes, of none where it has none.
    fn boxes(
        &self,
        numbers: &HashMap<u64, usize>,
        sequence: &mut Sequence,
    ) -> Result<(), DataSetError> {
        let place = self.file.images.iter().enumerate();
        let place: HashMap<u64, usize> = place.map(|(at, picture)| (picture.id, at)).collect();
        let mut all: Vec<Vec<ObjectBox>> = vec![Vec::new(); self.file.images.len()];
        for (at, annotation) in self.file.annotations.iter().enumerate() {
            let fault = |rule: String| self.fault("annotations", at, rule);
            let (image, category) = (annotation.image_id, annotation.category_id);
            let Some(&frame) = place.get(&image) else {
                return Err(fault(format!("image_id {image} is no image's id")));
            };
            let Some(&class) = numbers.get(&category) else {
                return Err(fault(format!("category_id {category} is no category's id")));
            };
            if annotation.iscrowd > 1 {
                let found = annotation.iscrowd;
                return Err(fault(format!("iscrowd is {found}, but must be 0 or 1")));
            }
            let picture = &self.file.images[frame];
            let corners = corners(annotation.bbox, picture).map_err(fault)?;
            let crowd = annotation.iscrowd == 1;
            let [x0, y0, x1, y1] = corners;
            all[frame].push(ObjectBox {
                corners,
                class,
                // A box without an inside can be hit by nothing.
                ignored: crowd || x1 <= x0 || y1 <= y0,
                crowd,
            });
        }
        for (entry, objects) in sequence.entries.iter_mut().zip(all) {
            entry.objects = Some(objects.into());
        }
        Ok(())
    }
}

/// The corners of a box, held to its picture.
fn corners([left, top, width, height]: [f64; 4], picture: &Picture) -> Result<[f32; 4], String> {
    let (across, down) = (f64::from(picture.width), f64::from(picture.height));
    let shown = format!("bbox [{left}, {top}, {width}, {height}]");
    let finite = [left, top, width, height]
        .iter()
        .all(|side| side.is_finite());
    if !finite || width < 0.0 || height < 0.0 {
        return Err(format!(
            "{shown} must be finite: left, top, width and height, the last two not negative"
        ));
    }
    let (right, bottom) = (left + width, top + height);
    let inside =
        left >= -BEYOND && top >= -BEYOND && right <= across + BEYOND && bottom <= down + BEYOND;
    if !inside {
        return Err(format!(
            "{shown} must lie within its picture of {across}x{down} px (image {})",
            picture.id
        ));
    }
    let hold = |value: f64, most: f64| value.clamp(0.0, most) as f32;
    Ok([
        hold(left, across),
        hold(top, down),
        hold(right, across),
        hold(bottom, down),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn sound() -> Value {
        json!({
            "info": { "year": 2017 },
            "images": [
                { "id": 7, "file_name": "a.png", "width": 64, "height": 48 },
                { "id": 9, "file_name": "b.png", "width": 64, "height": 48 },
            ],
            "annotations": [
                { "id": 1, "image_id": 9, "category_id": 44, "bbox": [4, 5.5, 20, 30],
                  "area": 600, "segmentation": [[4, 5, 24, 5, 24, 35]], "iscrowd": 0 },
                { "id": 2, "image_id": 9, "category_id": 62, "bbox": [0, 0, 64.5, 48],
                  "iscrowd": 1 },
            ],
            "categories": [
                { "id": 44, "name": "bottle", "supercategory": "kitchen" },
                { "id": 62, "name": "chair" },
            ],
        })
    }

    fn open(value: &Value) -> Result<DataSet, DataSetError> {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.png", "b.png"] {
            let picture = image::RgbImage::new(64, 48);
            picture.save(folder.path().join(name)).unwrap();
        }
        let frames = [(0, 0), (0, 1)];
        let path = folder.path().join("instances.json");
        std::fs::write(&path, value.to_string()).unwrap();
        let data = DataSet::open_coco(&path, folder.path())?;
        // Read while the folder is there.
        data.sound_frames(&frames, &[])?;
        Ok(data)
    }

    #[test]
    fn pictures_have_their_boxes_and_crowds_are_marked() {
        let data = open(&sound()).unwrap();
        assert_eq!(data.object_classes().unwrap(), ["bottle", "chair"]);
        let entries = &data.sequences()[0].entries;
        assert_eq!(entries[0].objects.as_deref(), Some(&[][..]));
        let objects = entries[1].objects.as_deref().unwrap();
        assert_eq!(objects[0].corners, [4.0, 5.5, 24.0, 35.5]);
        assert_eq!((objects[0].class, objects[0].crowd), (0, false));
        assert_eq!(objects[1].corners, [0.0, 0.0, 64.0, 48.0]);
        assert!(objects[1].crowd && objects[1].ignored);
    }

    #[test]
    fn what_breaks_a_rule_is_refused_with_its_entry() {
        let cases: [(&str, Value, &str); 13] = [
            (
                "/images/1/id",
                json!(7),
                "images[1]: id 7 is an earlier image's",
            ),
            (
                "/images/1/file_name",
                json!("a.png"),
                "images[1]: file_name \"a.png\" is an earlier",
            ),
            (
                "/images/0/file_name",
                json!("../a.png"),
                "images[0]: file_name \"../a.png\" must lie below",
            ),
            (
                "/images/0/file_name",
                json!("c.png"),
                "images[0]: file_name \"c.png\": there is no such file",
            ),
            ("/images/0/width", json!(0), "images[0]: size 0x48 px"),
            // As of a picture that was scaled, or turned, after it was labelled.
            (
                "/images/1/width",
                json!(128),
                "b.png is 64x48 px, but is listed as 128x48",
            ),
            (
                "/images/0/height",
                json!(64),
                "a.png is 64x48 px, but is listed as 64x64",
            ),
            (
                "/annotations/1/image_id",
                json!(8),
                "annotations[1]: image_id 8 is no image's id",
            ),
            (
                "/annotations/0/category_id",
                json!(1),
                "annotations[0]: category_id 1 is no category's id",
            ),
            (
                "/annotations/0/bbox",
                json!([4, 5, -1, 3]),
                "annotations[0]: bbox [4, 5, -1, 3] must be finite",
            ),
            (
                "/annotations/0/bbox",
                json!([60, 5, 20, 3]),
                "must lie within its picture of 64x48 px (image 9)",
            ),
            (
                "/annotations/0/iscrowd",
                json!(2),
                "annotations[0]: iscrowd is 2, but must be 0 or 1",
            ),
            (
                "/categories/1/id",
                json!(44),
                "categories[1]: id 44 is categories[0]'s",
            ),
        ];
        for (place, value, expected) in cases {
            let mut file = sound();
            *file.pointer_mut(place).unwrap() = value;
            let error = open(&file).unwrap_err().to_string();
            assert!(error.contains("instances.json: "), "{error}");
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn what_is_no_such_file_is_refused_with_line_and_column() {
        for (place, value) in [
            ("/annotations/0/bbox", json!([1, 2, 3])),
            ("/annotations/0/bbox", json!("all")),
            ("/images", json!({})),
            ("/images/0/id", json!(-1)),
        ] {
            let mut file = sound();
            *file.pointer_mut(place).unwrap() = value;
            let error = open(&file).unwrap_err().to_string();
            assert!(error.contains("line 1 column"), "{error}");
        }
        let mut none = sound();
        none["images"] = json!([]);
        none["annotations"] = json!([]);
        let error = open(&none).unwrap_err().to_string();
        assert!(error.contains("lists 0 images and 2 categories"), "{error}");
    }

    #[test]
    fn a_file_that_is_too_long_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("instances.json");
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(MAX_BYTES + 1).unwrap();
        let error = DataSet::open_coco(&path, folder.path()).unwrap_err();
        assert!(matches!(error, DataSetError::TooLong { .. }), "{error}");
    }
}
