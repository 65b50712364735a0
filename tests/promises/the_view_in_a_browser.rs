//! The page in a real browser: it draws what comes, is used with a pointer, a
//! finger and a keyboard, fits a phone, and leaves nothing behind.

use crate::common::browser::Browser;
use crate::common::program::{Running, free_endpoint, free_port};
use crate::common::robot::Robot;
use crate::common::web::Site;
use serde_json::json;

const PREFIX: &str = "shown/perception";

/// A robot, its view, and a browser of this size that shows it.
struct Shown {
    robot: Robot,
    site: Site,
    browser: Browser,
    running: Running,
}

/// Tries something on a page of this size; says so where there is no browser.
fn with_page(width: u32, height: u32, test: impl FnOnce(&Shown)) {
    if let Some(browser) = Browser::start(width, height) {
        test(&shown(browser));
    }
}

fn shown(browser: Browser) -> Shown {
    let (endpoint, port) = (free_endpoint(), free_port());
    let robot = Robot::listen(&endpoint, PREFIX, None);
    let listen = format!("127.0.0.1:{port}");
    let running = Running::start(&[
        "view",
        "--json",
        "--listen",
        &listen,
        "--connect",
        &endpoint,
        "--prefix",
        PREFIX,
    ]);
    let site = Site::at(port);
    browser.open(&format!("http://{listen}/"));
    browser.until(
        "the robot is well",
        "return document.getElementById('reach').textContent.includes('is well')",
    );
    Shown {
        robot,
        site,
        browser,
        running,
    }
}

/// A script that gives the grey in the middle of the camera's picture; 0 where there is
/// none.
const GREY: &str = "const c = document.getElementById('picture'); \
    return c.getContext('2d').getImageData(c.width / 2, c.height / 2, 1, 1).data[1];";

/// Drags a target of the table that ships to what is not used.
fn reshading_is_set_aside(browser: &Browser) {
    browser.until(
        "the tasks",
        "return !!document.querySelector('[data-task=reshading]')",
    );
    assert_eq!(browser.run(&zone_of("reshading")), "target_only");
    browser.drag(
        "mouse",
        "[data-task=reshading] .label",
        ".zone[data-role=unused]",
        true,
    );
    assert_eq!(browser.run(&zone_of("reshading")), "unused");
}

fn zone_of(task: &str) -> String {
    format!("return document.querySelector('[data-task={task}]').closest('.zone').dataset.role")
}

#[test]
fn the_page_draws_what_comes_and_an_output_that_is_switched_on_is_asked_for() {
    with_page(1440, 900, |shown| {
        let Shown { robot, browser, .. } = shown;
        // Alone, the picture of the camera has one grey, which grows.
        browser.until(
            "depth is a row",
            "return !!document.querySelector('[aria-label=\"show depth zbuffer\"]')",
        );
        let depth = "[aria-label=\"show depth zbuffer\"]";
        // It is shown from the start.
        robot.until_heard("depth_zbuffer", true);
        // With the keyboard: a space on its switch.
        browser.press(depth, " ");
        robot.until_heard("depth_zbuffer", false);
        let first = browser.until("a picture", GREY);
        browser.until(
            "the next picture",
            &format!("return (() => {{ {GREY} }})() != {first}"),
        );
        assert!(!robot.is_heard("normal"));
        browser.click("[aria-label=\"show normal\"]");
        robot.until_heard("normal", true);
        browser.click("[aria-label=\"show normal\"]");
        robot.until_heard("normal", false);
        browser.until(
        "its errand",
        "return document.getElementById('map-words').textContent.includes('looking for the can')",
    );
        for curve in ["rate", "age"] {
            browser.until(
                curve,
                &format!(
                    "return parseFloat(document.querySelector('.curve.{curve} output').textContent)"
                ),
            );
        }
        // A page in the background shows nothing, so it asks for nothing.
        browser.open_another("about:blank");
        robot.until_heard("image", false);
        robot.until_heard("errand", false);
        assert!(robot.is_heard("status"));
        browser.back_to_the_first();
        robot.until_heard("image", true);
        assert_eq!(browser.complaints(), Vec::<String>::new());
    });
}

#[test]
fn tasks_are_dragged_with_a_mouse_or_a_finger_or_moved_with_keys_and_the_button_answers() {
    with_page(1440, 900, |shown| {
        let Shown { browser, .. } = shown;
        reshading_is_set_aside(browser);
        // A target that is no source of the table stays where it is, and that is said.
        browser.drag(
            "touch",
            "[data-task=reshading] .label",
            ".zone[data-role=source_only]",
            true,
        );
        assert_eq!(browser.run(&zone_of("reshading")), "unused");
        browser.until(
            "why not",
            "return document.getElementById('solve-error').textContent.includes('no source')",
        );
        browser.drag(
            "touch",
            "[data-task=reshading] .label",
            ".zone[data-role=target_only]",
            true,
        );
        assert_eq!(browser.run(&zone_of("reshading")), "target_only");
        // The arrow to the right, on the task itself.
        browser.press("[data-task=reshading]", "\u{e014}");
        assert_eq!(browser.run(&zone_of("reshading")), "unused");
        browser.run("document.querySelector('[data-task=dinov2_small] select').value = 'source_only'; \
                 document.querySelector('[data-task=dinov2_small] select').dispatchEvent(new Event('change'));");
        assert_eq!(browser.run(&zone_of("dinov2_small")), "source_only");
        assert_eq!(
            browser.run("return document.querySelectorAll('.ghost, .lifted, .over').length"),
            0
        );

        browser.click("#solve");
        let verdict = browser.until(
            "a policy",
            "return document.getElementById('verdict').textContent",
        );
        assert_eq!(verdict, "4 outputs from 2 encoders");
        let drawn = browser.run("return document.querySelector('#solution-graph').textContent");
        let drawn = drawn.as_str().expect("text");
        for word in [
            "dinov2 small",
            "efficientnet lite0",
            "segment semantic",
            "Gain",
        ] {
            assert!(drawn.contains(word), "{word}: {drawn}");
        }
        // Closed, and it says how to open it.
        assert_eq!(
            browser.run("return document.getElementById('swap').disabled"),
            true
        );
        browser.until(
            "why not",
            "return document.getElementById('swap-words').textContent.includes('--allow-control')",
        );
        assert_eq!(browser.complaints(), Vec::<String>::new());
    });
}

#[test]
fn a_phone_shows_all_of_it_in_one_column() {
    with_page(390, 844, |shown| {
        let Shown { browser, .. } = shown;
        browser.until(
            "the tasks",
            "return !!document.querySelector('[data-task=normal]')",
        );
        browser.click("#solve");
        browser.until(
            "a policy",
            "return document.getElementById('verdict').textContent",
        );
        assert_eq!(
            browser.run("return document.documentElement.scrollWidth"),
            390
        );
        // Nothing sticks out, and nothing that is pressed is too small for a finger.
        let wide = "return [...document.querySelectorAll('main *')].filter((e) => !e.closest('svg') \
                && e.getBoundingClientRect().right > 391).map((e) => e.className || e.tagName)";
        assert_eq!(browser.run(wide), json!([]));
        let small = "return [...document.querySelectorAll('button')].filter((e) => e.offsetParent \
                 && Math.min(e.offsetWidth, e.offsetHeight) < 20).map((e) => e.textContent)";
        assert_eq!(browser.run(small), json!([]));
        assert_eq!(browser.complaints(), Vec::<String>::new());
    });
}

#[test]
fn a_page_that_is_closed_in_the_middle_of_a_drag_leaves_nothing_behind() {
    with_page(1440, 900, |shown| {
        let Shown {
            robot,
            site,
            browser,
            ..
        } = shown;
        browser.until(
            "the tasks",
            "return !!document.querySelector('[data-task=normal]')",
        );
        robot.until_heard("image", true);
        browser.drag(
            "mouse",
            "[data-task=normal] .label",
            ".zone[data-role=unused]",
            false,
        );
        assert_eq!(
            browser.run("return document.querySelectorAll('.ghost').length"),
            1
        );
        browser.close_window();
        robot.until_heard("image", false);
        let mut page = site.open();
        page.until("only this page", |batch| {
            (batch.head["state"]["pages"] == 1).then_some(())
        });
        assert_eq!(site.get("/api/tables").status, 200);
    });
}

#[test]
fn twenty_tabs_of_one_browser_are_all_alive() {
    with_page(1000, 700, |shown| {
        let Shown {
            robot,
            site,
            browser,
            ..
        } = shown;
        let url = format!("http://{}/", site.host());
        for _ in 1..20 {
            browser.open_another(&url);
        }
        let mut page = site.open();
        page.until("twenty pages and this one", |batch| {
            (batch.head["state"]["pages"] == 21).then_some(())
        });
        // The one in front draws; the solver answers it, too.
        browser.until(
            "the robot is well",
            "return document.getElementById('reach').textContent.includes('is well')",
        );
        browser.until("a picture", GREY);
        browser.click("#solve");
        browser.until(
            "a policy",
            "return document.getElementById('verdict').textContent",
        );
        assert!(robot.is_heard("image"));
    });
}

#[test]
fn what_stops_coming_is_drawn_as_old_and_so_is_everything_of_a_view_that_falls_silent() {
    with_page(1440, 900, |shown| {
        let Shown {
            robot,
            browser,
            running,
            ..
        } = shown;
        let old = "return document.getElementById('picture').dataset.old";
        let notice = "return document.getElementById('notice').textContent";
        browser.until("a picture", GREY);
        robot.until_heard("depth_zbuffer", true);
        assert_eq!(browser.run(old), "");
        // Depth alone stops.
        robot.mute("depth_zbuffer", true);
        let words = browser.until("old depth", old);
        assert!(
            words
                .as_str()
                .is_some_and(|words| words.starts_with("depth zbuffer ")),
            "{words}"
        );
        browser.until(
            "its row says so",
            "return [...document.querySelectorAll('.row .say')].some((row) => \
             row.textContent.startsWith('nothing came for'))",
        );
        robot.mute("depth_zbuffer", false);
        browser.until("new depth", &format!("return (() => {{ {old} }})() === ''"));
        // The errand.
        robot.mute("errand", true);
        browser.until(
            "an old errand",
            "return document.getElementById('map-words').textContent.includes('(told ')",
        );
        robot.mute("errand", false);
        // The view as a whole, whose connection stays open.
        running.freeze(true);
        let words = browser.until("it is silent", notice);
        assert!(
            words
                .as_str()
                .is_some_and(|words| words.contains("said nothing for")),
            "{words}"
        );
        let words = browser.until("the image is old", old);
        assert!(
            words
                .as_str()
                .is_some_and(|words| words.starts_with("image ")),
            "{words}"
        );
        assert_eq!(
            browser.run("return document.body.classList.contains('old')"),
            true
        );
        running.freeze(false);
        browser.until(
            "it speaks",
            &format!("return (() => {{ {notice} }})() === ''"),
        );
        browser.until("new again", &format!("return (() => {{ {old} }})() === ''"));
    });
}

#[test]
fn a_policy_is_chosen_by_hand_and_runs_in_the_robot() {
    let Some(browser) = Browser::start(1440, 900) else {
        return;
    };
    let (endpoint, port) = (free_endpoint(), free_port());
    let view = format!("--view=127.0.0.1:{port}");
    let photographs = "tests/photographs";
    let _running = Running::start(&[
        "demo",
        "--policy",
        "first_light",
        "--image",
        photographs,
        "--json",
        &view,
        "--allow-control",
        "--listen",
        &endpoint,
        "--prefix",
        "chosen",
    ]);
    let site = Site::at(port);
    browser.open(&format!("http://{}/", site.host()));
    let figures = "return document.getElementById('figures').textContent";
    browser.until(
        "the policy that runs",
        &format!("return (() => {{ {figures} }})().includes('first_light')"),
    );
    reshading_is_set_aside(&browser);
    browser.click("#solve");
    browser.until(
        "the swap is open",
        "const b = document.getElementById('swap'); return b.offsetParent && !b.disabled",
    );
    browser.click("#swap");
    let words = browser.until(
        "the robot's answer",
        "const t = document.getElementById('swap-words').textContent; \
         return (t.startsWith('swapped: ') || t.startsWith('the robot goes on')) && t",
    );
    let words = words.as_str().expect("text");
    assert!(
        words.contains(" ms") && words.contains("in place of first_light"),
        "{words}"
    );
    // What the robot itself says runs now: without what was dragged away.
    let policy = site.open().until("another policy", |batch| {
        let policy = batch.head.get("policy")?;
        (policy["name"].is_string() && policy["name"] != "first_light").then(|| policy.clone())
    });
    let targets = policy["transfers"].as_array().expect("transfers").iter();
    let targets: Vec<_> = targets.map(|transfer| transfer["target"].clone()).collect();
    assert!(
        targets.contains(&json!("depth_zbuffer")) && !targets.contains(&json!("reshading")),
        "{targets:?}"
    );
    let name = policy["name"].as_str().expect("a name");
    browser.until(
        "its name on the page",
        &format!("return (() => {{ {figures} }})().includes({name:?})"),
    );
    // Its outputs have a latency, which the robot itself measures.
    browser.until(
        "a latency",
        "return [...document.querySelectorAll('.curve.latency output')].some((o) => \
         parseFloat(o.textContent) >= 0)",
    );
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
