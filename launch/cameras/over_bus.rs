//! Images that come over the bus, and what comes beside them: at keys of zenoh, or as
//! topics of ROS 2.

use concert_models::Intrinsics;
use concert_runtime::io::zenoh::ZenohCameraOptions;

use super::{Site, Subject};
use crate::launch_file::value::{Placed, Text, ruled};

/// The rule for names under which something is heard.
pub(super) struct Names<'a> {
    pub(super) subject: &'a Subject,
    /// What is wrong with a name, as the end of a sentence.
    pub(super) fault: fn(&str) -> Option<&'static str>,
}

impl Names<'_> {
    /// The name that an entry gives.
    ///
    /// # Errors
    /// One that breaks the rule.
    pub(super) fn one(&self, entry: &str, name: &Text) -> Placed<String> {
        let broken = (self.fault)(name.get_ref());
        ruled(&self.subject.entry(entry), name, broken)
    }

    /// As [`one`](Self::one), of what may be left out.
    ///
    /// # Errors
    /// As of that.
    pub(super) fn beside(&self, entry: &str, name: &Option<Text>) -> Placed<Option<String>> {
        let name = name.as_ref().map(|name| self.one(entry, name));
        name.transpose()
    }
}

/// Under which names images are heard, and what comes beside them.
pub(super) struct OverBus<'a> {
    pub(super) images: &'a str,
    pub(super) depth: Option<&'a str>,
    pub(super) camera_info: Option<&'a str>,
    pub(super) rectified: Option<bool>,
}

impl OverBus<'_> {
    /// `images from zenoh key a, depth from b`.
    pub(super) fn describe(&self, images: &str) -> String {
        let with = |what: &str, name: Option<&str>| {
            name.map_or(String::new(), |name| format!(", {what} from {name}"))
        };
        let depth = with("depth", self.depth);
        let info = with("camera info", self.camera_info);
        format!("images from {images}{depth}{info}")
    }

    /// Where intrinsics come from that no launch file has.
    pub(super) fn own_intrinsics(&self) -> (String, Option<Intrinsics>) {
        match self.camera_info {
            Some(name) => (format!("from {name}"), None),
            None => ("unknown".to_owned(), None),
        }
    }

    /// What is to be listened to.
    pub(super) fn options(&self, site: &Site<'_>) -> ZenohCameraOptions {
        let mut options = ZenohCameraOptions::new(self.images, site.entry.frame_id());
        options.intrinsics = site.entry.intrinsics();
        options.depth_key = self.depth.map(str::to_owned);
        options.camera_info_key = self.camera_info.map(str::to_owned);
        options.rectified = self.rectified;
        options
    }
}
