//! Classes that surfaces belong to: a fixed, semantic list.

use serde::{Deserialize, Serialize};

macro_rules! classes {
    ($($id:literal $name:ident $text:literal,)*) => {
        /// A semantic class. The numbers are stable: they stand in data sets.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[repr(u8)]
        #[allow(missing_docs)]
        pub enum Class { $($name = $id,)* }

        impl Class {
            /// Every class, in the order of their numbers.
            pub const ALL: &[Class] = &[$(Class::$name,)*];

            /// The class's name as it stands in files.
            pub fn name(self) -> &'static str {
                match self { $(Class::$name => $text,)* }
            }
        }
    };
}

classes! {
    0 Nothing "nothing",
    1 Wall "wall",
    2 Floor "floor",
    3 Ceiling "ceiling",
    4 Window "window",
    5 Door "door",
    6 DoorFrame "door_frame",
    7 Cabinet "cabinet",
    8 Fridge "fridge",
    9 Counter "counter",
    10 Sink "sink",
    11 Stove "stove",
    12 Table "table",
    13 Chair "chair",
    14 Sofa "sofa",
    15 Bed "bed",
    16 Shelf "shelf",
    17 Wardrobe "wardrobe",
    18 Book "book",
    19 Plant "plant",
    20 Bottle "bottle",
    21 Cup "cup",
    22 Can "can",
    23 Bowl "bowl",
    24 Lamp "lamp",
    25 Poster "poster",
    26 Carpet "carpet",
    27 Curtain "curtain",
    28 Cushion "cushion",
    29 Television "television",
    30 Mirror "mirror",
    31 Toilet "toilet",
    32 Bathtub "bathtub",
    33 Radiator "radiator",
    34 Box "box",
    35 Appliance "appliance",
    36 Towel "towel",
    37 Fruit "fruit",
    38 Shoe "shoe",
    39 Laptop "laptop",
}

impl Class {
    /// The class with this number.
    pub fn from_id(id: u8) -> Option<Class> {
        Self::ALL.get(usize::from(id)).copied()
    }

    /// The class's number, as it stands in `.semantic.png`.
    pub fn id(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_names_its_own_class() {
        for (index, class) in Class::ALL.iter().enumerate() {
            assert_eq!(usize::from(class.id()), index);
            assert_eq!(Class::from_id(class.id()), Some(*class));
        }
        assert_eq!(Class::from_id(Class::ALL.len() as u8), None);
    }
}
