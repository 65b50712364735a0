use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use concert_policies::MAX_POLICY_BYTES;
use serde_json::{Value, json};
use zenoh::Session;

use super::tests::{LIMIT, PREFIX, client, free_endpoint, server, until};
use super::*;
use crate::io::clock::SystemClock;
use crate::io::thread;

/// The first answer: a queryable takes a moment to be known.
fn ask(session: &Session, policy: &str) -> Value {
    until("an answer", || {
        request(session, PREFIX, ControlRequest::Swap, policy).ok()
    })
}

fn opened(handler: Result<Handler, String>) -> (Session, ControlService, Session) {
    let endpoint = free_endpoint();
    let session = server(&endpoint);
    let open = ControlService::open(
        session.clone(),
        PREFIX,
        ControlRequest::Swap,
        Admission::OwnListener,
        handler,
    )
    .expect("declares");
    (session, open, client(&endpoint))
}

#[test]
fn a_request_reaches_the_handler_whole_and_its_answer_comes_back() {
    let echo =
        |policy: &str, _: Option<&'static str>| json!({ "status": "swapped", "policy": policy });
    let (_session, _server, client) = opened(Ok(Box::new(echo)));
    for policy in ["name = \"a\"", "", &"#".repeat(MAX_POLICY_BYTES as usize)] {
        if policy.is_empty() {
            let answer = ask(&client, policy);
            // zenoh does not tell an empty payload from none.
            let status = answer["status"].as_str().expect("a status");
            assert!(["swapped", "refused"].contains(&status), "{answer}");
            continue;
        }
        assert_eq!(ask(&client, policy)["policy"], policy);
    }
}

#[test]
fn a_policy_that_is_too_long_is_refused_before_anybody_reads_it() {
    let called = Arc::new(AtomicU64::new(0));
    let calls = Arc::clone(&called);
    let count = move |_: &str, _: Option<&'static str>| {
        calls.fetch_add(1, Ordering::SeqCst);
        json!({ "status": "swapped" })
    };
    let (_session, _server, client) = opened(Ok(Box::new(count)));
    let answer = ask(&client, &"#".repeat(MAX_POLICY_BYTES as usize + 1));
    assert_eq!(answer["status"], "refused");
    let error = answer["error"].as_str().expect("a reason");
    assert!(
        error.contains("262145 bytes") && error.contains("262144"),
        "{error}"
    );
    assert_eq!(called.load(Ordering::SeqCst), 0);
}

#[test]
fn where_control_is_not_allowed_the_answer_says_so() {
    let (_session, _server, client) = opened(Err("control is not allowed here".to_owned()));
    let answer = ask(&client, "name = \"a\"");
    assert_eq!(answer["status"], "refused");
    let error = answer["error"].as_str().expect("a reason");
    assert!(error.contains("control is not allowed"), "{error}");
}

#[test]
fn a_flood_is_answered_busy_at_once_while_one_request_is_under_way() {
    let go_on = Arc::new(AtomicBool::new(false));
    let under_way = Arc::new(AtomicU64::new(0));
    let (released, begun) = (Arc::clone(&go_on), Arc::clone(&under_way));
    let slow = move |_: &str, _: Option<&'static str>| {
        begun.fetch_add(1, Ordering::SeqCst);
        let clock = SystemClock::start();
        while !released.load(Ordering::SeqCst) && crate::clock::Clock::monotonic(&clock) < LIMIT {
            thread::sleep(Duration::from_millis(1));
        }
        json!({ "status": "swapped" })
    };
    let (_session, _server, client) = opened(Ok(Box::new(slow)));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| ask(&client, "first"));
        until("the first request", || {
            (under_way.load(Ordering::SeqCst) == 1).then_some(())
        });
        for _ in 0..200 {
            let answer =
                request(&client, PREFIX, ControlRequest::Swap, "another").expect("an answer");
            assert_eq!(answer["status"], "busy");
        }
        go_on.store(true, Ordering::SeqCst);
        assert_eq!(first.join().expect("answered")["status"], "swapped");
    });
    assert_eq!(under_way.load(Ordering::SeqCst), 1);
    assert_eq!(ask(&client, "after it")["status"], "swapped", "free again");
}

#[test]
fn a_handler_that_panics_costs_its_own_request_alone() {
    let handler = |policy: &str, _: Option<&'static str>| {
        assert_ne!(policy, "panic", "a test's panic");
        json!({ "status": "swapped" })
    };
    let (_session, _server, client) = opened(Ok(Box::new(handler)));
    assert_eq!(ask(&client, "panic")["status"], "refused");
    assert_eq!(ask(&client, "fine")["status"], "swapped");
}

#[test]
fn a_problem_has_a_key_and_a_limit_of_its_own() {
    let endpoint = free_endpoint();
    let session = server(&endpoint);
    let echo: Handler =
        Box::new(|text: &str, _| json!({ "status": "optimal", "length": text.len() }));
    let _server = ControlService::open(
        session.clone(),
        PREFIX,
        ControlRequest::Solve,
        Admission::OwnListener,
        Ok(echo),
    )
    .expect("declares");
    let client = client(&endpoint);
    let limit = MAX_ASKED_PROBLEM_BYTES as usize;
    let ask = |text: &str| {
        until("an answer", || {
            request(&client, PREFIX, ControlRequest::Solve, text).ok()
        })
    };
    assert_eq!(ask(&"#".repeat(limit))["length"], limit);
    let answer = ask(&"#".repeat(limit + 1));
    assert_eq!(answer["status"], "refused");
    let error = answer["error"].as_str().expect("a reason");
    assert!(error.contains("the problem has 65537 bytes"), "{error}");
    assert!(
        request(&client, PREFIX, ControlRequest::Swap, "x").is_err(),
        "another key"
    );
}
