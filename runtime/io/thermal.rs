//! Thermal zones and throttling, as Linux tells of them.

use std::path::{Path, PathBuf};

use super::system_files;
use crate::heat::{HeatReading, ThermalZone};

/// Folder of the system's devices by class.
const CLASSES: &str = "/sys/class";
/// Most zones, and most trip points of one, that are looked at.
const MAX_ZONES: usize = 64;
const MAX_TRIPS: usize = 16;
/// Most bytes that are read of a file.
const MAX_BYTES: u64 = 64;
/// Kinds of trip points from which on the system throttles.
const THROTTLING: [&str; 2] = ["passive", "hot"];
/// Below the one at which it switches off, °C, it is hot as well.
const BELOW_CRITICAL: f64 = 10.0;
/// A trip point or a temperature outside of this is none, °C.
const PLAUSIBLE: std::ops::RangeInclusive<f64> = 30.0..=150.0;
/// Counters of a Jetson board: times that it throttled for current or voltage.
const THROTTLE_COUNTERS: std::ops::RangeInclusive<u32> = 1..=6;

/// Reads how hot a computer is. A zone that vanishes, or cannot be read, is nothing.
#[derive(Debug, Clone)]
pub struct Thermal {
    classes: PathBuf,
    limit_celsius: Option<f64>,
}

impl Thermal {
    /// This computer; `limit_celsius` stands in for the zones' own trip points
    /// where it is lower, or where they have none.
    #[must_use]
    pub fn of_this_computer(limit_celsius: Option<f64>) -> Self {
        Self::under(Path::new(CLASSES), limit_celsius)
    }

    /// As [`of_this_computer`](Self::of_this_computer), from a folder such as
    /// `/sys/class`.
    #[must_use]
    pub fn under(classes: &Path, limit_celsius: Option<f64>) -> Self {
        Self {
            classes: classes.to_owned(),
            limit_celsius,
        }
    }

    /// How hot it is now.
    #[must_use]
    pub fn read(&self) -> HeatReading {
        let zones = folders(&self.classes.join("thermal"), "thermal_zone");
        let zones = zones.filter_map(|zone| self.zone(&zone));
        let boards = folders(&self.classes.join("hwmon"), "hwmon");
        let counts = boards.flat_map(|board| {
            THROTTLE_COUNTERS.map(move |n| number(&board.join(format!("oc{n}_event_cnt"))))
        });
        HeatReading {
            nearest: zones.min_by(|a, b| a.left().total_cmp(&b.left())),
            throttled: counts.flatten().map(|count| count.max(0.0) as u64).sum(),
        }
    }

    /// A zone that has a limit.
    fn zone(&self, folder: &Path) -> Option<ThermalZone> {
        let celsius = number(&folder.join("temp"))? / 1e3;
        let trips = (0..MAX_TRIPS).filter_map(|n| trip_point(folder, n));
        let limit = trips.chain(self.limit_celsius).min_by(f64::total_cmp)?;
        (celsius <= *PLAUSIBLE.end()).then(|| ThermalZone {
            name: text(&folder.join("type")).unwrap_or_else(|| "a thermal zone".to_owned()),
            celsius,
            limit_celsius: limit,
        })
    }
}

/// The temperature of a trip point at which the system throttles, °C.
fn trip_point(folder: &Path, number_of_it: usize) -> Option<f64> {
    let kind = text(&folder.join(format!("trip_point_{number_of_it}_type")))?;
    let celsius = number(&folder.join(format!("trip_point_{number_of_it}_temp")))? / 1e3;
    let limit = match kind.as_str() {
        "critical" => celsius - BELOW_CRITICAL,
        kind if THROTTLING.contains(&kind) => celsius,
        _ => return None,
    };
    PLAUSIBLE.contains(&limit).then_some(limit)
}

fn number(path: &Path) -> Option<f64> {
    let number: f64 = text(path)?.parse().ok()?;
    number.is_finite().then_some(number)
}

fn text(path: &Path) -> Option<String> {
    system_files::word(path, MAX_BYTES)
}

/// The folders of a name and a number.
fn folders(folder: &Path, name: &str) -> impl Iterator<Item = PathBuf> + use<> {
    system_files::numbered(folder, name)
        .into_iter()
        .take(MAX_ZONES)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(root: &Path, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
    }

    #[test]
    fn the_zone_nearest_to_its_trip_point_counts_and_one_that_vanishes_is_nothing() {
        let root = tempfile::tempdir().expect("a folder");
        let files = [
            ("thermal/thermal_zone0/type", "cpu-thermal\n"),
            ("thermal/thermal_zone0/temp", "84500\n"),
            ("thermal/thermal_zone0/trip_point_0_type", "active\n"),
            ("thermal/thermal_zone0/trip_point_0_temp", "50000\n"),
            ("thermal/thermal_zone0/trip_point_1_type", "passive\n"),
            ("thermal/thermal_zone0/trip_point_1_temp", "99500\n"),
            ("thermal/thermal_zone0/trip_point_2_type", "critical\n"),
            ("thermal/thermal_zone0/trip_point_2_temp", "104500\n"),
            ("thermal/thermal_zone1/type", "gpu-thermal\n"),
            ("thermal/thermal_zone1/temp", "71000\n"),
            ("thermal/thermal_zone1/trip_point_0_type", "passive\n"),
            ("thermal/thermal_zone1/trip_point_0_temp", "80000\n"),
            // No limit, an impossible one, nothing to read.
            ("thermal/thermal_zone2/temp", "119000\n"),
            ("thermal/thermal_zone3/temp", "95000\n"),
            ("thermal/thermal_zone3/trip_point_0_type", "passive\n"),
            ("thermal/thermal_zone3/trip_point_0_temp", "-274000\n"),
            ("thermal/thermal_zone4/temp", "hot\n"),
            ("thermal/cooling_device0/temp", "99000\n"),
            ("hwmon/hwmon3/oc1_event_cnt", "4\n"),
            ("hwmon/hwmon3/oc3_event_cnt", "2\n"),
        ];
        write(root.path(), &files);
        let thermal = Thermal::under(root.path(), None);
        let reading = thermal.read();
        let nearest = reading.nearest.expect("a zone");
        assert_eq!(nearest.name, "gpu-thermal");
        assert_eq!((nearest.celsius, nearest.limit_celsius), (71.0, 80.0));
        assert_eq!(reading.throttled, 6);
        fs::remove_dir_all(root.path().join("thermal/thermal_zone1")).expect("a folder");
        let nearest = thermal.read().nearest.expect("the other zone");
        assert_eq!(
            (nearest.name.as_str(), nearest.left()),
            ("cpu-thermal", 10.0)
        );
        let strict = Thermal::under(root.path(), Some(90.0)).read();
        let nearest = strict.nearest.expect("a zone");
        assert_eq!(nearest.left(), -29.0, "a limit for zones that have none");
        fs::remove_dir_all(root.path()).expect("a folder");
        assert_eq!(thermal.read(), HeatReading::default());
    }
}
