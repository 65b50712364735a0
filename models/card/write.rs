//! A card as a file: the same order and spelling every time.

use std::fmt::{Display, Write as _};

use super::{EncoderCard, Origin, ReadFrom, ReadoutCard};
use crate::contract::{Channels, Fit, InputContract, Layout};

/// Lines of TOML.
pub(super) struct Lines(String);

impl Lines {
    pub(super) fn header(&mut self, header: &str) {
        let _ = writeln!(self.0, "\n{header}");
    }

    pub(super) fn plain(&mut self, key: &str, value: impl Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{key} = {value}");
    }

    pub(super) fn text(&mut self, key: &str, text: &str) {
        self.plain(key, quoted(text));
    }

    pub(super) fn optional(&mut self, key: &str, text: Option<&String>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }
}

pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

pub(super) fn encoder(card: &EncoderCard) -> String {
    let mut lines = start("encoder", &card.name, None, &card.origin);
    lines.header("[input]");
    for (key, value) in contract(&card.input) {
        lines.plain(key, value);
    }
    for level in &card.levels {
        lines.header("[[level]]");
        lines.text("name", &level.name);
        lines.text("tensor", &level.tensor);
        lines.plain("shape", format!("{:?}", level.shape));
        if let Some(stride) = level.stride {
            lines.plain("stride", stride);
        }
    }
    quality(&mut lines, &card.origin);
    if let Some(pull) = &card.pull {
        lines.header("[pull]");
        lines.text("registry", pull.registry.name());
        lines.text("package", &pull.package);
        lines.text("version", &pull.version);
        lines.text("package_sha256", &pull.package_sha256);
        lines.text("file", &pull.file);
        lines.text("file_sha256", &pull.file_sha256);
        lines.plain("file_size_bytes", pull.file_size_bytes);
        let taps = pull.taps.iter().map(|tap| {
            let (tensor, level) = (quoted(&tap.tensor), quoted(&tap.level));
            format!("{{ tensor = {tensor}, level = {level} }}")
        });
        let taps = taps.collect::<Vec<_>>().join(", ");
        lines.plain("taps", format!("[{taps}]"));
    }
    lines.0
}

pub(super) fn readout(card: &ReadoutCard) -> String {
    let mut lines = start("readout", &card.name, Some(card.target.name), &card.origin);
    for pin in &card.encoders {
        lines.header("[[encoder]]");
        lines.text("source", &pin.source);
        lines.text("sha256", &pin.sha256);
        let entries = contract(&pin.input);
        let entries = entries
            .iter()
            .map(|(key, value)| format!("{key} = {value}"));
        let entries = entries.collect::<Vec<_>>().join(", ");
        lines.plain("input", format!("{{ {entries} }}"));
    }
    for read in &card.reads {
        lines.header("[[read]]");
        lines.text("tensor", &read.tensor);
        match &read.from {
            ReadFrom::Level {
                source,
                level,
                frames_back,
            } => {
                lines.text("source", source);
                lines.text("level", level);
                if *frames_back > 0 {
                    lines.plain("frames_back", frames_back);
                }
            }
            ReadFrom::Input(input) => lines.text("target", input.name()),
            ReadFrom::Camera(number) => lines.text("camera", number.name()),
        }
    }
    lines.header("[output]");
    lines.text("tensor", &card.output.tensor);
    lines.plain("shape", format!("{:?}", card.output.shape));
    lines.optional("labels", card.output.labels.as_ref());
    if let Some(fit) = &card.fit {
        fit.write(&mut lines);
    }
    quality(&mut lines, &card.origin);
    lines.0
}

fn start(kind: &str, name: &str, target: Option<&str>, origin: &Origin) -> Lines {
    let mut lines = Lines(String::new());
    lines.text("kind", kind);
    lines.text("name", name);
    if let Some(target) = target {
        lines.text("target", target);
    }
    lines.text("sha256", &origin.sha256);
    lines.plain("size_bytes", origin.size_bytes);
    let provenance = &origin.provenance;
    lines.header("[provenance]");
    lines.text("weights", &provenance.weights);
    lines.text("licence", &provenance.licence);
    lines.optional("licence_file", provenance.licence_file.as_ref());
    lines.text("trained_on", &provenance.trained_on);
    lines.optional("export", provenance.export.as_ref());
    lines
}

fn quality(lines: &mut Lines, origin: &Origin) {
    for quality in &origin.quality {
        lines.header("[[quality]]");
        lines.text("measure", &quality.measure);
        lines.plain("value", format!("{:?}", quality.value));
        lines.text("data", &quality.data);
    }
}

fn contract(input: &InputContract) -> Vec<(&'static str, String)> {
    let layout = match input.layout() {
        Layout::Nchw => "nchw",
        Layout::Nhwc => "nhwc",
    };
    let channels = match input.channels() {
        Channels::Rgb => "rgb",
        Channels::Bgr => "bgr",
        Channels::Grey => "grey",
        Channels::Rgba1 => "rgba1",
    };
    let fit = match input.fit() {
        Fit::Stretch => "stretch",
        Fit::Crop => "crop",
        Fit::Letterbox => "letterbox",
    };
    vec![
        ("tensor", quoted(input.tensor())),
        ("width", input.width().to_string()),
        ("height", input.height().to_string()),
        ("layout", quoted(layout)),
        ("channels", quoted(channels)),
        ("fit", quoted(fit)),
        ("mean", format!("{:?}", input.mean())),
        ("std", format!("{:?}", input.std())),
    ]
}
