//! Whatever a program writes: frames come out of it or it is refused, without a
//! panic and at once (F4, F5).

#[path = "../../../tests/common/mutations.rs"]
mod mutations;

use concert_models::image_file::DecodeLimits;

use self::mutations::Mutations;
use super::piece::Piece;
use super::video::Splitter;

/// Splits what comes in pieces of any size, and decodes what comes out.
fn play(bytes: &[u8]) -> usize {
    let mut splitter = Splitter::new(1 << 12, 1 << 14);
    let limits = DecodeLimits::default();
    let mut frames = 0;
    let size = 1 + bytes.len() % 97;
    for piece in bytes.chunks(size) {
        let pushed = splitter.push(piece, &mut |piece| {
            if let Piece::Frame(frame) = piece {
                frames += usize::from(frame.decode(&limits).is_ok());
            }
        });
        if pushed.is_err() {
            break;
        }
    }
    frames
}

#[test]
fn y4m() {
    let mut colour = b"YUV4MPEG2 W6 H4 F30:1 Ip A1:1 C420jpeg XYSCSS=420JPEG\n".to_vec();
    for shade in [0, 90] {
        colour.extend(b"FRAME\n");
        colour.extend([shade; 36]);
    }
    let mono = b"YUV4MPEG2 W2 H2 Cmono\nFRAME Ip\nabcdFRAME\nefgh";
    assert_eq!((play(&colour), play(mono)), (2, 2));
    Mutations::of(&[&colour, mono]).each(4_000, |bytes| {
        play(bytes);
    });
}

#[test]
fn mjpeg() {
    let mut jpeg = Vec::new();
    let pixels: Vec<u8> = (0..8 * 8 * 3).map(|at| (at * 29 % 251) as u8).collect();
    image::codecs::jpeg::JpegEncoder::new(&mut jpeg)
        .encode(&pixels, 8, 8, image::ExtendedColorType::Rgb8)
        .expect("encoded");
    let stream = [&jpeg[..], b"--boundary\r\n\r\n", &jpeg].concat();
    assert_eq!(play(&stream), 2);
    Mutations::of(&[&stream]).each(2_000, |bytes| {
        play(bytes);
    });
}
