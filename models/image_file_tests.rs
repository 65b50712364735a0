use super::*;
use image::{ExtendedColorType, ImageEncoder};
use proptest::prelude::*;

fn png(width: u32, height: u32, colour: ExtendedColorType, bytes: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    image::codecs::png::PngEncoder::new(&mut file)
        .write_image(bytes, width, height, colour)
        .unwrap();
    file
}

fn jpeg(width: u32, height: u32, colour: ExtendedColorType) -> Vec<u8> {
    let channels = if colour == ExtendedColorType::L8 {
        1
    } else {
        3
    };
    let pixel = |i: u32| {
        let (u, v, c) = (i / channels % width, i / channels / width, i % channels);
        ((u * 7 + v * 5 + c * 40 + (u * v) % 13) % 256) as u8
    };
    let bytes: Vec<_> = (0..width * height * channels).map(pixel).collect();
    let mut file = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut file, 90)
        .write_image(&bytes, width, height, colour)
        .unwrap();
    file
}

fn decoded(bytes: &[u8]) -> Result<Image, DecodeError> {
    decode(bytes, &DecodeLimits::default())
}

#[test]
fn every_kind_of_png_becomes_rgb() {
    let kinds: [(ExtendedColorType, &[u8], [u8; 3]); 5] = [
        (ExtendedColorType::L8, &[7], [7, 7, 7]),
        (ExtendedColorType::Rgb8, &[1, 2, 3], [1, 2, 3]),
        (ExtendedColorType::Rgba8, &[1, 2, 3, 0], [1, 2, 3]),
        (ExtendedColorType::La8, &[9, 128], [9, 9, 9]),
        // 0x8000 / 257 = 127.5.., in the machine's byte order.
        (ExtendedColorType::L16, &0x8080u16.to_ne_bytes(), [128; 3]),
    ];
    for (colour, pixel, rgb) in kinds {
        let image = decoded(&png(2, 1, colour, &pixel.repeat(2))).unwrap();
        assert_eq!((image.width(), image.height()), (2, 1));
        assert_eq!(image.format(), PixelFormat::Rgb8);
        assert_eq!(image.bytes(), [rgb, rgb].concat(), "{colour:?}");
    }
}

#[test]
fn colour_and_grey_jpegs_become_rgb() {
    for colour in [ExtendedColorType::Rgb8, ExtendedColorType::L8] {
        let file = jpeg(37, 21, colour);
        let image = decoded(&file).unwrap();
        assert_eq!((image.width(), image.height()), (37, 21));
        let reference = image::load_from_memory(&file).unwrap().into_rgb8();
        let off = image.bytes().iter().zip(reference.as_raw());
        assert!(
            off.map(|(a, b)| a.abs_diff(*b)).max().unwrap() <= 3,
            "{colour:?}"
        );
    }
}

#[test]
fn a_picture_cut_short_anywhere_is_refused() {
    let whole = [
        jpeg(64, 48, ExtendedColorType::Rgb8),
        png(16, 16, ExtendedColorType::Rgb8, &[200; 768]),
    ];
    for file in whole {
        decoded(&file).unwrap();
        for length in 0..file.len() {
            // The last 12 bytes of a PNG are its end mark, without pixels.
            if file[0] == 0x89 && length + 12 >= file.len() {
                continue;
            }
            assert!(
                decoded(&file[..length]).is_err(),
                "{length} of {}",
                file.len()
            );
        }
    }
}

#[test]
fn zeros_after_a_jpeg_are_padding() {
    let mut file = jpeg(16, 16, ExtendedColorType::Rgb8);
    file.extend([0; 100]);
    decoded(&file).unwrap();
}

#[test]
fn absurd_sizes_are_refused_from_the_header_alone() {
    let mut file = jpeg(16, 16, ExtendedColorType::Rgb8);
    let frame = file
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    file[frame + 5..frame + 9].fill(0xff);
    let error = decoded(&file).unwrap_err().to_string();
    assert!(
        error.starts_with("picture is 65535x65535 pixels, but a side may be"),
        "{error}"
    );

    let mut file = png(1, 1, ExtendedColorType::L8, &[0]);
    file[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    let crc = crc32(&file[12..29]);
    file[29..33].copy_from_slice(&crc.to_be_bytes());
    let error = decoded(&file).unwrap_err().to_string();
    assert!(
        error.starts_with("picture is 30000x30000 pixels"),
        "{error}"
    );
}

/// CRC-32 as in the PNG specification, annex D.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                0xedb8_8320 ^ (crc >> 1)
            } else {
                crc >> 1
            }
        })
    })
}

#[test]
fn limits_are_named_with_the_quantity_that_exceeds_them() {
    let file = png(20, 10, ExtendedColorType::L8, &[0; 200]);
    let limits = DecodeLimits {
        max_pixels: 199,
        ..DecodeLimits::default()
    };
    assert_eq!(
        decode(&file, &limits).unwrap_err().to_string(),
        "picture is 20x10 pixels, but a side may be at most 16384 and all at most 199"
    );
    let limits = DecodeLimits {
        max_bytes: 10,
        ..DecodeLimits::default()
    };
    assert!(matches!(
        decode(&file, &limits),
        Err(DecodeError::TooLong { limit: 10, .. })
    ));
}

#[test]
fn what_is_no_picture_is_called_so() {
    assert_eq!(decoded(b"").unwrap_err(), DecodeError::Empty);
    assert_eq!(
        decoded(b"GIF89a").unwrap_err().to_string(),
        "picture begins with 47 49 46 38, but only JPEG and PNG are read"
    );
}

#[test]
fn depth_is_millimetres_and_unknown_at_both_ends() {
    let values: Vec<u8> = [0u16, 1, 1500, 65535]
        .iter()
        .flat_map(|v| v.to_ne_bytes())
        .collect();
    let file = png(2, 2, ExtendedColorType::L16, &values);
    let depth = decode_depth_png(&file, &DecodeLimits::default()).unwrap();
    assert_eq!((depth.width, depth.height), (2, 2));
    assert!(depth.metres[0].is_nan() && depth.metres[3].is_nan());
    assert_eq!(depth.metres[1..3], [0.001, 1.5]);

    let grey = png(1, 1, ExtendedColorType::L8, &[3]);
    let error = decode_depth_png(&grey, &DecodeLimits::default()).unwrap_err();
    assert!(error.to_string().contains("holds L8"), "{error}");
    let photo = jpeg(16, 16, ExtendedColorType::L8);
    assert!(decode_depth_png(&photo, &DecodeLimits::default()).is_err());
}

proptest! {
    #[test]
    fn damaged_pictures_never_panic(
        colour in any::<bool>(), places in prop::collection::vec((any::<usize>(), any::<u8>()), 1..8),
    ) {
        let mut files = [
            jpeg(40, 24, if colour { ExtendedColorType::Rgb8 } else { ExtendedColorType::L8 }),
            png(8, 8, ExtendedColorType::Rgb8, &[99; 192]),
        ];
        let limits = DecodeLimits { max_pixels: 1 << 16, ..DecodeLimits::default() };
        for file in &mut files {
            for (place, value) in &places {
                let place = place % file.len();
                file[place] = *value;
            }
            let _ = decode(file, &limits);
        }
    }
}
