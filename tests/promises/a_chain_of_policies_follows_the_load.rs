//! A server with a chain of policies steps down under load, says so, goes on with
//! what both policies have, and steps up when the load ends; and what is no chain is
//! refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use concert_policies::Policy;
use concert_runtime::Clock;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::thread;
use concert_runtime::io::zenoh::{
    MessageOptions, MessagePublisher, Session, SessionOptions, Watcher, open_session,
};
use concert_runtime::wire::AnyMessage;
use concert_runtime::wire::common::Header;
use concert_runtime::wire::sensor_msgs::Image;
use serde_json::Value;

use crate::common::program::{Running, free_endpoint, run, written};

/// In which each step must have been made.
const LIMIT: Duration = Duration::from_secs(180);
/// Time between frames: far beyond what any computer does, and easy for all.
const FLOOD: Duration = Duration::from_micros(1500);
const TRICKLE: Duration = Duration::from_millis(700);
const CAMERA: &str = "[[camera]]\nname = \"front\"\nkind = \"zenoh\"\nkey = \"robot/image\"\n";

/// Publishes images in a rhythm that changes, until it is dropped.
struct Flow {
    pause: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Flow {
    fn start(session: Session, pause: Duration) -> Self {
        let options = MessageOptions {
            prefix: "robot".to_owned(),
            keys: vec!["image".to_owned()],
            shared_memory_bytes: 0,
            claim: None,
        };
        let mut publisher = MessagePublisher::open(session, &options).expect("a publisher");
        let micros = Arc::new(AtomicU64::new(pause.as_micros() as u64));
        let over = Arc::new(AtomicBool::new(false));
        let (pause, ended) = (Arc::clone(&micros), Arc::clone(&over));
        let body = move || {
            let clock = SystemClock::start();
            for count in 0_usize.. {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let image = Image {
                    header: Header {
                        stamp: clock.now(),
                        frame_id: "front_optical".to_owned(),
                    },
                    width: 64,
                    height: 48,
                    encoding: "rgb8".into(),
                    is_bigendian: false,
                    step: 192,
                    data: (0..64 * 48 * 3)
                        .map(|at| (at * 7 + count) as u8)
                        .collect::<Vec<_>>()
                        .into(),
                };
                publisher.publish("image", &image).expect("a declared key");
                thread::sleep(Duration::from_micros(pause.load(Ordering::Relaxed)));
            }
        };
        Self {
            pause: micros,
            over,
            thread: Some(thread::spawn("flow", body).expect("a thread")),
        }
    }

    fn every(&self, pause: Duration) {
        self.pause
            .store(pause.as_micros() as u64, Ordering::Relaxed);
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What a subscriber hears of a server.
struct Ear {
    watcher: Watcher,
    /// Name and hash of the policy of each output of depth, where they changed.
    policies: Vec<(String, String)>,
    /// Level and message of the chain's entry in the status, where they changed.
    said: Vec<(u8, String)>,
}

impl Ear {
    fn listen(&mut self) {
        for received in self.watcher.take(Duration::from_millis(50)) {
            if let (Some(attachment), "depth_zbuffer") = (&received.attachment, &*received.key) {
                let made_by = (attachment.policy_name.clone(), attachment.policy.clone());
                if self.policies.last() != Some(&made_by) {
                    self.policies.push(made_by);
                }
            }
            if let Ok(AnyMessage::DiagnosticArray(status)) = received.message() {
                let entry = status
                    .status
                    .iter()
                    .find(|entry| entry.name == "degradation");
                let said = entry.map(|entry| (entry.level, entry.message.clone()));
                if said.is_some() && said != self.said.last().cloned() {
                    self.said.extend(said);
                }
            }
        }
    }

    /// Listens until depth was made by so many policies, one after the other.
    fn until(&mut self, policies: usize) {
        let clock = SystemClock::start();
        while self.policies.len() < policies {
            let (heard, said) = (&self.policies, &self.said);
            assert!(
                clock.monotonic() < LIMIT,
                "within {LIMIT:?} {heard:?} {said:?}"
            );
            self.listen();
        }
    }
}

#[test]
fn a_server_steps_down_under_load_says_so_and_steps_up_when_it_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = free_endpoint();
    let launch = format!(
        "policy = \"apartment_k2\"\n{CAMERA}[zenoh]\nlisten = [\"{endpoint}\"]\nconnect = []\n\
         [publish]\nprefix = \"chained\"\n[degradation]\ndown_after_millis = 500\n\
         up_after_millis = 1000\nfallback = [{{ policy = \"apartment_k1\" }}]\n"
    );
    let launch = written(folder.path(), "chained.toml", &launch);
    let server = Running::start(&["serve", &launch, "--json"]);
    let session = open_session(&SessionOptions::client(&endpoint, LIMIT)).expect("it listens");
    let mut ear = Ear {
        watcher: Watcher::open(&session, "chained").expect("subscribes"),
        policies: Vec::new(),
        said: Vec::new(),
    };
    let flow = Flow::start(session.clone(), TRICKLE);
    ear.until(1);
    flow.every(FLOOD);
    ear.until(2);
    flow.every(TRICKLE);
    ear.until(3);
    drop(flow);
    let (code, stdout, stderr) = server.terminate();
    assert_eq!(code, Some(0), "{stderr}");

    let made_by = |name: &str| {
        let policy = Policy::shipped(name).expect("it ships");
        (name.to_owned(), policy.hash().to_string())
    };
    let [best, lower] = ["apartment_k2", "apartment_k1"].map(made_by);
    assert_eq!(ear.policies, [best.clone(), lower, best]);
    let degraded = ear.said.iter().filter(|(level, _)| *level == 1);
    let degraded: Vec<_> = degraded.map(|(_, message)| message.as_str()).collect();
    let want = "degraded: apartment_k1 (2 of 2) in place of apartment_k2";
    assert!(
        degraded.iter().any(|said| said.starts_with(want)),
        "{:?}",
        ear.said
    );
    assert_eq!(ear.said.first().map(|(level, _)| *level), Some(0));

    let report: Value = serde_json::from_str(&stdout).expect("JSON");
    let figures = &report["figures"];
    let chain = &figures["degradation"];
    assert_eq!(
        (&chain["steps_down"], &chain["steps_up"]),
        (&1.into(), &1.into()),
        "{chain}"
    );
    assert_eq!(
        (&chain["position"], &figures["swaps"]),
        (&0.into(), &2.into())
    );
    let causes = [0, 1].map(|step| chain["steps"][step]["cause"].clone());
    assert_eq!(causes, ["overload", "calm"]);
    // Every frame that was computed was computed for depth, whoever made it.
    let target = figures["targets"].as_array().and_then(|targets| {
        let mut targets = targets.iter();
        targets.find(|target| target["target"] == "depth_zbuffer")
    });
    let target = target.expect("depth");
    assert_eq!(
        target["frames"],
        figures["cameras"][0]["counts"]["processed"]
    );
    assert_eq!(
        target["outcomes"]["delivered"], target["frames"],
        "{target}"
    );
}

/// A launch file of `apartment_k1` with this camera and chain.
fn chain(camera: &str, rest: &str) -> String {
    format!("policy = \"apartment_k1\"\n{camera}[degradation]\n{rest}\n")
}

#[test]
fn what_is_no_chain_is_refused_with_the_rule() {
    let folder = tempfile::tempdir().expect("a folder");
    let depth = "name = \"deep\"\nsupervision_budget = 1\n[[transfer]]\ntarget = \"room_layout\"\n\
                 inputs = [\"camera.depth\"]\n";
    let depth = written(folder.path(), "deep.toml", depth);
    let learns = "fallback = [{ policy = \"first_light\" }]\n[learn]\ntargets = [\"normal\"]";
    let cases: [(&str, &[&str]); 9] = [
        ("fallback = []", &["0 fallbacks", "from 1 to 8"]),
        ("late_percent = 20", &["fallback"]),
        (
            "fallback = [{ policy = \"apartment_k1\" }]",
            &["policy of the chain `apartment_k1` stands here twice"],
        ),
        (
            "fallback = [{ policy = \"apartment_k1\", max_rate_hz = 5 }, \
             { policy = \"apartment_k1\", max_rate_hz = 5.5 }]",
            &["no step down", "5.5", "its max_rate_hz"],
        ),
        (
            "fallback = [{ policy = \"no_such_policy\" }]",
            &["no_such_policy", "there are apartment"],
        ),
        (
            "fallback = [{ policy = \"first_light\", providers = [\"cuda\"] }]",
            &["`cuda` of a fallback", "which are cpu"],
        ),
        (
            "late_percent = 0\nfallback = [{ policy = \"first_light\" }]",
            &["late_percent is 0, but must be from 1 to 90"],
        ),
        (
            &format!("fallback = [{{ policy = {depth:?} }}]"),
            &["policy deep reads camera.depth, but camera front of kind zenoh gives none"],
        ),
        (learns, &["one of [learn] and [degradation]"]),
    ];
    for (rest, words) in cases {
        let file = written(folder.path(), "chain.toml", &chain(CAMERA, rest));
        let endpoint = free_endpoint();
        for command in [&["check"] as &[_], &["serve", "--listen", &endpoint]] {
            let output = run(&[command, &[&file]].concat());
            let text = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{command:?} {rest}: {text}");
            for word in words {
                assert!(
                    text.contains(word),
                    "{command:?} {rest}: {word} is not in {text}"
                );
            }
        }
    }
}

#[test]
fn check_says_what_a_chain_would_do_and_what_a_lower_policy_lacks() {
    let folder = tempfile::tempdir().expect("a folder");
    let light = "name = \"light\"\nsupervision_budget = 1\n[[transfer]]\ntarget = \"normal\"\n\
                 sources = [\"efficientnet_lite0\"]\n";
    let light = written(folder.path(), "light.toml", light);
    let rest = format!(
        "fallback = [{{ policy = {light:?} }}, {{ policy = {light:?}, max_rate_hz = 2.5 }}]"
    );
    let file = written(folder.path(), "chain.toml", &chain(CAMERA, &rest));
    let output = run(&["check", &file]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let words = [
        "steps down under load: apartment_k1, then light, then light-2_5hz",
        "light does without depth_zbuffer, edge_occlusion, segment_semantic, reshading of \
         apartment_k1",
    ];
    for word in words {
        assert!(text.contains(word), "{word} is not in {text}");
    }
    // A network that a lower policy needs is missing.
    let missing = "name = \"gone\"\nsupervision_budget = 1\n[[transfer]]\ntarget = \"normal\"\n\
                   sources = [\"no_such_encoder\"]\n";
    let missing = written(folder.path(), "gone.toml", missing);
    let rest = format!("fallback = [{{ policy = {missing:?} }}]");
    let file = written(folder.path(), "chain.toml", &chain(CAMERA, &rest));
    let endpoint = free_endpoint();
    let serve = ["serve", "--listen", &endpoint];
    for (command, code) in [(&["check"] as &[_], 1), (&serve, 2)] {
        let output = run(&[command, &[&file]].concat());
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{command:?}: {text}");
        assert!(text.contains("no_such_encoder"), "{command:?}: {text}");
    }
}
