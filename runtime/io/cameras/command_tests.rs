use super::*;
use crate::clock::ManualClock;
use concert_models::PixelFormat;

/// A camera of a shell script, with a clock that stands still.
fn open(script: &str) -> (CommandCamera, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::default());
    let options = CommandOptions {
        argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
        ..CommandOptions::default()
    };
    (CommandCamera::open(options, clock.clone()).unwrap(), clock)
}

/// The next thing that comes, however long a busy computer takes.
fn next(camera: &mut CommandCamera) -> Capture {
    for _ in 0..600 {
        match camera.next_frame(Duration::from_millis(100)) {
            Capture::Nothing => {}
            capture => return capture,
        }
    }
    panic!("nothing came within a minute");
}

fn interruption(capture: &Capture) -> &str {
    match capture {
        Capture::Interrupted(reason) => reason,
        other => panic!("expected an interruption, got {other:?}"),
    }
}

fn refusal(capture: &Capture) -> &str {
    match capture {
        Capture::Refused(fault) => &fault.reason,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

const TWO_BY_TWO: &str =
    r"printf 'YUV4MPEG2 W2 H2 F30:1 C420jpeg\nFRAME\n\353\353\353\353\200\200'";

#[test]
fn a_film_ends_and_is_played_no_faster_than_its_pace() {
    let frame = r"FRAME\n\353\353\353\353\200\200";
    for (exit, is_fault) in [(0, false), (3, true)] {
        let clock = Arc::new(ManualClock::default());
        let script = format!("{TWO_BY_TWO}; printf '{frame}'; exit {exit}");
        let options = CommandOptions {
            argv: ["sh", "-c", &script].map(str::to_owned).to_vec(),
            ends: true,
            paced_hz: Some(10.0),
            ..CommandOptions::default()
        };
        let mut camera = CommandCamera::open(options, clock.clone()).unwrap();
        assert!(matches!(next(&mut camera), Capture::Frame(_)));
        let early = camera.next_frame(Duration::from_millis(200));
        assert!(matches!(early, Capture::Nothing), "{early:?}");
        clock.advance(Duration::from_millis(100));
        assert!(matches!(next(&mut camera), Capture::Frame(_)));
        if is_fault {
            let capture = next(&mut camera);
            let want = "command \"sh\": its output ended (exit status: 3)";
            assert_eq!(interruption(&capture), want);
        }
        assert!(matches!(next(&mut camera), Capture::Ended));
    }
}

#[test]
fn y4m_is_taken_and_the_program_restarted_after_its_end() {
    let (mut camera, clock) = open(&format!("{TWO_BY_TWO}; exit 3"));
    for _ in 0..2 {
        let Capture::Frame(frame) = next(&mut camera) else {
            panic!("no frame");
        };
        assert_eq!(frame.image.format(), PixelFormat::Rgb8);
        assert_eq!(frame.image.bytes(), [255; 12]);
        let capture = next(&mut camera);
        let reason = interruption(&capture);
        let want = "command \"sh\": its output ended (exit status: 3); trying again in 0.5 s";
        assert_eq!(reason, want);
        assert!(matches!(
            camera.next_frame(Duration::ZERO),
            Capture::Nothing
        ));
        clock.advance(Duration::from_millis(500));
    }
}

#[test]
fn a_corrupt_jpeg_is_refused_and_the_next_one_is_fine() {
    let folder = tempfile::tempdir().unwrap();
    let pixels = image::RgbImage::from_fn(64, 48, |u, v| image::Rgb([u as u8, v as u8, 0]));
    let path = folder.path().join("whole.jpg");
    pixels.save(&path).unwrap();
    let script = format!(
        "f={}; head -c 400 $f; head -c 20000 /dev/zero; sleep 0.3; cat $f; sleep 0.3; cat $f; sleep 60",
        path.display()
    );
    let (mut camera, _) = open(&script);
    let mut refused = 0;
    let frame = loop {
        match next(&mut camera) {
            Capture::Refused(_) => refused += 1,
            Capture::Frame(frame) => break frame,
            other => panic!("unexpected {other:?}"),
        }
    };
    assert!(refused >= 1, "the corrupt one is counted");
    assert_eq!((frame.image.width(), frame.image.height()), (64, 48));
}

#[test]
fn what_is_no_video_is_refused_and_tried_again_ever_more_slowly() {
    for (script, rule) in [
        ("yes", "must be y4m or mjpeg"),
        ("cat /dev/zero", "must be y4m or mjpeg"),
        (
            r"printf 'YUV4MPEG2 W65535 H65535\nFRAME\n'; cat /dev/zero",
            "\"W65535\"",
        ),
        (
            r"printf 'YUV4MPEG2 W2 H2 Cmono\nFRAMES\n'; cat /dev/zero",
            "\"FRAMES\"",
        ),
    ] {
        let (mut camera, clock) = open(script);
        for wait in ["0.5 s", "1 s", "2 s"] {
            let capture = next(&mut camera);
            assert!(refusal(&capture).contains(rule), "{capture:?}");
            let capture = next(&mut camera);
            let reason = interruption(&capture);
            assert!(reason.contains(rule) && reason.ends_with(wait), "{reason}");
            clock.advance(Duration::from_secs(2));
        }
    }
}

#[test]
fn a_program_that_hangs_is_restarted() {
    let (mut camera, clock) = open("trap '' TERM; echo started >&2; while :; do sleep 1; done");
    assert!(matches!(
        camera.next_frame(Duration::ZERO),
        Capture::Nothing
    ));
    clock.advance(Duration::from_secs(10));
    let capture = next(&mut camera);
    let reason = interruption(&capture);
    assert!(reason.contains("no frame for 10 s (signal: "), "{reason}");
}

#[test]
fn dropping_the_camera_ends_the_program_and_what_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pid");
    // The grandchild ignores the polite signal and holds the pipe.
    let script = format!(
        "sh -c 'trap \"\" TERM; echo $$ > {0}.new; mv {0}.new {0}; while :; do sleep 1; done' & wait",
        path.display()
    );
    let (camera, _) = open(&script);
    let pid = loop {
        if let Ok(pid) = std::fs::read_to_string(&path) {
            break pid.trim().to_owned();
        }
        thread::sleep(Duration::from_millis(10));
    };
    drop(camera);
    // Killed at once, but reaped by whoever inherited it: gone, or a zombie.
    let alive = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let state = status.rsplit_once(") ")?.1.chars().next()?;
        (state != 'Z' && state != 'X').then_some(state)
    };
    let gone = (0..600).any(|_| {
        thread::sleep(Duration::from_millis(10));
        alive().is_none()
    });
    assert!(gone, "process {pid} lives on");
}

#[test]
fn a_slow_reader_gets_the_newest_frame_and_the_rest_is_counted() {
    let frames = r"for level in 001 002 003 004 005; do printf 'FRAME\n'; printf '\'$level; done";
    let script = format!(r"printf 'YUV4MPEG2 W1 H1 Cmono XCOLORRANGE=FULL\n'; {frames}");
    let (mut camera, _) = open(&script);
    let mut taken = 0;
    let mut last = 0;
    loop {
        match next(&mut camera) {
            Capture::Frame(frame) => {
                taken += 1;
                last = frame.image.bytes()[0];
            }
            Capture::Interrupted(_) => break,
            other => panic!("unexpected {other:?}"),
        }
    }
    assert_eq!((last, taken + camera.losses().superseded), (5, 5));
}

#[test]
fn frames_of_one_read_have_stamps_of_their_own_although_the_clock_stands_still() {
    let frames = r"for level in 001 002 003 004 005 006 007 010; do printf 'FRAME\n'; printf '\'$level; done";
    let script = format!(r"printf 'YUV4MPEG2 W1 H1 Cmono XCOLORRANGE=FULL\n'; {frames}; sleep 60");
    let (mut camera, _) = open(&script);
    let mut stamps = Vec::new();
    while let Capture::Frame(frame) = next(&mut camera) {
        stamps.push((frame.stamp, frame.sequence));
        if frame.image.bytes()[0] == 8 {
            break;
        }
    }
    let increasing = stamps.windows(2).all(|pair| pair[0] < pair[1]);
    assert!(increasing && !stamps.is_empty(), "{stamps:?}");
}

#[test]
fn a_program_that_is_missing_is_refused_by_name() {
    let refusal = |argv: &[&str]| {
        let options = CommandOptions {
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            ..CommandOptions::default()
        };
        let camera = CommandCamera::open(options, Arc::new(ManualClock::default()));
        camera.err().unwrap().to_string()
    };
    let error = refusal(&["no-such-camera-program"]);
    assert!(
        error.starts_with("command \"no-such-camera-program\" cannot be started: "),
        "{error}"
    );
    let rule = "command: argv has 0 words, but needs at least the program";
    assert_eq!(refusal(&[]), rule);
}
