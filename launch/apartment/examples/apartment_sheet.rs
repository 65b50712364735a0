//! Renders pictures of homes side by side:
//! `apartment_sheet OUT.png WIDTH HEIGHT COLUMNS SEED:VIEW…`; with `labels`
//! instead of `SEED:VIEW`s, all labels of one picture.

use concert_apartment::{
    Development, Home, LightQuality, Pinhole, Randomisation, Renderer, contact_sheet,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [out, width, height, columns, views @ ..] = args.as_slice() else {
        return Err("usage: apartment_sheet OUT.png WIDTH HEIGHT COLUMNS SEED:VIEW…".into());
    };
    let (width, height, columns): (u32, u32, u32) =
        (width.parse()?, height.parse()?, columns.parse()?);
    let camera = Pinhole::from_field_of_view(width, height, 1.25)?;
    let development = Development {
        noise: 0.003,
        ..Development::default()
    };
    let mut renderer = Renderer::new();
    let mut home = Home::generate(1, &Randomisation::default(), LightQuality::Standard)?;
    if views == ["labels"] {
        let pose = home.viewpoints(1, 1.3, -0.15)[0];
        let capture = renderer.capture(&home, &camera, pose, &development, 1)?;
        let sheet = contact_sheet(&capture, &camera);
        image::RgbImage::from_raw(3 * width, 2 * height, sheet)
            .ok_or("size")?
            .save(out)?;
        return Ok(());
    }
    let rows = (views.len() as u32).div_ceil(columns.max(1));
    let mut sheet = image::RgbImage::new(columns * width, rows * height);
    for (tile, view) in (0u32..).zip(views) {
        let (seed, view) = view.split_once(':').ok_or("a view is SEED:VIEW")?;
        let (seed, view): (u64, usize) = (seed.parse()?, view.parse()?);
        if home.seed() != seed {
            home = Home::generate(seed, &Randomisation::default(), LightQuality::Standard)?;
        }
        let pose = home.viewpoints(view + 1, 1.35, -0.13)[view];
        let picture = renderer.picture(&home, &camera, pose, &development, seed)?;
        let image = image::RgbImage::from_raw(width, height, picture.rgb).ok_or("size")?;
        let (x, y) = (tile % columns * width, tile / columns * height);
        image::imageops::replace(&mut sheet, &image, i64::from(x), i64::from(y));
    }
    sheet.save(out)?;
    Ok(())
}
