//! Keys on the bus: every key is joined here, and taken apart here.
//!
//! | key below the prefix | message |
//! |---|---|
//! | `TARGET`; with several cameras `CAMERA/TARGET` | the output of a target |
//! | `TARGET/camera_info` | the camera's intrinsics at a dense output's resolution |
//! | `TARGET/tf` | odometry as a transform |
//! | `image`, `image/camera_info`; with several cameras `CAMERA/image`, … | the camera's image |
//! | `image/depth`, `CAMERA/image/depth` | depth that came with the image, while a recorder asks |
//! | `status` | how well every part is |
//! | `errand` | how a behaviour fares that stands on the outputs, as JSON; others put it |
//! | `policy`, `control/swap`, `control/solve`, `control/learn` | answer queries |
//! | `@every_image` | nothing comes; who listens asks for the image of every frame |
//! | `provenance/TARGET` | in recordings and for ROS 2: the attachments of an output, as text |
//! | `@concert/SESSION` | the liveliness token of who publishes below the prefix |

/// Last part of the key of a camera's image.
pub const IMAGE: &str = "image";
/// Everything below a prefix, but for tokens.
pub const EVERYTHING: &str = "**";
/// Key at which a behaviour tells how it fares, as JSON: not the runtime itself.
pub const ERRAND: &str = "errand";
/// Key of the status.
pub const STATUS: &str = "status";
/// Key at which the running policy is answered.
pub const POLICY: &str = "policy";
/// Key at which a policy is swapped.
pub const SWAP: &str = "control/swap";
/// Key at which a policy is chosen.
pub const SOLVE: &str = "control/solve";
/// Key at which learning is asked about, paused and resumed.
pub const LEARN: &str = "control/learn";
/// Last part of the key of the camera info beside a dense output or an image.
pub const CAMERA_INFO: &str = "camera_info";
/// Last part of the key of the transform beside an odometry output.
pub const TRANSFORMS: &str = "tf";
/// Last part of the key of the depth beside a camera's image.
pub const DEPTH: &str = "depth";
/// Key that nothing is published at: while somebody listens to it, images are
/// published of every computed frame, with the depth that came with them. Begins
/// with `@` so that no `**` matches it.
pub const EVERY_IMAGE: &str = "@every_image";
/// First part of the key under which a recording keeps an output's attachments.
pub const PROVENANCE: &str = "provenance";
/// Last parts of all keys that may stand below an output's key.
const BESIDE: [&str; 2] = [CAMERA_INFO, TRANSFORMS];
/// Between the prefix and the session's id in a liveliness token. Begins with
/// `@` so that no `**` matches it.
const TOKEN: &str = "@concert";

/// Whole key of what stands at `key` below a prefix.
#[must_use]
pub fn below(prefix: &str, key: &str) -> String {
    format!("{prefix}/{key}")
}

/// Key expression of everything below a prefix, but for tokens.
#[must_use]
pub fn everything(prefix: &str) -> String {
    below(prefix, EVERYTHING)
}

/// The part of a whole key below the prefix; `None` for a key outside of it.
#[must_use]
pub fn strip_prefix<'a>(prefix: &str, whole: &'a str) -> Option<&'a str> {
    whole.strip_prefix(prefix)?.strip_prefix('/')
}

/// Key of a target's output (of a camera's image, for [`IMAGE`]); `camera`
/// where there are several.
#[must_use]
pub fn output(camera: Option<&str>, target: &str) -> String {
    match camera {
        Some(camera) => format!("{camera}/{target}"),
        None => target.to_owned(),
    }
}

/// Key of a companion of the output at `key`: [`CAMERA_INFO`] or [`TRANSFORMS`].
#[must_use]
pub fn beside(key: &str, companion: &str) -> String {
    format!("{key}/{companion}")
}

/// The key of an output, and every key that may stand below it.
pub fn with_companions(key: &str) -> impl Iterator<Item = String> {
    let companions = BESIDE.iter().map(move |companion| beside(key, companion));
    std::iter::once(key.to_owned()).chain(companions)
}

/// The target of an output's key, below the prefix or whole; of other keys their
/// last part.
#[must_use]
pub fn target(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

/// Tells whether a key below the prefix is a camera's image.
#[must_use]
pub fn is_image(key: &str) -> bool {
    target(key) == IMAGE
}

/// Tells whether a key below the prefix is the depth beside a camera's image.
#[must_use]
pub fn is_image_depth(key: &str) -> bool {
    let image = key
        .strip_suffix(DEPTH)
        .and_then(|key| key.strip_suffix('/'));
    image.is_some_and(is_image)
}

/// Key under which a recording keeps the attachments of what stands at `key`.
#[must_use]
pub fn provenance(key: &str) -> String {
    format!("{PROVENANCE}/{key}")
}

/// Tells whether a key below the prefix holds attachments of what stands at another.
#[must_use]
pub fn is_provenance(key: &str) -> bool {
    let below = key.strip_prefix(PROVENANCE);
    below.is_some_and(|below| below.starts_with('/'))
}

/// Tells whether a key below the prefix is a target's output: neither the status or an
/// errand, nor a companion, nor a camera's image.
#[must_use]
pub fn is_output(key: &str) -> bool {
    let last = target(key);
    ![STATUS, ERRAND, IMAGE].contains(&last) && !BESIDE.contains(&last) && !is_image_depth(key)
}

/// Liveliness token of a session that publishes below a prefix.
#[must_use]
pub fn token(prefix: &str, session: &str) -> String {
    format!("{prefix}/{TOKEN}/{session}")
}

/// Key expression of the liveliness tokens of all that publish below a prefix.
#[must_use]
pub fn tokens(prefix: &str) -> String {
    token(prefix, "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_joined_is_taken_apart_into_the_same_parts() {
        for (camera, key) in [(None, "normal"), (Some("front"), "front/normal")] {
            assert_eq!(output(camera, "normal"), key);
            let whole = below("robot/perception", key);
            assert_eq!(strip_prefix("robot/perception", &whole), Some(key));
            assert_eq!(strip_prefix("robot/percept", &whole), None);
            assert_eq!(target(key), "normal");
            assert!(is_output(key) && !is_image(key));
        }
        assert!(is_image(&output(Some("front"), IMAGE)));
    }

    #[test]
    fn what_stands_beside_an_output_is_none() {
        let keys: Vec<String> = with_companions("odometry").collect();
        assert_eq!(keys, ["odometry", "odometry/camera_info", "odometry/tf"]);
        assert!(keys[1..].iter().all(|key| !is_output(key)));
        assert!(is_output("front/depth") && !is_output("front/image/depth"));
        assert!(!is_output(STATUS) && !is_output(IMAGE) && !is_output("front/image"));
    }
}
