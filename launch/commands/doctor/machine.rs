//! The computer: processor, clock, shared memory, cameras, accelerator.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use concert_runtime::Clock;
use concert_runtime::io::clock::SystemClock;

use super::Row;

/// What zenoh's pool of shared memory takes, bytes.
const SHARED_MEMORY_BYTES: usize = 16 << 20;
/// 2025-01-01, s since the Unix epoch: no computer that runs this is older.
const EARLIEST_SECONDS: i32 = 1_735_689_600;

pub(super) fn rows() -> Vec<Row> {
    vec![
        processor(),
        clock(),
        shared_memory(Path::new("/dev/shm")),
        cameras(),
        accelerator(),
    ]
}

fn processor() -> Row {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let found = format!("{cores} cores, {}", std::env::consts::ARCH);
    let governor = Path::new("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    match fs::read_to_string(governor) {
        Ok(governor) if governor.trim() == "powersave" => Row::warn(
            "processor",
            format!("{found}, governor powersave"),
            "latency varies with clock speed; for measurements set the governor to performance",
        ),
        _ => Row::ok("processor", found),
    }
}

fn clock() -> Row {
    let now = SystemClock::start().now();
    let (seconds, _) = now.seconds_and_nanos();
    let since_1970 = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    let found = humantime::format_rfc3339_seconds(UNIX_EPOCH + since_1970).to_string();
    if seconds < EARLIEST_SECONDS {
        return Row::warn(
            "clock",
            found,
            "set the clock (chrony, ntp): stamps and ages would be wrong",
        );
    }
    Row::ok("clock", found)
}

fn shared_memory(folder: &Path) -> Row {
    const WHAT: &str = "shared memory";
    let to_do = "give the container --ipc=host or --shm-size=64m, or set shared_memory = false";
    let path = folder.join(format!("concert-doctor-{}", std::process::id()));
    let zeros = vec![0; SHARED_MEMORY_BYTES];
    let written = fs::File::create_new(&path).and_then(|mut file| file.write_all(&zeros));
    // Whatever was written is not to stay.
    let _ = fs::remove_file(&path);
    match written {
        Ok(()) => Row::ok(
            WHAT,
            format!(
                "{} has room for {} MiB",
                folder.display(),
                SHARED_MEMORY_BYTES >> 20
            ),
        ),
        Err(error) => Row::warn(
            WHAT,
            format!(
                "{}: no room for {} MiB: {error}",
                folder.display(),
                SHARED_MEMORY_BYTES >> 20
            ),
            to_do,
        ),
    }
}

fn cameras() -> Row {
    let entries = fs::read_dir("/dev").into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut devices: Vec<_> = names.filter(|name| name.starts_with("video")).collect();
    devices.sort();
    if devices.is_empty() {
        return Row::warn(
            "cameras",
            "no /dev/video*",
            "connect one, or use a camera of kind images, pan, zenoh or command",
        );
    }
    let found = format!("/dev/{}", devices.join(", /dev/"));
    let denied = devices
        .iter()
        .find(|name| fs::File::open(format!("/dev/{name}")).is_err());
    match denied {
        Some(name) => Row::warn(
            "cameras",
            format!("{found}; /dev/{name} cannot be opened"),
            "add the user to the group video",
        ),
        None if cfg!(all(feature = "v4l2", target_os = "linux")) => Row::ok("cameras", found),
        None => Row::warn(
            "cameras",
            found,
            "to use them, build with the feature v4l2, which is on by default",
        ),
    }
}

fn accelerator() -> Row {
    let jetson = fs::read_to_string("/etc/nv_tegra_release");
    let driver = fs::read_to_string("/proc/driver/nvidia/version");
    let first = |text: &str| text.lines().next().unwrap_or_default().trim().to_owned();
    match (jetson, driver) {
        (Ok(release), _) => Row::warn(
            "accelerator",
            format!("NVIDIA Jetson, {}", first(&release)),
            "JetPack needs NVIDIA's own build of ONNX Runtime: name it with --onnxruntime PATH",
        ),
        (Err(_), Ok(version)) => Row::ok("accelerator", first(&version)),
        (Err(_), Err(_)) => Row::ok("accelerator", "none; networks run on the processor"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Health;
    use super::*;

    #[test]
    fn shared_memory_is_tried_and_nothing_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(shared_memory(folder.path()).health, Health::Ok);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
        let row = shared_memory(&folder.path().join("absent"));
        assert_eq!(row.health, Health::Warn);
        assert!(!row.to_do.is_empty());
    }
}
