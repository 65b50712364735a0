use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::time::Timestamp;
use crate::wire::sensor_msgs::Image as ImageMessage;
use crate::wire::std_msgs::Bool;
use crate::wire::{Message as _, common::Header};

const PREFIX: &str = "robot/perception";

fn about() -> BTreeMap<String, String> {
    let texts = [("version", VERSION), ("prefix", PREFIX)];
    let texts = texts.map(|(name, text)| (name.to_owned(), text.to_owned()));
    texts.into()
}

fn image(stamp: i64, grey: u8) -> Vec<u8> {
    let message = ImageMessage {
        header: Header {
            stamp: Timestamp::from_nanos(stamp),
            frame_id: "front_optical".to_owned(),
        },
        height: 2,
        width: 4,
        encoding: "mono8".into(),
        is_bigendian: false,
        step: 4,
        data: vec![grey; 8].into(),
    };
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}

fn attachment(stamp: i64, frame: u64) -> String {
    format!(
        "{{\"v\":1,\"sequence\":{frame},\"frame_sequence\":{frame},\"stamp_ns\":{stamp},\
         \"camera\":\"front\",\"frame_id\":\"front_optical\",\"task\":\"image\",\"policy\":\"\",\
         \"encoders\":[],\"readout\":[\"\",\"\"],\"times_us\":{{\"wait\":0,\"preprocess\":0,\
         \"encode\":0,\"read\":0}},\"image_from_output\":[[1,0,0],[0,1,0]],\"image_size\":[4,2],\
         \"distorted\":true}}"
    )
}

/// A recording of images, a chunk for each, without a summary where it `is_cut`.
fn recording(folder: &Path, frames: u8, is_cut: bool) -> PathBuf {
    let path = folder.join("frames.mcap");
    let file = std::fs::File::create(&path).expect("a file");
    let mut writer = RecordingWriter::begin(file, PREFIX).expect("begins");
    writer.metadata(ABOUT, about()).expect("is written");
    for frame in 0..frames {
        let (stamp, now) = (
            i64::from(frame) * 1000 + 1000,
            Duration::from_secs(frame.into()),
        );
        let attachment = attachment(stamp, frame.into());
        let entry = RecordingEntry {
            key: "image",
            message_type: ImageMessage::TYPE,
            payload: &image(stamp, frame),
            attachment: attachment.as_bytes(),
            arrived: Timestamp::from_nanos(stamp + 5),
        };
        writer.tick(now).expect("is written");
        writer.write(&entry, now).expect("is written");
    }
    if is_cut {
        // As where the process is killed: nothing of it runs any more.
        std::mem::forget(writer);
    } else {
        writer.finish().expect("is written");
    }
    path
}

fn frames(path: &Path) -> (Vec<RecordedFrame>, RecordingEnd) {
    let mut stream = RecordingStream::open(path, None).expect("opens");
    let mut frames = Vec::new();
    while let Some(recorded) = stream.next_recorded().expect("is read") {
        match recorded {
            Recorded::Frame(frame) => frames.push(*frame),
            other => panic!("no frame: {other:?}"),
        }
    }
    (frames, stream.end().expect("came to its end").clone())
}

#[test]
fn a_frame_comes_back_with_all_that_belonged_to_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (frames, end) = frames(&recording(folder.path(), 3, false));
    assert_eq!((frames.len(), end), (3, RecordingEnd::Whole));
    let last = &frames[2];
    assert_eq!(
        (last.key.as_str(), last.camera.as_deref()),
        ("image", Some("front"))
    );
    assert!(last.is_exact && last.frame.distorted);
    assert_eq!(last.frame.stamp, Timestamp::from_nanos(3000));
    assert_eq!(last.frame.sequence, 2);
    assert_eq!(last.frame.image.row(1), [2; 4]);
}

#[test]
fn f26_what_a_killed_recorder_leaves_is_read_to_its_last_whole_chunk() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = recording(folder.path(), 5, true);
    let (found, end) = frames(&path);
    // The last one was still in memory.
    assert_eq!(found.len(), 4);
    assert!(matches!(end, RecordingEnd::Cut { .. }), "{end:?}");
    let bytes = std::fs::read(&path).expect("a file");
    std::fs::write(&path, &bytes[..bytes.len() - 1]).expect("a file");
    let (found, end) = frames(&path);
    // A lost index costs nothing, a lost chunk itself.
    assert!(found.len() >= 3, "{}", found.len());
    assert!(matches!(end, RecordingEnd::Cut { .. }), "{end:?}");
}

#[test]
fn what_is_no_recording_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("film.mcap");
    std::fs::write(&path, b"RIFF and more than eight bytes").expect("a file");
    let error = RecordingContents::read(&path)
        .expect_err("a refusal")
        .to_string();
    assert!(error.ends_with("film.mcap: is no MCAP file: its first 8 bytes are not those of one"));
    std::fs::write(&path, b"").expect("a file");
    assert!(RecordingContents::read(&path).is_err());
    let error = RecordingContents::read(folder.path()).expect_err("a refusal");
    assert!(error.to_string().contains("no regular file"), "{error}");
}

#[test]
fn a_damaged_chunk_ends_a_recording_before_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = recording(folder.path(), 3, false);
    let mut bytes = std::fs::read(&path).expect("a file");
    let needle = [2u8; 8];
    let at = bytes
        .windows(8)
        .rposition(|bytes| bytes == needle)
        .expect("the last image");
    bytes[at] ^= 1;
    std::fs::write(&path, &bytes).expect("a file");
    let (found, end) = frames(&path);
    assert_eq!(found.len(), 2);
    let RecordingEnd::Cut { reason, .. } = end else {
        panic!("not cut");
    };
    assert!(reason.contains("CRC"), "{reason}");
}

#[test]
fn the_contents_say_what_each_key_has() {
    let folder = tempfile::tempdir().expect("a folder");
    let contents = RecordingContents::read(&recording(folder.path(), 3, false)).expect("reads");
    assert_eq!(contents.prefix.as_deref(), Some(PREFIX));
    let topic = contents.topic("image").expect("a topic");
    assert_eq!(
        (topic.messages, topic.message_type.as_str()),
        (3, ImageMessage::TYPE)
    );
    let note = OutputNote {
        stamp: Timestamp::from_nanos(3000),
        sequence: Some(2),
        ..OutputNote::default()
    };
    assert_eq!(topic.notes[2], note);
    let provenance = contents.topic("provenance/image").expect("a topic");
    assert_eq!(provenance.messages, 3);
}

#[test]
fn a_message_without_a_definition_is_counted_and_not_written() {
    let mut file = Vec::new();
    let mut writer = RecordingWriter::begin(&mut file, "robot").expect("begins");
    let mut payload = Vec::new();
    Bool { data: true }.encode(&mut payload);
    for (message_type, payload) in [
        (Bool::TYPE, payload.as_slice()),
        ("their_msgs/msg/Secret", payload.as_slice()),
        ("", b"{\"state\": \"looking\"}"),
        ("", b"\xff\xfe"),
    ] {
        let entry = RecordingEntry {
            key: "errand",
            message_type,
            payload,
            attachment: b"",
            arrived: Timestamp::default(),
        };
        writer.write(&entry, Duration::ZERO).expect("is written");
    }
    writer.finish().expect("is written");
    assert_eq!((writer.messages(), writer.refused()), (2, 2));
}

#[test]
fn who_publishes_at_ever_new_keys_fills_no_file() {
    let mut writer = RecordingWriter::begin(Vec::new(), "robot").expect("begins");
    let most = RecordingWriter::<Vec<u8>>::MAX_CHANNELS;
    for number in 0..most + 3 {
        let entry = RecordingEntry {
            key: &format!("key_{number}"),
            message_type: "",
            payload: b"{}",
            attachment: b"",
            arrived: Timestamp::default(),
        };
        writer.write(&entry, Duration::ZERO).expect("is written");
    }
    writer.finish().expect("is written");
    assert_eq!((writer.messages(), writer.refused()), (most as u64, 3));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_bytes_of_others_end_it_or_make_it_read_on(
        cut in 0usize..4000,
        place in 0usize..4000,
        byte in any::<u8>(),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = recording(folder.path(), 4, false);
        let mut bytes = std::fs::read(&path).expect("a file");
        let place = place % bytes.len();
        bytes[place] = byte;
        let cut = bytes.len() - cut % bytes.len();
        std::fs::write(&path, &bytes[..cut]).expect("a file");
        if let Ok(contents) = RecordingContents::read(&path) {
            let messages: u64 = contents.topics.values().map(|topic| topic.messages).sum();
            prop_assert!(messages <= 8);
        }
    }
}
