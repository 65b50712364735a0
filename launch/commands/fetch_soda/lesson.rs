//! A thing that nothing which is served knows: the robot is shown it in other homes,
//! fits a readout to what its encoder makes of that, and swaps it in. Three commands of
//! this program, as a person would give them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use concert_runtime::Clock as _;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::thread;
use serde_json::{Value, json};
use toml::Table;

use super::PERCEPTION;
use super::lines::TILT;
use crate::cli::Global;
use crate::fetch_soda::errand::{COLOURS, Thing};
use crate::launch_file::LaunchFile;
use crate::policy_choice::PolicyChoice;
use crate::process::Process;
use crate::report::{Failure, Refuse};
use crate::stop::Stop;

/// Pictures in which the thing is shown, and homes in which they are taken.
const FRAMES: u64 = 20;
const HOMES: u64 = 4;
/// Homes from here on, but for the errand's own: nobody is shown the home that it works in.
const FIRST_HOME: u64 = 3_000_000;
/// The target that is taught, and the variant of its readout.
const TARGET: &str = "object_detection";
const VARIANT: &str = "taught";
/// Ways in which each picture is shown, and steps: what a robot has time for.
const VIEWS: u32 = 3;
const STEPS: u32 = 100;
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// In which a server that was started again must take what was learnt.
const BACK: Duration = Duration::from_secs(30);

/// What is to be taught, and to whom.
pub(super) struct Lesson {
    /// "red cup".
    name: String,
    class: String,
    seed: u64,
    folder: PathBuf,
    models: Vec<PathBuf>,
    policy: Table,
    sources: Vec<String>,
}

impl Lesson {
    /// Prepares the lesson for a robot that is served by a launch file; `None` where the
    /// thing needs none, because it has no colour.
    ///
    /// # Errors
    /// A policy without boxes, which nothing can be taught.
    pub(super) fn prepare(
        thing: &Thing,
        (launch, models): (&Path, &[PathBuf]),
        seed: u64,
        folder: &Path,
    ) -> Result<Option<Self>, Failure> {
        if thing.colour.is_none() {
            return Ok(None);
        }
        let file = LaunchFile::read(launch).or_refuse()?;
        let choice = PolicyChoice::of_launch(&file).or_refuse()?;
        let policy: Table = choice.text.parse().context("the policy is no TOML")?;
        let sources = sources(&policy).ok_or_else(|| {
            let name = policy.get("name").and_then(toml::Value::as_str);
            Failure::refused(anyhow!(
                "policy {} has no {TARGET}, but a {thing} must be taught to one",
                name.unwrap_or_default()
            ))
        })?;
        let learnt = folder.join("taught");
        std::fs::create_dir_all(learnt.join("readouts")).context("no folder for what is taught")?;
        Ok(Some(Self {
            name: thing.to_string(),
            class: thing.class.clone(),
            seed,
            folder: folder.to_owned(),
            models: models.to_vec(),
            policy,
            sources,
        }))
    }

    /// Where what is learnt will lie.
    pub(super) fn models(&self) -> PathBuf {
        self.folder.join("taught")
    }

    /// Gives the lesson, and swaps what was learnt into the server at `server`; what was
    /// done, for the report. `None` where somebody stopped it.
    pub(super) fn give(
        &self,
        server: &str,
        (stop, global): (&Stop, &Global),
    ) -> Result<Option<Value>, Failure> {
        let clock = SystemClock::start();
        let name = &self.name;
        tracing::info!("nothing that is served knows a {name}: it is shown {FRAMES} times");
        let Some(_) = self.process("show", self.showing(), stop)? else {
            return Ok(None);
        };
        let shown = clock.monotonic().as_secs_f64();
        let Some(fitted) = self.process("fit", self.fitting(global), stop)? else {
            return Ok(None);
        };
        let fit = clock.monotonic().as_secs_f64() - shown;
        let policy = self.write_policy()?;
        let Some(swapped) = self.process("swap", swapping(&policy, server), stop)? else {
            return Ok(None);
        };
        let seconds = clock.monotonic().as_secs_f64();
        tracing::info!("it knows a {name} after {seconds:.0} s");
        Ok(Some(json!({
            "class": name, "frames": FRAMES, "seconds": seconds,
            "shown_seconds": shown, "fit_seconds": fit,
            "quality": fitted["quality"], "readout": fitted["name"],
            "policy_hash": swapped["new_hash"],
        })))
    }

    /// Swaps what was learnt into a server that was started again.
    ///
    /// # Errors
    /// One that does not take it within [`BACK`].
    pub(super) fn repeat(&self, server: &str, stop: &Stop) -> Result<(), Failure> {
        let (clock, policy) = (SystemClock::start(), self.policy_path());
        loop {
            // Who is not there yet refuses nothing.
            match self.process("swap", swapping(&policy, server), stop) {
                Ok(_) => return Ok(()),
                Err(why) if clock.monotonic() > BACK => return Err(why),
                Err(_) => thread::sleep(LOOK_AGAIN),
            }
        }
    }

    /// `concert apartment --write …`: the thing, and others of its class, so that it is the
    /// colour that is learnt.
    fn showing(&self) -> Vec<String> {
        let first = FIRST_HOME + self.seed.wrapping_mul(HOMES) % 1_000_000;
        let first = match (first..first + HOMES).contains(&self.seed) {
            true => first + HOMES,
            false => first,
        };
        let mut line = vec![
            "apartment".to_owned(),
            format!("--write={}", self.shown().display()),
            format!("--seeds={first}..{}", first + HOMES),
            format!("--frames={FRAMES}"),
            "--views=put".to_owned(),
            format!("--tilt={TILT}"),
            "--height=1.1".to_owned(),
            "--fov=72".to_owned(),
            format!("--without={}", self.class),
        ];
        let colours = COLOURS.map(|colour| format!("{colour} {}", self.class));
        let [first, second, third] = [0, 1, 2].map(|at| {
            let mut others = colours.iter().filter(|other| **other != self.name);
            others.nth(at).unwrap_or(&self.name)
        });
        // They are looked at by turns.
        let put = [&self.name, first, &self.name, second, third];
        line.extend(put.map(|name| format!("--put={}", name.replace(' ', "-"))));
        line
    }

    fn fitting(&self, global: &Global) -> Vec<String> {
        let mut line = vec![
            "fit".to_owned(),
            format!("--data={}", self.shown().display()),
            format!("--target={TARGET}"),
            format!("--sources={}", self.sources.join(",")),
            format!("--variant={VARIANT}"),
            format!("--views={VIEWS}"),
            format!("--steps={STEPS}"),
            format!("--out={}", self.models().display()),
        ];
        let models = self.models.iter();
        line.extend(models.map(|folder| format!("--models={}", folder.display())));
        let library = global.onnxruntime.iter();
        line.extend(library.map(|library| format!("--onnxruntime={}", library.display())));
        line.extend(global.threads.map(|threads| format!("--threads={threads}")));
        line
    }

    fn shown(&self) -> PathBuf {
        self.folder.join("shown")
    }

    /// The policy that is served, with the readout that was taught.
    fn write_policy(&self) -> anyhow::Result<PathBuf> {
        let mut policy = self.policy.clone();
        let transfer = transfers(&mut policy).find(|transfer| is_taught(transfer));
        let transfer = transfer.context("the policy has changed")?;
        transfer.insert(
            "readout".to_owned(),
            toml::Value::String(VARIANT.to_owned()),
        );
        let path = self.policy_path();
        std::fs::write(&path, policy.to_string()).with_context(|| path.display().to_string())?;
        Ok(path)
    }

    fn policy_path(&self) -> PathBuf {
        self.folder.join("taught.toml")
    }

    /// Runs this program to its end; what it says, or `None` where somebody stopped it.
    fn process(
        &self,
        name: &'static str,
        line: Vec<String>,
        stop: &Stop,
    ) -> Result<Option<Value>, Failure> {
        tracing::debug!("concert {}", line.join(" "));
        let mut process = Process::start(name, &line, &self.folder)?;
        loop {
            if process.code() == Some(0) {
                return Ok(Some(process.said()));
            }
            if stop.is_raised() {
                return Ok(None);
            }
            process.check()?;
            thread::sleep(LOOK_AGAIN);
        }
    }
}

/// `concert swap …`: a policy, into the server at an address.
fn swapping(policy: &Path, server: &str) -> Vec<String> {
    vec![
        "swap".to_owned(),
        policy.to_string_lossy().into_owned(),
        format!("--connect={server}"),
        format!("--prefix={PERCEPTION}"),
    ]
}

fn transfers(policy: &mut Table) -> impl Iterator<Item = &mut Table> {
    let all = policy.get_mut("transfer");
    let all = all
        .and_then(toml::Value::as_array_mut)
        .into_iter()
        .flatten();
    all.filter_map(toml::Value::as_table_mut)
}

fn is_taught(transfer: &Table) -> bool {
    transfer.get("target").and_then(toml::Value::as_str) == Some(TARGET)
}

/// What the boxes of a policy are read out of.
fn sources(policy: &Table) -> Option<Vec<String>> {
    let all = policy.get("transfer")?.as_array()?;
    let mut all = all.iter().filter_map(toml::Value::as_table);
    let sources = all.find(|transfer| is_taught(transfer))?.get("sources")?;
    let sources = sources.as_array()?.iter();
    sources
        .map(|source| Some(source.as_str()?.to_owned()))
        .collect()
}
