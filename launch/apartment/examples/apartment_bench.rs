//! Milliseconds per home and frames per second on one core: run in release,
//! `apartment_bench [--json]`.

use std::time::Instant;

use concert_apartment::{Development, Home, LightQuality, Pinhole, Randomisation, Renderer, Tour};

/// Median and 99th percentile of milliseconds.
fn spread(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    (
        times[times.len() / 2],
        times[(times.len() * 99 / 100).min(times.len() - 1)],
    )
}

/// Time that this thread has spent computing, where the system tells (Linux);
/// else the wall clock. On a busy machine only the former is the program's own.
struct Stopwatch {
    wall: Instant,
    busy: Option<f64>,
}

impl Stopwatch {
    #[allow(clippy::disallowed_methods)] // A bench measures with the real clock.
    fn start() -> Self {
        Self {
            wall: Instant::now(),
            busy: busy_ms(),
        }
    }

    fn ms(&self) -> f64 {
        match (self.busy, busy_ms()) {
            (Some(before), Some(after)) => after - before,
            _ => self.wall.elapsed().as_secs_f64() * 1e3,
        }
    }
}

fn busy_ms() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds / 1e6)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Everything on this thread, so that its time is all the time there is.
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread()
        .build()?;
    let json = std::env::args().any(|a| a == "--json");
    let randomisation = Randomisation::default();
    let mut homes = Vec::new();
    let mut made = Vec::new();
    for quality in [
        LightQuality::Flat,
        LightQuality::Draft,
        LightQuality::Standard,
    ] {
        let mut times = Vec::new();
        for seed in 1..5 {
            let start = Stopwatch::start();
            let home = pool.install(|| Home::generate(seed, &randomisation, quality))?;
            times.push(start.ms());
            if quality == LightQuality::Standard {
                homes.push(home);
            }
        }
        made.push((quality, spread(times).0));
    }
    let camera = Pinhole::from_field_of_view(320, 240, 1.25)?;
    let mut renderer = Renderer::new();
    let mut rows = Vec::new();
    let plain = Development {
        antialias: false,
        ..Development::default()
    };
    for (name, development) in [("antialiased", Development::default()), ("plain", plain)] {
        let mut times = Vec::new();
        for home in &homes {
            let tour = Tour::plan(home);
            for frame in 0..60 {
                let (at, yaw) = tour.place(frame as f32 * tour.length() / 60.0);
                let pose = concert_apartment::CameraPose::looking(at.extend(1.1), yaw, -0.1);
                let start = Stopwatch::start();
                let picture = renderer.picture(home, &camera, pose, &development, frame)?;
                times.push(start.ms());
                std::hint::black_box(picture.depth.len());
            }
        }
        rows.push((name, spread(times)));
    }
    let faces = homes.iter().map(Home::faces).sum::<usize>() / homes.len();
    if json {
        let value = serde_json::json!({
            "home_ms": made.iter().map(|(q, t)| (format!("{q:?}").to_lowercase(), *t)).collect::<std::collections::BTreeMap<_, _>>(),
            "mean_faces": faces,
            "frame_320x240_ms": rows.iter().map(|(n, (p50, p99))| (*n, serde_json::json!({"p50": p50, "p99": p99}))).collect::<std::collections::BTreeMap<_, _>>(),
        });
        println!("{value:#}");
        return Ok(());
    }
    println!("homes of {faces} faces in the mean");
    for (quality, time) in made {
        println!("home, {quality:?} light: {time:.0} ms of one core");
    }
    for (name, (p50, p99)) in rows {
        println!(
            "320x240 with depth, {name}: p50 {p50:.1} ms, p99 {p99:.1} ms, {:.0} frames per second per core",
            1e3 / p50
        );
    }
    Ok(())
}
