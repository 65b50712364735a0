//! The launch file of a policy that was given alone.

use std::path::PathBuf;
use std::time::Duration;

use super::{
    CameraEntry, CameraKind, DEFAULT_ENDPOINT, DEFAULT_PREFIX, DEFAULT_ROUTER, ImageEntry,
    LaunchFile, Provider, Publish, PublishStyle, TlsEntry, ZenohEntry,
};

/// Name of the only camera.
const CAMERA: &str = "front";

impl LaunchFile {
    /// The launch file that stands in for none: one camera that tours the
    /// simulated home (none, where this build is without one), on the processor,
    /// published at `robot/perception`. `policy` is a shipped name or a path,
    /// relative to the working folder.
    #[must_use]
    pub fn of_policy(policy: &str) -> LaunchFile {
        LaunchFile {
            origin: format!("default launch of {policy}"),
            folder: PathBuf::new(),
            policy: policy.to_owned(),
            models: Vec::new(),
            providers: vec![Provider::Cpu],
            threads: None,
            tuned: true,
            time_limit: None,
            max_age: None,
            hang_limit: Duration::from_secs(2),
            cameras: usual_camera(),
            publish: Publish {
                prefix: DEFAULT_PREFIX.to_owned(),
                style: PublishStyle::Native,
                ros2: None,
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
            degradation: None,
            metrics: None,
            #[cfg(feature = "fitting")]
            learn: None,
        }
    }

    /// The same, with another camera.
    #[must_use]
    pub fn on_camera(mut self, kind: impl Into<CameraKind>) -> LaunchFile {
        let kind = kind.into();
        match self.cameras.first_mut() {
            Some(camera) => camera.kind = kind,
            None => self.cameras.push(CameraEntry::new(CAMERA, kind)),
        }
        self
    }

    /// The same, where this camera is of another kind.
    #[cfg(feature = "apartment")]
    #[must_use]
    pub(crate) fn with_camera(mut self, name: &str, kind: CameraKind) -> LaunchFile {
        let mut cameras = self.cameras.iter_mut();
        if let Some(camera) = cameras.find(|camera| camera.name == name) {
            camera.kind = kind;
        }
        self
    }

    /// The same policy, networks and limits for somebody who measures: reached at
    /// `endpoint` alone, published below `prefix` without the camera's image,
    /// with the cameras that `camera` names, and nothing is learnt.
    #[cfg(feature = "apartment")]
    #[must_use]
    pub(crate) fn for_bench(
        mut self,
        (endpoint, prefix): (&str, &str),
        camera: impl Fn(&CameraEntry) -> CameraKind,
    ) -> LaunchFile {
        let cameras = self.cameras.iter();
        self.cameras = cameras
            .map(|entry| CameraEntry {
                kind: camera(entry),
                ..entry.clone()
            })
            .collect();
        self.publish.prefix = prefix.to_owned();
        self.publish.style = PublishStyle::Native;
        self.publish.ros2 = None;
        self.publish.image.enabled = Some(false);
        self.zenoh = ZenohEntry {
            listen: vec![endpoint.to_owned()],
            connect: Vec::new(),
            connect_is_named: false,
            shared_memory: self.zenoh.shared_memory,
            config: None,
            tls: TlsEntry::default(),
        };
        self.control = Some(false);
        self.metrics = None;
        #[cfg(feature = "fitting")]
        {
            self.learn = None;
        }
        self
    }
}

/// A tour of the simulated home, where this build has one.
fn usual_camera() -> Vec<CameraEntry> {
    #[cfg(feature = "apartment")]
    return vec![CameraEntry::new(
        CAMERA,
        crate::cameras::Apartment::default().into(),
    )];
    #[cfg(not(feature = "apartment"))]
    return Vec::new();
}
