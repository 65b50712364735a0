//! Loading networks: the provider chain, tried strictly and never silently, and
//! the sessions that several networks share.
#![expect(
    unsafe_code,
    reason = "node assignment is only in ONNX Runtime's C interface"
)]

use std::collections::{BTreeMap, HashMap};
use std::ffi::CStr;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use concert_models::{EngineError, NetworkFile, Placement, Preloader, own};
use ort::AsPointer;
use ort::ep::ExecutionProviderDispatch;
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

use super::slot::Side;
use super::{Environment, OptimisedCache, Provider, Refusal, lock, words};
use crate::execution::Spinning;
use crate::io::library::cache_folder;

/// A network in memory, on one provider. Networks loaded from the same file on
/// the same provider share it; one of them runs at a time, because ONNX
/// Runtime's providers are not all safe to run from two threads.
pub(super) struct LoadedSession {
    pub(super) session: Mutex<Session>,
    pub(super) placement: Placement,
    pub(super) side: Side,
    /// Set once a network uses it.
    in_use: AtomicBool,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    sha256: String,
    size_bytes: usize,
    provider: Provider,
    threads: Threads,
}

/// Threads that run a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Threads {
    /// Those of the environment's pool.
    All,
    /// So many, the calling one included, which no other network uses.
    Own(NonZeroUsize),
}

impl Threads {
    /// The share of one of `count` networks that run side by side.
    pub(super) fn of_share(all: NonZeroUsize, count: usize) -> Self {
        match count {
            0 | 1 => Self::All,
            _ => Self::Own(NonZeroUsize::new(all.get() / count).unwrap_or(NonZeroUsize::MIN)),
        }
    }
}

/// The sessions of one family of engines. A session is kept while a network
/// uses it.
pub(super) struct Sessions {
    environment: Environment,
    cache: Option<OptimisedCache>,
    loaded: Mutex<HashMap<Key, Weak<LoadedSession>>>,
    /// Sessions that no network uses yet.
    preloaded: Mutex<Vec<Arc<LoadedSession>>>,
    refusals: Mutex<Vec<Refusal>>,
}

impl Sessions {
    pub(super) fn new(environment: Environment, cache: Option<OptimisedCache>) -> Self {
        Self {
            environment,
            cache,
            loaded: Mutex::default(),
            preloaded: Mutex::default(),
            refusals: Mutex::default(),
        }
    }

    pub(super) fn refusals(&self) -> Vec<Refusal> {
        lock(&self.refusals).clone()
    }

    /// Loads `file` on the first provider of `chain` that takes it; what the
    /// ones before said is kept for [`Sessions::refusals`]. Also says whether
    /// another network uses the session already.
    pub(super) fn load(
        &self,
        file: &NetworkFile,
        chain: &[Provider],
        threads: Threads,
    ) -> Result<(Arc<LoadedSession>, bool), EngineError> {
        let mut reasons = Vec::new();
        for &provider in chain {
            match self.load_on(file, (provider, threads), Keep::No) {
                Ok(session) => {
                    let shared = session.in_use.swap(true, Ordering::AcqRel);
                    lock(&self.preloaded).retain(|one| !Arc::ptr_eq(one, &session));
                    return Ok((session, shared));
                }
                Err(reason) => {
                    reasons.push(format!("{provider}: {reason}"));
                    self.note(Refusal {
                        network: file.name.clone(),
                        provider,
                        reason,
                    });
                }
            }
        }
        let names: Vec<&str> = chain.iter().map(|provider| provider.name()).collect();
        Err(EngineError::Load {
            network: file.name.clone(),
            providers: names.join(", "),
            reason: reasons.join("; "),
        })
    }

    fn note(&self, refusal: Refusal) {
        let mut refusals = lock(&self.refusals);
        if !refusals.contains(&refusal) {
            refusals.push(refusal);
        }
    }

    /// The session of a file that is loaded already, or one that is made now.
    fn load_on(
        &self,
        file: &NetworkFile,
        (provider, threads): (Provider, Threads),
        keep: Keep,
    ) -> Result<Arc<LoadedSession>, String> {
        let key = Key {
            sha256: file.sha256.clone(),
            size_bytes: file.bytes.len(),
            provider,
            threads,
        };
        if let Some(session) = self.find(&key) {
            return Ok(session);
        }
        // `ort` panics on some answers that it does not expect.
        let session = catch_unwind(AssertUnwindSafe(|| {
            self.open(file, (provider, threads), keep)
        }))
        .unwrap_or_else(|_| Err("onnxruntime gave an answer that is not understood".to_owned()))?;
        let session = Arc::new(session);
        let mut loaded = lock(&self.loaded);
        // Another thread may have loaded the same meanwhile.
        if let Some(other) = loaded.get(&key).and_then(Weak::upgrade) {
            return Ok(other);
        }
        loaded.retain(|_, session| session.strong_count() > 0);
        loaded.insert(key, Arc::downgrade(&session));
        Ok(session)
    }

    /// A session of the optimised network, where that lies in the cache, or of the
    /// network itself.
    fn open(
        &self,
        file: &NetworkFile,
        (provider, threads): (Provider, Threads),
        keep: Keep,
    ) -> Result<LoadedSession, String> {
        // What is made for a device is the provider's own to keep.
        let is_kept = provider == Provider::Cpu && OptimisedCache::pays(file);
        let cache = self.cache.as_ref().filter(|_| is_kept);
        let found = cache.and_then(|cache| self.open_optimised(file, threads, cache));
        let made = || {
            let cache = cache.filter(|_| keep == Keep::Yes)?;
            cache.make(file, provider, |path| self.optimise(file, threads, path))
        };
        let (session, nodes) = match found.or_else(made) {
            Some(opened) => opened,
            None => open_on(&self.environment, file, (provider, threads))?,
        };
        Ok(LoadedSession {
            session: Mutex::new(session),
            placement: Placement {
                provider: provider.name().to_owned(),
                nodes,
            },
            side: match provider {
                Provider::Cpu => Side::Host,
                Provider::Cuda | Provider::TensorRt => Side::Device,
            },
            in_use: AtomicBool::new(false),
        })
    }

    /// A session of what the cache has of a network.
    fn open_optimised(
        &self,
        file: &NetworkFile,
        threads: Threads,
        cache: &OptimisedCache,
    ) -> Option<Opened> {
        let found = cache.find(file, Provider::Cpu)?;
        let opened = configure(&self.environment, threads, GraphOptimizationLevel::Disable)
            .and_then(|mut builder| builder.commit_from_memory(found.bytes()).map_err(words));
        match opened {
            Ok(session) => Some((session, found.nodes)),
            Err(reason) => {
                tracing::warn!(network = %file.name, "its optimised network is not used, but made anew: {reason}");
                None
            }
        }
    }

    /// A session of a network, which writes what it optimised it to.
    fn optimise(&self, file: &NetworkFile, threads: Threads, to: &Path) -> Result<Opened, String> {
        let session = configure(&self.environment, threads, GraphOptimizationLevel::All)?
            .with_optimized_model_path(to)
            .map_err(words)?
            // It warns that the file is of this machine, which its key says.
            .with_log_level(LogLevel::Error)
            .map_err(words)?
            .commit_from_memory(&file.bytes)
            .map_err(words)?;
        let nodes = nodes_by_provider(&session).unwrap_or_default();
        Ok((session, nodes))
    }

    fn find(&self, key: &Key) -> Option<Arc<LoadedSession>> {
        lock(&self.loaded).get(key).and_then(Weak::upgrade)
    }
}

/// Makes sessions on the processor, each on the thread that asks. They are kept
/// until a network uses them, or nobody can any more.
impl Preloader for Sessions {
    fn preload(&self, file: &NetworkFile, count: usize) {
        let threads = Threads::of_share(self.environment.threads(), count);
        if let Ok(session) = self.load_on(file, (Provider::Cpu, threads), Keep::Yes) {
            lock(&self.preloaded).push(session);
        }
    }
}

/// Whether a network that is optimised now is kept for later starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Yes,
    No,
}

/// A session, and how many nodes each provider got.
type Opened = (Session, Vec<(String, usize)>);

/// A session of a network as it is, on a provider.
fn open_on(
    environment: &Environment,
    file: &NetworkFile,
    (provider, threads): (Provider, Threads),
) -> Result<Opened, String> {
    let mut builder = configure(environment, threads, GraphOptimizationLevel::All)?;
    let providers = dispatches(provider, file)?;
    if !providers.is_empty() {
        builder = builder.with_execution_providers(providers).map_err(words)?;
    }
    let session = builder.commit_from_memory(&file.bytes).map_err(words)?;
    let nodes = nodes_by_provider(&session).unwrap_or_default();
    if provider != Provider::Cpu && !nodes.is_empty() && !took_any(provider, &nodes) {
        return Err(format!(
            "none of its nodes can run there; all would run on {}",
            nodes[0].0
        ));
    }
    Ok((session, nodes))
}

/// Memory is planned once, for shapes do not change.
fn configure(
    environment: &Environment,
    threads: Threads,
    level: GraphOptimizationLevel,
) -> Result<SessionBuilder, String> {
    let builder = Session::builder(environment.ort()).map_err(words)?;
    with_threads(builder, threads, environment)?
        .with_optimization_level(level)
        .map_err(words)?
        .with_memory_pattern(true)
        .map_err(words)?
        .with_log_level(LogLevel::Warning)
        .map_err(words)?
        .with_config_entry("session.record_ep_graph_assignment_info", "1")
        .map_err(words)
}

/// The threads of a network: those of the environment's pool, or its own, where it
/// has a share of them or threads are to spin for a stated time, which the pool
/// cannot.
fn with_threads(
    builder: SessionBuilder,
    threads: Threads,
    environment: &Environment,
) -> Result<SessionBuilder, String> {
    let spinning = environment.spinning();
    let count = match (threads, spinning) {
        (Threads::All, Spinning::Off | Spinning::On) => return Ok(builder),
        (Threads::All, Spinning::Micros(_)) => environment.threads(),
        (Threads::Own(count), _) => count,
    };
    let builder = builder
        .with_independent_thread_pool()
        .map_err(words)?
        .with_intra_threads(count.get())
        .map_err(words)?
        .with_inter_threads(1)
        .map_err(words)?;
    let entry = |builder: SessionBuilder, key: &str, value: &str| {
        builder
            .with_config_entry(format!("session.intra_op.{key}"), value)
            .map_err(words)
    };
    match spinning {
        Spinning::Off => entry(builder, "allow_spinning", "0"),
        Spinning::On => entry(builder, "allow_spinning", "1"),
        Spinning::Micros(micros) => entry(builder, "allow_spinning", "1")
            .and_then(|builder| entry(builder, "spin_duration_us", &micros.to_string())),
    }
}

/// The providers to register, each of which fails rather than stand aside. The
/// CPU is always there and needs none.
fn dispatches(
    provider: Provider,
    file: &NetworkFile,
) -> Result<Vec<ExecutionProviderDispatch>, String> {
    let cuda = || {
        ort::ep::CUDA::default()
            .with_device_id(0)
            .build()
            .error_on_failure()
    };
    match provider {
        Provider::Cpu => Ok(Vec::new()),
        Provider::Cuda => Ok(vec![cuda()]),
        Provider::TensorRt => Ok(vec![tensorrt(file)?, cuda()]),
    }
}

/// Building an engine takes minutes, so engines and timings are kept in a
/// folder that only this user can write: they are code. ONNX Runtime names them
/// after graph, TensorRT version and GPU; the network's hash is added.
fn tensorrt(file: &NetworkFile) -> Result<ExecutionProviderDispatch, String> {
    let folder = cache_folder()
        .map_err(|error| error.to_string())?
        .join("tensorrt");
    own::make_folder(&folder, true)
        .map_err(|error| format!("cannot use {}: {error}", folder.display()))?;
    let prefix: String = file.sha256.chars().take(16).collect();
    tracing::info!(
        network = file.name,
        "building or loading a TensorRT engine; the first time takes minutes"
    );
    Ok(ort::ep::TensorRT::default()
        .with_device_id(0)
        .with_engine_cache(true)
        .with_engine_cache_path(folder.display())
        .with_engine_cache_prefix(prefix)
        .with_timing_cache(true)
        .with_timing_cache_path(folder.display())
        .build()
        .error_on_failure())
}

fn took_any(provider: Provider, nodes: &[(String, usize)]) -> bool {
    nodes.iter().any(|(name, _)| match provider {
        Provider::TensorRt => name == "tensorrt",
        Provider::Cuda => name == "cuda",
        Provider::Cpu => name == "cpu",
    })
}

/// Number of nodes that each provider really got, by our short names.
fn nodes_by_provider(session: &Session) -> ort::Result<Vec<(String, usize)>> {
    let api = ort::api();
    let mut subgraphs = std::ptr::null();
    let mut count = 0;
    // SAFETY: the session is alive; the call writes a pointer to an array that
    // the session owns, and its length.
    let status = unsafe {
        (api.Session_GetEpGraphAssignmentInfo)(session.ptr(), &mut subgraphs, &mut count)
    };
    // SAFETY: every status below was just returned, and is read once.
    unsafe { ort::Error::result_from_status(status) }?;
    let mut nodes = BTreeMap::new();
    for index in 0..count {
        // SAFETY: `index` is within the array.
        let subgraph = unsafe { *subgraphs.add(index) };
        let mut name = std::ptr::null();
        // SAFETY: the subgraph belongs to the living session.
        let status = unsafe { (api.EpAssignedSubgraph_GetEpName)(subgraph, &mut name) };
        // SAFETY: as above.
        unsafe { ort::Error::result_from_status(status) }?;
        let (mut members, mut length) = (std::ptr::null(), 0);
        // SAFETY: as for the name.
        let status =
            unsafe { (api.EpAssignedSubgraph_GetNodes)(subgraph, &mut members, &mut length) };
        // SAFETY: as above.
        unsafe { ort::Error::result_from_status(status) }?;
        // SAFETY: the name is a string that ends with zero and belongs to the
        // living session.
        let name = unsafe { CStr::from_ptr(name) }.to_string_lossy();
        *nodes.entry(short_name(&name)).or_insert(0) += length;
    }
    Ok(nodes.into_iter().collect())
}

fn short_name(provider: &str) -> String {
    match provider {
        "CPUExecutionProvider" => "cpu".to_owned(),
        "CUDAExecutionProvider" => "cuda".to_owned(),
        "TensorrtExecutionProvider" => "tensorrt".to_owned(),
        other => other.to_owned(),
    }
}
