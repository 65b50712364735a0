//! The launch file of a policy that was given alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::apartment_camera::ApartmentOptions;

use super::{
    CameraEntry, CameraKind, DEFAULT_ENDPOINT, DEFAULT_PREFIX, DEFAULT_ROUTER, ImageEntry,
    LaunchFile, Provider, Publish, PublishStyle, TlsEntry, ZenohEntry,
};

impl LaunchFile {
    /// The launch file that stands in for none: one camera that pans over the
    /// photographs that ship with Concert, on the processor, published at
    /// `robot/perception`. `policy` is a shipped name or a path, relative to
    /// the working folder.
    #[must_use]
    pub fn of_policy(policy: &str) -> LaunchFile {
        LaunchFile {
            origin: format!("default launch of {policy}"),
            folder: PathBuf::new(),
            policy: policy.to_owned(),
            models: Vec::new(),
            providers: vec![Provider::Cpu],
            threads: None,
            time_limit: None,
            max_age: None,
            hang_limit: Duration::from_secs(2),
            cameras: vec![CameraEntry {
                name: "front".to_owned(),
                frame_id: "front_optical".to_owned(),
                intrinsics: None,
                kind: CameraKind::Pan {
                    photographs: Vec::new(),
                    width: 320,
                    height: 240,
                    rate_hz: 30.0,
                },
            }],
            publish: Publish {
                prefix: DEFAULT_PREFIX.to_owned(),
                style: PublishStyle::Native,
                image: ImageEntry::default(),
            },
            zenoh: ZenohEntry {
                listen: vec![DEFAULT_ENDPOINT.to_owned()],
                connect: vec![DEFAULT_ROUTER.to_owned()],
                connect_is_named: false,
                shared_memory: true,
                config: None,
                tls: TlsEntry::default(),
            },
            control: None,
            learn: None,
        }
    }

    /// The same, with a tour through the home of a seed in place of the
    /// photographs.
    #[must_use]
    pub fn in_apartment(mut self, seed: u64) -> LaunchFile {
        self.cameras[0].kind = CameraKind::Apartment {
            seed,
            width: 320,
            height: 240,
            field_of_view_degrees: ApartmentOptions::FIELD_OF_VIEW_DEGREES,
            // As often as the table is drawn: what is left of a second is for
            // what learns beside.
            rate_hz: 5.0,
            antialias: false,
        };
        self
    }

    /// The same, with another camera.
    #[must_use]
    pub fn on_camera(mut self, kind: CameraKind) -> LaunchFile {
        self.cameras[0].kind = kind;
        self
    }

    /// The same, with image files and folders in place of the photographs.
    #[must_use]
    pub fn on_images(mut self, paths: &[PathBuf], repeat: bool) -> LaunchFile {
        let paths = paths.iter().map(|path| Path::to_string_lossy(path).into());
        self.cameras[0].kind = CameraKind::Images {
            paths: paths.collect(),
            rate_hz: 30.0,
            repeat,
            stamps_from_names: false,
        };
        self
    }
}
