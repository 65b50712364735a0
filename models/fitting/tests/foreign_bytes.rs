//! Whatever stands in a list of a data set: it is read or refused, without a
//! panic and at once (F4, F12).

#[path = "../../../tests/common/mutations.rs"]
mod mutations;

use concert_fitting::dataset::DataSet;
use image::{ExtendedColorType, ImageEncoder as _};
use mutations::Mutations;

/// A picture of noise as a PNG.
fn picture() -> Vec<u8> {
    let pixels: Vec<u8> = (0..24 * 16 * 3).map(|at| (at * 37 % 251) as u8).collect();
    let mut file = Vec::new();
    image::codecs::png::PngEncoder::new(&mut file)
        .write_image(&pixels, 24, 16, ExtendedColorType::Rgb8)
        .expect("encoded");
    file
}

/// Opens a folder in which one file at a time is changed, and reads a frame.
fn lists(files: &[(&str, &[u8])], pictures: &[(&str, &[u8])], count: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("written");
    };
    for (name, bytes) in files.iter().chain(pictures) {
        write(name, bytes);
    }
    for (name, good) in files {
        Mutations::of(&[good]).each(count, |bytes| {
            write(name, bytes);
            if let Ok(data) = DataSet::open(folder.path())
                && let Some(sequence) = data.sequences().first()
                && !sequence.is_empty()
            {
                drop(sequence.read(0));
            }
        });
        write(name, good);
        DataSet::open(folder.path()).expect("the good files are good");
    }
}

#[test]
fn lists_of_data_sets() {
    let colour = picture();
    let rgb = b"# images\n1.5 rgb/1.png\n1.6 rgb/2.png\n".as_slice();
    let truth = b"1.5 0 0 0 0 0 0 1\n1.6 0.1 0 0 0 0 0 1\n".as_slice();
    let pictures = [("rgb/1.png", &colour[..]), ("rgb/2.png", &colour)];
    lists(
        &[("rgb.txt", rgb), ("groundtruth.txt", truth)],
        &pictures,
        250,
    );
    let intrinsics = b"500 0 12\n0 500 8\n0 0 1\n".as_slice();
    let pose = b"1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n".as_slice();
    let pictures = [("frame-000000.color.png", &colour[..])];
    let files = [
        ("camera-intrinsics.txt", intrinsics),
        ("frame-000000.pose.txt", pose),
    ];
    lists(&files, &pictures, 250);
    let labels = b"file,class\na.png,kitchen\n".as_slice();
    lists(&[("labels.csv", labels)], &[("a.png", &colour)], 250);
}
