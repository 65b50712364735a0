//! Figures of the computer itself: its processor, the memory that this
//! process holds, and the power that the board draws.

use std::fs;
use std::path::{Path, PathBuf};

use super::system_files;

/// Folder in which Linux lists the sensors of a board.
const SENSORS: &str = "/sys/class/hwmon";
/// Most bytes that are read of a file of the system.
const MAX_BYTES: u64 = 1 << 16;
/// Most channels of one sensor.
const MAX_CHANNELS: usize = 8;
/// Names of the sensors that measure what a board draws.
const POWER_SENSORS: [&str; 2] = ["ina3221", "ina3221x"];
/// Names of a channel through which the whole board draws.
const WHOLE_BOARD: [&str; 3] = ["VDD_IN", "POM_5V_IN", "VDD_IN_5V"];

/// The processor's name, as the system gives it, and the number of its cores.
#[must_use]
pub fn processor() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let model = read(Path::new("/sys/firmware/devicetree/base/model"))
        .or_else(|| model_name(&read(Path::new("/proc/cpuinfo"))?));
    let model = model.unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let model = model.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    format!("{model}, {cores} cores")
}

fn model_name(cpuinfo: &str) -> Option<String> {
    let mut lines = cpuinfo.lines();
    let line = lines.find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Memory of this process that lies in RAM now, in bytes; `None` where the
/// system does not say.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    let status = read(Path::new("/proc/self/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Measures what the board draws, by the sensors of NVIDIA's Jetson boards
/// (INA3221: three channels of voltage and current).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PowerMeter {
    channels: Vec<Channel>,
}

/// One channel of a sensor.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Channel {
    label: String,
    reading: Reading,
}

/// Which files tell the power of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reading {
    /// µW.
    Power(PathBuf),
    /// mV and mA.
    VoltageAndCurrent(PathBuf, PathBuf),
}

impl PowerMeter {
    /// The board's own meter, if it has one.
    #[must_use]
    pub fn find() -> Option<Self> {
        Self::under(Path::new(SENSORS))
    }

    /// The meter among the sensors in a folder such as `/sys/class/hwmon`. The
    /// channel of the whole board counts alone where there is one; else all do.
    #[must_use]
    pub fn under(folder: &Path) -> Option<Self> {
        let entries = fs::read_dir(folder).ok()?;
        let mut sensors: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        sensors.sort();
        let named = |path: &PathBuf| {
            let name = read(&path.join("name")).unwrap_or_default();
            POWER_SENSORS.contains(&name.trim())
        };
        let sensors = sensors.iter().filter(|path| named(path));
        let mut channels: Vec<_> = sensors
            .flat_map(|path| (1..=MAX_CHANNELS).filter_map(|n| Channel::of(path, n)))
            .collect();
        let is_whole = |channel: &Channel| WHOLE_BOARD.contains(&channel.label.as_str());
        if channels.iter().any(is_whole) {
            channels.retain(is_whole);
            channels.truncate(1);
        }
        (!channels.is_empty()).then_some(Self { channels })
    }

    /// Names what is measured, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        let labels = self.channels.iter().map(|channel| channel.label.as_str());
        format!("INA3221 {}", labels.collect::<Vec<_>>().join("+"))
    }

    /// Power that the board draws now, mW; `None` where a channel cannot be read.
    #[must_use]
    pub fn milliwatts(&self) -> Option<f64> {
        self.channels.iter().map(Channel::milliwatts).sum()
    }
}

impl Channel {
    fn of(sensor: &Path, number: usize) -> Option<Self> {
        let file = |kind: &str| sensor.join(format!("{kind}{number}_input"));
        let label = |kind: &str| read(&sensor.join(format!("{kind}{number}_label")));
        let label = label("in").or_else(|| label("power"));
        let label = label.map_or_else(|| format!("channel {number}"), |text| text.trim().into());
        let (power, voltage, current) = (file("power"), file("in"), file("curr"));
        let reading = if power.exists() {
            Reading::Power(power)
        } else if voltage.exists() && current.exists() {
            Reading::VoltageAndCurrent(voltage, current)
        } else {
            return None;
        };
        let channel = Self { label, reading };
        // A channel with nothing connected refuses to be read.
        channel.milliwatts().is_some().then_some(channel)
    }

    fn milliwatts(&self) -> Option<f64> {
        let number = |path: &Path| read(path)?.trim().parse::<f64>().ok();
        let milliwatts = match &self.reading {
            Reading::Power(power) => number(power)? / 1e3,
            Reading::VoltageAndCurrent(volts, amperes) => number(volts)? * number(amperes)? / 1e3,
        };
        (milliwatts.is_finite() && milliwatts >= 0.0).then_some(milliwatts)
    }
}

fn read(path: &Path) -> Option<String> {
    system_files::read(path, MAX_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sensor(root: &Path, name: &str, files: &[(&str, &str)]) {
        fs::create_dir_all(root).expect("a folder");
        fs::write(root.join("name"), format!("{name}\n")).expect("a file");
        for (file, text) in files {
            fs::write(root.join(file), format!("{text}\n")).expect("a file");
        }
    }

    #[test]
    fn the_channel_of_the_whole_board_counts_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let ina = [
            ("in1_label", "VDD_IN"),
            ("in1_input", "5000"),
            ("curr1_input", "1200"),
            ("in2_label", "VDD_CPU_GPU_CV"),
            ("in2_input", "5000"),
            ("curr2_input", "400"),
        ];
        sensor(&folder.path().join("hwmon1"), "ina3221", &ina);
        sensor(
            &folder.path().join("hwmon0"),
            "k10temp",
            &[("in1_input", "9999"), ("curr1_input", "9999")],
        );
        let meter = PowerMeter::under(folder.path()).expect("a meter");
        assert_eq!(meter.describe(), "INA3221 VDD_IN");
        // 5 V times 1.2 A.
        assert_eq!(meter.milliwatts(), Some(6000.0));
        fs::write(folder.path().join("hwmon1/curr1_input"), "2000\n").expect("a file");
        assert_eq!(meter.milliwatts(), Some(10_000.0));
        fs::write(folder.path().join("hwmon1/curr1_input"), "n/a\n").expect("a file");
        assert_eq!(meter.milliwatts(), None);
    }

    #[test]
    fn without_such_a_channel_all_that_can_be_read_are_added() {
        let folder = tempfile::tempdir().expect("a folder");
        let ina = [
            ("in1_label", "VDD_GPU_SOC"),
            ("in1_input", "19000"),
            ("curr1_input", "100"),
            ("in2_label", "VDD_CPU_CV"),
            ("in2_input", "19000"),
            ("curr2_input", "200"),
            ("in3_label", "NC"),
            ("in3_input", "0"),
        ];
        sensor(&folder.path().join("hwmon3"), "ina3221", &ina);
        let power = [("power1_label", "VIN"), ("power1_input", "2500000")];
        sensor(&folder.path().join("hwmon4"), "ina3221", &power);
        let meter = PowerMeter::under(folder.path()).expect("a meter");
        assert_eq!(meter.milliwatts(), Some(1900.0 + 3800.0 + 2500.0));
    }

    #[test]
    fn a_computer_without_such_a_sensor_has_no_meter() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(PowerMeter::under(folder.path()), None);
        assert_eq!(PowerMeter::under(&folder.path().join("absent")), None);
    }

    #[test]
    fn this_process_holds_memory_and_more_after_taking_some() {
        let before = resident_bytes().expect("Linux says so");
        let taken = std::hint::black_box(vec![1u8; 64 << 20]);
        let after = resident_bytes().expect("Linux says so");
        assert!(after > before + (32 << 20), "{before} {after}");
        drop(taken);
    }
}
