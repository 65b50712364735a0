use super::*;
use crate::contract::Fit;
use proptest::prelude::*;

fn contract(w: usize, h: usize, layout: Layout, channels: Channels, fit: Fit) -> InputContract {
    let n = channels.normalised();
    let (mean, std) = ([10.0, 20.0, 30.0], [2.0, 4.0, 8.0]);
    InputContract::new("image", w, h, layout, channels, fit, &mean[..n], &std[..n]).unwrap()
}

fn tensor(contract: &InputContract, image: &Image) -> Vec<f32> {
    // Not zero before: every element must be written.
    let mut out = vec![f32::NAN; contract.spec().elements().unwrap()];
    Preprocessor::new(contract)
        .run(image, bytemuck::cast_slice_mut(&mut out))
        .unwrap();
    assert!(out.iter().all(|x| x.is_finite()));
    out
}

fn image(w: usize, h: usize, format: PixelFormat, bytes: &[u8]) -> Image {
    Image::packed(w, h, format, bytes.to_vec()).unwrap()
}

/// One pixel of red 110, green 60, blue 46, in every format that holds it.
fn one_colour() -> Vec<Image> {
    [
        (PixelFormat::Rgb8, &[110, 60, 46][..]),
        (PixelFormat::Bgr8, &[46, 60, 110]),
        (PixelFormat::Rgba8, &[110, 60, 46, 7]),
        (PixelFormat::Bgra8, &[46, 60, 110, 7]),
    ]
    .map(|(format, pixel)| image(2, 1, format, &pixel.repeat(2)))
    .to_vec()
}

#[test]
fn channels_come_in_the_tensors_order_and_are_normalised_each_by_its_own_numbers() {
    let (r, g, b) = (50.0, 10.0, 2.0);
    for image in one_colour() {
        let make =
            |layout, channels| tensor(&contract(2, 1, layout, channels, Fit::Stretch), &image);
        assert_eq!(make(Layout::Nchw, Channels::Rgb), [r, r, g, g, b, b]);
        assert_eq!(make(Layout::Nhwc, Channels::Rgb), [r, g, b, r, g, b]);
        let bgr = [18.0, 10.0, 10.0];
        assert_eq!(make(Layout::Nhwc, Channels::Bgr), [bgr, bgr].concat());
        assert_eq!(
            make(Layout::Nhwc, Channels::Rgba1),
            [r, g, b, 1.0, r, g, b, 1.0]
        );
        assert_eq!(
            make(Layout::Nchw, Channels::Rgba1),
            [r, r, g, g, b, b, 1.0, 1.0]
        );
        let luma = (0.299 * 110.0 + 0.587 * 60.0 + 0.114 * 46.0 - 10.0) / 2.0;
        for grey in make(Layout::Nchw, Channels::Grey) {
            assert!((grey - luma).abs() < 1e-4, "{grey}");
        }
    }
}

#[test]
fn a_grey_image_shows_in_every_channel() {
    let grey = image(1, 1, PixelFormat::Grey8, &[70]);
    let rgb = contract(1, 1, Layout::Nchw, Channels::Rgb, Fit::Stretch);
    assert_eq!(tensor(&rgb, &grey), [30.0, 12.5, 5.0]);
    let one = contract(1, 1, Layout::Nchw, Channels::Grey, Fit::Stretch);
    assert_eq!(tensor(&one, &grey), [30.0]);
}

#[test]
fn yuyv_is_read_as_limited_range_bt601() {
    // Studio black, white, and the primaries, from the standard's table.
    let table: [([u8; 3], [f32; 3]); 5] = [
        ([16, 128, 128], [0.0, 0.0, 0.0]),
        ([235, 128, 128], [255.0, 255.0, 255.0]),
        ([81, 90, 240], [255.0, 0.0, 0.0]),
        ([145, 54, 34], [0.0, 255.0, 0.0]),
        ([41, 240, 110], [0.0, 0.0, 255.0]),
    ];
    let zero_one = ([0.0; 3], [1.0; 3]);
    let contract = InputContract::new(
        "x",
        2,
        1,
        Layout::Nhwc,
        Channels::Rgb,
        Fit::Stretch,
        &zero_one.0,
        &zero_one.1,
    )
    .unwrap();
    for ([y, u, v], rgb) in table {
        let out = tensor(&contract, &image(2, 1, PixelFormat::Yuyv, &[y, u, y, v]));
        for (got, want) in out.iter().zip(rgb.iter().cycle()) {
            assert!(
                (got - want).abs() < 2.0,
                "{y} {u} {v}: {out:?}, not {rgb:?}"
            );
        }
    }
}

#[test]
fn bars_of_a_letterbox_hold_the_mean_and_the_image_lies_between_them() {
    let white = image(4, 2, PixelFormat::Grey8, &[255; 8]);
    let contract = contract(4, 4, Layout::Nchw, Channels::Grey, Fit::Letterbox);
    let white_row = [122.5; 4];
    let want = [[0.0; 4], white_row, white_row, [0.0; 4]].concat();
    assert_eq!(tensor(&contract, &white), want);
}

#[test]
fn a_crop_sees_the_centre_only() {
    let mut bytes = [0; 8];
    bytes[2..6].copy_from_slice(&[10, 20, 30, 40]);
    let strip = image(8, 1, PixelFormat::Grey8, &bytes);
    let contract = contract(4, 1, Layout::Nchw, Channels::Grey, Fit::Crop);
    // 8x1 cropped to 4:1 at the input's own size is a copy.
    assert_eq!(tensor(&contract, &strip), [0.0, 5.0, 10.0, 15.0]);
}

#[test]
fn padding_of_rows_is_not_seen() {
    let padded = Image::new(
        2,
        2,
        5,
        PixelFormat::Grey8,
        vec![10, 12, 99, 99, 99, 14, 16, 99, 99, 99].into(),
    )
    .unwrap();
    let contract = contract(2, 2, Layout::Nchw, Channels::Grey, Fit::Stretch);
    assert_eq!(tensor(&contract, &padded), [0.0, 1.0, 2.0, 3.0]);
}

#[test]
fn one_preprocessor_takes_images_of_changing_size_and_format() {
    let contract = contract(5, 3, Layout::Nchw, Channels::Rgb, Fit::Letterbox);
    let mut reused = Preprocessor::new(&contract);
    let mut out = vec![0f32; 45];
    let images = [
        image(4, 4, PixelFormat::Rgb8, &(0..48).collect::<Vec<_>>()),
        image(2, 6, PixelFormat::Yuyv, &(100..124).collect::<Vec<_>>()),
        image(4, 4, PixelFormat::Rgb8, &(50..98).collect::<Vec<_>>()),
        image(9, 1, PixelFormat::Grey8, &[8; 9]),
    ];
    for image in &images {
        reused
            .run(image, bytemuck::cast_slice_mut(&mut out))
            .unwrap();
        assert_eq!(out, tensor(&contract, image));
    }
}

#[test]
fn memory_that_is_not_the_tensor_is_refused_with_both_sizes_and_left_alone() {
    let contract = contract(2, 1, Layout::Nchw, Channels::Rgb, Fit::Stretch);
    let grey = image(2, 1, PixelFormat::Grey8, &[1, 2]);
    let mut floats = [9f32; 8];
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut floats);
    let mut preprocessor = Preprocessor::new(&contract);
    let error = preprocessor.run(&grey, &mut bytes[..23]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "input tensor image takes 24 bytes, but 23 bytes were given"
    );
    let error = preprocessor.run(&grey, &mut bytes[1..25]).unwrap_err();
    assert!(matches!(error, PreprocessError::Unaligned { .. }));
    assert_eq!(floats, [9.0; 8]);
}

#[test]
fn a_bright_spot_lands_where_the_map_says() {
    let (w, h, u, v) = (64, 48, 40, 12);
    for fit in [Fit::Stretch, Fit::Crop, Fit::Letterbox] {
        let mut bytes = vec![10u8; w * h];
        for (dv, du) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            bytes[(v + dv) * w + u + du] = 250;
        }
        let contract = contract(32, 32, Layout::Nchw, Channels::Grey, fit);
        let spot = image(w, h, PixelFormat::Grey8, &bytes);
        let out = tensor(&contract, &spot);
        let total: f32 = out.iter().map(|x| x.max(0.0)).sum();
        let centre = |place: &dyn Fn(usize) -> usize| {
            let sum = out.iter().enumerate();
            sum.map(|(i, x)| x.max(0.0) * place(i) as f32).sum::<f32>() / total
        };
        let found = [centre(&|i| i % 32), centre(&|i| i / 32)].map(f64::from);
        let [fu, fv] = contract.image_from_input(w, h).apply(found);
        let (du, dv) = (fu - u as f64 - 0.5, fv - v as f64 - 0.5);
        assert!(
            du.abs() < 0.3 && dv.abs() < 0.3,
            "{fit:?}: off by {du}, {dv}"
        );
    }
}

proptest! {
    #[test]
    fn any_image_becomes_a_whole_tensor_within_the_range_of_its_pixels(
        iw in 1usize..40, ih in 1usize..40, w in 1usize..40, h in 1usize..40,
        format in prop::sample::select(vec![
            PixelFormat::Rgb8, PixelFormat::Bgr8, PixelFormat::Grey8,
            PixelFormat::Rgba8, PixelFormat::Bgra8, PixelFormat::Yuyv,
        ]),
        channels in prop::sample::select(vec![
            Channels::Rgb, Channels::Bgr, Channels::Grey, Channels::Rgba1,
        ]),
        fit in prop::sample::select(vec![Fit::Stretch, Fit::Crop, Fit::Letterbox]),
        layout in prop::sample::select(vec![Layout::Nchw, Layout::Nhwc]),
        padding in 0usize..4, seed in any::<u8>(),
    ) {
        let iw = if format == PixelFormat::Yuyv { iw * 2 } else { iw };
        let stride = iw * format.bytes_per_pixel() + padding;
        let bytes: Vec<u8> = (0..stride * ih).map(|i| (i as u8).wrapping_mul(31) ^ seed).collect();
        let image = Image::new(iw, ih, stride, format, bytes.into()).unwrap();
        let n = channels.normalised();
        let contract =
            InputContract::new("x", w, h, layout, channels, fit, &[0.0; 3][..n], &[1.0; 3][..n])
                .unwrap();
        for x in tensor(&contract, &image) {
            prop_assert!((-0.01..=255.01).contains(&x), "{x}");
        }
    }
}
