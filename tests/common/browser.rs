//! A headless Chromium, driven as WebDriver (W3C) has it.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use concert_runtime::io::thread;
use serde_json::{Value, json};

use super::program::free_port;
use super::skip::skip;
use super::web::Site;

/// The name under which WebDriver hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one window, ended with the test.
pub struct Browser {
    driver: Child,
    site: Site,
    session: String,
}

impl Browser {
    /// Starts one whose window is so large; `None`, said aloud, where this machine
    /// has no Chromium with its driver.
    pub fn start(width: u32, height: u32) -> Option<Self> {
        let port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let driver = match driver {
            Ok(driver) => driver,
            Err(error) => {
                skip(format_args!(
                    "chromedriver (Debian: chromium-driver): {error}"
                ));
                return None;
            }
        };
        let mut browser = Self {
            driver,
            site: Site::at(port),
            session: String::new(),
        };
        let options = json!({ "capabilities": { "alwaysMatch": {
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--hide-scrollbars",
            ]},
        }}});
        match browser.command("POST", "/session", &options) {
            Ok(value) => browser.session = value["sessionId"].as_str().expect("an id").to_owned(),
            Err(error) => {
                skip(format_args!("chromedriver starts no Chromium: {error}"));
                return None;
            }
        }
        // Narrower than a headless window may be.
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        browser.devtools("Emulation.setDeviceMetricsOverride", &size);
        Some(browser)
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let host = self.site.host();
        let headers = [
            ("Host", host.as_str()),
            ("Content-Type", "application/json"),
        ];
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let answer = self
            .site
            .send(&format!("{method} {path}"), &headers, body.as_bytes());
        let value = answer.json()["value"].take();
        match answer.status {
            200 => Ok(value),
            _ => Err(value["message"].as_str().unwrap_or("no reason").to_owned()),
        }
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let path = format!("/session/{}{path}", self.session);
        let answer = self.command(method, &path, body);
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.ask("POST", "/goog/cdp/execute", &body)
    }

    pub fn open(&self, url: &str) {
        self.ask("POST", "/url", &json!({ "url": url }));
    }

    /// Runs a script's body in the page, and gives what it returns.
    pub fn run(&self, script: &str) -> Value {
        self.ask(
            "POST",
            "/execute/sync",
            &json!({ "script": script, "args": [] }),
        )
    }

    /// Waits until a script returns something that is true, as JavaScript has it: no
    /// 0, no empty text.
    pub fn until(&self, what: &str, script: &str) -> Value {
        // As long as a swap may take on a computer that is busy.
        for _ in 0..2_400 {
            let value = self.run(script);
            let is_true = match &value {
                Value::Null => false,
                Value::Bool(is_true) => *is_true,
                Value::Number(number) => number.as_f64() != Some(0.0),
                Value::String(text) => !text.is_empty(),
                Value::Array(_) | Value::Object(_) => true,
            };
            if is_true {
                return value;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("{what}: {script}");
    }

    pub fn find(&self, selector: &str) -> String {
        let found = json!({ "using": "css selector", "value": selector });
        let found = self.ask("POST", "/element", &found);
        found[ELEMENT].as_str().expect("an element").to_owned()
    }

    pub fn click(&self, selector: &str) {
        let element = self.find(selector);
        self.ask("POST", &format!("/element/{element}/click"), &json!({}));
    }

    /// Presses keys on an element, as a person at a keyboard does.
    pub fn press(&self, selector: &str, keys: &str) {
        let element = self.find(selector);
        let body = json!({ "text": keys });
        self.ask("POST", &format!("/element/{element}/value"), &body);
    }

    /// Takes an element with a pointer (`mouse` or `touch`) and moves it onto
    /// another; lets it go there, unless it is to be held.
    pub fn drag(&self, pointer: &str, from: &str, to: &str, lets_go: bool) {
        let middle = |selector: &str| {
            let script = format!(
                "const e = document.querySelector({selector:?}); \
                 const b = e.getBoundingClientRect(); \
                 return [Math.round(b.x + b.width / 2 - 6), Math.round(b.y + b.height / 2)];"
            );
            self.run(&script)
        };
        let scroll =
            format!("document.querySelector({from:?}).scrollIntoView({{block: 'center'}});");
        self.run(&scroll);
        let (from, to) = (middle(from), middle(to));
        let go = |at: &Value, millis: u32| json!({ "type": "pointerMove", "duration": millis, "x": at[0], "y": at[1] });
        let mut actions = vec![go(&from, 0), json!({ "type": "pointerDown", "button": 0 })];
        if pointer == "touch" {
            // A finger that moves at once scrolls.
            actions.push(json!({ "type": "pause", "duration": 400 }));
        }
        actions.extend([go(&to, 120), go(&to, 0)]);
        if lets_go {
            actions.push(json!({ "type": "pointerUp", "button": 0 }));
        }
        let body = json!({ "actions": [{
            "type": "pointer", "id": pointer, "parameters": { "pointerType": pointer },
            "actions": actions,
        }]});
        self.ask("POST", "/actions", &body);
    }

    /// Opens another window, at the same page; it is in front.
    pub fn open_another(&self, url: &str) {
        let opened = self.ask("POST", "/window/new", &json!({ "type": "tab" }));
        self.ask("POST", "/window", &json!({ "handle": opened["handle"] }));
        self.open(url);
    }

    /// Brings the first of the windows to the front.
    pub fn back_to_the_first(&self) {
        let handles = self.ask("GET", "/window/handles", &Value::Null);
        self.ask("POST", "/window", &json!({ "handle": handles[0] }));
        self.devtools("Page.bringToFront", &json!({}));
    }

    /// Closes the window that is driven.
    pub fn close_window(&self) {
        self.ask("DELETE", "/window", &Value::Null);
    }

    /// What the browser complains of: errors of scripts, what the page's policy
    /// forbids.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.ask("POST", "/se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().cloned().unwrap_or_default();
        let severe = entries.iter().filter(|entry| entry["level"] == "SEVERE");
        severe.map(|entry| entry["message"].to_string()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let _ = self.command(
                "DELETE",
                &format!("/session/{}", self.session),
                &Value::Null,
            );
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
