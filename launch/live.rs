//! Shows a runtime while it runs, and waits for its end.

use std::io::{self, Write};
use std::time::Duration;

use concert_policies::Task;
use concert_runtime::snapshot::TargetSnapshot;
use concert_runtime::{
    Clock, DegradationSnapshot, Health, LearningSnapshot, Outcome, Output, Percentiles, Runtime,
    Snapshot,
};

use crate::draw::{Canvas, Legend, note_of, picture_of};
use crate::live_view::Newest;
use crate::meter::Row;
use crate::stop::Stop;
use crate::terminal::{Panel, Screen, Style, View};

/// How often a signal, or another size of the window is looked for.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often the table is drawn on a terminal.
const DRAW_EVERY: Duration = Duration::from_millis(250);
/// How often a line is written elsewhere.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// Longest side of the camera's picture before it is brought to its place, px.
const CAMERA_SIDE: usize = 640;

/// How often a screen of this style shows something new.
pub(crate) fn every(style: &Style) -> Duration {
    if style.live { DRAW_EVERY } else { WRITE_EVERY }
}

/// Something that learns, and is shown beside the outputs that are served.
pub(crate) trait Aside {
    /// Its progress, on one line.
    fn line(&self) -> String;

    /// Pictures of its newest output, and of its way there.
    fn panels(&self) -> Vec<Panel>;

    /// The output that it is compared with.
    fn target(&self) -> &'static Task;
}

/// A runtime that is shown.
pub(crate) struct Watched<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) newest: &'a Newest,
    pub(crate) clock: &'a dyn Clock,
    /// Something that learns beside what serves.
    pub(crate) aside: Option<&'a dyn Aside>,
    /// Where else it can be looked at, in words.
    pub(crate) elsewhere: Vec<String>,
}

impl Watched<'_> {
    /// Shows the table of a runtime until the runtime is over or a stop is
    /// asked for.
    pub(crate) fn until<W: Write>(&self, stop: &Stop, screen: Option<(W, Style)>) {
        let pictures = screen.as_ref().is_some_and(|(_, style)| style.live);
        let every = screen
            .as_ref()
            .map_or(WRITE_EVERY, |(_, style)| every(style));
        let mut screen = screen.and_then(|(to, style)| Screen::open(to, style).ok());
        let mut shown = self.clock.monotonic();
        while !stop.is_raised() && !self.runtime.wait(LOOK_EVERY) {
            let Some(open) = &mut screen else {
                continue;
            };
            let due = self.clock.monotonic().saturating_sub(shown) >= every;
            if !due && !open.was_resized() {
                continue;
            }
            shown = self.clock.monotonic();
            let snapshot = self.runtime.snapshot();
            let view = || self.view(&snapshot, pictures);
            if let Err(error) = open.show(&rates(&snapshot), view) {
                // The robot goes on.
                screen = None;
                say_lost_table(&error);
            }
        }
    }

    fn view(&self, snapshot: &Snapshot, pictures: bool) -> View {
        let row = |target| row(target, self.newest, self.clock);
        let chain = snapshot.degradation.iter();
        let chain = chain.filter_map(DegradationSnapshot::line);
        let learning = snapshot.learning.iter().map(LearningSnapshot::line);
        View {
            title: format!("{} on {}; Ctrl-C ends", snapshot.policy, cameras(snapshot)),
            rows: serving(snapshot).map(row).collect(),
            remarks: chain
                .chain(learning)
                .chain(self.aside.map(Aside::line))
                .chain(self.elsewhere.clone())
                .collect(),
            panels: match pictures {
                true => self.panels(snapshot),
                false => Vec::new(),
            },
            log: Vec::new(),
        }
    }

    /// The cameras' pictures, then those of the outputs; what begins from
    /// nothing comes after the output that it is compared with.
    fn panels(&self, snapshot: &Snapshot) -> Vec<Panel> {
        let cameras = snapshot.cameras.iter().enumerate();
        let cameras = cameras.filter_map(|(index, camera)| {
            let frame = self.runtime.newest_frame(index)?;
            Some(Panel::Picture {
                name: camera.camera.clone(),
                canvas: Canvas::of_at_most(&frame.image, CAMERA_SIDE),
                legend: Legend::None,
            })
        });
        let mut panels: Vec<Panel> = cameras.collect();
        let mut aside = self.aside;
        for target in serving(snapshot) {
            let output = self.newest.get(&target.key);
            if let Some((canvas, legend)) = output.as_ref().and_then(picture_of) {
                panels.push(Panel::Picture {
                    name: target.key.clone(),
                    canvas,
                    legend,
                });
            }
            let beside = aside.take_if(|one| one.target().name == target.target);
            panels.extend(beside.into_iter().flat_map(Aside::panels));
        }
        panels
    }
}

/// Says that the table goes nowhere; a reader that went away knows.
pub(crate) fn say_lost_table(error: &io::Error) {
    if error.kind() == io::ErrorKind::BrokenPipe {
        tracing::debug!("the table has no reader");
    } else {
        tracing::warn!("cannot write to standard output, so no table is shown: {error}");
    }
}

/// What a swap ended is in the figures at the end.
fn serving(snapshot: &Snapshot) -> impl Iterator<Item = &TargetSnapshot> {
    snapshot.targets.iter().filter(|target| !target.ended)
}

/// How fast frames come, per camera.
fn rates(snapshot: &Snapshot) -> String {
    let each = snapshot.cameras.iter();
    let each = each.map(|camera| format!("{} {:.1}/s", camera.camera, camera.rate_hz));
    each.collect::<Vec<_>>().join(", ")
}

/// How fast frames come and what became of them, per camera.
fn cameras(snapshot: &Snapshot) -> String {
    let cameras = snapshot.cameras.iter().map(|camera| {
        let (name, counts) = (&camera.camera, &camera.counts);
        let ill = match camera.message.as_str() {
            "" => String::new(),
            message => format!(" ({message})"),
        };
        format!(
            "{name} {:.1}/s, {} frames, {} dropped{ill}",
            camera.rate_hz,
            counts.arrived,
            counts.drops()
        )
    });
    cameras.collect::<Vec<_>>().join("; ")
}

/// What comes out now; where nothing does, or not what should, why.
fn note(target: &TargetSnapshot, output: Option<&Output>) -> String {
    let comes = matches!(
        target.latest,
        None | Some(Outcome::Delivered | Outcome::Internal | Outcome::NotDue)
    );
    match (output, target.latest) {
        (_, Some(Outcome::NoSubscriber)) => "nobody listens".to_owned(),
        (Some(output), _) if comes && target.published > 0 => {
            let note = note_of(output);
            match output.picture.is_some() || target.health >= Health::Error {
                true => format!("{note}; {}", target.message),
                false => note,
            }
        }
        (_, Some(latest)) if target.message.is_empty() => latest.name().replace('_', " "),
        _ => target.message.clone(),
    }
}

/// The line of one target.
#[must_use]
pub(crate) fn row(target: &TargetSnapshot, newest: &Newest, clock: &dyn Clock) -> Row {
    let output = newest.get(&target.key);
    let of = |percentiles: &Percentiles, millis: f64| {
        (percentiles.count > 0).then(|| Duration::from_secs_f64(millis.max(0.0) / 1e3))
    };
    let note = note(target, output.as_ref());
    Row {
        key: target.key.clone(),
        count: target.published,
        rate_hz: target.rate_hz,
        age: output.and_then(|output| output.stamp.age_at(clock.now())),
        p50: of(&target.latency, target.latency.p50_millis),
        p99: of(&target.latency, target.latency.p99_millis),
        drops: target.outcomes.lost() + target.superseded + target.lost_on_bus,
        health: target.health,
        note,
    }
}
