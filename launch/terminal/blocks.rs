//! Pictures in letters: two pixels per character, in 24-bit colour.

use crate::draw::Canvas;

/// A picture as lines of `▀`, at most `columns` wide and `lines` high, in its
/// own proportions (a character is twice as high as wide).
#[must_use]
pub fn half_blocks(picture: &Canvas, columns: usize, lines: usize) -> Vec<String> {
    let (width, height) = (picture.width(), picture.height());
    if width == 0 || height == 0 || columns == 0 || lines == 0 {
        return Vec::new();
    }
    let scale = (columns as f64 / width as f64).min(2.0 * lines as f64 / height as f64);
    let side = |pixels: usize, most: usize| ((pixels as f64 * scale) as usize).clamp(1, most);
    let (width, height) = (side(width, columns), side(height, 2 * lines));
    let small = picture.resized(width, height);
    (0..height.div_ceil(2))
        .map(|line| {
            let mut text = String::with_capacity(width * 40);
            for u in 0..width {
                let [r, g, b] = small.get(u, 2 * line).unwrap_or_default();
                text.push_str(&format!("\x1b[38;2;{r};{g};{b}m"));
                if let Some([r, g, b]) = small.get(u, 2 * line + 1) {
                    text.push_str(&format!("\x1b[48;2;{r};{g};{b}m"));
                }
                text.push('▀');
            }
            text.push_str("\x1b[0m");
            text
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pixels_share_a_character() {
        let mut picture = Canvas::new(1, 3, [1, 2, 3]);
        picture.set(0, 1, [4, 5, 6]);
        assert_eq!(
            half_blocks(&picture, 1, 2),
            [
                "\x1b[38;2;1;2;3m\x1b[48;2;4;5;6m▀\x1b[0m",
                "\x1b[38;2;1;2;3m▀\x1b[0m"
            ]
        );
    }

    #[test]
    fn a_picture_never_exceeds_its_place() {
        for (width, height) in [(640, 480), (1, 1000), (1000, 1), (0, 5)] {
            let lines = half_blocks(&Canvas::new(width, height, [0; 3]), 40, 12);
            assert!(lines.len() <= 12);
            for line in lines {
                assert!(line.matches('▀').count() <= 40);
            }
        }
    }
}
