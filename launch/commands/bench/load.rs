//! How busy the computer is, and what processes take of it, as Linux tells.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::process::{cpu_seconds, group};

/// Unit of times in /proc, the same on every Linux (USER_HZ).
const TICKS_A_SECOND: f64 = 100.0;
/// Above this share of the processors taken by others the computer is loaded, %.
const OTHERS_LIMIT: f64 = 10.0;
/// Above this share stolen by the hypervisor it is loaded, %.
const STEAL_LIMIT: f64 = 2.0;

/// Counters of the whole computer at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Counters {
    /// Seconds that all processors worked, without what was stolen.
    busy: f64,
    /// Seconds that a hypervisor took.
    steal: f64,
    /// All seconds of all processors.
    all: f64,
    /// Tasks that run or wait for a processor, at this moment.
    running: u64,
    /// Seconds in which somebody waited for a processor; where it is told.
    waited: Option<f64>,
}

/// How busy the computer was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Load {
    /// Processor time that other processes took, % of all.
    pub(super) others_percent: f64,
    /// Processor time that the processes of the benchmark took, % of all.
    pub(super) own_percent: f64,
    /// Time that a hypervisor took, % of all.
    pub(super) steal_percent: f64,
    /// Time in which some task waited for a processor, % (/proc/pressure/cpu);
    /// null where the kernel does not tell.
    pub(super) pressure_percent: Option<f64>,
    /// Tasks that ran or waited for a processor at the end.
    pub(super) run_queue: u64,
    /// True where that may have disturbed what was measured.
    pub(super) loaded: bool,
}

impl Counters {
    /// The counters now, below `root` (`/`).
    pub(super) fn read(root: &Path) -> Self {
        let text = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
        let stat = text("proc/stat");
        let numbers = |line: &str| -> Vec<f64> {
            let fields = line.split_whitespace().skip(1);
            fields.filter_map(|field| field.parse().ok()).collect()
        };
        let cpu = stat.lines().find(|line| line.starts_with("cpu "));
        let cpu = cpu.map(numbers).unwrap_or_default();
        let at = |index: usize| cpu.get(index).copied().unwrap_or(0.0) / TICKS_A_SECOND;
        // user, nice, system, idle, iowait, irq, softirq, steal; guests count as user.
        let (idle, steal) = (at(3) + at(4), at(7));
        let busy = at(0) + at(1) + at(2) + at(5) + at(6);
        let running = stat
            .lines()
            .find_map(|line| line.strip_prefix("procs_running "));
        let pressure = text("proc/pressure/cpu");
        let some = pressure.lines().find(|line| line.starts_with("some "));
        let total = some.and_then(|line| line.rsplit_once("total="));
        Self {
            busy,
            steal,
            all: busy + idle + steal,
            running: running
                .and_then(|text| text.trim().parse().ok())
                .unwrap_or(0),
            waited: total
                .and_then(|(_, micros)| micros.trim().parse::<f64>().ok())
                .map(|m| m / 1e6),
        }
    }

    /// How busy it was between two moments, `own` processor seconds of it ours.
    pub(super) fn until(&self, later: &Self, own: f64, seconds: f64) -> Load {
        let all = (later.all - self.all).max(1e-9);
        let percent = |part: f64| (100.0 * part / all).clamp(0.0, 100.0);
        let waited = later.waited.zip(self.waited);
        let others_percent = percent(later.busy - self.busy - own);
        let steal_percent = percent(later.steal - self.steal);
        Load {
            others_percent,
            own_percent: percent(own),
            steal_percent,
            pressure_percent: waited
                .map(|(after, before)| 100.0 * (after - before) / seconds.max(1e-9)),
            // Who reads it runs, too.
            run_queue: later.running.saturating_sub(1),
            loaded: others_percent > OTHERS_LIMIT || steal_percent > STEAL_LIMIT,
        }
    }
}

impl Load {
    /// For people.
    pub(super) fn text(&self) -> String {
        let Self {
            others_percent,
            own_percent,
            steal_percent,
            run_queue,
            ..
        } = self;
        let verdict = match self.loaded {
            true => "the computer was loaded: tails are others' as much as ours",
            false => "the computer was quiet",
        };
        let pressure = self.pressure_percent.map_or(String::new(), |percent| {
            format!(", some task waited for a processor {percent:.0} % of the time")
        });
        format!(
            "{verdict} (processors: {own_percent:.0} % this benchmark, {others_percent:.0} % \
             others, {steal_percent:.1} % stolen; {run_queue} tasks ready at the end{pressure})"
        )
    }
}

/// What a process has taken so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Usage {
    /// Processor time, s.
    pub(super) cpu_seconds: f64,
    /// Time that its threads were ready and waited for a processor, s; where it
    /// is told.
    pub(super) waited_seconds: Option<f64>,
    /// Processor time by name of the thread, s.
    pub(super) threads: BTreeMap<String, f64>,
}

impl Usage {
    /// Of a process and those of its group; nothing where they are gone.
    pub(super) fn of_group(process: u32) -> Self {
        let mut all = Self::default();
        for one in group(process).into_iter().map(Self::of) {
            all.cpu_seconds += one.cpu_seconds;
            if let Some(waited) = one.waited_seconds {
                *all.waited_seconds.get_or_insert(0.0) += waited;
            }
            for (name, seconds) in one.threads {
                *all.threads.entry(name).or_default() += seconds;
            }
        }
        all
    }

    /// Of a process; nothing where it is gone.
    pub(super) fn of(process: u32) -> Self {
        let mut usage = Self {
            cpu_seconds: cpu_seconds(process).unwrap_or(0.0),
            ..Self::default()
        };
        let tasks = fs::read_dir(format!("/proc/{process}/task"));
        for task in tasks.into_iter().flatten().flatten() {
            let path = task.path();
            let read = |file: &str| fs::read_to_string(path.join(file)).unwrap_or_default();
            // Time on a processor and time in its queue, ns.
            let schedule = read("schedstat");
            let mut numbers = schedule.split_whitespace().map(str::parse::<f64>);
            if let (Some(Ok(ran)), Some(Ok(waited))) = (numbers.next(), numbers.next()) {
                let name = read("comm").trim().to_owned();
                *usage.threads.entry(name).or_default() += ran / 1e9;
                *usage.waited_seconds.get_or_insert(0.0) += waited / 1e9;
            }
        }
        usage
    }

    /// What it took since `before`.
    pub(super) fn since(&self, before: &Self) -> Self {
        let waited = self.waited_seconds.zip(before.waited_seconds);
        let threads = self.threads.iter().map(|(name, seconds)| {
            let before = before.threads.get(name).copied().unwrap_or(0.0);
            (name.clone(), (seconds - before).max(0.0))
        });
        Self {
            cpu_seconds: (self.cpu_seconds - before.cpu_seconds).max(0.0),
            waited_seconds: waited.map(|(after, before)| (after - before).max(0.0)),
            threads: threads.collect(),
        }
    }
}

/// Memory of a process, bytes; null where the system does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(super) struct Memory {
    /// In RAM now, what it shares counted in proportion (PSS).
    pub(super) pss_bytes: Option<u64>,
    /// In RAM at most so far (peak RSS): what it shares counted whole.
    pub(super) peak_rss_bytes: Option<u64>,
}

impl Memory {
    /// Of a process and those of its group, added up.
    pub(super) fn of_group(process: u32) -> Self {
        let sum = |a: Option<u64>, b: Option<u64>| a.zip(b).map(|(a, b)| a + b).or(a).or(b);
        let members = group(process).into_iter().map(Self::of);
        members.fold(Self::default(), |all, one| Self {
            pss_bytes: sum(all.pss_bytes, one.pss_bytes),
            peak_rss_bytes: sum(all.peak_rss_bytes, one.peak_rss_bytes),
        })
    }

    /// Of a process; nothing where it is gone.
    pub(super) fn of(process: u32) -> Self {
        let entry = |file: &str, name: &str| {
            let text = fs::read_to_string(format!("/proc/{process}/{file}")).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
            Some(kibibytes * 1024)
        };
        Self {
            pss_bytes: entry("smaps_rollup", "Pss:"),
            peak_rss_bytes: entry("status", "VmHWM:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn computer(cpu: &str, running: u64, pressure: Option<u64>) -> Counters {
        let folder = tempfile::tempdir().expect("a folder");
        let proc = folder.path().join("proc");
        fs::create_dir_all(proc.join("pressure")).expect("a folder");
        let stat = format!("cpu  {cpu}\ncpu0 1 2 3\nprocs_running {running}\n");
        fs::write(proc.join("stat"), stat).expect("a file");
        if let Some(micros) = pressure {
            let text = format!("some avg10=1.00 avg60=0.50 avg300=0.10 total={micros}\n");
            fs::write(proc.join("pressure/cpu"), text).expect("a file");
        }
        Counters::read(folder.path())
    }

    #[test]
    fn what_others_took_and_what_was_stolen_is_told_from_ours() {
        // Ten seconds of two processors: 6 s busy, 13 s idle, 1 s stolen.
        let before = computer("1000 0 0 5000 0 0 0 10 0 0", 1, Some(1_000_000));
        let after = computer("1500 0 100 6300 0 0 0 110 0 0", 4, Some(3_000_000));
        let load = before.until(&after, 2.0, 10.0);
        assert!((load.others_percent - 20.0).abs() < 1e-9, "{load:?}");
        assert!((load.own_percent - 10.0).abs() < 1e-9, "{load:?}");
        assert!((load.steal_percent - 5.0).abs() < 1e-9, "{load:?}");
        assert!((load.pressure_percent.expect("told") - 20.0).abs() < 1e-9);
        assert_eq!((load.run_queue, load.loaded), (3, true));
        assert!(load.text().contains("was loaded"), "{}", load.text());
        // The same, all of it ours.
        let quiet = before.until(
            &computer("1500 0 100 6400 0 0 0 10 0 0", 1, None),
            6.0,
            10.0,
        );
        assert!(
            !quiet.loaded && quiet.pressure_percent.is_none(),
            "{quiet:?}"
        );
        assert!(quiet.text().contains("was quiet"), "{}", quiet.text());
    }

    #[test]
    fn a_computer_that_tells_nothing_is_not_called_loaded() {
        let folder = tempfile::tempdir().expect("a folder");
        let nothing = Counters::read(folder.path());
        assert!(!nothing.until(&nothing, 1.0, 1.0).loaded);
    }

    #[test]
    fn this_process_takes_time_and_memory_and_one_that_is_gone_takes_none() {
        let id = std::process::id();
        let before = Usage::of(id);
        let mut number = 1u64;
        while Usage::of(id).since(&before).cpu_seconds < 0.02 {
            number = std::hint::black_box(number.wrapping_mul(3));
        }
        let memory = Memory::of(id);
        assert!(number > 0 && memory.peak_rss_bytes.is_some_and(|bytes| bytes > 1 << 20));
        assert_eq!(Memory::of(u32::MAX), Memory::default());
        assert_eq!(Usage::of(u32::MAX), Usage::default());
    }
}
