//! A launch file as it is written, unchecked.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::camera::CameraSchema;

pub(crate) type Text = Spanned<String>;
pub(crate) type Texts = Spanned<Vec<Spanned<String>>>;

/// Where a policy of Concert runs: on which cameras, with which providers, and
/// to whom it publishes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Concert launch file")]
pub(super) struct RawLaunch {
    /// The policy: the name of one that ships with Concert, or a path.
    #[schemars(with = "String")]
    pub(super) policy: Text,
    /// Folders in which models are looked for, before all others.
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) models: Option<Texts>,
    /// Providers to try, one after the other; default: `cpu`.
    #[schemars(with = "Option<Vec<RawProvider>>")]
    pub(super) providers: Option<Texts>,
    /// Threads of the one pool that runs networks; default: one per core.
    #[schemars(with = "Option<u32>", range(min = 1, max = 1024))]
    pub(super) threads: Option<Spanned<i64>>,
    /// Whether the execution settings are used that `concert tune` kept for this
    /// policy on this computer; default: true.
    pub(super) tuned: Option<bool>,
    /// How long one frame may take, in milliseconds, before the rest of its
    /// plan is shed, least important first; default: no limit.
    #[schemars(with = "Option<u32>", range(min = 1, max = 60_000))]
    pub(super) time_limit_millis: Option<Spanned<i64>>,
    /// How long a frame may wait for its turn, in milliseconds, and still be
    /// worth computing; default: any time.
    #[schemars(with = "Option<u32>", range(min = 1, max = 60_000))]
    pub(super) max_age_millis: Option<Spanned<i64>>,
    /// How long one network may run, in milliseconds, before it is ended;
    /// default: 2000.
    #[schemars(with = "Option<u32>", range(min = 100, max = 600_000))]
    pub(super) hang_limit_millis: Option<Spanned<i64>>,
    /// The cameras. They are taken out of the text before, each by the rules of
    /// its kind.
    #[serde(default)]
    #[schemars(with = "Vec<CameraSchema>", length(min = 1, max = 16))]
    #[allow(dead_code)] // for the schema, and the list of keys that are known
    pub(super) camera: (),
    /// How outputs are published.
    #[serde(default)]
    pub(super) publish: RawPublish,
    /// How the zenoh session meets others.
    #[serde(default)]
    pub(super) zenoh: RawZenoh,
    /// Whether others may change what runs.
    #[serde(default)]
    pub(super) control: RawControl,
    /// Which policies take over where there is not enough time, it is too hot, or
    /// the engine is lost; default: none.
    pub(super) degradation: Option<RawDegradation>,
    /// Metrics, readiness and liveness over HTTP; default: none.
    #[schemars(with = "Option<RawMetrics>")]
    pub(super) metrics: Option<Spanned<RawMetrics>>,
    /// What is learnt from the camera's depth while it is served; default:
    /// nothing.
    pub(super) learn: Option<RawLearn>,
}

/// For the schema alone: the parser has its own words for an unknown one.
#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Provider")]
#[allow(dead_code)]
enum RawProvider {
    Tensorrt,
    Cuda,
    Cpu,
}

/// How outputs are published.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Publish")]
pub(super) struct RawPublish {
    /// What the keys begin with; default: `robot/perception`.
    #[schemars(with = "Option<String>")]
    pub(super) prefix: Option<Text>,
    /// Key layout and attachment: `native` (default), or `ros2`, as a node of ROS 2
    /// has them over `rmw_zenoh`, whose namespace is the prefix.
    #[schemars(with = "Option<String>", regex(pattern = "^(native|ros2)$"))]
    pub(super) style: Option<Text>,
    /// The distribution of ROS 2 that the others run; needed with style `ros2` and by
    /// cameras of kind ros2. Humble and later ones do not hear each other.
    #[schemars(
        with = "Option<String>",
        regex(pattern = "^(humble|jazzy|kilted|lyrical)$")
    )]
    pub(super) distro: Option<Text>,
    /// Domain of ROS 2; default: `ROS_DOMAIN_ID` of the environment, else 0.
    #[schemars(with = "Option<u32>", range(min = 0, max = 232))]
    pub(super) domain_id: Option<Spanned<i64>>,
    /// Name of the node of ROS 2; default: `concert`.
    #[schemars(with = "Option<String>")]
    pub(super) node: Option<Text>,
    /// The camera's image beside the outputs.
    #[serde(default)]
    pub(super) image: RawImage,
}

/// The camera's image, published at `PREFIX/image` (with several cameras at
/// `PREFIX/CAMERA/image`) while somebody listens there. Of computed frames
/// alone, with their stamps.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PublishImage")]
pub(super) struct RawImage {
    /// Whether it is published; default: where it has at most 640x480 pixels,
    /// and then 10 times a second at most.
    pub(super) enabled: Option<bool>,
    /// `raw` (default), as it came from the camera, or `jpeg`.
    #[schemars(with = "Option<String>", regex(pattern = "^(raw|jpeg)$"))]
    pub(super) encoding: Option<Text>,
    /// Most images a second; default: with `enabled = true`, every computed
    /// frame.
    #[schemars(with = "Option<f64>", extend("exclusiveMinimum" = 0, "maximum" = 1000))]
    pub(super) rate_hz: Option<Spanned<f64>>,
    /// Quality of `jpeg`; default: 90.
    #[schemars(with = "Option<u32>", range(min = 1, max = 100))]
    pub(super) quality: Option<Spanned<i64>>,
}

/// How the zenoh session meets others.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Zenoh")]
pub(super) struct RawZenoh {
    /// Endpoints to listen on; default: `tcp/127.0.0.1:7448`.
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) listen: Option<Texts>,
    /// Endpoints to connect to, if and when somebody answers there; default:
    /// `tcp/127.0.0.1:7447`, where a router on this computer would be.
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) connect: Option<Texts>,
    /// Whether large payloads go through shared memory; default: true.
    pub(super) shared_memory: Option<bool>,
    /// A configuration file of zenoh's own, for everything else (access lists,
    /// users). With one, `listen` and `connect` are as it says where they are
    /// not written here; control is off unless it is enabled.
    #[schemars(with = "Option<String>")]
    pub(super) config: Option<Text>,
    /// Certificates of `tls/` endpoints.
    #[serde(default)]
    pub(super) tls: RawTls,
}

/// Certificates and keys of `tls/` endpoints, files in PEM. A `tls/` endpoint of
/// `listen` needs a certificate and its private key, one of `connect` needs an
/// authority.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Tls")]
pub(super) struct RawTls {
    /// Certificates of the authorities that are trusted, PEM.
    #[schemars(with = "Option<String>")]
    pub(super) authority: Option<Text>,
    /// Certificate that is shown to who connects to us, with its chain, PEM.
    #[schemars(with = "Option<String>")]
    pub(super) certificate: Option<Text>,
    /// Private key of `certificate`, PEM.
    #[schemars(with = "Option<String>")]
    pub(super) private_key: Option<Text>,
    /// Certificate that is shown where we connect to who asks for one, PEM.
    #[schemars(with = "Option<String>")]
    pub(super) client_certificate: Option<Text>,
    /// Private key of `client_certificate`, PEM.
    #[schemars(with = "Option<String>")]
    pub(super) client_private_key: Option<Text>,
    /// Whether who connects to us must show a certificate that an authority of
    /// `authority` signed; default: false.
    pub(super) require_client_certificate: Option<bool>,
    /// Whether a certificate must bear the name that we connect to; default:
    /// true.
    pub(super) verify_name: Option<bool>,
}

/// A chain of policies, best first: `policy`, then each fallback. Under sustained
/// overload, heat or loss of the engine the next one takes over, after a calm time
/// the one before it again.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Degradation")]
pub(super) struct RawDegradation {
    /// What is stepped down to, best first; the first fallback is to take less than
    /// `policy`.
    #[schemars(with = "Vec<RawFallback>", length(min = 1, max = 8))]
    pub(super) fallback: Spanned<Vec<RawFallback>>,
    /// Share of the frames in percent: a policy is overloaded where more of them
    /// are replaced by newer ones, wait longer than `max_age_millis`, or are late by
    /// `time_limit_millis`; default: 20. At a quarter of it, it is calm.
    #[schemars(with = "Option<u32>", range(min = 1, max = 90))]
    pub(super) late_percent: Option<Spanned<i64>>,
    /// How long overload or heat lasts before a step down, in milliseconds;
    /// default: 2000.
    #[schemars(with = "Option<u32>", range(min = 100, max = 600_000))]
    pub(super) down_after_millis: Option<Spanned<i64>>,
    /// How long calm lasts before a step up, in milliseconds; default: 10000.
    /// Doubled each time that a step up did not last.
    #[schemars(with = "Option<u32>", range(min = 100, max = 3_600_000))]
    pub(super) up_after_millis: Option<Spanned<i64>>,
    /// Temperature of any thermal zone that is too hot, °C; default: its trip point.
    #[schemars(with = "Option<u32>", range(min = 30, max = 150))]
    pub(super) max_celsius: Option<Spanned<i64>>,
}

/// A policy that takes less than those before it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Fallback")]
pub(super) struct RawFallback {
    /// The policy: the name of one that ships with Concert, or a path.
    #[schemars(with = "String")]
    pub(super) policy: Text,
    /// Most outputs a second of each target; default: as the policy has it.
    #[schemars(with = "Option<f64>", extend("exclusiveMinimum" = 0, "maximum" = 1000))]
    pub(super) max_rate_hz: Option<Spanned<f64>>,
    /// Providers to try, one after the other; default: those of the launch file.
    /// `cpu` takes over where a GPU is lost.
    #[schemars(with = "Option<Vec<RawProvider>>")]
    pub(super) providers: Option<Texts>,
}

/// Whether others may change what runs.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Control")]
pub(super) struct RawControl {
    /// Whether `concert swap` may change the policy while it runs; default:
    /// only for who comes in at an own endpoint, where all of `listen` is of
    /// this computer alone (127.0.0.1, ::1, localhost), and no router came in
    /// there; never through what we connect to.
    pub(super) enabled: Option<bool>,
}

/// Metrics (`/metrics`, OpenMetrics), readiness (`/ready`) and liveness (`/live`) over
/// HTTP.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Metrics")]
pub(super) struct RawMetrics {
    /// Address and port; default: `127.0.0.1:9464`. Port 0 takes a free one.
    #[schemars(with = "Option<String>")]
    pub(super) listen: Option<Text>,
    /// Names by which this computer may be asked, beside its addresses and `localhost`;
    /// default: none.
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) names: Option<Texts>,
}

/// What is learnt from the camera's depth while it is served.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Learn")]
pub(super) struct RawLearn {
    /// Targets of the policy: `depth_zbuffer`, `normal`, `edge_occlusion`,
    /// `reshading`, `curvature`.
    #[schemars(with = "Vec<String>", length(min = 1, max = 5))]
    pub(super) targets: Texts,
    /// Folder in which statistics and learnt readouts are kept; default: below
    /// the user's data folder, one per prefix.
    #[schemars(with = "Option<String>")]
    pub(super) folder: Option<Text>,
    /// Least time between two refits, in milliseconds; default: 20000.
    #[schemars(with = "Option<u32>", range(min = 100, max = 86_400_000))]
    pub(super) refit_every_millis: Option<Spanned<i64>>,
    /// Least time between two frames that are looked at, in milliseconds;
    /// default: 200.
    #[schemars(with = "Option<u32>", range(min = 0, max = 60_000))]
    pub(super) interval_millis: Option<Spanned<i64>>,
    /// Least time of a block of frames, in milliseconds: of three blocks two
    /// are learnt from and one is held out; default: 2000.
    #[schemars(with = "Option<u32>", range(min = 0, max = 600_000))]
    pub(super) block_millis: Option<Spanned<i64>>,
    /// Fewest frames of a block; default: 5.
    #[schemars(with = "Option<u32>", range(min = 1, max = 1000))]
    pub(super) block_frames: Option<Spanned<i64>>,
    /// Frames after which what was learnt counts half; default: 3000.
    #[schemars(with = "Option<u32>", range(min = 10, max = 10_000_000))]
    pub(super) half_life_frames: Option<Spanned<i64>>,
    /// By how much the error must fall before a readout is exchanged, in
    /// percent; default: 3.
    #[schemars(with = "Option<u32>", range(min = 0, max = 90))]
    pub(super) margin_percent: Option<Spanned<i64>>,
    /// Steps of gradient descent from the first readout at every refit, beside
    /// ridge regression; default: 60.
    #[schemars(with = "Option<u32>", range(min = 0, max = 10_000))]
    pub(super) descent_steps: Option<Spanned<i64>>,
}

pub(super) fn json_schema() -> serde_json::Value {
    schemars::schema_for!(RawLaunch).to_value()
}
