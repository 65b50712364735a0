//! What the command line says in place of a launch file.

use crate::launch_file::Provider;

/// What the command line says in place of a launch file; checked already.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// In place of `publish.prefix`.
    pub prefix: Option<String>,
    /// In place of `zenoh.listen`, unless empty.
    pub listen: Vec<String>,
    /// In place of `zenoh.connect`, unless empty.
    pub connect: Vec<String>,
    /// In place of `threads`.
    pub threads: Option<usize>,
    /// True where `tuned` becomes false.
    pub untuned: bool,
    /// True where `control.enabled` becomes true.
    pub allow_control: bool,
    /// In place of `metrics.listen`.
    pub metrics: Option<std::net::SocketAddr>,
    /// True where `providers` becomes TensorRT, CUDA, processor.
    pub gpu: bool,
    /// In place of `providers`, unless empty.
    pub providers: Vec<Provider>,
    /// In place of `learn.targets`, unless empty.
    pub learn: Vec<&'static concert_policies::Task>,
    /// In place of `learn.folder`.
    pub learn_folder: Option<String>,
}
