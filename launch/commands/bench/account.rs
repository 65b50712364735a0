//! What became of every frame and output, from the camera to the receiver.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::rig::Ended;

/// Everything that was published and came, since the processes stood.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Account {
    /// By camera.
    pub(super) cameras: Vec<Value>,
    /// By output.
    pub(super) outputs: Vec<Value>,
    /// Laws that are broken; empty where the counts add up.
    pub(super) faults: Vec<String>,
}

impl Account {
    /// Adds up what the benchmark sent, the server says and the receiver heard.
    /// `None` where the server says nothing.
    pub(super) fn of(ended: &Ended) -> Option<Self> {
        let figures = ended.said.get("figures")?;
        let mut received: BTreeMap<&str, u64> = BTreeMap::new();
        for output in &ended.received {
            *received.entry(output.key.as_str()).or_default() += 1;
        }
        let received = |key: &str| received.get(key).copied().unwrap_or(0);
        Some(Self::add_up(figures, &ended.sent, &received, ended.unnoted))
    }

    fn add_up(figures: &Value, sent: &[u64], received: &dyn Fn(&str) -> u64, unnoted: u64) -> Self {
        let mut account = Self::default();
        let cameras = figures["cameras"].as_array().into_iter().flatten();
        for (camera, &sent) in cameras.zip(sent) {
            account.camera(camera, sent);
        }
        for target in figures["targets"].as_array().into_iter().flatten() {
            let key = target["key"].as_str().unwrap_or_default();
            account.output(target, key, received(key), unnoted);
        }
        account
    }

    fn camera(&mut self, camera: &Value, sent: u64) {
        let name = camera["camera"].as_str().unwrap_or_default();
        let count = |what: &str| camera["counts"][what].as_u64().unwrap_or(0);
        let [arrived, superseded, too_old, refused, duplicate, processed] = [
            "arrived",
            "superseded",
            "too_old",
            "refused",
            "duplicate",
            "processed",
        ]
        .map(count);
        let waiting = camera["waiting"].as_u64().unwrap_or(0);
        let sum = superseded + too_old + refused + duplicate + processed + waiting;
        if arrived > sent {
            self.faults.push(format!(
                "camera {name}: {sent} frames sent, but {arrived} arrived"
            ));
        }
        if arrived != sum {
            self.faults.push(format!(
                "camera {name}: {arrived} frames arrived, but {sum} are accounted for"
            ));
        }
        self.cameras.push(json!({
            "camera": name, "sent": sent, "lost_on_the_way": sent.saturating_sub(arrived),
            "arrived": arrived, "superseded": superseded, "too_old": too_old, "refused": refused,
            "duplicate": duplicate, "processed": processed, "waiting": waiting,
        }));
    }

    fn output(&mut self, target: &Value, key: &str, received: u64, unnoted: u64) {
        let count = |what: &str| target[what].as_u64().unwrap_or(0);
        let [frames, published, superseded, lost_on_bus] =
            ["frames", "published", "superseded", "lost_on_bus"].map(count);
        let outcomes = target["outcomes"].as_object();
        let outcomes = outcomes.map(|outcomes| outcomes.values().filter_map(Value::as_u64));
        let sum: u64 = outcomes.into_iter().flatten().sum();
        let delivered = target["outcomes"]["delivered"].as_u64().unwrap_or(0);
        if sum != frames {
            self.faults.push(format!(
                "{key}: {frames} frames processed, but {sum} outcomes"
            ));
        }
        if delivered != published + superseded + lost_on_bus {
            self.faults.push(format!(
                "{key}: {delivered} outputs made, but {} are accounted for",
                published + superseded + lost_on_bus
            ));
        }
        if received > published {
            self.faults.push(format!(
                "{key}: {published} outputs published, but {received} came"
            ));
        }
        self.outputs.push(json!({
            "key": key, "frames": frames, "outcomes": target["outcomes"],
            "published": published, "superseded": superseded, "lost_on_bus": lost_on_bus,
            "received": received, "lost_on_the_way": published.saturating_sub(received),
            "unnoted_of_all": unnoted,
        }));
    }

    /// For people: the cameras, and what does not add up.
    pub(super) fn text(&self) -> Vec<String> {
        let camera = |camera: &Value| {
            let count = |what: &str| camera[what].as_u64().unwrap_or(0);
            format!(
                "camera {}: {} frames sent since the start, {} processed, {} replaced by newer ones, \
                 {} lost on the way, {} otherwise",
                camera["camera"].as_str().unwrap_or_default(),
                count("sent"),
                count("processed"),
                count("superseded"),
                count("lost_on_the_way"),
                count("too_old") + count("refused") + count("duplicate") + count("waiting"),
            )
        };
        let mut lines: Vec<_> = self.cameras.iter().map(camera).collect();
        lines.push(match self.faults.as_slice() {
            [] => "the counts of all frames and outputs add up".to_owned(),
            faults => format!("the counts do not add up: {}", faults.join("; ")),
        });
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(arrived: u64, delivered: u64) -> Value {
        json!({
            "cameras": [{ "camera": "front", "waiting": 0, "counts": {
                "arrived": arrived, "superseded": 20, "too_old": 0, "refused": 0,
                "duplicate": 0, "processed": 80,
            }}],
            "targets": [{
                "key": "normal", "frames": 80, "published": 70, "superseded": 5,
                "lost_on_bus": 0, "outcomes": { "delivered": delivered, "not_due": 80 - delivered },
            }],
        })
    }

    #[test]
    fn counts_that_add_up_have_no_faults_and_every_loss_a_place() {
        let account = Account::add_up(&figures(100, 75), &[103], &|_| 68, 0);
        assert!(account.faults.is_empty(), "{:?}", account.faults);
        assert_eq!(account.cameras[0]["lost_on_the_way"], 3);
        assert_eq!(account.outputs[0]["lost_on_the_way"], 2);
        assert!(account.text()[1].contains("add up"));
    }

    #[test]
    fn every_law_that_is_broken_is_named_with_both_sides() {
        let account = Account::add_up(&figures(101, 76), &[99], &|_| 71, 0);
        let want = [
            "camera front: 99 frames sent, but 101 arrived",
            "camera front: 101 frames arrived, but 100 are accounted for",
            "normal: 76 outputs made, but 75 are accounted for",
            "normal: 70 outputs published, but 71 came",
        ];
        assert_eq!(account.faults, want);
        assert!(
            account
                .text()
                .last()
                .expect("a line")
                .contains("do not add up")
        );
    }
}
