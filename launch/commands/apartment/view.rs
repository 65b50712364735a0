//! `concert apartment --view`: a PNG to look at.

use std::path::Path;

use anyhow::anyhow;
use concert_apartment::{Home, Pinhole, Renderer, contact_sheet};
use concert_policies::document::check_place;
use image::RgbImage;
use indicatif::ProgressBar;
use serde_json::json;

use super::args::ApartmentArgs;
use super::failure;
use super::settings::Defaults;
use crate::cli::Global;
use crate::draw::write_png;
use crate::report::{Failure, Refuse, Report};
use crate::simulated_home::say_redraws;
use crate::stop::Stop;

/// Most homes in one picture.
const MAX_HOMES: u64 = 64;
/// Most pixels of one PNG.
const MOST_PIXELS: u64 = 1 << 27;

pub(super) fn run(file: &Path, args: &ApartmentArgs, global: &Global) -> Result<Report, Failure> {
    let stop = Stop::on_signals()?;
    let homes = args.seeds.end - args.seeds.start;
    let (width, height) = args.size(&Defaults::VIEW);
    check(file, homes, (width, height)).or_refuse()?;
    check_place(file).or_refuse()?;
    // Refused before a home is made for nothing.
    args.development(true).check().map_err(failure)?;
    let sheet = if homes == 1 {
        labels_of(args.seeds.start, args)?
    } else {
        let bar = match global.quiet {
            true => ProgressBar::hidden(),
            false => ProgressBar::new(homes),
        };
        let Some(sheet) = pictures_of(args, &bar, &stop)? else {
            return Err(Failure::failed(anyhow!("stopped; nothing was written")));
        };
        sheet
    };
    let (wide, high) = sheet.dimensions();
    write_png(file, sheet.as_raw(), wide, high)?;
    let what = if homes == 1 {
        "colour, depth, normals; classes, occlusion edges, room layout".to_owned()
    } else {
        format!("{homes} homes")
    };
    let text = format!("{}: {wide}x{high} px, {what}", file.display());
    let json = json!({
        "file": file, "width": wide, "height": high, "shows": what,
        "seeds": [args.seeds.start, args.seeds.end],
    });
    Ok(Report::done(json, text))
}

fn check(file: &Path, homes: u64, (width, height): (u32, u32)) -> anyhow::Result<()> {
    if file.extension().is_none_or(|ending| ending != "png") {
        return Err(anyhow!(
            "{}: a picture to look at is a .png file",
            file.display()
        ));
    }
    if homes > MAX_HOMES {
        return Err(anyhow!(
            "{homes} homes in one picture, but at most {MAX_HOMES} fit"
        ));
    }
    let tiles = if homes == 1 { 6 } else { homes };
    let pixels = tiles * u64::from(width) * u64::from(height);
    if pixels > MOST_PIXELS {
        return Err(anyhow!(
            "{tiles} pictures of {width}x{height} are {pixels} px, but at most {MOST_PIXELS} fit \
             in one"
        ));
    }
    Ok(())
}

/// The home of a seed, its camera, and where it stands.
fn home_of(
    seed: u64,
    args: &ApartmentArgs,
) -> Result<(Home, Pinhole, concert_apartment::CameraPose), Failure> {
    let randomisation = args.randomisation(&Defaults::VIEW);
    let (width, height) = args.size(&Defaults::VIEW);
    let camera = randomisation.camera(seed, width, height).map_err(failure)?;
    let home = Home::generate(seed, &randomisation, args.homes.light.quality()).map_err(failure)?;
    say_redraws(seed, home.redraws());
    let (height, tilt) = randomisation.mount(seed);
    let pose = home.viewpoints(1, height, tilt)[0];
    Ok((home, camera, pose))
}

/// One picture and its labels.
fn labels_of(seed: u64, args: &ApartmentArgs) -> Result<RgbImage, Failure> {
    let (home, camera, pose) = home_of(seed, args)?;
    let capture = Renderer::new()
        .capture(&home, &camera, pose, &args.development(true), seed)
        .map_err(failure)?;
    let (width, height) = (3 * camera.width(), 2 * camera.height());
    image_of(width, height, contact_sheet(&capture, &camera))
}

/// One picture per home, about four across for each three down; `None` where
/// a stop was asked for.
fn pictures_of(
    args: &ApartmentArgs,
    bar: &ProgressBar,
    stop: &Stop,
) -> Result<Option<RgbImage>, Failure> {
    let homes = args.seeds.end - args.seeds.start;
    let columns = (1..).find(|c| c * c * 2 >= homes).unwrap_or(1).clamp(2, 8) * 2;
    let columns = columns.min(homes) as u32;
    let rows = (homes as u32).div_ceil(columns);
    let (width, height) = args.size(&Defaults::VIEW);
    let mut sheet = RgbImage::new(columns * width, rows * height);
    let mut renderer = Renderer::new();
    for (tile, seed) in (0u32..).zip(args.seeds.clone()) {
        if stop.is_raised() {
            return Ok(None);
        }
        let (home, camera, pose) = home_of(seed, args)?;
        let picture = renderer
            .picture(&home, &camera, pose, &args.development(true), seed)
            .map_err(failure)?;
        let picture = image_of(width, height, picture.rgb)?;
        let (x, y) = (tile % columns * width, tile / columns * height);
        image::imageops::replace(&mut sheet, &picture, i64::from(x), i64::from(y));
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(Some(sheet))
}

fn image_of(width: u32, height: u32, pixels: Vec<u8>) -> Result<RgbImage, Failure> {
    RgbImage::from_raw(width, height, pixels)
        .ok_or_else(|| Failure::failed(anyhow!("a picture has too few pixels")))
}
