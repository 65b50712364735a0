//! A policy of tiny fake networks, and a frame to run it on.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part"
)]

pub mod stage;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use concert_models::card::Level;
use concert_models::contract::{Channels, Fit, InputContract, Layout};
use concert_models::fake::{FakeCounts, FakeEngine, FakeNetwork};
use concert_models::{Image, NetworkFile, PixelFormat, TensorSpec};
use concert_policies::{Policy, Task};
use concert_runtime::parts::{EncoderPart, Maker, NamedTensor, PartInput, ReadPart, ReadoutPart};
use concert_runtime::{
    Clock, Frame, LaneName, NoWatch, Output, OutputSink, Pipeline, Plan, Timestamp,
};

pub const MS: Duration = Duration::from_millis(1);

/// Encoders give `[pixel, 2 * pixel]` of the top left pixel as levels `a` and
/// `b`; readouts give the sum of what they read, into `[1, 3]` or as asked.
#[derive(Default)]
pub struct World {
    pub engine: FakeEngine,
    pub encoders: BTreeMap<String, EncoderPart>,
    pub readouts: BTreeMap<String, ReadoutPart>,
    pub counts: BTreeMap<String, FakeCounts>,
}

pub fn file(name: &str) -> NetworkFile {
    NetworkFile {
        name: name.into(),
        path: name.into(),
        sha256: format!("{name:0>64}"),
        bytes: Arc::from(Vec::new()),
    }
}

/// The text of a policy of order 1 on the encoder `p`, most important target
/// first.
pub fn policy_on_p(targets: &[&str]) -> String {
    let head = "name = \"test\"\nsupervision_budget = 1\n".to_owned();
    let one = |target: &&str| format!("[[transfer]]\ntarget = \"{target}\"\nsources = [\"p\"]\n");
    head + &targets.iter().map(one).collect::<String>()
}

/// A readout of one level that gives three values, as `value` says.
pub fn giving(value: impl Fn(f32) -> [f32; 3] + Send + Sync + 'static) -> FakeNetwork {
    FakeNetwork::new(
        &[("in0", &[1, 1])],
        &[("out", &[1, 3])],
        move |inputs, outputs| {
            outputs[0].1.copy_from_slice(&value(inputs[0].1[0]));
            Ok(())
        },
    )
}

pub fn contract() -> InputContract {
    InputContract::new(
        "image",
        2,
        2,
        Layout::Nchw,
        Channels::Grey,
        Fit::Stretch,
        &[0.0],
        &[1.0],
    )
    .unwrap()
}

impl World {
    pub fn encoder(&mut self, source: &str) {
        let network = FakeNetwork::new(
            &[("image", &[1, 1, 2, 2])],
            &[("a", &[1, 1]), ("b", &[1, 1])],
            |inputs, outputs| {
                for (name, values) in outputs {
                    values[0] = inputs[0].1[0] * if *name == "b" { 2.0 } else { 1.0 };
                }
                Ok(())
            },
        );
        self.encoder_of(source, network);
    }

    pub fn encoder_of(&mut self, source: &str, network: FakeNetwork) {
        self.counts
            .insert(source.into(), self.engine.register(source, network));
        let level = |name: &str| Level {
            name: name.to_owned(),
            tensor: name.to_owned(),
            shape: vec![1, 1],
            stride: None,
        };
        let part = EncoderPart {
            source: source.into(),
            file: file(source),
            contract: contract(),
            levels: [level("a"), level("b")].into(),
        };
        self.encoders.insert(source.into(), part);
    }

    /// A readout named `name` that sums what it reads: `xfeat.a@0`, a target,
    /// `camera.depth` (at 2x2) or `camera.focal` (reference 100 px).
    pub fn readout(&mut self, name: &str, reads: &[&str]) {
        let tensors: Vec<String> = (0..reads.len()).map(|i| format!("in{i}")).collect();
        let shapes: Vec<(&str, &[usize])> = reads
            .iter()
            .zip(&tensors)
            .map(|(read, tensor)| {
                let shape: &[usize] = match *read {
                    "camera.depth" => &[1, 1, 2, 2],
                    read if read.contains('.') => &[1, 1],
                    _ => &[1, 3],
                };
                (tensor.as_str(), shape)
            })
            .collect();
        let network = FakeNetwork::new(&shapes, &[("out", &[1, 3])], |inputs, outputs| {
            let sum: f32 = inputs.iter().map(|(_, values)| values[0]).sum();
            outputs[0].1.fill(sum);
            Ok(())
        });
        self.readout_of(name, reads, network);
    }

    pub fn readout_of(&mut self, name: &str, reads: &[&str], network: FakeNetwork) {
        self.counts
            .insert(name.into(), self.engine.register(name, network));
        let reads = reads.iter().enumerate().map(|(i, read)| ReadPart {
            tensor: format!("in{i}"),
            optional: false,
            from: match read.split_once('.') {
                None => PartInput::Target(Task::find(read).unwrap()),
                Some(("camera", "depth")) => PartInput::CameraDepth {
                    width: 2,
                    height: 2,
                },
                Some(("camera", "focal")) => PartInput::CameraFocal {
                    reference_px: 100.0,
                },
                Some((source, rest)) => {
                    let (level, back) = rest.split_once('@').unwrap_or((rest, "0"));
                    PartInput::Level {
                        source: source.into(),
                        level: level.into(),
                        frames_back: back.parse().unwrap(),
                    }
                }
            },
        });
        let part = ReadoutPart {
            relative_error: None,
            maker: Maker::Network,
            file: file(name),
            reads: reads.collect(),
            output: NamedTensor {
                tensor: "out".into(),
                spec: TensorSpec::f32(&[1, 3]),
            },
            labels: Arc::from(Vec::new()),
        };
        self.readouts.insert(name.into(), part);
    }

    pub fn plan(&self, policy: &str) -> Plan {
        Plan::make(
            &Policy::parse(policy, "test").unwrap(),
            &self.encoders,
            &self.readouts,
        )
        .unwrap()
    }

    pub fn pipeline(
        self,
        policy: &str,
        clock: Arc<dyn Clock>,
        cameras: &[&str],
        limit: Option<Duration>,
    ) -> Pipeline {
        let plan = self.plan(policy);
        let lane = |name: &&str| LaneName {
            camera: (*name).into(),
            in_keys: cameras.len() > 1,
        };
        let lanes: Vec<LaneName> = cameras.iter().map(lane).collect();
        Pipeline::prepare(
            plan,
            Box::new(self.engine),
            &lanes,
            clock,
            Arc::new(NoWatch),
            limit,
        )
        .unwrap()
    }
}

/// A frame of one grey value.
pub fn frame(sequence: u64, value: u8, at: Duration) -> Frame {
    Frame {
        sequence,
        stamp: Timestamp::from_nanos(1_700_000_000_000_000_000).after(at),
        arrived: at,
        frame_id: "front_optical".into(),
        image: Image::packed(4, 4, PixelFormat::Grey8, vec![value; 16]).unwrap(),
        intrinsics: None,
        distorted: false,
        depth: None,
    }
}

/// Keeps copies of what is delivered; wants everything but what is in `deaf`.
#[derive(Default)]
pub struct Keep {
    pub outputs: Vec<Output>,
    pub deaf: Vec<usize>,
}

impl Keep {
    pub fn first_value(&self, target: &str) -> Option<f32> {
        let output = self
            .outputs
            .iter()
            .rev()
            .find(|output| output.origin.task.name == target)?;
        Some(output.values[0])
    }
}

impl OutputSink for Keep {
    fn wants(&self, target: usize) -> bool {
        !self.deaf.contains(&target)
    }

    fn deliver(&mut self, _target: usize, output: &mut Output) {
        self.outputs.push(output.clone());
    }
}
