//! Whatever stands in a card, a network or a picture: it is read or
//! refused, without a panic and at once (F4, F12).

#[path = "../../tests/common/mutations.rs"]
mod mutations;

use concert_models::card::Card;
use concert_models::image_file::{DecodeLimits, decode, decode_depth_png, decode_grey8_png};
use concert_models::onnx::{CheckLimits, check, describe};
use image::{ExtendedColorType, ImageEncoder as _};
use mutations::Mutations;

#[test]
fn cards() {
    let encoder = include_bytes!("../encoders/xfeat.toml").as_slice();
    let readout = include_bytes!("../readouts/depth_zbuffer_from_efficientnet_lite0.toml");
    let geometric = include_bytes!("../readouts/odometry_from_xfeat.toml");
    Mutations::of(&[encoder, readout, geometric]).each(3_000, |bytes| {
        if let Ok(text) = std::str::from_utf8(bytes) {
            drop(Card::parse(text, "card.toml"));
        }
    });
}

#[test]
fn networks() {
    let network = include_bytes!("../readouts/keypoints2d_from_xfeat.onnx");
    // What comes before the weights is the graph; weights alone teach nothing.
    let graph = &network[..network.len().min(4_096)];
    let limits = CheckLimits::default();
    let mut good = 0;
    let mut read = |bytes: &[u8]| {
        drop(describe(bytes));
        good += usize::from(check(bytes, &limits).is_ok());
    };
    Mutations::of(&[graph]).each(6_000, &mut read);
    Mutations::of(&[network]).each(150, &mut read);
    assert!(good > 0, "some variants are still networks");
}

/// A gradient of noise as a file of this kind.
fn picture(encode: impl Fn(&mut Vec<u8>, &[u8])) -> Vec<u8> {
    let pixels: Vec<u8> = (0..24 * 16 * 3).map(|at| (at * 37 % 251) as u8).collect();
    let mut file = Vec::new();
    encode(&mut file, &pixels);
    file
}

#[test]
fn pictures() {
    let png = |kind: ExtendedColorType, bytes: usize| {
        picture(move |to, pixels| {
            let encoder = image::codecs::png::PngEncoder::new(to);
            let pixels = &pixels[..24 * 16 * bytes];
            encoder.write_image(pixels, 24, 16, kind).expect("encoded");
        })
    };
    let jpeg = picture(|to, pixels| {
        let mut encoder = image::codecs::jpeg::JpegEncoder::new(to);
        encoder
            .encode(pixels, 24, 16, ExtendedColorType::Rgb8)
            .expect("encoded");
    });
    let files = [
        png(ExtendedColorType::Rgb8, 3),
        png(ExtendedColorType::L8, 1),
        png(ExtendedColorType::L16, 2),
        jpeg,
    ];
    let files: Vec<_> = files.iter().map(Vec::as_slice).collect();
    let limits = DecodeLimits::default();
    Mutations::of(&files).each(4_000, |bytes| {
        drop(decode(bytes, &limits));
        drop(decode_depth_png(bytes, &limits));
        drop(decode_grey8_png(bytes, &limits));
    });
}
