//! From a launch file to a pipeline, cameras and a bus: every part is made
//! here, and each refusal says which file or entry is to blame.

mod control;
mod engine;
mod parameters;
mod parts;
mod ros2;
mod solver;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use concert_runtime::{Clock, LaneName, Pipeline, Plan, Watch};

pub(crate) use control::{SharedSwapper, Swapper};
#[cfg(feature = "apartment")]
pub(crate) use engine::library;
pub(crate) use engine::{EngineChoice, StartingEngine};
pub(crate) use parts::{plan, provenance};
pub(crate) use ros2::node_name;
pub(crate) use solver::AskedSolver;
pub(crate) use transport::{ControlServer, PublishInfo, Transport, check_transport};

use crate::launch_file::LaunchFile;
use crate::report::{Failure, Refuse};

/// Loads and wires the networks of a plan, for the cameras of a launch file.
///
/// # Errors
/// What the engine refuses.
pub(crate) fn pipeline(
    launch: &LaunchFile,
    plan: Plan,
    engine: EngineChoice,
    clock: Arc<dyn Clock>,
    watch: Arc<dyn Watch>,
    time_limit: Option<Duration>,
) -> Result<Pipeline, Failure> {
    let prepared = Pipeline::prepare(
        plan.with_encoders(engine.encoders),
        engine.engine,
        &lanes(launch),
        clock,
        watch,
        time_limit,
    );
    for refusal in (engine.refusals)() {
        tracing::warn!("{refusal}");
    }
    let pipeline = prepared.or_refuse()?;
    for (network, placement) in pipeline.placements() {
        let nodes = placement
            .nodes
            .iter()
            .map(|(name, count)| format!("{count} nodes on {name}"));
        let nodes = nodes.collect::<Vec<_>>().join(", ");
        tracing::debug!("{network} runs on {} ({nodes})", placement.provider);
    }
    Ok(pipeline)
}

/// The cameras as the pipeline knows them.
fn lanes(launch: &LaunchFile) -> Vec<LaneName> {
    let in_keys = launch.cameras().len() > 1;
    let names = launch
        .cameras()
        .iter()
        .map(|camera| camera.name().to_owned());
    names.map(|camera| LaneName { camera, in_keys }).collect()
}

/// Keys below the prefix that a plan publishes for the cameras of a launch
/// file: `TARGET`, or `CAMERA/TARGET` where there are several.
pub(crate) fn keys(launch: &LaunchFile, plan: &Plan) -> Vec<String> {
    let lanes = lanes(launch);
    let of_lane = |lane| plan.targets().map(move |task| LaneName::key(lane, task));
    lanes.iter().flat_map(of_lane).collect()
}
