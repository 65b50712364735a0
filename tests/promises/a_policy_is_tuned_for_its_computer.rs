//! `concert tune` measures the ways to run a policy on this computer and keeps the
//! best one; the next server takes it up and says so, and what is kept but does not
//! fit is passed over with a word. No output changes by a bit.

use std::path::{Path, PathBuf};
use std::process::Output;

use concert_policies::Policy;
use concert_runtime::io::library::{LibraryRequest, find_or_fetch};
use concert_runtime::io::onnxruntime::{Environment, Provider, Tuned, TunedFolder, TunedFor};
use concert_runtime::{EncoderOrder, ExecutionSettings, Spinning};
use serde_json::{Value, json};

use crate::common::program::{concert, free_endpoint, parsed, written};

/// A user with a folder for caches of their own, and the library that is there.
struct User {
    cache: tempfile::TempDir,
    library: PathBuf,
}

impl User {
    fn new() -> Self {
        let library = find_or_fetch(&LibraryRequest::default(), &mut |_| {});
        Self {
            cache: tempfile::tempdir().expect("a folder"),
            library: library.expect("onnxruntime").path,
        }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = concert(arguments);
        command.env("CONCERT_CACHE", self.cache.path());
        command.env("CONCERT_ONNXRUNTIME", &self.library);
        command.output().expect("concert runs")
    }

    /// A second of measuring, as JSON.
    fn tune(&self, policy: &str, more: &[&str]) -> Value {
        let mut arguments = vec!["tune", policy, "--data", "tests/photographs", "--json"];
        arguments.extend(["--seconds", "1", "--rate", "100"]);
        arguments.extend(more);
        let output = self.run(&arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        parsed(&output)
    }

    /// What a server of three photographs says of its engine, and what it logs.
    fn serve(&self, file: &str, more: &[&str]) -> (String, String) {
        let endpoint = free_endpoint();
        let mut arguments = vec!["serve", file, "--frames", "3", "--json"];
        arguments.extend(["--listen", &endpoint, "--prefix", "tuned"]);
        arguments.extend(more);
        let output = self.run(&arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let engine = parsed(&output)["engine"].as_str().map(str::to_owned);
        let logged = String::from_utf8_lossy(&output.stderr).into_owned();
        (engine.expect("an engine"), logged)
    }

    fn folder(&self) -> TunedFolder {
        TunedFolder::at(self.cache.path().join("tuned"))
    }

    /// What was kept of the policy [`BOTH`].
    fn kept(&self) -> Tuned {
        let policy = Policy::parse(BOTH, "both.toml").expect("a policy");
        let hash = policy.hash().to_string();
        let of = TunedFor::here(&[Provider::Cpu], None, &hash).expect("a processor");
        let kept = self.folder().find(&of).expect("a sound file");
        kept.expect("something that was kept")
    }
}

const PHOTOGRAPHS: [&str; 2] = ["--camera", "tests/photographs"];

/// A policy of two encoders that every frame needs.
const BOTH: &str = "name = \"both\"\nsupervision_budget = 2\n\
                    [[transfer]]\ntarget = \"keypoints2d\"\nsources = [\"xfeat\"]\n\
                    [[transfer]]\ntarget = \"class_object\"\nsources = [\"efficientnet_lite0\"]\n";

/// A launch file of the photographs.
fn launch_file(folder: &Path, entry: &str) -> String {
    let text = format!(
        "policy = \"both.toml\"\n{entry}\n[[camera]]\nname = \"front\"\nkind = \"images\"\n\
         paths = [\"tests/photographs\"]\nrate_hz = 10\n"
    );
    written(folder, "front.toml", &text)
}

#[test]
fn the_best_way_is_kept_taken_up_and_said_and_no_output_differs() {
    let user = User::new();
    let folder = tempfile::tempdir().expect("a folder");
    let policy = written(folder.path(), "both.toml", BOTH);
    let policy = policy.as_str();
    let report = user.tune(policy, &[]);
    let all = report["candidates"].as_array().expect("candidates");
    let cores = Environment::usual_threads().get();
    assert!(all.len() > 1 || cores == 1, "{report}");
    assert_eq!(report["failed"], json!([]), "{report}");
    for one in all {
        // Two targets of eight frames each.
        assert_eq!(one["outputs"], 16, "{one}");
        assert_eq!(one["outputs_sha256"], all[0]["outputs_sha256"], "{one}");
        assert!(one["frames"].as_u64() >= Some(6), "{one}");
        let order = [&one["p50_millis"], &one["p99_millis"]].map(Value::as_f64);
        assert!(order[0] > Some(0.0) && order.is_sorted(), "{one}");
        assert!(one["processor_millis"].as_f64() > Some(0.0), "{one}");
    }
    let chosen: Vec<_> = all.iter().filter(|one| one["chosen"] == true).collect();
    assert_eq!(chosen.len(), 1, "{report}");
    assert_eq!(chosen[0]["settings"], report["chosen"]);
    assert!(report["why"].as_str().is_some_and(|why| !why.is_empty()));
    let kept = user.kept();
    assert_eq!(json!(kept.settings), report["chosen"]);

    let (engine, _) = user.serve(policy, &PHOTOGRAPHS);
    let words = chosen[0]["text"].as_str().expect("words");
    let tuned = format!("tuned for latency: {words}");
    assert!(engine.contains(&tuned), "{engine}");
    let output = user.run(&["doctor", "--json"]);
    let doctor = parsed(&output);
    let rows = doctor["rows"].as_array().expect("rows").iter();
    let mut rows = rows.filter(|row| row["what"] == "tuned");
    let found = rows.next().and_then(|row| row["found"].as_str());
    let found = found.expect("what the doctor found").to_owned();
    assert!(found.contains(&format!("both: {words}")), "{found}");

    // Without it, on the command line and in a launch file.
    let (engine, _) = user.serve(policy, &[&PHOTOGRAPHS[..], &["--untuned"]].concat());
    assert!(!engine.contains("tuned"), "{engine}");
    let (engine, _) = user.serve(&launch_file(folder.path(), "tuned = false"), &[]);
    assert!(!engine.contains("tuned"), "{engine}");
    let (engine, _) = user.serve(&launch_file(folder.path(), ""), &[]);
    assert!(engine.contains(&tuned), "{engine}");

    each_setting_is_taken_up(&user, policy, kept.clone());
    what_does_not_fit_is_passed_over(&user, policy, &kept);
}

/// Whatever stands in the file is what the server does.
fn each_setting_is_taken_up(user: &User, policy: &str, mut kept: Tuned) {
    let settings = |encoders, threads, spinning| ExecutionSettings {
        encoders: Some(encoders),
        threads: std::num::NonZeroUsize::new(threads),
        spinning,
    };
    use EncoderOrder::{OneAfterTheOther, SideBySide};
    let side_by_side = "encoders side by side: efficientnet_lite0, xfeat";
    for (settings, threads, is_beside) in [
        (
            settings(SideBySide, 2, Spinning::On),
            "2 threads spinning on,",
            true,
        ),
        (
            settings(SideBySide, 2, Spinning::Micros(100)),
            "2 threads spinning 100 µs,",
            true,
        ),
        (
            settings(OneAfterTheOther, 2, Spinning::Off),
            "2 threads, providers",
            false,
        ),
        (
            settings(OneAfterTheOther, 1, Spinning::Off),
            "1 threads, providers",
            false,
        ),
    ] {
        kept.settings = settings;
        user.folder().keep(&kept).expect("it is kept");
        let (engine, _) = user.serve(policy, &PHOTOGRAPHS);
        assert!(engine.contains(threads), "{engine}");
        assert_eq!(engine.contains(side_by_side), is_beside, "{engine}");
    }
}

/// Another library or other networks, a torn, foreign or overlong file.
fn what_does_not_fit_is_passed_over(user: &User, policy: &str, kept: &Tuned) {
    let path = user.folder().path(&kept.of);
    let is_passed_over = |reason: &str| {
        let (engine, logged) = user.serve(policy, &PHOTOGRAPHS);
        assert!(!engine.contains("tuned"), "{engine}");
        assert!(logged.contains("is not used"), "{logged}");
        assert!(logged.contains(reason), "{logged}");
    };
    let mut other = kept.clone();
    other.with.networks = "of another store".to_owned();
    user.folder().keep(&other).expect("it is kept");
    is_passed_over("it was measured with other networks");
    let mut other = kept.clone();
    other.with.library = "1.0.0 of 7 bytes".to_owned();
    user.folder().keep(&other).expect("it is kept");
    is_passed_over("it was measured with onnxruntime 1.0.0 of 7 bytes");

    user.folder().keep(kept).expect("it is kept");
    let whole = std::fs::read(&path).expect("a file");
    std::fs::write(&path, &whole[..whole.len() / 2]).expect("a torn file");
    is_passed_over("but ");
    std::fs::write(&path, vec![b' '; 1 << 20]).expect("an overlong file");
    is_passed_over("1048576 bytes, but a choice has at most 16384");
    let mut other = kept.clone();
    other.of = TunedFor::here(&[Provider::Cpu], None, "another policy").expect("a processor");
    let foreign = user.folder().keep(&other).expect("it is kept");
    std::fs::copy(foreign, &path).expect("a foreign file");
    is_passed_over("it is for something else");
    // And made anew.
    user.tune(policy, &["--for", "processor"]);
    assert_eq!(user.kept().goal, "processor");
}

#[test]
fn a_dry_run_keeps_nothing_and_what_cannot_be_served_is_refused() {
    let user = User::new();
    let folder = tempfile::tempdir().expect("a folder");
    let text = "name = \"light\"\nsupervision_budget = 1\n\
                [[transfer]]\ntarget = \"keypoints2d\"\nsources = [\"xfeat\"]\n";
    let policy = written(folder.path(), "light.toml", text);
    let report = user.tune(&policy, &["--dry-run", "--threads", "1"]);
    assert_eq!(report["kept"], Value::Null);
    // One thread leaves nothing to choose, and one encoder no order.
    assert_eq!(report["candidates"].as_array().map(Vec::len), Some(1));
    assert_eq!(report["chosen"]["encoders"], Value::Null);
    assert!(!user.cache.path().join("tuned").exists());

    let output = user.run(&["tune", "nothing_of_that_name", "--json"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let error = parsed(&output)["error"].to_string();
    assert!(error.contains("no policy of that name"), "{error}");
}
