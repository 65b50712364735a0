//! A robot that sees only what Concert publishes does what it is asked, or says
//! that it did not.

use std::time::Duration;

use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::zenoh::{SessionOptions, Watcher, open_session};
use concert_runtime::wire::AnyMessage;
use concert_runtime::{Clock as _, io::thread};
use serde_json::Value;

use crate::common::program::{Running, parsed, run};

/// Runs an errand; its exit code and what it says.
fn errand(args: &[&str]) -> (Option<i32>, Value) {
    let output = run(&[&["fetch-soda", "--json", "--quiet"], args].concat());
    (output.status.code(), parsed(&output))
}

/// That errands are done is tried in simulated time (`launch/fetch_soda/trial.rs`);
/// here it is three processes that meet, on a computer that others use, too.
#[test]
fn who_sees_the_truth_drives_and_what_it_says_of_the_errand_is_so() {
    let (code, run) = errand(&["--perception", "truth", "--seed", "403", "--seconds", "60"]);
    let is_done = run["success"] == true;
    assert_eq!(code, Some(if is_done { 0 } else { 1 }), "{run}");
    let releases = run["hand"]["releases"].as_array().expect("a list");
    let is_handed_over = releases.iter().any(|one| {
        one["class"] == "can" && one["metres_from_start"].as_f64().is_some_and(|m| m < 0.8)
    });
    assert_eq!(is_done, is_handed_over, "{run}");
    assert!(run["path_m"].as_f64().is_some_and(|way| way > 1.0), "{run}");
    assert!(
        run["perceived_hz"].as_f64().is_some_and(|rate| rate > 1.0),
        "{run}"
    );
}

#[test]
fn who_is_blind_fails_and_stands_still() {
    let (code, run) = errand(&["--perception", "blind", "--seed", "403", "--seconds", "20"]);
    assert_eq!(
        (code, &run["success"]),
        (Some(1), &Value::Bool(false)),
        "{run}"
    );
    assert_eq!(run["hurting_bumps"], 0);
    assert!(run["hand"]["grasps"].as_array().is_some_and(Vec::is_empty));
}

#[test]
fn what_is_no_errand_is_refused_before_anything_starts() {
    let (code, run) = errand(&["--errand", "sing a song"]);
    assert_eq!(code, Some(2));
    let error = run["error"].as_str().unwrap_or_default();
    assert!(error.contains("`sing a song` is no errand"), "{run}");
}

/// Whether it then finds one is tried elsewhere; here it is taught and sees by what it was
/// taught.
#[test]
fn what_no_readout_knows_is_taught_to_the_running_server() {
    let line = [
        "--errand",
        "bring the red mug",
        "--seed",
        "403",
        "--seconds",
        "40",
    ];
    let (_, run) = errand(&line);
    let taught = &run["taught"];
    assert_eq!(taught["class"], "red cup", "{run}");
    assert_eq!(taught["frames"], 20);
    assert_eq!(taught["readout"], "object_detection_from_home_multi@taught");
    let served = run["perceived"]["policy_hash"].as_str();
    assert_eq!(taught["policy_hash"].as_str(), served, "{run}");
    assert!(served.is_some(), "{run}");
}

/// Most that a robot in motion rolls on after its perception was killed, m: it sees that
/// after 0.42 s, and drives at most 0.55 m/s.
#[cfg(target_os = "linux")]
const ROLLS_ON: f64 = 0.5;
#[cfg(target_os = "linux")]
const LIMIT: Duration = Duration::from_secs(180);

/// The process that another one started with a word in its command line, and that line.
#[cfg(target_os = "linux")]
fn started_by(parent: u32, word: &str) -> Option<(u32, Vec<String>)> {
    let all = std::fs::read_dir("/proc").expect("/proc").flatten();
    let mut ids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.find_map(|id| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let (_, rest) = stat.rsplit_once(')')?;
        let mut fields = rest.split_whitespace();
        let is_alive = fields.next()? != "Z";
        let is_child = fields.next()?.parse() == Ok(parent);
        let line = std::fs::read_to_string(format!("/proc/{id}/cmdline")).ok()?;
        let line: Vec<_> = line.split('\0').map(str::to_owned).collect();
        let is_it = is_alive && is_child && line.iter().any(|one| one == word);
        is_it.then_some((id, line))
    })
}

/// Waits for something.
#[cfg(target_os = "linux")]
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let clock = SystemClock::start();
    while clock.monotonic() < LIMIT {
        if let Some(found) = look() {
            return found;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("not within {LIMIT:?}: {what}");
}

/// A command, m/s and rad/s, or a place by the wheels, m.
#[cfg(target_os = "linux")]
enum Heard {
    Command(f64, f64),
    Place([f64; 2]),
}

#[cfg(target_os = "linux")]
fn heard(watcher: &Watcher) -> Vec<Heard> {
    let received = watcher.take(Duration::from_millis(20));
    let received = received.iter().filter_map(|one| match one.message().ok()? {
        AnyMessage::Twist(twist) => Some(Heard::Command(twist.linear[0], twist.angular[2])),
        AnyMessage::Odometry(at) => Some(Heard::Place([at.pose.position[0], at.pose.position[1]])),
        _ => None,
    });
    received.collect()
}

/// What perceives is killed while it drives. It stops, stands while
/// nothing is perceived, and drives on once it is.
#[cfg(target_os = "linux")]
#[test]
fn whose_perception_is_killed_stops_and_goes_on_when_it_is_back() {
    let line = ["--seed", "403", "--seconds", "170", "--quiet", "--json"];
    let errand = Running::start(&[&["fetch-soda"], &line[..]].concat());
    let (_, home) = until("the home", || started_by(errand.id(), "apartment"));
    let (killed, _) = until("the perception", || started_by(errand.id(), "serve"));
    let listen = home.iter().find_map(|one| one.strip_prefix("--listen="));
    let options = SessionOptions::client(listen.expect("an address"), LIMIT);
    let session = open_session(&options).expect("the robot answers");
    let mut watcher = Watcher::idle(&[session.into()], "robot");
    watcher.listen_to(["cmd_vel", "odom"]).expect("subscribes");
    let mut place = None;
    until("it drives", || {
        let heard = heard(&watcher);
        heard.into_iter().find_map(|one| match one {
            Heard::Place(at) => {
                place = Some(at);
                None
            }
            Heard::Command(ahead, _) => (ahead > 0.2 && place.is_some()).then_some(()),
        })
    });
    let [x, y] = place.expect("a place");
    let mut kill = std::process::Command::new("kill");
    let killing = kill.args(["-KILL", &killed.to_string()]).status();
    assert!(killing.expect("kill").success());

    let (mut stands, mut farthest) = (0, 0.0_f64);
    until("another perception", || {
        for one in heard(&watcher) {
            match one {
                Heard::Command(ahead, turn) if ahead == 0.0 && turn == 0.0 => stands += 1,
                Heard::Command(ahead, turn) => {
                    assert_eq!(
                        stands, 0,
                        "blind, it is told to drive: {ahead} m/s, {turn} rad/s"
                    );
                }
                Heard::Place(at) => farthest = farthest.max((at[0] - x).hypot(at[1] - y)),
            }
        }
        started_by(errand.id(), "serve")
    });
    assert!(stands > 3, "it was told {stands} times to stand");
    assert!(farthest < ROLLS_ON, "it rolled on for {farthest} m");
    until("it drives again", || {
        let heard = heard(&watcher);
        let mut heard = heard.iter();
        heard
            .any(|one| matches!(one, Heard::Command(ahead, _) if *ahead > 0.05))
            .then_some(())
    });
    let (code, said, errors) = errand.terminate();
    assert_eq!(code, Some(0), "{errors}");
    let said: Value = serde_json::from_str(&said).expect("one JSON object");
    assert_eq!(
        (&said["stopped"], &said["perception_restarts"]),
        (&true.into(), &1.into())
    );
}
