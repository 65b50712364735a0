//! Messages through a router, and those that do not pass. Named after the faults of the
//! table where they have a row there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use zenoh::{Config, Session, Wait};

use super::tests::{LIMIT, PREFIX, client, free_endpoint, heard, until};
use super::*;
use crate::bus::Bus;
use crate::health::Health;
use crate::wire::tests::output;

fn open(entries: &[(&str, String)]) -> Session {
    let mut config = Config::default();
    let closed = [
        ("scouting/multicast/enabled", "false".to_owned()),
        ("scouting/delay", "0".to_owned()),
    ];
    for (entry, value) in closed.iter().chain(entries) {
        config.insert_json5(entry, value).expect("a configuration");
    }
    zenoh::open(config).wait().expect("opens")
}

pub(super) fn router(endpoint: &str) -> Session {
    open(&[
        ("mode", "\"router\"".to_owned()),
        ("listen/endpoints", format!("[{endpoint:?}]")),
    ])
}

/// A peer as zenoh has them by default, connected to a router.
pub(super) fn default_peer(endpoint: &str) -> Session {
    open(&[
        ("mode", "\"peer\"".to_owned()),
        ("listen/endpoints", "[]".to_owned()),
        ("connect/endpoints", format!("[{endpoint:?}]")),
    ])
}

/// A runtime's sessions: it listens somewhere, and connects to `endpoint`.
pub(super) fn sessions(endpoint: &str) -> Sessions {
    let options = SessionOptions {
        listen: vec![free_endpoint()],
        connect: vec![endpoint.to_owned()],
        ..SessionOptions::serve()
    };
    Sessions::open(&options, true).expect("opens")
}

fn bus_options() -> BusOptions {
    BusOptions {
        name_query: Duration::from_millis(500),
        ..BusOptions::new(PREFIX)
    }
}

fn bus(sessions: &Sessions) -> ZenohBus {
    ZenohBus::open(sessions.clone(), bus_options()).expect("a free prefix")
}

/// Health and message of what the bus says of its connections.
fn connections(bus: &mut ZenohBus) -> (Health, String) {
    let entry = bus.entries().remove(0);
    assert_eq!(entry.name, "connections");
    (entry.health, entry.message)
}

/// Publishes until it was heard.
fn is_heard(bus: &mut ZenohBus, session: &Session) {
    let watcher = Watcher::open(session, PREFIX).expect("subscribes");
    heard(bus, &watcher, &output("class_scene", &[1, 2], vec![0.5; 2]));
}

#[test]
fn whoever_connects_where_the_server_connects_hears_it() {
    let endpoint = free_endpoint();
    let _router = router(&endpoint);
    let mut bus = bus(&sessions(&endpoint));
    is_heard(&mut bus, &client(&endpoint));
    is_heard(&mut bus, &default_peer(&endpoint));
    assert_eq!(connections(&mut bus), (Health::Ok, String::new()));
    bus.close(LIMIT);
}

#[test]
fn f21_a_router_that_restarts_hears_outputs_again() {
    let endpoint = free_endpoint();
    let first = router(&endpoint);
    let mut bus = bus(&sessions(&endpoint));
    is_heard(&mut bus, &client(&endpoint));
    first.close().wait().expect("closes");
    until("the loss of the router", || {
        (connections(&mut bus).0 == Health::Warn).then_some(())
    });
    let _second = router(&endpoint);
    is_heard(&mut bus, &client(&endpoint));
    until("the router again", || {
        (connections(&mut bus).0 == Health::Ok).then_some(())
    });
    bus.close(LIMIT);
}

#[test]
fn f22_a_router_that_never_answers_is_no_good_health() {
    let endpoint = free_endpoint();
    let mut bus = bus(&sessions(&endpoint));
    let message = until("a warning", || match connections(&mut bus) {
        (Health::Warn, message) => Some(message),
        _ => None,
    });
    assert!(message.starts_with("connected to 0 of 1: "), "{message}");
    assert!(message.contains(&endpoint), "{message}");
    bus.close(LIMIT);
}

#[test]
fn f22_who_listens_but_never_answers_is_no_good_health() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("tcp/{}", silent.local_addr().expect("has one"));
    let mut bus = bus(&sessions(&endpoint));
    let message = until("a warning", || match connections(&mut bus) {
        (Health::Warn, message) => Some(message),
        _ => None,
    });
    assert!(message.starts_with("connected to 0 of 1: "), "{message}");
    bus.close(LIMIT);
}

#[test]
fn a_router_that_nobody_named_is_not_missed() {
    let options = SessionOptions {
        listen: vec![free_endpoint()],
        connect: vec![free_endpoint()],
        ..SessionOptions::serve()
    };
    let mut bus = bus(&Sessions::open(&options, false).expect("opens"));
    let ways = bus.entries().remove(0).values;
    assert_eq!(ways[0], ("connected".to_owned(), "0 of 0".to_owned()));
    bus.close(LIMIT);
}

#[test]
fn f30_the_second_runtime_of_one_name_behind_a_router_is_refused() {
    let endpoint = free_endpoint();
    let _router = router(&endpoint);
    let mut first = bus(&sessions(&endpoint));
    let second = until("the token at the router", || {
        ZenohBus::open(sessions(&endpoint), bus_options()).err()
    });
    assert!(
        matches!(&second, ZenohError::NameTaken { prefix, .. } if prefix == PREFIX),
        "{second}"
    );
    first.close(LIMIT);
}

#[test]
fn f30_two_runtimes_of_one_name_that_meet_later_both_say_so() {
    let endpoint = free_endpoint();
    let mut both = [bus(&sessions(&endpoint)), bus(&sessions(&endpoint))];
    let _router = router(&endpoint);
    for bus in &mut both {
        let message = until("an error", || match connections(bus) {
            (Health::Error, message) => Some(message),
            _ => None,
        });
        assert!(message.contains("another runtime publishes"), "{message}");
    }
    let [mut stays, mut goes] = both;
    goes.close(LIMIT);
    until("peace", || {
        (connections(&mut stays).0 == Health::Ok).then_some(())
    });
    stays.close(LIMIT);
}

/// A server that takes policies from its own listener; how many it took.
fn controlled(sessions: &Sessions, admission: Admission) -> (ControlService, Arc<AtomicU64>) {
    let taken = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&taken);
    let handler: Handler = Box::new(move |_, _| {
        count.fetch_add(1, Ordering::SeqCst);
        json!({ "status": "swapped" })
    });
    let sessions = sessions.clone();
    let server = ControlService::open(
        sessions,
        PREFIX,
        ControlRequest::Swap,
        admission,
        Ok(handler),
    );
    (server.expect("declares"), taken)
}

fn ask(session: &Session) -> serde_json::Value {
    until("an answer", || {
        request(session, PREFIX, ControlRequest::Swap, "name = \"a\"").ok()
    })
}

fn listening(connect: &str) -> (String, Sessions) {
    let own = free_endpoint();
    let options = SessionOptions {
        listen: vec![own.clone()],
        connect: vec![connect.to_owned()],
        ..SessionOptions::serve()
    };
    (own, Sessions::open(&options, true).expect("opens"))
}

#[test]
fn f29_a_stranger_at_a_router_changes_nothing_and_who_comes_in_directly_may() {
    let endpoint = free_endpoint();
    let _router = router(&endpoint);
    let (own, sessions) = listening(&endpoint);
    let (_server, taken) = controlled(&sessions, Admission::OwnListener);
    let refused = ask(&client(&endpoint));
    assert_eq!(refused["status"], "refused");
    let error = refused["error"].as_str().expect("a reason");
    assert!(error.contains("through a router"), "{error}");
    assert_eq!(taken.load(Ordering::SeqCst), 0);
    assert_eq!(ask(&client(&own))["status"], "swapped");
}

#[test]
fn f29_a_router_that_comes_in_at_our_own_listener_brings_nobody_along() {
    let (own, sessions) = listening(&free_endpoint());
    let (_server, taken) = controlled(&sessions, Admission::OwnListener);
    let at_router = free_endpoint();
    let _router = open(&[
        ("mode", "\"router\"".to_owned()),
        ("listen/endpoints", format!("[{at_router:?}]")),
        ("connect/endpoints", format!("[{own:?}]")),
    ]);
    let refused = ask(&client(&at_router));
    assert_eq!(refused["status"], "refused");
    assert_eq!(taken.load(Ordering::SeqCst), 0);
}

#[test]
fn control_that_is_enabled_is_so_for_everybody() {
    let endpoint = free_endpoint();
    let _router = router(&endpoint);
    let (_, sessions) = listening(&endpoint);
    let (_server, _) = controlled(&sessions, Admission::Anyone);
    assert_eq!(ask(&client(&endpoint))["status"], "swapped");
}

/// First hour, B13: any tool that looked at everything began requests.
#[test]
fn a_wildcard_query_begins_no_request() {
    let (own, sessions) = listening(&free_endpoint());
    let (_server, taken) = controlled(&sessions, Admission::Anyone);
    let client = client(&own);
    // Until then, the key is not known there.
    assert_eq!(ask(&client)["status"], "swapped");
    for everything in ["**", "robot/perception/control/*", "robot/**"] {
        let replies = client.get(everything).payload("name = \"b\"");
        let replies = replies.timeout(Duration::from_millis(300)).wait();
        let replies = replies.expect("asks");
        assert_eq!(replies.iter().count(), 0, "{everything}");
    }
    assert_eq!(taken.load(Ordering::SeqCst), 1);
}

#[test]
fn a_camera_hears_images_from_a_router_that_comes_later() {
    let endpoint = free_endpoint();
    let sessions = sessions(&endpoint);
    let clock = Arc::new(crate::io::clock::SystemClock::start());
    let options = ZenohCameraOptions::new("cam", "front_optical");
    let mut camera = ZenohCamera::open(sessions, options, clock).expect("subscribes");
    let _router = router(&endpoint);
    let from = client(&endpoint);
    until("an image, whatever it is", || {
        from.put("cam", [1, 2, 3]).wait().expect("puts");
        let capture = crate::camera::Camera::next_frame(&mut camera, Duration::from_millis(50));
        (!matches!(capture, crate::camera::Capture::Nothing)).then_some(())
    });
}
