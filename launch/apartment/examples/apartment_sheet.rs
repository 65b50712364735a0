//! Renders a contact sheet: `apartment_sheet OUT.png FIRST_SEED COLUMNS ROWS [WIDTH HEIGHT VIEWS]`.
use concert_apartment::{Development, Home, Intrinsics, LightQuality, Randomisation, Renderer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let number = |index: usize, default: u64| {
        args.get(index)
            .and_then(|a| a.parse().ok())
            .unwrap_or(default)
    };
    let (first, columns, rows) = (number(2, 1), number(3, 4) as u32, number(4, 2) as u32);
    let (width, height, views) = (
        number(5, 480) as u32,
        number(6, 360) as u32,
        number(7, 1) as u32,
    );
    let randomisation = Randomisation::default();
    let mut renderer = Renderer::new();
    let mut sheet = image::RgbImage::new(columns * width, rows * height);
    let mut home: Option<Home> = None;
    for tile in 0..columns * rows {
        let seed = first + u64::from(tile / views);
        if home.as_ref().is_none_or(|h| h.seed() != seed) {
            home = Some(Home::generate(
                seed,
                &randomisation,
                LightQuality::Standard,
            )?);
        }
        let Some(home) = &home else { continue };
        let camera = Intrinsics::from_field_of_view(width, height, 1.25)?;
        let poses = home.viewpoints(8, 1.35, -0.12);
        let which = if views == 1 {
            tile as usize % 8
        } else {
            (tile % views) as usize % 8
        };
        let pose = poses[which];
        let picture = renderer.picture(home, &camera, pose, &Development::default(), seed)?;
        let image = image::RgbImage::from_raw(width, height, picture.rgb).ok_or("size")?;
        image::imageops::replace(
            &mut sheet,
            &image,
            i64::from(tile % columns * width),
            i64::from(tile / columns * height),
        );
    }
    sheet.save(args.get(1).map_or("sheet.png", String::as_str))?;
    Ok(())
}
