//! What a person asks of a robot, as a sentence or a file.

use std::fmt;
use std::path::Path;

use concert_policies::document::{Kind, ReadFault, Refused, shown};
use serde::Deserialize;

/// What a person asks of a robot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Errand {
    /// Find a small thing, take it, bring it to where the robot started.
    Bring(Thing),
    /// Go to a large thing and stop before it.
    GoTo(String),
    /// Say whether the door of a room is open.
    IsDoorOpen(String),
}

/// A small thing: its class, and its colour where that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Thing {
    /// The name that perception gives such things; in a colour, a thing is of a class
    /// of its own ("red cup"), which perception must be taught.
    pub(crate) class: String,
    /// A word before it: "red".
    pub(crate) colour: Option<String>,
}

/// Small things by the words that people have for them.
const SMALL: [(&str, &[&str]); 5] = [
    ("can", &["can", "soda", "coke", "can of soda", "cola"]),
    ("cup", &["cup", "mug"]),
    ("bottle", &["bottle"]),
    ("bowl", &["bowl"]),
    ("fruit", &["fruit", "apple", "orange"]),
];
/// Large things that a robot can go to.
const LARGE: [&str; 14] = [
    "fridge",
    "sofa",
    "bed",
    "table",
    "television",
    "toilet",
    "bathtub",
    "wardrobe",
    "stove",
    "sink",
    "chair",
    "shelf",
    "radiator",
    "counter",
];
/// Rooms, by what tells them.
const ROOMS: [(&str, &[&str]); 4] = [
    ("bathroom", &["toilet", "bathtub"]),
    ("kitchen", &["fridge", "stove", "counter"]),
    ("bedroom", &["bed"]),
    ("living room", &["sofa"]),
];
/// Whether things of a class are small ones, which a gripper takes; of whatever colour.
pub(crate) fn is_small(class: &str) -> bool {
    let kind = class.rsplit(' ').next().unwrap_or(class);
    SMALL.iter().any(|(name, _)| *name == kind)
}

/// Classes that tell a room; none for one that nobody knows.
pub(crate) fn tellers(room: &str) -> &'static [&'static str] {
    let told = ROOMS.iter().find(|(name, _)| *name == room);
    told.map_or(&[], |(_, by)| by)
}

/// Whether a class tells some room.
pub(crate) fn tells_a_room(class: &str) -> bool {
    ROOMS.iter().any(|(_, by)| by.contains(&class))
}

/// Colours that a thing may be asked for in.
pub(crate) const COLOURS: [&str; 4] = ["red", "green", "blue", "yellow"];
/// Words that say nothing.
const FILLERS: [&str; 9] = ["the", "a", "an", "me", "please", "my", "of", "to", "robot"];

/// An errand that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is no errand: {reason}")]
pub(crate) struct ErrandError {
    text: String,
    reason: String,
}

/// An errand file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawErrand {
    /// The sentence: "bring the can".
    errand: toml::Spanned<String>,
}

/// Longest errand file, bytes.
const KIND: Kind = Kind {
    name: "errand",
    max_bytes: 4096,
};

/// An errand file that is refused.
pub(crate) type ErrandFileError = Refused<ErrandFault>;

/// Why a file is no errand.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ErrandFault {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadFault),
    /// It is no TOML, or has other entries.
    #[error("{0}")]
    Toml(String),
    /// Its sentence is none.
    #[error(transparent)]
    Sentence(#[from] ErrandError),
}

impl Errand {
    /// Understands a sentence: "bring the can of soda", "go to the sofa", "is the
    /// door of the bathroom open?".
    ///
    /// # Errors
    /// Anything else; the reason says what can be asked.
    pub(crate) fn parse(text: &str) -> Result<Self, ErrandError> {
        let refuse = |reason: String| {
            Err(ErrandError {
                text: shown(text, 120),
                reason,
            })
        };
        let lower = text.to_lowercase();
        let words: Vec<&str> = lower
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty() && !FILLERS.contains(word))
            .collect();
        let rest = words.get(1..).unwrap_or_default();
        match words.first().copied() {
            Some("bring" | "fetch" | "get") => match small(rest) {
                Ok(thing) => Ok(Self::Bring(thing)),
                Err(reason) => refuse(reason),
            },
            Some("go" | "drive") => {
                let what = rest.join(" ");
                let large = LARGE.iter().find(|name| **name == what);
                match large {
                    Some(name) => Ok(Self::GoTo((*name).to_owned())),
                    None => refuse(format!(
                        "a robot can go to a {}, not to `{what}`",
                        LARGE.join(", ")
                    )),
                }
            }
            Some("is") if rest.contains(&"door") && rest.contains(&"open") => {
                let room = rest.join(" ");
                let room = ROOMS.iter().find(|(name, _)| room.contains(name));
                match room {
                    Some((name, _)) => Ok(Self::IsDoorOpen((*name).to_owned())),
                    None => refuse(format!(
                        "rooms that are known are {}",
                        ROOMS.map(|(name, _)| name).join(", ")
                    )),
                }
            }
            _ => refuse(
                "say `bring the can`, `go to the sofa` or `is the door of the bathroom open?`"
                    .to_owned(),
            ),
        }
    }

    /// Reads an errand file: `errand = "bring the can"`.
    ///
    /// # Errors
    /// What cannot be read, is no such TOML, or says what is no errand.
    pub(crate) fn read(path: &Path) -> Result<Self, ErrandFileError> {
        let origin = path.display().to_string();
        let text = KIND.read(path);
        let text = text.map_err(|fault| Refused::new(&origin, None, fault.into()))?;
        let raw: RawErrand = toml::from_str(&text).map_err(|error| {
            let fault = ErrandFault::Toml(shown(error.message(), 200));
            Refused::in_text(&origin, &text, (error.span(), fault))
        })?;
        let errand = Self::parse(raw.errand.get_ref());
        errand.map_err(|error| {
            Refused::in_text(&origin, &text, (Some(raw.errand.span()), error.into()))
        })
    }

    /// Classes that must be seen for it.
    pub(crate) fn classes(&self) -> Vec<String> {
        match self {
            Self::Bring(thing) => vec![thing.to_string()],
            Self::GoTo(what) => vec![what.clone()],
            Self::IsDoorOpen(room) => {
                let told = tellers(room).iter();
                told.map(|name| (*name).to_owned()).collect()
            }
        }
    }
}

impl fmt::Display for Errand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bring(thing) => write!(f, "bring the {thing}"),
            Self::GoTo(what) => write!(f, "go to the {what}"),
            Self::IsDoorOpen(room) => write!(f, "is the door of the {room} open?"),
        }
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.colour {
            Some(colour) => write!(f, "{colour} {}", self.class),
            None => f.write_str(&self.class),
        }
    }
}

fn small(words: &[&str]) -> Result<Thing, String> {
    let (colour, rest) = match words.split_first() {
        Some((first, rest)) if COLOURS.contains(first) => (Some((*first).to_owned()), rest),
        _ => (None, words),
    };
    // "can soda": the class may be followed by what is in it.
    let found = rest.iter().find_map(|word| {
        let mut small = SMALL.iter();
        small
            .find(|(_, words)| words.contains(word))
            .map(|(class, _)| *class)
    });
    match found {
        Some(class) => Ok(Thing {
            class: class.to_owned(),
            colour,
        }),
        None => Err(format!(
            "a robot can bring a {}, not `{}`",
            SMALL.map(|(class, _)| class).join(", "),
            rest.join(" ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_say_it_in_many_ways() {
        let says = |text: &str| Errand::parse(text).unwrap().to_string();
        assert_eq!(
            says("bring the can of soda from the fridge to my desk"),
            "bring the can"
        );
        assert_eq!(says("Fetch me a SODA, please"), "bring the can");
        assert_eq!(says("bring the red mug"), "bring the red cup");
        assert_eq!(says("go to the sofa"), "go to the sofa");
        assert_eq!(
            says("Is the door of the bathroom open?"),
            "is the door of the bathroom open?"
        );
    }

    #[test]
    fn what_is_no_errand_is_refused_with_what_can_be_asked() {
        let refusal = |text: &str| Errand::parse(text).unwrap_err().to_string();
        assert!(refusal("").contains("bring the can"));
        assert!(refusal("sing").contains("go to the sofa"));
        assert!(refusal("bring the piano").contains("can, cup, bottle"));
        assert!(refusal("go to the moon").contains("fridge, sofa"));
        assert!(refusal("is the door of the castle open").contains("bathroom"));
        assert!(refusal(&"x".repeat(10_000)).len() < 400);
    }

    #[test]
    fn a_file_is_read_or_refused_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("errand.toml");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let errand = Errand::read(&path).map(|errand| errand.to_string());
            errand.map_err(|error| error.to_string())
        };
        assert_eq!(
            read("errand = \"get me a mug\"").as_deref(),
            Ok("bring the cup")
        );
        let refused = read("\nerrand = \"sing\"").unwrap_err();
        assert!(
            refused.contains("errand.toml:2:10: `sing` is no errand"),
            "{refused}"
        );
        assert!(
            read("errant = \"x\"")
                .unwrap_err()
                .contains("errand.toml:1:1")
        );
        assert!(read(&"#".repeat(5000)).unwrap_err().contains("4096"));
    }
}
