use crate::card::{Card, GeometricCard};

const ODOMETRY: &str = r#"kind = "geometric"
name = "odometry_from_tiny"
target = "odometry"
method = "odometry"

[[encoder]]
source = "tiny"
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
input = { tensor = "image", width = 288, height = 224, layout = "nchw", channels = "rgb", fit = "stretch", mean = [127.0, 127.0, 127.0], std = [128.0, 128.0, 128.5] }

[[read]]
tensor = "descriptors"
source = "tiny"
level = "descriptors"

[[read]]
tensor = "reliability"
source = "tiny"
level = "reliability"

[[read]]
tensor = "keypoint_logits"
source = "tiny"
level = "keypoint_logits"

[[read]]
tensor = "depth"
target = "depth_zbuffer"
optional = true

[[read]]
tensor = "depth"
target = "camera.depth"
optional = true

[parameters]
inlier_px = 2.0
"#;

fn parse(text: &str) -> Result<GeometricCard, String> {
    match Card::parse(text, "o.toml").map_err(|error| error.to_string())? {
        Card::Geometric(card) => Ok(card),
        other => panic!("a {}", other.kind()),
    }
}

#[test]
fn a_geometric_card_is_pinned_by_its_own_text() {
    let card = parse(ODOMETRY).unwrap();
    assert_eq!(card.method.name(), "odometry");
    assert_eq!(card.reads.iter().filter(|read| read.optional).count(), 2);
    assert_eq!(card.sources().collect::<Vec<_>>(), ["tiny"]);
    assert_eq!(card.origin.size_bytes, ODOMETRY.len());
    let again = parse(&card.to_toml()).unwrap();
    assert_eq!(again, card);
    let other = parse(&ODOMETRY.replace("inlier_px = 2.0", "inlier_px = 1.0")).unwrap();
    assert_ne!(other.origin.sha256, card.origin.sha256);
    assert_ne!(other.method, card.method);
}

#[test]
fn a_geometric_card_is_refused_with_place_and_rule() {
    let cases = [
        (
            "method = \"odometry\"",
            "method = \"slam\"",
            "o.toml:4:10: method is `slam`, but must be one of ",
        ),
        (
            "target = \"odometry\"",
            "target = \"normal\"",
            "o.toml:3:10: target is `normal`, but method odometry estimates odometry",
        ),
        (
            "inlier_px = 2.0",
            "inlier_px = -1.0",
            "o.toml:36:1: parameters of odometry: inlier_px must be 0.1 to 10",
        ),
        ("inlier_px", "inlier", "unknown field `inlier`"),
        (
            "tensor = \"reliability\"",
            "tensor = \"normal\"",
            "read.tensor is `normal`, but method odometry reads descriptors, reliability",
        ),
        (
            "tensor = \"reliability\"",
            "tensor = \"descriptors\"",
            "read.tensor `descriptors` is given twice, but must be unique",
        ),
        (
            "target = \"depth_zbuffer\"\noptional = true",
            "target = \"depth_zbuffer\"",
            "read.tensor `depth` is given twice",
        ),
        (
            "level = \"reliability\"",
            "level = \"reliability\"\noptional = true",
            "only a target or camera.depth may be optional",
        ),
        (
            "[[read]]\ntensor = \"reliability\"\nsource = \"tiny\"\nlevel = \"reliability\"\n",
            "",
            "method is `odometry`, but it reads reliability, which no [[read]] gives",
        ),
        (
            "name = \"odometry_from_tiny\"",
            "name = \"odometry_from_xfeat\"",
            "but target, encoders and reads make it `odometry_from_tiny`",
        ),
    ];
    for (from, to, expected) in cases {
        let error = parse(&ODOMETRY.replacen(from, to, 1)).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}
