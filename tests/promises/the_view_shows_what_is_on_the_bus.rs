//! `concert view`: pages see what is on the bus, the newest of it; what no page
//! shows is not listened to; strangers start nothing; the button solves.

use crate::common;

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use crate::common::program::{Running, concert, free_endpoint, free_port, written};
use crate::common::robot::Robot;
use crate::common::web::{Batch, Page, Site};
use concert_policies::Policy;
use concert_runtime::io::zenoh::{Admission, ControlRequest, ControlService, Handler};
use serde_json::{Value, json};

const PREFIX: &str = "seen/perception";

/// A view of what is at an endpoint.
fn view(endpoint: &str, more: &[&str]) -> (Running, Site) {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let mut arguments = vec!["view", "--json", "--listen", &listen, "--prefix", PREFIX];
    arguments.extend(["--connect", endpoint]);
    arguments.extend(more);
    let running = Running::start(&arguments);
    (running, Site::at(port))
}

fn ended(running: Running) -> Value {
    let (code, stdout, stderr) = running.terminate();
    assert_eq!(code, Some(0), "{stderr}");
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"))
}

/// The grey of a page's next picture of the camera.
fn grey(page: &mut Page) -> u8 {
    page.until("a picture", grey_of)
}

/// The stamp of a page's next picture of the camera, ms.
fn stamp(page: &mut Page) -> i64 {
    page.until("a picture", stamp_of)
}

fn stamp_of(batch: &Batch) -> Option<i64> {
    let (item, _) = batch.item("image")?;
    item["stamp"].as_i64()
}

fn grey_of(batch: &Batch) -> Option<u8> {
    let (item, bytes) = batch.item("image")?;
    assert_eq!(item["form"], "jpeg");
    let picture = image::load_from_memory(bytes).expect("a JPEG").into_luma8();
    assert_eq!(picture.dimensions(), (64, 48));
    Some(picture.get_pixel(32, 24).0[0])
}

#[test]
fn a_page_sees_what_it_asks_for_and_the_robot_is_asked_for_nothing_else() {
    let endpoint = free_endpoint();
    let (running, site) = view(&endpoint, &[]);
    let mut page = site.open();
    let first = page.next();
    assert_eq!(first.head["hello"]["prefix"], PREFIX);
    let state = page.until_reach(&["down"]);
    assert!(
        state["robot"]["words"]
            .as_str()
            .expect("words")
            .contains("not reached")
    );

    let robot = Robot::listen(&endpoint, PREFIX, None);
    let state = page.until_reach(&["up"]);
    let keys: Vec<_> = state["outputs"]
        .as_array()
        .expect("outputs")
        .iter()
        .map(|o| &o["key"])
        .collect();
    assert_eq!(keys, ["image", "depth_zbuffer", "normal"]);
    robot.until_heard("status", true);
    assert!(!robot.is_heard("image") && !robot.is_heard("normal"));

    page.show(&["image", "depth_zbuffer", "errand"]);
    let before = grey(&mut page);
    page.until("a newer picture", |batch| {
        grey_of(batch).filter(|grey| *grey != before)
    });
    let depth = page.until("depth", |batch| {
        batch.item("depth_zbuffer").map(|(item, _)| item.clone())
    });
    assert_eq!(
        (&depth["form"], &depth["unit"]),
        (&json!("grey"), &json!("m"))
    );
    let errand = page.until("an errand", |batch| {
        batch.item("errand").map(|(item, _)| item.clone())
    });
    assert_eq!(errand["errand"]["state"], "looking for the can");
    assert!(robot.is_heard("image") && !robot.is_heard("normal"));
    let state = page.until("curves", |batch| {
        let image = &batch.head["state"]["outputs"][0];
        image["rate"].is_number().then(|| image.clone())
    });
    assert!(state["age"].is_number());

    page.show(&["image"]);
    robot.until_heard("depth_zbuffer", false);
    robot.until_heard("errand", false);
    // A page that is closed leaves nothing behind.
    drop(page);
    robot.until_heard("image", false);
    assert!(robot.is_heard("status"));
    let counts = ended(running);
    assert_eq!(
        (&counts["pages"], &counts["unreadable"]),
        (&json!(1), &json!(0))
    );
}

#[test]
fn twenty_pages_share_what_one_page_costs_and_the_sixty_fifth_is_told_why_not() {
    let endpoint = free_endpoint();
    let robot = Robot::listen(&endpoint, PREFIX, None);
    let (running, site) = view(&endpoint, &[]);
    let mut pages: Vec<Page> = (0..20).map(|_| site.open()).collect();
    pages.iter_mut().for_each(|page| page.show(&["image"]));
    for page in &mut pages {
        grey(page);
    }
    pages[0].until("twenty pages", |batch| {
        (batch.head["state"]["pages"] == 20).then_some(())
    });
    pages.extend((20..64).map(|_| site.open()));
    let refused = site.get("/live");
    assert_eq!(refused.status, 503);
    assert!(String::from_utf8_lossy(&refused.body).contains("64 pages are open"));
    drop(pages.split_off(1));
    robot.until_heard("image", true);
    grey(&mut pages[0]);
    drop(pages);
    robot.until_heard("image", false);
    assert_eq!(site.get("/live").status, 426);
    let counts = ended(running);
    assert_eq!(counts["pages"], 65);
    // What came was read once, not twenty times: the image and the status.
    let (read, rounds) = (counts["messages"].as_u64(), robot.rounds() + 1);
    assert!(
        read > Some(0) && read <= Some(2 * rounds),
        "{read:?} messages of {rounds} rounds"
    );
}

#[test]
fn a_page_that_does_not_draw_misses_pictures_and_delays_nobody() {
    let endpoint = free_endpoint();
    let _robot = Robot::listen(&endpoint, PREFIX, None);
    let (_running, site) = view(&endpoint, &[]);
    let (mut slow, mut fast) = (site.open(), site.open());
    slow.show(&["image"]);
    fast.show(&["image"]);
    let last = (0..15).map(|_| stamp(&mut fast)).last();
    let quiet = Duration::from_millis(300);
    let waiting = std::iter::from_fn(|| slow.next_undrawn(quiet));
    let waiting: Vec<Batch> = waiting.take(10).collect();
    assert!(waiting.len() <= 2, "{} batches wait", waiting.len());
    let old = waiting.iter().rev().find_map(stamp_of);
    slow.say(&json!({ "ack": waiting.last().expect("a greeting").head["batch"] }));
    // Then it gets the newest, not what it missed; and is told how much that was.
    let (now, missed) = slow.until("a picture", |batch| {
        Some((stamp_of(batch)?, batch.head["missed"].as_u64()))
    });
    assert!(
        Some(now) >= last && last > old,
        "{now} is older than {last:?} ({old:?} was the one before)"
    );
    assert!(missed > Some(0), "{missed:?}");
}

#[test]
fn a_bus_that_ends_is_said_to_have_ended_and_is_met_again_when_it_returns() {
    let endpoint = free_endpoint();
    let robot = Robot::listen(&endpoint, PREFIX, None);
    let (_running, site) = view(&endpoint, &[]);
    let mut page = site.open();
    page.show(&["image"]);
    grey(&mut page);
    drop(robot);
    let state = page.until_reach(&["down", "silent"]);
    assert_eq!(state["robot"]["health"], 3);
    let _robot = Robot::listen(&endpoint, PREFIX, None);
    page.until_reach(&["up"]);
    grey(&mut page);
}

#[test]
fn garbage_on_the_bus_costs_its_message_and_is_counted_and_shown() {
    let endpoint = free_endpoint();
    let _robot = Robot::listen(&endpoint, PREFIX, Some(&[0, 1, 0, 0, 0xff, 0xff, 0xff]));
    let (running, site) = view(&endpoint, &[]);
    let mut page = site.open();
    page.show(&["image"]);
    let fault = page.until("a fault", |batch| {
        let fault = &batch.head["state"]["faults"][0];
        fault["count"].as_u64().filter(|count| *count >= 2)?;
        Some(fault.clone())
    });
    assert_eq!(fault["key"], "image");
    assert!(
        fault["reason"].as_str().expect("words").contains("needs"),
        "{fault}"
    );
    grey(&mut page);
    assert!(ended(running)["unreadable"].as_u64() >= Some(2));
}

#[test]
fn a_page_that_says_nonsense_is_closed_and_nobody_else() {
    let (_running, site) = view(&free_endpoint(), &[]);
    let mut good = site.open();
    for nonsense in [
        json!("nonsense"),
        json!({ "show": ["a/**"] }),
        json!({ "shout": 1 }),
    ] {
        let mut bad = site.open();
        bad.say(&nonsense);
        // Closed for what it said, not because it draws nothing.
        assert_eq!(bad.until_closed(), Some(1008), "{nonsense}");
    }
    good.until("only this page", |batch| {
        (batch.head["state"]["pages"] == 1).then_some(())
    });
}

fn question(more: &Value) -> Value {
    let mut problem = json!({
        "target_only": ["depth_zbuffer", "normal"],
        "source_only": ["efficientnet_lite0", "xfeat"],
        "budget": 2, "max_order": 2,
    });
    for (key, value) in more.as_object().expect("fields") {
        problem[key] = value.clone();
    }
    json!({ "table": "apartment", "problem": problem })
}

#[test]
fn the_button_solves_and_a_question_that_cannot_be_is_refused_with_the_rule() {
    let (_running, site) = view(&free_endpoint(), &[]);
    let tables = site.get("/api/tables").json();
    assert_eq!(tables["tables"][0]["name"], "apartment");
    let answer = site.post("/api/solve", &question(&json!({})));
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    assert_eq!(answer["status"], "optimal");
    let policy = answer["policy"]["toml"].as_str().expect("a policy");
    let policy = Policy::parse(policy, "policy").expect("a policy");
    assert_eq!(answer["policy"]["hash"], policy.hash().to_string());
    assert_eq!(
        answer["baselines"]["imagenet"]["source"],
        "efficientnet_lite0"
    );

    for (more, words) in [
        (json!({ "budget": 0 }), ["budget", "0", "above 0"]),
        (json!({ "budget": 1e30 }), ["budget", "1e30", "at most 256"]),
        (json!({ "max_order": 0 }), ["max_order", "0", "at least 1"]),
        (
            json!({ "device": { "frame_millis": -3.0 } }),
            ["frame_millis", "-3", "above 0"],
        ),
        (
            json!({ "target_only": ["smell"] }),
            ["target_only", "smell", "dictionary"],
        ),
        (
            json!({ "cost": { "xfeat": -1 } }),
            ["cost", "-1", "at least 0"],
        ),
    ] {
        let refused = site.post("/api/solve", &question(&more));
        assert_eq!(refused.status, 400, "{more}: {refused:?}");
        let error = refused.error();
        // A float may be written in full.
        let error = error.replace("1000000000000000000000000000000", "1e30");
        assert!(
            words.iter().all(|word| error.contains(word)),
            "{more}: {error}"
        );
    }
    for body in ["", "{", "NaN", "{\"table\": NaN}", "[1]", "\"x\""] {
        let refused = send(&site, &[], body.as_bytes());
        assert_eq!(refused.status, 400, "{body}: {refused:?}");
        assert!(!refused.error().is_empty());
    }
}

/// Posts to the solver with what a browser would send, and these headers in their
/// place or beside.
fn send(site: &Site, headers: &[(&str, &str)], body: &[u8]) -> common::web::Answer {
    let (host, origin) = (site.host(), format!("http://{}", site.host()));
    let usual = [
        ("Host", host.as_str()),
        ("Origin", &origin),
        ("Content-Type", "application/json"),
    ];
    let is_given = |name: &str| headers.iter().any(|(given, _)| *given == name);
    let usual = usual.into_iter().filter(|(name, _)| !is_given(name));
    let all: Vec<_> = usual.chain(headers.iter().copied()).collect();
    site.send("POST /api/solve", &all, body)
}

#[test]
fn a_page_of_a_stranger_gets_no_answer_and_starts_nothing() {
    let (_running, site) = view(&free_endpoint(), &["--allow-control"]);
    let body = question(&json!({})).to_string();
    let status = |headers: &[(&str, &str)]| send(&site, headers, body.as_bytes()).status;
    assert_eq!(status(&[]), 200);
    assert_eq!(status(&[("Origin", "http://evil.example")]), 403);
    assert_eq!(status(&[("Origin", "null")]), 403);
    assert_eq!(status(&[("Sec-Fetch-Site", "cross-site")]), 403);
    // A name of a stranger that was made to mean this computer.
    let rebound = [("Host", "evil.example"), ("Origin", "http://evil.example")];
    assert_eq!(status(&rebound), 403);
    assert_eq!(status(&[("Content-Type", "text/plain")]), 415);
    assert_eq!(send(&site, &[], &vec![b' '; 70_000]).status, 413);

    let headers = [("Host", "evil.example")];
    assert_eq!(site.send("GET /", &headers, &[]).status, 403);
    let host = site.host();
    let upgrade = [
        ("Host", host.as_str()),
        ("Origin", "http://evil.example"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    assert_eq!(site.send("GET /live", &upgrade, &[]).status, 403);
    assert_eq!(site.get("/etc/passwd").status, 404);
    assert_eq!(
        site.send("DELETE /api/solve", &[("Host", &host)], &[])
            .status,
        405
    );

    let page = site.get("/");
    assert_eq!(page.status, 200);
    for header in [
        "content-security-policy: default-src 'none'; script-src 'sha256-",
        "x-content-type-options: nosniff",
        "x-frame-options: deny",
        "cache-control: no-store",
    ] {
        assert!(page.head.contains(header), "{header}: {}", page.head);
    }
    assert!(!page.head.contains("unsafe") && !page.head.contains("access-control"));
}

#[test]
fn taskonomys_own_demonstration_is_repeated() {
    let Some(folder) = common::shared_data("taskonomy") else {
        return;
    };
    let table = folder.join("transfers_16k.csv").display().to_string();
    let (_running, site) = view(&free_endpoint(), &["--transfers", &table]);
    let tables = site.get("/api/tables").json();
    let table = &tables["tables"][0];
    assert_eq!(
        (&table["name"], &table["transfers"]),
        (&json!("transfers_16k.csv"), &json!(1762))
    );
    let names = |role: &str| {
        let tasks = table["tasks"].as_array().expect("tasks").iter();
        let own = tasks.filter(|task| task["role"] == role);
        own.map(|task| task["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (names("targets").len(), names("target_only").len()),
        (22, 0)
    );
    assert_eq!(
        names("source_only"),
        ["colorization", "impainting_whole", "jigsaw", "random"]
    );
    assert_eq!(names("unused"), ["class_selected"]);
    // As the table's numbers are known to have it.
    for (budget, order, objective) in [(2, 1, 3.436_680_317_3), (8, 4, 5.343_930_380_1)] {
        let problem = json!({
            "targets": names("targets"), "source_only": names("source_only"),
            "budget": budget, "max_order": order,
        });
        let answer = site.post(
            "/api/solve",
            &json!({ "table": table["name"], "problem": problem }),
        );
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer = answer.json();
        let got = answer["objective"].as_f64().expect("a number");
        assert!((got - objective).abs() < 1e-9, "{got} is not {objective}");
        let (imagenet, scratch) = (
            &answer["baselines"]["imagenet"],
            &answer["baselines"]["scratch"],
        );
        assert_eq!(
            (&imagenet["source"], &scratch["gain"]),
            (&json!("class_1000"), &json!(0.5))
        );
        // The policy is better than ImageNet features on the whole, by both measures.
        for measure in ["gain", "quality"] {
            let (own, features) = (answer[measure].as_f64(), imagenet[measure].as_f64());
            assert!(
                own > features && features > Some(0.0),
                "{measure}: {own:?}, {features:?}"
            );
        }
    }
}

#[test]
fn the_second_button_swaps_where_control_is_allowed_and_says_why_where_it_is_not() {
    let endpoint = free_endpoint();
    let robot = Robot::listen(&endpoint, PREFIX, None);
    let handler: Handler = Box::new(|text, _| match Policy::parse(text, "policy") {
        Ok(policy) if policy.name() == "first_light" => {
            json!({ "status": "swapped", "new_policy": policy.name() })
        }
        _ => json!({ "status": "refused", "error": "a network is missing" }),
    });
    let service = ControlService::open(
        robot.session().clone(),
        PREFIX,
        ControlRequest::Swap,
        Admission::OwnListener,
        Ok(handler),
    );
    let _service = service.expect("a service");
    let shipped = |name: &str| json!({ "policy": Policy::shipped_text(name).expect("it ships") });

    let (_closed, site) = view(&endpoint, &[]);
    let refused = site.post("/api/swap", &shipped("first_light"));
    assert_eq!(
        (refused.status, refused.error().contains("--allow-control")),
        (403, true)
    );
    let mut page = site.open();
    assert_eq!(page.next().head["hello"]["control"]["allowed"], false);

    let (_open, site) = view(&endpoint, &["--allow-control"]);
    let mut page = site.open();
    assert_eq!(page.next().head["hello"]["control"]["allowed"], true);
    page.until_reach(&["up"]);
    let swapped = site.post("/api/swap", &shipped("first_light"));
    assert_eq!(
        (swapped.status, &swapped.json()["new_policy"]),
        (200, &json!("first_light"))
    );
    let refused = site.post("/api/swap", &shipped("home"));
    assert_eq!(
        (refused.status, refused.error().as_str()),
        (409, "a network is missing")
    );
    let refused = site.post("/api/swap", &json!({ "policy": "name = 1" }));
    assert_eq!(refused.status, 400);
    // A policy may be long; what is longer than one is not read.
    let long = |bytes: usize| {
        let shipped = Policy::shipped_text("first_light").expect("it ships");
        let text = format!("{shipped}#{}", "\n".repeat(bytes - shipped.len() - 1));
        site.post("/api/swap", &json!({ "policy": text })).status
    };
    assert_eq!((long(256 << 10), long(512 << 10)), (200, 413));
}

#[test]
fn a_robot_at_the_second_endpoint_is_asked_for_its_policy_and_told_to_swap() {
    // Somebody answers at the first endpoint, who is no runtime.
    let (first, second) = (free_endpoint(), free_endpoint());
    let _other = Robot::listen(&first, "elsewhere", None);
    let photographs = PathBuf::from("tests/photographs").display().to_string();
    let mut demo = vec!["demo", "--policy", "first_light", "--image", &photographs];
    demo.extend([
        "--json",
        "--allow-control",
        "--prefix",
        PREFIX,
        "--listen",
        &second,
    ]);
    let _running = Running::start(&demo);
    let (_view, site) = view(&first, &["--connect", &second, "--allow-control"]);
    let mut page = site.open();
    let policy = |page: &mut Page, name: &str| {
        page.until(name, |batch| {
            (batch.head.get("policy")?["name"] == name).then_some(())
        });
    };
    policy(&mut page, "first_light");
    let shipped = Policy::shipped_text("first_light").expect("it ships");
    let other = shipped.replacen("first_light", "second_light", 1);
    let swapped = site.post("/api/swap", &json!({ "policy": other }));
    assert_eq!(swapped.status, 200, "{swapped:?}");
    policy(&mut page, "second_light");
}

#[test]
fn a_launch_file_that_opens_control_opens_it_for_its_page_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let photographs = common::repository().join("tests/photographs");
    for (control, allowed) in [("[control]\nenabled = true\n", true), ("", false)] {
        let (endpoint, port) = (free_endpoint(), free_port());
        let launch = format!(
            "policy = \"first_light\"\n[[camera]]\nname = \"front\"\nkind = \"images\"\n\
             paths = [{:?}]\nrate_hz = 10\nrepeat = true\n[zenoh]\nlisten = [{endpoint:?}]\n\
             {control}",
            photographs.display().to_string()
        );
        let launch = written(folder.path(), "launch.toml", &launch);
        let view = format!("--view=127.0.0.1:{port}");
        let _running = Running::start(&["serve", &launch, "--json", &view]);
        let hello = Site::at(port).open().next().head["hello"]["control"].clone();
        assert_eq!(hello["allowed"], allowed, "{hello}");
    }
}

#[test]
fn an_address_that_is_taken_is_refused_before_anything_runs() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("its address").port().to_string();
    let output = concert(&["view", "--port", &port])
        .output()
        .expect("concert runs");
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains(&port) && words.contains("port 0"), "{words}");
}

#[test]
fn a_server_shows_itself_and_ends_with_its_page_open() {
    let (endpoint, port) = (free_endpoint(), free_port());
    let view = format!("--view=127.0.0.1:{port}");
    let photographs = PathBuf::from("tests/photographs").display().to_string();
    let running = Running::start(&[
        "demo",
        "--policy",
        "first_light",
        "--image",
        &photographs,
        "--json",
        &view,
        "--listen",
        &endpoint,
        "--prefix",
        "shown",
    ]);
    let site = Site::at(port);
    let mut page = site.open();
    let policy = page.until("the policy", |batch| {
        batch
            .head
            .get("policy")
            .filter(|policy| policy.is_object())
            .cloned()
    });
    assert_eq!(policy["name"], "first_light");
    assert_eq!(policy["transfers"].as_array().map(Vec::len), Some(3));
    page.show(&["image", "keypoints2d", "class_object"]);
    let mut missing = vec!["image", "keypoints2d", "class_object"];
    page.until("every output", |batch| {
        missing.retain(|key| batch.item(key).is_none());
        missing.is_empty().then_some(())
    });
    let (code, stdout, stderr) = running.terminate();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stderr.contains(&format!("the view is at http://127.0.0.1:{port}/")),
        "{stderr}"
    );
    assert_eq!(stdout.trim().lines().count(), 1);
}
