//! Parameters of a node, asked for by a client of ROS 2 on the other side of a router;
//! requests and answers are written out here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};

use zenoh::handlers::FifoChannelHandler;
use zenoh::query::{QueryTarget, Reply};
use zenoh::{Session, Wait};

use super::router_tests::{default_peer, router, sessions};
use super::tests::{free_endpoint, until};
use super::*;
use crate::clock::lock;
use crate::wire::ros2::{Distro, Parameter, ParameterState, ParameterValue, RosNodeName};

const GET: &str = "0/a/b/get_parameters/rcl_interfaces::srv::dds_::GetParameters_/\
                   RIHS01_bf9803d5c74cf989a5de3e0c2e99444599a627c7ff75f97b8c05b01003675cbc";
const LIST: &str = "0/a/b/list_parameters/rcl_interfaces::srv::dds_::ListParameters_/\
                    RIHS01_3e6062bfbb27bfb8730d4cef2558221f51a11646d78e7bb30a1e83afac3aad9d";
const SET: &str = "0/a/b/set_parameters/rcl_interfaces::srv::dds_::SetParameters_/\
                   RIHS01_56eed9a67e169f9cb6c1f987bc88f868c14a8fc9f743a263bc734c154015d7e0";

/// Sequence 3, sent at 5 ns, by the client 9, 9, 9, …
fn attachment() -> Vec<u8> {
    let mut bytes = [3_i64.to_le_bytes(), 5_i64.to_le_bytes()].concat();
    bytes.push(16);
    bytes.extend([9; 16]);
    bytes
}

/// CDR of one thing after the other, each aligned to its size.
#[derive(Default)]
struct Cdr(Vec<u8>);

impl Cdr {
    fn number(mut self, bytes: &[u8]) -> Self {
        self.0.resize(self.0.len().next_multiple_of(bytes.len()), 0);
        self.0.extend_from_slice(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        let mut cdr = self.number(&(text.len() as u32 + 1).to_le_bytes());
        cdr.0.extend_from_slice(text.as_bytes());
        cdr.0.push(0);
        cdr
    }

    fn count(self, count: u32) -> Self {
        self.number(&count.to_le_bytes())
    }

    fn message(self) -> Vec<u8> {
        [vec![0, 1, 0, 0], self.0].concat()
    }
}

/// A request to set one number.
fn set_request(name: &str, value: f64) -> Vec<u8> {
    let cdr = Cdr::default().count(1).text(name);
    let cdr = cdr.number(&[3]).number(&[0]).number(&0_i64.to_le_bytes());
    let cdr = cdr.number(&value.to_le_bytes()).text("");
    (0..5).fold(cdr, |cdr, _| cdr.count(0)).message()
}

fn ask(session: &Session, key: &str, request: Vec<u8>) -> FifoChannelHandler<Reply> {
    let get = session.get(key.to_owned()).payload(request);
    let get = get
        .attachment(attachment())
        .target(QueryTarget::AllComplete);
    get.wait().expect("asks")
}

/// The answer: payload and attachment.
fn answer(replies: &FifoChannelHandler<Reply>) -> Option<(Vec<u8>, Vec<u8>)> {
    let sample = replies.recv().ok()?.into_result().ok()?;
    let attachment = sample.attachment().expect("has one").to_bytes();
    Some((
        sample.payload().to_bytes().into_owned(),
        attachment.into_owned(),
    ))
}

/// What became of the one parameter: done, and why not.
fn result(session: &Session, request: Vec<u8>) -> Option<(bool, String)> {
    let (payload, _) = answer(&ask(session, SET, request))?;
    // One result: its truth value, then the text at the next multiple of four.
    assert_eq!(payload[..8], [0, 1, 0, 0, 1, 0, 0, 0]);
    let text = String::from_utf8_lossy(&payload[16..payload.len() - 1]).into_owned();
    Some((payload[8] == 1, text))
}

fn served(
    sessions: &Sessions,
    admission: Admission,
    set: SetParameters,
) -> (RosNode, ParameterServer) {
    let name = RosNodeName {
        domain_id: 0,
        namespace: "/a".to_owned(),
        name: "b".to_owned(),
    };
    let node = RosNode::open(sessions, name, Distro::Jazzy).expect("a node");
    let read = || {
        let states = [("rate_hz.normal", 2.5), ("rate_hz.depth", 0.0)];
        let states = states.map(|(name, value)| ParameterState {
            name: name.to_owned(),
            value: ParameterValue::Double(value),
            description: String::new(),
        });
        states.to_vec()
    };
    let server = ParameterServer::open(sessions, &node, admission, Box::new(read), set);
    (node, server.expect("declares"))
}

#[test]
fn parameters_are_read_and_the_answer_carries_the_askers_id() {
    let endpoint = free_endpoint();
    let _router = router(&endpoint);
    let sessions = sessions(&endpoint);
    let set = |_: &[Parameter], _: bool| Vec::new();
    let _served = served(&sessions, Admission::Nobody, Box::new(set));
    let client = default_peer(&endpoint);
    let names = Cdr::default().count(2).text("rate_hz.normal").text("other");
    let names = names.message();
    let (payload, attached) = until("an answer", || answer(&ask(&client, GET, names.clone())));
    let value = |kind: u8, number: f64, cdr: Cdr| {
        let cdr = cdr
            .number(&[kind])
            .number(&[0])
            .number(&0_i64.to_le_bytes());
        let cdr = cdr.number(&number.to_le_bytes()).text("");
        (0..5).fold(cdr, |cdr, _| cdr.count(0))
    };
    let expected = value(0, 0.0, value(3, 2.5, Cdr::default().count(2)));
    assert_eq!(payload, expected.message());
    assert_eq!(attached.len(), 33);
    assert_eq!(
        (&attached[..8], &attached[16..]),
        (&attachment()[..8], &attachment()[16..])
    );
    let all = Cdr::default()
        .count(0)
        .number(&0_u64.to_le_bytes())
        .message();
    let (payload, _) = answer(&ask(&client, LIST, all)).expect("an answer");
    let listed = Cdr::default()
        .count(2)
        .text("rate_hz.normal")
        .text("rate_hz.depth");
    assert_eq!(payload, listed.count(1).text("rate_hz").message());
}

#[test]
fn nobody_sets_parameters_through_a_router_unless_control_is_allowed() {
    let endpoint = free_endpoint();
    let _router = router(&endpoint);
    let sessions = sessions(&endpoint);
    let calls = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&calls);
    let set = move |parameters: &[Parameter], _: bool| {
        lock(&noted).extend(parameters.to_vec());
        vec![Ok(()); parameters.len()]
    };
    let closed = served(&sessions, Admission::OwnListener, Box::new(set.clone()));
    let client = default_peer(&endpoint);
    let request = || set_request("rate_hz.normal", 5.0);
    let (is_set, why) = until("an answer", || result(&client, request()));
    assert!(
        !is_set && why.contains("control is not allowed through a router"),
        "{why}"
    );
    drop(closed);
    let _open = served(&sessions, Admission::Anyone, Box::new(set));
    until("a change", || {
        result(&client, request()).filter(|(is_set, _)| *is_set)
    });
    let parameter = Parameter {
        name: "rate_hz.normal".to_owned(),
        value: ParameterValue::Double(5.0),
    };
    assert_eq!(*lock(&calls), [parameter]);
}

#[test]
fn of_a_flood_of_changes_one_is_made_and_the_others_are_refused_at_once() {
    let endpoint = free_endpoint();
    let _router = router(&endpoint);
    let sessions = sessions(&endpoint);
    let calls = Arc::new(AtomicU64::new(0));
    let (begun, begins) = sync_channel(64);
    let (go_on, wait) = sync_channel::<()>(1);
    let counted = Arc::clone(&calls);
    let set = move |parameters: &[Parameter], _: bool| {
        counted.fetch_add(1, Ordering::SeqCst);
        begun.send(()).expect("the test waits");
        wait.recv().expect("the test goes on");
        vec![Ok(()); parameters.len()]
    };
    let _served = served(&sessions, Admission::Anyone, Box::new(set));
    let client = default_peer(&endpoint);
    let request = || set_request("rate_hz.normal", 5.0);
    let first = until("a change that begins", || {
        let replies = ask(&client, SET, request());
        begins
            .recv_timeout(std::time::Duration::from_millis(500))
            .ok()?;
        Some(replies)
    });
    for _ in 0..50 {
        let (is_set, why) = result(&client, request()).expect("an answer");
        assert_eq!(
            (is_set, why.as_str()),
            (false, "another change is under way")
        );
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    go_on.send(()).expect("it waits");
    let (payload, _) = answer(&first).expect("an answer");
    assert_eq!(payload[8], 1, "the first is made");
}

#[test]
fn requests_that_are_none_are_refused_and_the_next_is_answered() {
    let endpoint = free_endpoint();
    let _router = router(&endpoint);
    let sessions = sessions(&endpoint);
    let set = |parameters: &[Parameter], _: bool| vec![Ok(()); parameters.len()];
    let _served = served(&sessions, Admission::Anyone, Box::new(set));
    let client = default_peer(&endpoint);
    let request = || set_request("rate_hz.normal", 5.0);
    until("an answer", || result(&client, request()));
    let many = Cdr::default().count(u32::MAX).message();
    for nonsense in [
        vec![0],
        b"\0\x01\0\0nonsense".to_vec(),
        many,
        vec![7; 400_000],
    ] {
        assert_eq!(
            answer(&ask(&client, SET, nonsense)),
            None,
            "an error, no result"
        );
    }
    let bare = client
        .get(SET)
        .payload(request())
        .target(QueryTarget::AllComplete);
    let bare = bare.wait().expect("asks");
    assert_eq!(answer(&bare), None, "no attachment, no result");
    assert!(result(&client, request()).expect("an answer").0);
}
