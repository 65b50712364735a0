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
fn f4_a_picture_cut_short_anywhere_is_refused() {
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
fn f4_absurd_sizes_are_refused_from_the_header_alone() {
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

/// Four quarters of a picture of 64 x 64 pixels, row by row, that libjpeg's
/// `cjpeg -quality 90` wrote in many ways.
const QUARTERS: [[u8; 3]; 4] = [[200, 40, 40], [40, 180, 60], [50, 60, 200], [210, 200, 70]];

/// Furthest that the middles of the quarters lie from their colours, in levels.
fn off_quarters(image: &Image) -> u8 {
    let middle = |quarter: usize| {
        let (u, v) = (16 + 32 * (quarter % 2), 16 + 32 * (quarter / 2));
        image.row(v)[3 * u..3 * u + 3].to_vec()
    };
    let off = |(quarter, want): (usize, &[u8; 3])| {
        let pairs = std::iter::zip(middle(quarter), want);
        pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
    };
    QUARTERS.iter().enumerate().map(off).max().unwrap_or(0)
}

macro_rules! picture {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!("image_file/pictures/", $name, ".jpg")).as_slice(),
        )
    };
}

#[test]
fn a_jpeg_whose_colours_come_in_several_scans_has_no_green_stripes() {
    for (name, file) in [
        picture!("420_three_scans"),
        picture!("410_three_scans"),
        picture!("420_luma_apart"),
        picture!("420_luma_with_blue"),
        picture!("440_luma_with_red"),
    ] {
        assert!(off_quarters(&decoded(file).unwrap()) <= 2, "{name}");
    }
}

#[test]
fn colours_on_any_grid_come_out_right() {
    for (name, file) in [
        picture!("440_without_tables"),
        picture!("411_progressive"),
        picture!("fine_blue"),
        picture!("fine_blue_progressive"),
        picture!("thirds_progressive"),
    ] {
        assert!(off_quarters(&decoded(file).unwrap()) <= 2, "{name}");
    }
}

#[test]
fn a_webcams_frame_without_huffman_tables_is_that_with_the_standards() {
    let whole = jpeg(40, 24, ExtendedColorType::Rgb8);
    let mut bare = whole.clone();
    while let Some(at) = bare.windows(2).position(|pair| pair == [0xff, 0xc4]) {
        let length = usize::from(u16::from_be_bytes([bare[at + 2], bare[at + 3]]));
        bare.drain(at..at + 2 + length);
    }
    assert!(bare.len() + 400 < whole.len());
    let (bare, whole) = (decoded(&bare).unwrap(), decoded(&whole).unwrap());
    assert_eq!(bare.bytes(), whole.bytes());
}

#[test]
fn what_follows_a_jpeg_is_not_part_of_it() {
    let whole = jpeg(40, 24, ExtendedColorType::Rgb8);
    let film = [b"....ftypmp42".as_slice(), &[0xff, 0xc0, 7, 0xff, 0xd8]].concat();
    for more in [b"\r\n".as_slice(), &[0xaa; 4096], &film, &whole] {
        let image = decoded(&[&whole, more].concat()).unwrap();
        assert_eq!(image.bytes(), decoded(&whole).unwrap().bytes());
        assert!(decoded(&[&whole[..whole.len() - 2], b"\r\n"].concat()).is_err());
    }
}

/// A JPEG with an EXIF segment of one entry: its orientation.
fn held(file: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&file[..2], &[0xff, 0xe1], &length, &exif, &file[2..]].concat()
}

#[test]
fn a_picture_that_was_held_upright_does_not_lie_on_its_side() {
    let (_, file) = picture!("440_without_tables");
    // Which quarter comes to stand where: EXIF 2.3, tag 0x0112.
    let orders = [
        [0, 1, 2, 3],
        [1, 0, 3, 2],
        [3, 2, 1, 0],
        [2, 3, 0, 1],
        [0, 2, 1, 3],
        [2, 0, 3, 1],
        [3, 1, 2, 0],
        [1, 3, 0, 2],
    ];
    for (orientation, order) in (1..).zip(orders) {
        let file = held(file, orientation);
        assert_eq!(is_turned(&file, &DecodeLimits::default()), orientation > 1);
        let image = decoded(&file).unwrap();
        for (place, quarter) in order.into_iter().enumerate() {
            let (u, v) = (16 + 32 * (place % 2), 16 + 32 * (place / 2));
            let pixel = &image.row(v)[3 * u..3 * u + 3];
            let off = std::iter::zip(pixel, QUARTERS[quarter]).map(|(a, b)| a.abs_diff(b));
            assert!(off.max() <= Some(2), "orientation {orientation}");
        }
    }
    let lying = decoded(&held(&jpeg(40, 24, ExtendedColorType::Rgb8), 6)).unwrap();
    assert_eq!((lying.width(), lying.height()), (24, 40));
    for none in [0, 9, 255] {
        assert_eq!(off_quarters(&decoded(&held(file, none)).unwrap()), 1);
    }
}

#[test]
fn kinds_of_jpeg_that_are_not_read_are_named() {
    let file = jpeg(16, 16, ExtendedColorType::Rgb8);
    let frame = (file.windows(2).position(|pair| pair == [0xff, 0xc0])).unwrap();
    let said = |place: usize, value: u8| {
        let mut file = file.clone();
        file[frame + place] = value;
        decoded(&file).unwrap_err().to_string()
    };
    assert!(said(1, 0xc9).ends_with("it is arithmetic coded"));
    assert!(said(1, 0xc3).ends_with("it is a lossless one"));
    assert!(said(4, 12).ends_with("it has 12 bits per sample, but 8 are read"));
    assert!(said(10, 9).contains("names a component that is none"));
    assert!(said(11, 0x51).ends_with("its sampling factors are not 1 to 4"));
}
