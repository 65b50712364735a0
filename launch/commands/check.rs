//! `concert check`: explains files.

pub(crate) mod kind;
pub(crate) mod models;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Args;
use concert_models::card::{Card, EncoderCard, MAX_CARD_BYTES, ReadoutCard};
use concert_models::pair::fit_together;
use concert_models::store::{Store, StoreError};
use concert_models::{Intrinsics, onnx};
#[cfg(not(feature = "fitting"))]
use concert_policies::Task;
use concert_runtime::ImagePublishing;
use serde_json::{Value, json};

use self::kind::Kind;
use self::models::{ModelCheck, ModelFile};
use crate::assemble::{check_transport, node_name};
use crate::cli::Global;
use crate::degradation::PolicyChain;
use crate::launch_file::{CameraEntry, LaunchFile, MetricsEntry, PublishStyle};
use crate::model_folders::model_folders;
use crate::policy_choice::PolicyChoice;
use crate::report::{Exit, Failure, Refuse, Report};
use crate::strangers::Strangers;

/// Arguments of `check`.
#[derive(Debug, Args)]
#[command(after_help = "\
What a file is follows from its content. For policies and launch files this
says what would run, in which order, and which model files stand ready.

Exit code 2 where a file is refused, 1 where a policy's models are missing.")]
pub struct CheckArgs {
    /// Policies, launch files, model cards, ONNX networks; also names of
    /// shipped policies
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
}

/// What is to say of one file.
struct Finding {
    json: Value,
    text: String,
    exit: Exit,
}

pub(crate) fn run(args: &CheckArgs, global: &Global) -> Result<Report, Failure> {
    let mut texts = Vec::new();
    let mut files = Vec::new();
    let mut exit = Exit::Done;
    for file in &args.files {
        let finding = check(file, global).unwrap_or_else(|failure| Finding {
            json: json!({ "error": failure.message() }),
            text: format!("refused: {}", failure.message()),
            exit: failure.exit(),
        });
        exit = exit.max(finding.exit);
        let mut json = finding.json;
        json["file"] = json!(file);
        json["ok"] = json!(finding.exit == Exit::Done);
        files.push(json);
        texts.push(format!(
            "{file}\n  {}",
            finding.text.trim_end().replace('\n', "\n  ")
        ));
    }
    Ok(Report {
        json: json!({ "files": files }),
        text: texts.join("\n"),
        exit,
    })
}

fn check(file: &str, global: &Global) -> Result<Finding, Failure> {
    let path = Path::new(file);
    if !path.exists() {
        let choice = PolicyChoice::of(file, path).or_refuse()?;
        return Ok(of_policy(&choice, &[], global));
    }
    match Kind::of(path).or_refuse()? {
        Kind::Policy => {
            let choice = PolicyChoice::read(path).or_refuse()?;
            Ok(of_policy(&choice, &[], global))
        }
        Kind::Launch => of_launch(path, global),
        Kind::Card => of_card(path, global),
        Kind::Network => of_network(path),
    }
}

fn of_policy(choice: &PolicyChoice, launch_models: &[PathBuf], global: &Global) -> Finding {
    let policy = &choice.policy;
    let folders = model_folders(&global.models, launch_models, choice.path.as_deref());
    let files = ModelCheck::new(folders.clone()).files(policy);
    let mut text = format!("policy {}, hash {}\n", policy.name(), policy.hash());
    if let Some(description) = policy.description() {
        let _ = writeln!(text, "{}", description.escape_debug());
    }
    let (encoders, budget) = (policy.encoders(), policy.supervision_budget());
    let list = encoders.join(", ");
    let _ = writeln!(
        text,
        "source encoders: {} of at most {budget}: {list}",
        encoders.len()
    );
    let _ = writeln!(text, "runs on every frame that is due, in this order:");
    for (index, transfer) in policy.evaluation_order().enumerate() {
        let rate = transfer
            .rate_hz()
            .map_or("every frame".to_owned(), |hz| format!("at most {hz}/s"));
        let sources = Some(transfer.sources().join(" + ")).filter(|text| !text.is_empty());
        let inputs = transfer
            .inputs()
            .iter()
            .map(|input| input.name().to_owned());
        let from = sources.into_iter().chain(inputs).collect::<Vec<_>>();
        let from = from.join(", ");
        let (target, message) = (transfer.target(), transfer.target().message_type());
        let _ = writeln!(
            text,
            "  {}. {target} from {from}; {rate}; {message}",
            index + 1
        );
    }
    let targets: Vec<_> = policy.transfers().iter().map(|t| t.target().name).collect();
    let given_up: Vec<_> = targets.iter().rev().copied().collect();
    let _ = writeln!(
        text,
        "given up first when time runs short: {}",
        given_up.join(", ")
    );
    let _ = writeln!(text, "models:");
    for file in &files {
        let _ = writeln!(text, "  {file}");
    }
    let ready = files.iter().all(ModelFile::is_ready);
    if !ready {
        let looked: Vec<_> = folders
            .iter()
            .map(|folder| folder.display().to_string())
            .collect();
        let _ = writeln!(text, "looked in: {}", looked.join(", "));
    }
    Finding {
        json: json!({ "kind": "policy", "policy": policy.summary(), "models": files }),
        text,
        exit: if ready { Exit::Done } else { Exit::Failed },
    }
}

fn of_launch(path: &Path, global: &Global) -> Result<Finding, Failure> {
    let launch = LaunchFile::read(path).or_refuse()?;
    let choice = PolicyChoice::of_launch(&launch).or_refuse()?;
    let mut text = "launch file\n".to_owned();
    let mut cameras = Vec::new();
    for camera in launch.cameras() {
        let (name, kind, frame) = (camera.name(), camera.kind(), camera.frame_id());
        let what = kind.source().describe(&launch);
        let (known, intrinsics) = intrinsics_of(&launch, camera);
        let _ = writeln!(
            text,
            "camera {name}: {what}; frame {frame}; intrinsics {known}"
        );
        cameras.push(json!({
            "name": name, "kind": kind.name(), "frame_id": frame, "what": what,
            "intrinsics": intrinsics,
        }));
    }
    let providers: Vec<_> = launch
        .providers()
        .iter()
        .map(|provider| provider.name())
        .collect();
    let _ = writeln!(text, "providers, tried in turn: {}", providers.join(", "));
    let limit = launch.time_limit().map(|limit| limit.as_millis());
    let shown = limit.map_or("none".to_owned(), |limit| format!("{limit} ms"));
    let _ = writeln!(text, "time limit per frame: {shown}");
    let keys = if launch.cameras().len() > 1 {
        "CAMERA/TARGET"
    } else {
        "TARGET"
    };
    let (prefix, zenoh) = (&launch.publish().prefix, launch.zenoh());
    let listening = match (zenoh.listen.as_slice(), &zenoh.config) {
        ([], Some(file)) => format!("as {file} says"),
        ([], None) => "nowhere".to_owned(),
        (listen, _) => format!("on {}", listen.join(", ")),
    };
    let _ = writeln!(text, "publishes {prefix}/{keys}, listening {listening}");
    let node = node_name(&launch)?.map(|(name, distro)| name.describe(distro));
    if let Some(node) = &node {
        let outputs = match launch.publish().style {
            PublishStyle::Ros2 => "outputs are topics",
            PublishStyle::Native => "it hears cameras alone",
        };
        let _ = writeln!(text, "ROS 2: {node}; {outputs}");
    }
    let _ = writeln!(text, "the camera's image: {}", image_text(&launch));
    if !zenoh.connect.is_empty() {
        let _ = writeln!(text, "connects to {}", zenoh.connect.join(", "));
    }
    if let Some(entry) = launch.metrics() {
        let _ = writeln!(text, "{}", metrics_text(entry));
    }
    check_transport(&launch)?;
    let strangers = Strangers::of(&launch);
    text.push_str(&strangers.lines());
    #[cfg(feature = "fitting")]
    let learnt = launch.learn().map(|learn| &learn.targets[..]);
    #[cfg(not(feature = "fitting"))]
    let learnt: Option<&[&'static Task]> = None;
    let learnt: Vec<_> = learnt.into_iter().flatten().map(|task| task.name).collect();
    if !learnt.is_empty() {
        let _ = writeln!(text, "learns while it serves: {}", learnt.join(", "));
    }
    let chain = PolicyChain::of(&launch, &choice, global)?;
    for line in chain.iter().flat_map(PolicyChain::lines) {
        let _ = writeln!(text, "{line}");
    }
    let lower = chain.as_ref().map(PolicyChain::check_networks);
    let policy = of_policy(&choice, &launch.models(), global);
    text.push_str(&policy.text);
    let json = json!({
        "kind": "launch", "learn": learnt, "policy": policy.json["policy"], "models": policy.json["models"],
        "cameras": cameras, "providers": providers, "time_limit_millis": limit, "prefix": prefix, "ros2": node,
        "listen": zenoh.listen, "connect": zenoh.connect, "shared_memory": zenoh.shared_memory,
        "control": launch.control(), "degradation": chain.as_ref().map(PolicyChain::json), "strangers": strangers, "image": image_text(&launch),
        "metrics": launch.metrics(),
    });
    let mut exit = policy.exit;
    if let Some(Err(failure)) = lower {
        let _ = writeln!(text, "a lower policy of the chain: {}", failure.message());
        exit = exit.max(Exit::Failed);
    }
    Ok(Finding { json, text, exit })
}

/// What is known of a camera's intrinsics before it runs: in words, and as far
/// as they are numbers.
fn intrinsics_of(launch: &LaunchFile, camera: &CameraEntry) -> (String, Option<Intrinsics>) {
    match camera.intrinsics() {
        Some(written) => ("known".to_owned(), Some(written)),
        None => camera.kind().source().own_intrinsics(launch),
    }
}

/// Where metrics are served, and to whom, for people.
fn metrics_text(entry: &MetricsEntry) -> String {
    let who = match entry.listen.ip().is_loopback() {
        true => "programs of this computer",
        false => "whoever reaches this computer over the network",
    };
    let names = match entry.names.as_slice() {
        [] => String::new(),
        names => format!(", also asked as {}", names.join(", ")),
    };
    let listen = entry.listen;
    format!("metrics, readiness and liveness at http://{listen}{names}, for {who}")
}

/// How the camera's image is published, for people.
fn image_text(launch: &LaunchFile) -> String {
    let entry = &launch.publish().image;
    let how = match entry.jpeg_quality {
        None => "raw".to_owned(),
        Some(quality) => format!("jpeg of quality {quality}"),
    };
    let rate = |hz: f64| format!("at most {hz} a second");
    match (entry.enabled, entry.rate_hz) {
        (Some(false), _) => "not published".to_owned(),
        (Some(true), None) => format!("{how}, every computed frame, while somebody listens"),
        (Some(true), Some(hz)) => format!("{how}, {}, while somebody listens", rate(hz)),
        (None, hz) => format!(
            "{how}, {}, while somebody listens, up to {} pixels",
            rate(hz.unwrap_or(ImagePublishing::DEFAULT_RATE_HZ)),
            ImagePublishing::DEFAULT_MAX_PIXELS,
        ),
    }
}

/// What is wrong with a card or with the network that it describes.
pub(crate) fn card_fault(path: &Path, global: &Global) -> Option<String> {
    match of_card(path, global) {
        Ok(finding) if finding.exit == Exit::Done => None,
        Ok(finding) => Some(
            finding.json["network"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        ),
        Err(failure) => Some(failure.message()),
    }
}

fn of_card(path: &Path, global: &Global) -> Result<Finding, Failure> {
    let bytes = kind::read_start(path, MAX_CARD_BYTES).or_refuse()?;
    let text = String::from_utf8_lossy(&bytes);
    let card = Card::parse(&text, &path.display().to_string()).or_refuse()?;
    let kind = card.kind();
    // A card that lies where a store looks is checked as a store does.
    let folder = path.parent().and_then(Path::parent);
    let verdict = match (&card, folder) {
        (Card::Encoder(card), Some(root)) => encoder_verdict(card, root),
        (Card::Readout(card), Some(root)) => {
            readout_verdict(card, root, model_folders(&global.models, &[], None))
        }
        (Card::Geometric(card), _) => Ok(format!("method {}: no network", card.method.name())),
        (_, None) => Err(anyhow!(
            "not in a folder of models, so its network was not looked for"
        )),
    };
    let exit = if verdict.is_ok() {
        Exit::Done
    } else {
        Exit::Failed
    };
    let verdict = verdict.unwrap_or_else(|error| format!("{error:#}"));
    let origin = card.origin();
    let provenance = &origin.provenance;
    let text = format!(
        "card of {kind} {}\nweights: {}; licence {}; trained on {}\nsha256 {}, {} bytes\n{verdict}",
        card.name(),
        provenance.weights.escape_debug(),
        provenance.licence.escape_debug(),
        provenance.trained_on.escape_debug(),
        origin.sha256,
        origin.size_bytes,
    );
    let json = json!({
        "kind": "card", "of": kind, "name": card.name(), "sha256": origin.sha256,
        "size_bytes": origin.size_bytes, "licence": provenance.licence, "network": verdict,
    });
    Ok(Finding { json, text, exit })
}

fn encoder_verdict(card: &EncoderCard, root: &Path) -> anyhow::Result<String> {
    let encoder = Store::new(vec![root.to_owned()]).encoder(&card.name)?;
    Ok(format!("{}: as the card says", encoder.file.path.display()))
}

/// A readout may lie apart from its encoders, as one does that was fitted for
/// the user: they are looked for beside it first, then wherever models are.
fn readout_verdict(
    card: &ReadoutCard,
    root: &Path,
    others: Vec<PathBuf>,
) -> anyhow::Result<String> {
    let mut folders = vec![root.to_owned()];
    folders.extend(others);
    let store = Store::new(folders);
    let readout = store.readout(&card.name)?;
    let encoders = card
        .encoders
        .iter()
        .map(|pin| Ok(store.encoder_card(&pin.source)?.1));
    let encoders = encoders.collect::<Result<Vec<_>, StoreError>>()?;
    fit_together(card, &encoders)?;
    Ok(format!(
        "{}: as the card says, and made for its encoders",
        readout.file.path.display()
    ))
}

fn of_network(path: &Path) -> Result<Finding, Failure> {
    let bytes = kind::read_network(path).or_refuse()?;
    let description = onnx::describe(&bytes).or_refuse()?;
    let text = super::models::description_text(&description);
    let json = json!({ "kind": "network", "network": description });
    Ok(Finding {
        json,
        text,
        exit: Exit::Done,
    })
}
