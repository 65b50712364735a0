//! What several promises need: the repository's files, and Python packages
//! that are not ours.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part"
)]

#[cfg(feature = "view")]
pub mod browser;
pub mod program;
pub mod robot;
pub mod skip;
#[cfg(feature = "view")]
pub mod web;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// The repository's folder.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of shared data, where it is there; says so where it is not.
pub fn shared_data(folder: &str) -> Option<PathBuf> {
    let path = repository().join("../shared/data").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    skip::skip(format_args!("{} is not there", path.display()));
    None
}

/// A folder with these Python packages, installed once with pip; `None`, said
/// aloud, where pip cannot have them.
pub fn python_packages(packages: &[&str]) -> Option<PathBuf> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let name: String = packages
        .join("_")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("python-{name}"));
    if target.is_dir() {
        return Some(target);
    }
    // Another test process may be at it: install beside, then rename.
    let beside = target.with_extension(std::process::id().to_string());
    let output = Command::new("python3")
        .args([
            "-I",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--target",
        ])
        .arg(&beside)
        .args(packages)
        .output();
    match output {
        Ok(output) if output.status.success() => {
            if std::fs::rename(&beside, &target).is_err() {
                let _ = std::fs::remove_dir_all(&beside);
            }
            Some(target)
        }
        Ok(output) => {
            skip::skip(format_args!(
                "pip cannot install {packages:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            ));
            let _ = std::fs::remove_dir_all(&beside);
            None
        }
        Err(error) => {
            skip::skip(format_args!("python3 -m pip: {error}"));
            None
        }
    }
}

pub mod first_light {
    //! The shipped policy on ONNX Runtime, one frame after the other.

    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use concert_models::image_file::{DecodeLimits, decode};
    use concert_models::store::Store;
    use concert_policies::Policy;
    use concert_runtime::io::clock::SystemClock;
    use concert_runtime::io::library::{LibraryRequest, find_or_fetch};
    use concert_runtime::io::onnxruntime::{Environment, OrtEngine, Provider};
    use concert_runtime::plan_from_store;
    use concert_runtime::{
        Clock, Frame, LaneName, NoWatch, Output, OutputSink, Pipeline, Timestamp,
    };

    /// The store of this repository.
    pub fn store() -> Store {
        Store::new(vec![super::repository().join("models")])
    }

    /// An engine on the CPU; fetches the library where it is not there yet.
    pub fn engine() -> OrtEngine {
        let library = find_or_fetch(&LibraryRequest::default(), &mut |_| {}).expect("onnxruntime");
        let environment = Environment::start(&library, None).expect("environment");
        OrtEngine::new(&environment, &[Provider::Cpu]).expect("engine")
    }

    /// The pipeline of a policy.
    pub fn pipeline(policy: &Policy) -> Pipeline {
        let plan = plan_from_store(policy, &store()).expect("plan").plan;
        let lane = LaneName {
            camera: "front".into(),
            in_keys: false,
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        Pipeline::prepare(
            plan,
            Box::new(engine()),
            &[lane],
            clock,
            Arc::new(NoWatch),
            None,
        )
        .expect("pipeline")
    }

    /// An image file as a frame, 100 ms after the one before.
    pub fn frame(sequence: u64, path: &Path) -> Frame {
        let image = decode(&std::fs::read(path).unwrap(), &DecodeLimits::default()).unwrap();
        Frame {
            sequence,
            stamp: Timestamp::from_nanos(sequence as i64 * 100_000_000),
            arrived: Duration::from_millis(sequence * 100),
            frame_id: "front_optical".into(),
            image,
            intrinsics: None,
            distorted: false,
            depth: None,
        }
    }

    /// Keeps every output.
    #[derive(Default)]
    pub struct Keep(pub Vec<Output>);

    impl OutputSink for Keep {
        fn wants(&self, _target: usize) -> bool {
            true
        }
        fn deliver(&mut self, _target: usize, output: &mut Output) {
            self.0.push(output.clone());
        }
    }

    impl Keep {
        /// The newest output of a target.
        pub fn newest(&self, target: &str) -> &Output {
            self.0
                .iter()
                .rev()
                .find(|output| output.origin.task.name == target)
                .expect("an output")
        }
    }
}
