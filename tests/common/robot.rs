//! A robot of a few lines on the bus, which publishes what a test wants.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use concert_runtime::Clock;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::thread;
use concert_runtime::io::zenoh::{
    MessageOptions, MessagePublisher, Session, SessionOptions, open_session,
};
use concert_runtime::wire::common::Header;
use concert_runtime::wire::diagnostic_msgs::{DiagnosticArray, DiagnosticStatus};
use concert_runtime::wire::sensor_msgs::Image;

/// Keys that it declares.
const KEYS: [&str; 6] = [
    "image",
    "depth_zbuffer",
    "normal",
    "segment_semantic",
    "status",
    "errand",
];

/// Publishes ten times a second, until it is dropped: pictures of one grey that
/// grows, whether somebody listens or not.
pub struct Robot {
    session: Session,
    over: Arc<AtomicBool>,
    heard: Arc<[AtomicBool; KEYS.len()]>,
    muted: Arc<[AtomicBool; KEYS.len()]>,
    rounds: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Robot {
    /// Listens at an endpoint. `garbage` is put at `image` every third time.
    pub fn listen(endpoint: &str, prefix: &str, garbage: Option<&[u8]>) -> Self {
        let session = open_session(&SessionOptions {
            listen: vec![endpoint.to_owned()],
            connect: Vec::new(),
            ..SessionOptions::serve()
        });
        let session = session.expect("a free endpoint");
        let options = MessageOptions {
            prefix: prefix.to_owned(),
            keys: KEYS.map(str::to_owned).to_vec(),
            shared_memory_bytes: 0,
            claim: None,
        };
        let mut publisher = MessagePublisher::open(session.clone(), &options).expect("a publisher");
        let over = Arc::new(AtomicBool::new(false));
        let heard = Arc::new([const { AtomicBool::new(false) }; KEYS.len()]);
        let muted = Arc::new([const { AtomicBool::new(false) }; KEYS.len()]);
        let rounds = Arc::new(AtomicU64::new(0));
        let (ended, listened) = (Arc::clone(&over), Arc::clone(&heard));
        let (quiet, counted) = (Arc::clone(&muted), Arc::clone(&rounds));
        let garbage = garbage.map(<[u8]>::to_vec);
        let body = move || {
            let clock = SystemClock::start();
            for count in 0_u64.. {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                for (key, heard) in KEYS.iter().zip(listened.iter()) {
                    heard.store(publisher.has_subscriber(key), Ordering::Relaxed);
                }
                let says = |key: &str| !quiet[place(key)].load(Ordering::Relaxed);
                let garbage = garbage.as_deref();
                publish(&mut publisher, count, clock.now(), garbage, &says);
                counted.store(count + 1, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(100));
            }
        };
        Self {
            session,
            over,
            heard,
            muted,
            rounds,
            thread: Some(thread::spawn("robot", body).expect("a thread")),
        }
    }

    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Whether somebody listens to a key.
    pub fn is_heard(&self, key: &str) -> bool {
        self.heard[place(key)].load(Ordering::Relaxed)
    }

    /// Publishes nothing more at a key, or goes on.
    pub fn mute(&self, key: &str, muted: bool) {
        self.muted[place(key)].store(muted, Ordering::Relaxed);
    }

    /// How often it published everything.
    pub fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }

    /// Waits until somebody listens to a key, or nobody does.
    pub fn until_heard(&self, key: &str, heard: bool) {
        for _ in 0..600 {
            if self.is_heard(key) == heard {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("{key}: still heard: {}", !heard);
    }
}

impl Drop for Robot {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let limit = Duration::from_secs(2);
        concert_runtime::io::zenoh::close_session(self.session.clone(), limit);
    }
}

fn place(key: &str) -> usize {
    let at = KEYS.iter().position(|known| *known == key);
    at.expect("a key")
}

fn publish(
    publisher: &mut MessagePublisher,
    count: u64,
    stamp: concert_runtime::Timestamp,
    garbage: Option<&[u8]>,
    says: &dyn Fn(&str) -> bool,
) {
    let header = Header {
        stamp,
        frame_id: "front_optical".to_owned(),
    };
    let grey = (count % 250) as u8;
    if let Some(garbage) = garbage.filter(|_| count.is_multiple_of(3)) {
        let put = publisher.publish_bytes("image", "sensor_msgs/msg/Image", garbage);
        put.expect("a declared key");
    } else if says("image") {
        let put = publisher.publish("image", &rgb(&header, grey));
        put.expect("a declared key");
    }
    if says("depth_zbuffer") {
        let put = publisher.publish("depth_zbuffer", &depth(&header));
        put.expect("a declared key");
    }
    if says("status") {
        let put = publisher.publish("status", &status(&header, count));
        put.expect("a declared key");
    }
    if !says("errand") {
        return;
    }
    let errand = r#"{"state":"looking for the can","pose":[0.5,0.25,0.1],"goal":[2.0,1.0]}"#;
    let put = publisher.publish_bytes("errand", "", errand.as_bytes());
    put.expect("a declared key");
}

fn rgb(header: &Header, grey: u8) -> Image<'static> {
    Image {
        header: header.clone(),
        width: 64,
        height: 48,
        encoding: "rgb8".into(),
        is_bigendian: false,
        step: 192,
        data: vec![grey; 64 * 48 * 3].into(),
    }
}

fn depth(header: &Header) -> Image<'static> {
    let metres = (0..32 * 24).map(|cell| 1.0 + (cell % 32) as f32 / 16.0);
    Image {
        header: header.clone(),
        width: 32,
        height: 24,
        encoding: "32FC1".into(),
        is_bigendian: false,
        step: 128,
        data: metres.flat_map(f32::to_le_bytes).collect::<Vec<_>>().into(),
    }
}

fn status(header: &Header, count: u64) -> DiagnosticArray {
    let entry = DiagnosticStatus::well;
    let delivered = [("delivered", count.to_string())];
    let idle = [("no_subscriber", count.to_string())];
    let image = [("off", "0".to_owned()), ("no_subscriber", "0".to_owned())];
    DiagnosticArray {
        header: header.clone(),
        status: vec![
            entry("concert", &[("policy_hash", String::new())]),
            entry("camera/front", &[("rate_hz", "10.0".to_owned())]),
            entry("target/depth_zbuffer", &delivered),
            entry("target/normal", &idle),
            entry("image", &image),
        ],
    }
}
