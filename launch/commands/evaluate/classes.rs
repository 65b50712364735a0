//! Class numbers of a data set as numbers of a readout.

use concert_fitting::dataset::{Label, LabelKind, ObjectBox};

/// For each class of the data set its number in the readout.
#[derive(Debug, Clone)]
pub(super) struct ClassNumbers {
    /// `None`: the numbers mean the same.
    number_of: Option<Vec<Option<usize>>>,
    /// The first number that the readout does not have.
    beyond: usize,
}

impl ClassNumbers {
    /// Joins by name where both sides have names, else number by number.
    pub(super) fn join(data: Option<&[String]>, readout: &[String]) -> Self {
        let by_name = data.filter(|_| !readout.is_empty()).map(|data| {
            let place = |name: &String| readout.iter().position(|known| same(known, name));
            data.iter().map(place).collect()
        });
        Self {
            number_of: by_name,
            beyond: readout.len(),
        }
    }

    /// Classes of the data set that the readout does not know.
    pub(super) fn unknown_classes<'a>(&self, data: Option<&'a [String]>) -> Vec<&'a str> {
        let (Some(numbers), Some(names)) = (&self.number_of, data) else {
            return Vec::new();
        };
        let pairs = names.iter().zip(numbers);
        let unknown = pairs.filter(|(_, number)| number.is_none());
        unknown.map(|(name, _)| name.as_str()).collect()
    }

    /// The label with the readout's numbers. Classes that the readout does not
    /// know become numbers beyond its own: it can never say them.
    /// Boxes of such classes are left out: they are not looked for.
    pub(super) fn of(&self, label: Label) -> Label {
        let Some(numbers) = &self.number_of else {
            return label;
        };
        let mut label = label.map_objects(|object| {
            let class = numbers.get(object.class).copied().flatten()?;
            Some(ObjectBox { class, ..object })
        });
        if label.kind != LabelKind::Class {
            return label;
        }
        for value in label.values.iter_mut().filter(|value| !value.is_nan()) {
            let class = *value as usize;
            let number = numbers.get(class).copied().flatten();
            *value = number.unwrap_or(self.beyond + class) as f32;
        }
        label
    }
}

/// True where two names mean one class: in upper or lower case, with spaces or
/// underscores; one of several synonyms between commas is enough.
fn same(known: &str, name: &str) -> bool {
    let plain = |text: &str| {
        let letters = text.trim().chars();
        letters
            .map(|c| {
                if matches!(c, '_' | '-') {
                    ' '
                } else {
                    c.to_ascii_lowercase()
                }
            })
            .collect::<String>()
    };
    let name = plain(name);
    let is_same = |known: &str| {
        let known = plain(known);
        known == name || SYNONYMS.contains(&(known.as_str(), name.as_str()))
    };
    known.split(',').any(is_same) || plain(known) == name
}

/// Names that COCO's categories have beside ours, either way round.
const SYNONYMS: [(&str, &str); 14] = [
    ("sofa", "couch"),
    ("couch", "sofa"),
    ("table", "dining table"),
    ("dining table", "table"),
    ("fridge", "refrigerator"),
    ("refrigerator", "fridge"),
    ("television", "tv"),
    ("tv", "television"),
    ("plant", "potted plant"),
    ("potted plant", "plant"),
    ("stove", "oven"),
    ("oven", "stove"),
    ("can", "soda can"),
    ("soda can", "can"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_joined_by_name_or_synonym_and_others_are_not_looked_for() {
        let data = ["person", "Dining Table", "tv", "can"].map(str::to_owned);
        let readout = ["can", "television", "table"].map(str::to_owned);
        let numbers = ClassNumbers::join(Some(&data), &readout);
        let object = |class| ObjectBox::new([0.0, 0.0, 9.0, 9.0], class);
        let label = Label::of_objects((20, 20), &[0, 1, 2, 3].map(object));
        let classes: Vec<_> = numbers.of(label).objects().map(|one| one.class).collect();
        assert_eq!(classes, [2, 1, 0]);
    }

    #[test]
    fn classes_are_joined_by_name_and_unknown_ones_can_never_be_right() {
        let data = [
            "Kitchen".to_owned(),
            "attic".to_owned(),
            "coffee_mug".to_owned(),
        ];
        let readout = [
            "cup".to_owned(),
            "kitchen".to_owned(),
            "mug, coffee mug".to_owned(),
        ];
        let numbers = ClassNumbers::join(Some(&data), &readout);
        assert_eq!(numbers.unknown_classes(Some(&data)), ["attic"]);
        let label = Label {
            channels: 1,
            width: 4,
            height: 1,
            values: vec![0.0, 1.0, 2.0, f32::NAN],
            kind: LabelKind::Class,
        };
        let mapped = numbers.of(label.clone());
        assert_eq!(mapped.values[..3], [1.0, 4.0, 2.0]);
        let same = ClassNumbers::join(Some(&data), &[]).of(label);
        assert_eq!(same.values[..3], [0.0, 1.0, 2.0]);
    }
}
