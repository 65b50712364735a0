//! The computer that something was measured on, as far as it says.

use std::path::Path;

use concert_runtime::io::board::{PowerMeter, processor};
use concert_runtime::io::system_files::{numbered, word};
use serde::Serialize;

/// Most bytes that are read of a file of the system.
const MAX_BYTES: u64 = 1 << 16;

/// The computer. What it does not tell is null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Machine {
    /// Processor and number of cores.
    pub(super) processor: String,
    /// Operating system and version.
    pub(super) kernel: Option<String>,
    /// Memory, bytes.
    pub(super) memory_bytes: Option<u64>,
    /// How the clock of the processor is chosen (cpufreq).
    pub(super) governor: Option<String>,
    /// Power mode: `platform_profile`, or that of a Jetson.
    pub(super) power_mode: Option<String>,
}

/// What changes while something is measured. What cannot be read is null.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(super) struct Condition {
    /// Clock of each processor now, MHz (cpufreq).
    pub(super) clock_megahertz: Vec<f64>,
    /// Hottest thermal zone, °C.
    pub(super) hottest_celsius: Option<f64>,
    /// Power that the board draws, mW.
    pub(super) board_milliwatts: Option<f64>,
}

impl Machine {
    /// The computer whose files lie below `root` (`/`).
    pub(super) fn read(root: &Path) -> Self {
        let text = |path: &str| text(&root.join(path));
        let memory = text("proc/meminfo");
        let memory = memory.as_deref().and_then(|text| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("MemTotal:"))?;
            let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
            Some(kibibytes * 1024)
        });
        Self {
            processor: processor(),
            kernel: text("proc/sys/kernel/osrelease").map(|release| format!("Linux {release}")),
            memory_bytes: memory,
            governor: text("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            power_mode: text("sys/firmware/acpi/platform_profile")
                .or_else(|| text("var/lib/nvpmodel/status")),
        }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let memory = self.memory_bytes.map(|bytes| {
            let gibibytes = bytes as f64 / f64::from(1 << 30);
            format!("{gibibytes:.1} GiB")
        });
        let or = |what: &Option<String>, none: &str| what.clone().unwrap_or_else(|| none.into());
        format!(
            "{}; {}; {}; governor {}; power mode {}",
            self.processor,
            or(&self.kernel, "unknown system"),
            or(&memory, "unknown memory"),
            or(&self.governor, "not told"),
            or(&self.power_mode, "not told"),
        )
    }
}

impl Condition {
    /// The condition now of the computer whose files lie below `root` (`/`).
    pub(super) fn read(root: &Path) -> Self {
        let cpus = numbered(&root.join("sys/devices/system/cpu"), "cpu");
        let clock = |cpu: &std::path::PathBuf| {
            let kilohertz = text(&cpu.join("cpufreq/scaling_cur_freq"))?;
            Some(kilohertz.parse::<f64>().ok()? / 1e3)
        };
        let zones = numbered(&root.join("sys/class/thermal"), "thermal_zone");
        let degrees = |zone: &std::path::PathBuf| {
            let millis = text(&zone.join("temp"))?;
            Some(millis.parse::<f64>().ok()? / 1e3)
        };
        let meter = PowerMeter::under(&root.join("sys/class/hwmon"));
        Self {
            clock_megahertz: cpus.iter().filter_map(clock).collect(),
            hottest_celsius: zones.iter().filter_map(degrees).max_by(f64::total_cmp),
            board_milliwatts: meter.and_then(|meter| meter.milliwatts()),
        }
    }

    /// For people, from before to after.
    pub(super) fn text(&self, after: &Self) -> String {
        let mean = |clocks: &[f64]| {
            let count = clocks.len() as f64;
            (count > 0.0).then(|| clocks.iter().sum::<f64>() / count)
        };
        let both = |before: Option<f64>, after: Option<f64>, unit: &str| match before.zip(after) {
            Some((before, after)) => format!("{before:.0} to {after:.0} {unit}"),
            None => "not told".to_owned(),
        };
        format!(
            "clocks {}; hottest {}; board {}",
            both(
                mean(&self.clock_megahertz),
                mean(&after.clock_megahertz),
                "MHz"
            ),
            both(self.hottest_celsius, after.hottest_celsius, "°C"),
            both(self.board_milliwatts, after.board_milliwatts, "mW"),
        )
    }
}

fn text(path: &Path) -> Option<String> {
    let text = word(path, MAX_BYTES)?;
    Some(text.chars().take(100).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_computer_says_what_it_is_and_how_it_is() {
        let root = tempfile::tempdir().expect("a folder");
        let files = [
            (
                "proc/meminfo",
                "MemTotal:       16777216 kB\nMemFree: 1 kB\n",
            ),
            ("proc/sys/kernel/osrelease", "6.1.0\n"),
            (
                "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
                "schedutil\n",
            ),
            (
                "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
                "1500000\n",
            ),
            (
                "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq",
                "2500000\n",
            ),
            ("sys/devices/system/cpu/cpufreq/scaling_cur_freq", "7\n"),
            ("sys/firmware/acpi/platform_profile", "balanced\n"),
            ("sys/class/thermal/thermal_zone0/temp", "41000\n"),
            ("sys/class/thermal/thermal_zone1/temp", "63500\n"),
            ("sys/class/thermal/cooling_device0/temp", "99000\n"),
        ];
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        let machine = Machine::read(root.path());
        assert_eq!(machine.memory_bytes, Some(16 << 30));
        assert_eq!(machine.governor.as_deref(), Some("schedutil"));
        assert!(
            machine.text().contains("Linux 6.1.0; 16.0 GiB"),
            "{}",
            machine.text()
        );
        let condition = Condition::read(root.path());
        assert_eq!(condition.clock_megahertz, [1500.0, 2500.0]);
        assert_eq!(condition.hottest_celsius, Some(63.5));
        let text = condition.text(&condition);
        assert!(text.starts_with("clocks 2000 to 2000 MHz"), "{text}");
    }

    #[test]
    fn what_is_not_told_is_said_to_be_so() {
        let root = tempfile::tempdir().expect("a folder");
        let machine = Machine::read(root.path());
        assert_eq!(
            (machine.memory_bytes, machine.governor.clone()),
            (None, None)
        );
        assert!(machine.text().contains("governor not told"));
        let condition = Condition::read(root.path());
        assert_eq!(condition, Condition::default());
        assert_eq!(
            condition.text(&condition),
            "clocks not told; hottest not told; board not told"
        );
    }
}
