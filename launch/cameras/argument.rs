//! `--camera /dev/video0|URL|FILE` of the command line.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

#[cfg(feature = "recording")]
use super::Recording;
use super::{CameraKind, Command, Images, V4l2};

/// Names of the endings of images.
const IMAGES: [&str; 3] = ["png", "jpg", "jpeg"];
/// Endings of films that are read without another program.
const FILMS: [&str; 3] = ["y4m", "mjpeg", "mjpg"];
/// Ending of recordings.
#[cfg(feature = "recording")]
const RECORDING: &str = "mcap";
/// Frames per second of a film that does not say its own.
const USUAL_HZ: f64 = 30.0;
/// Bytes of a film that are looked through for its rate.
const HEADER_BYTES: u64 = 1024;

impl CameraKind {
    /// The camera that a command line names: a device of the kernel, a folder
    /// of images, an image, a film, a recording, or the address of a stream. A film ends;
    /// images are played for ever where `repeat` says so. `path` holds the
    /// folders of programs, as the variable PATH does.
    ///
    /// # Errors
    /// What is none of these, or needs a program that is not there: the end of
    /// a sentence.
    pub fn of_argument(text: &str, repeat: bool, path: &OsStr) -> Result<Self, String> {
        if let Some((scheme, _)) = text.split_once("://") {
            return stream(text, scheme, path);
        }
        // A launch file's paths would be looked for beside it first.
        let file = std::path::absolute(text).map_err(|error| format!("is no path: {error}"))?;
        let text = file.to_str().ok_or("is not UTF-8 text")?;
        let about = std::fs::metadata(&file).map_err(|error| format!("cannot be read: {error}"))?;
        if is_device(&about) {
            return Ok(V4l2 {
                device: text.to_owned(),
                width: 640,
                height: 480,
                rate_hz: USUAL_HZ,
            }
            .into());
        }
        let ending = file.extension().and_then(OsStr::to_str).unwrap_or_default();
        let ending = ending.to_ascii_lowercase();
        if about.is_dir() || about.is_file() && IMAGES.contains(&&*ending) {
            return Ok(Images {
                paths: vec![text.to_owned()],
                rate_hz: USUAL_HZ,
                repeat,
                stamps_from_names: false,
            }
            .into());
        }
        if !about.is_file() {
            return Err("is neither a device, a folder nor a regular file".to_owned());
        }
        #[cfg(feature = "recording")]
        if ending == RECORDING {
            return Ok(Recording::of(text).into());
        }
        film(text, &ending, path)
    }
}

#[cfg(unix)]
fn is_device(about: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    about.file_type().is_char_device()
}

#[cfg(not(unix))]
fn is_device(_about: &std::fs::Metadata) -> bool {
    false
}

/// A film in a file, at its own rate, once.
fn film(text: &str, ending: &str, path: &OsStr) -> Result<CameraKind, String> {
    if FILMS.contains(&ending) {
        let rate_hz = rate_of(Path::new(text)).unwrap_or(USUAL_HZ);
        return Ok(Command {
            command: words(&["cat", "--", text]),
            repeat: false,
            paced_hz: Some(rate_hz),
        }
        .into());
    }
    let mut command = words(&["ffmpeg", "-nostdin", "-loglevel", "error", "-re"]);
    // A name that begins with `-` is none of an option.
    let file = format!("file:{text}");
    command.extend(words(&["-i", &file, "-an"]));
    command.extend(as_y4m());
    if find("ffmpeg", path).is_none() {
        return Err(format!(
            "is a film that ffmpeg has to read, which is not on the PATH; {} are read without",
            FILMS.map(|ending| format!(".{ending}")).join(", ")
        ));
    }
    Ok(Command {
        command,
        repeat: false,
        paced_hz: None,
    }
    .into())
}

/// A stream from elsewhere, which is begun again when it breaks off.
fn stream(url: &str, scheme: &str, path: &OsStr) -> Result<CameraKind, String> {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if !scheme.bytes().all(letters) || !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err("is no address of a stream".to_owned());
    }
    let command = if find("ffmpeg", path).is_some() {
        let mut command = words(&["ffmpeg", "-nostdin", "-loglevel", "error"]);
        if scheme == "rtsp" {
            command.extend(words(&["-rtsp_transport", "tcp"]));
        }
        command.extend(words(&["-i", url, "-an"]));
        command.extend(as_y4m());
        command
    } else if find("gst-launch-1.0", path).is_some() {
        let uri = format!("uri={url}");
        words(&[
            "gst-launch-1.0",
            "-q",
            "uridecodebin",
            &uri,
            "!",
            "videoconvert",
            "!",
            "video/x-raw,format=I420",
            "!",
            "y4menc",
            "!",
            "fdsink",
        ])
    } else {
        return Err(
            "is a stream that ffmpeg or gst-launch-1.0 has to read, and neither is on the PATH"
                .to_owned(),
        );
    };
    Ok(Command {
        command,
        repeat: true,
        paced_hz: None,
    }
    .into())
}

fn as_y4m() -> Vec<String> {
    words(&["-f", "yuv4mpegpipe", "-pix_fmt", "yuv420p", "-"])
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn find(program: &str, path: &OsStr) -> Option<PathBuf> {
    let folders = std::env::split_paths(path);
    let files = folders.map(|folder| folder.join(program));
    files.into_iter().find(|file| file.is_file())
}

/// Frames per second as the header of a Y4M file says: `F30:1`.
fn rate_of(film: &Path) -> Option<f64> {
    let mut header = Vec::new();
    let file = File::open(film).ok()?;
    file.take(HEADER_BYTES).read_to_end(&mut header).ok()?;
    let line = header.split(|&byte| byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.strip_prefix("YUV4MPEG2")?.split(' ');
    let rate = words.find_map(|word| word.strip_prefix('F'))?;
    let (frames, seconds) = rate.split_once(':')?;
    let rate_hz = frames.parse::<f64>().ok()? / seconds.parse::<f64>().ok()?;
    (rate_hz > 0.0 && rate_hz <= 1000.0).then_some(rate_hz)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<CameraKind, String> {
        CameraKind::of_argument(text, false, OsStr::new(""))
    }

    #[test]
    fn a_camera_is_what_stands_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("a.PNG"), b"").expect("a file");
        std::fs::write(path("film.mp4"), b"").expect("a file");
        std::fs::write(path("drive.mcap"), b"").expect("a file");
        #[cfg(feature = "recording")]
        assert_eq!(
            of(&path("drive.mcap")),
            Ok(Recording::of(&path("drive.mcap")).into())
        );
        std::fs::write(path("film.y4m"), b"YUV4MPEG2 W2 H2 F25:2 C420jpeg\n").expect("a file");
        for images in [path("a.PNG"), folder.path().display().to_string()] {
            let Ok(CameraKind::Images(Images { paths, repeat, .. })) = of(&images) else {
                panic!("{images} is no camera of images");
            };
            assert_eq!((paths, repeat), (vec![images], false));
        }
        let film = Command {
            command: words(&["cat", "--", &path("film.y4m")]),
            repeat: false,
            paced_hz: Some(12.5),
        };
        assert_eq!(of(&path("film.y4m")), Ok(film.into()));
        let refused = |text: &str| of(text).expect_err(text);
        assert!(refused(&path("film.mp4")).contains("ffmpeg has to read"));
        assert!(refused(&path("nothing.png")).starts_with("cannot be read: No such file"));
        assert!(matches!(of("/dev/null"), Ok(CameraKind::V4l2(_))));
    }

    #[test]
    fn a_stream_needs_a_program_that_reads_it() {
        let error = of("rtsp://10.0.0.7/stream").expect_err("no program");
        assert!(error.contains("ffmpeg or gst-launch-1.0"), "{error}");
        let folder = tempfile::tempdir().expect("a folder");
        let with = |program: &str, url: &str| {
            let at = folder.path().join(program);
            std::fs::write(at, b"").expect("a file");
            let kind = CameraKind::of_argument(url, false, folder.path().as_os_str());
            match kind {
                Ok(CameraKind::Command(Command {
                    command, repeat, ..
                })) if repeat => command.join(" "),
                other => panic!("no stream: {other:?}"),
            }
        };
        let gst = with("gst-launch-1.0", "rtsp://a/b");
        assert!(gst.contains("uri=rtsp://a/b ! videoconvert"), "{gst}");
        let ffmpeg = with("ffmpeg", "rtsp://a/b");
        assert!(
            ffmpeg.contains("-rtsp_transport tcp -i rtsp://a/b"),
            "{ffmpeg}"
        );
        assert!(of("-x://a").is_err());
    }
}
