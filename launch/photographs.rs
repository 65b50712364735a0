//! The photographs that ship inside the program; see
//! `launch/photographs/ATTRIBUTION.md`.

/// Name and bytes (JPEG) of every photograph.
pub const PHOTOGRAPHS: [(&str, &[u8]); 4] = [
    ("coffee.jpg", include_bytes!("photographs/coffee.jpg")),
    ("astronaut.jpg", include_bytes!("photographs/astronaut.jpg")),
    ("chelsea.jpg", include_bytes!("photographs/chelsea.jpg")),
    ("rocket.jpg", include_bytes!("photographs/rocket.jpg")),
];
