//! Pictures and curves beside each other, as large as their place allows: two
//! pixels per character.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::symbols::Marker;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Widget};

use super::colours::Colours;
use crate::draw::{Canvas, Legend, Rgb, turbo};

/// Something to look at below the table.
#[derive(Debug, Clone)]
pub(crate) enum Panel {
    /// A picture, its name above it and what its colours mean below.
    Picture {
        /// What it shows.
        name: String,
        /// The picture.
        canvas: Canvas,
        /// What its colours mean.
        legend: Legend,
    },
    /// Numbers over time.
    Curve(Curve),
}

/// Numbers over time, from 0 upward.
#[derive(Debug, Clone)]
pub(crate) struct Curve {
    /// What it shows.
    pub name: String,
    /// One or more.
    pub lines: Vec<CurveLine>,
}

/// One line of a [`Curve`].
#[derive(Debug, Clone)]
pub(crate) struct CurveLine {
    /// What it is about.
    pub name: String,
    /// Its colour.
    pub colour: Rgb,
    /// Seconds and value, in the order of time.
    pub points: Vec<(f64, f64)>,
}

/// Narrowest picture that another is left out for, columns.
const MIN_WIDTH: usize = 24;
/// Fewest lines of a picture that another is left out for.
const MIN_LINES: usize = 6;
/// Columns between two panels.
const BETWEEN: usize = 2;
/// Lines of a panel that are not its picture: its name and its legend.
const AROUND: usize = 2;
/// Fewest lines and columns that anything is shown in.
const FEWEST: (usize, usize) = (AROUND + 3, 12);

/// How panels are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Grid {
    shown: usize,
    columns: usize,
    /// Width and height of a cell.
    cell: (usize, usize),
}

impl Grid {
    /// As many panels as have room at a size worth looking at, as large as they
    /// get; `aspect` is width by height.
    fn of(count: usize, (width, height): (usize, usize), aspect: f64) -> Option<Self> {
        if count == 0 || height < FEWEST.0 || width < FEWEST.1 {
            return None;
        }
        let picture = |grid: &Grid| fit(grid.cell.0, grid.cell.1.saturating_sub(AROUND), aspect);
        for shown in (1..=count.min(16)).rev() {
            let grids = (1..=shown).map(|columns| {
                let rows = shown.div_ceil(columns);
                let between = BETWEEN * (columns - 1);
                Grid {
                    shown,
                    columns,
                    cell: (width.saturating_sub(between) / columns, height / rows),
                }
            });
            let best = grids.max_by_key(|grid| picture(grid).0);
            let best = best.filter(|grid| {
                let (wide, high) = picture(grid);
                shown == 1 || (wide >= MIN_WIDTH && high >= MIN_LINES)
            });
            if best.is_some() {
                return best;
            }
        }
        None
    }
}

/// Columns and lines of the largest picture in a place; a character is twice as
/// high as wide.
fn fit(columns: usize, lines: usize, aspect: f64) -> (usize, usize) {
    let width = (columns as f64).min(2.0 * lines as f64 * aspect);
    let height = (width / aspect / 2.0).round() as usize;
    (width as usize, height.clamp(1, lines.max(1)))
}

/// Draws as many panels as fit, the first ones; how many they were.
pub(super) fn draw_panels(
    panels: &[Panel],
    colours: Colours,
    area: Rect,
    buffer: &mut Buffer,
) -> usize {
    let aspects = panels.iter().map(|panel| match panel {
        Panel::Picture { canvas, .. } if canvas.height() > 0 => {
            canvas.width() as f64 / canvas.height() as f64
        }
        _ => 4.0 / 3.0,
    });
    // Most pictures of a robot have one camera's proportions.
    let aspect = aspects.fold(0.5, f64::max).min(2.5);
    let place = (usize::from(area.width), usize::from(area.height));
    let Some(grid) = Grid::of(panels.len(), place, aspect) else {
        return 0;
    };
    let (width, height) = (grid.cell.0 as u16, grid.cell.1 as u16);
    for (index, panel) in panels[..grid.shown].iter().enumerate() {
        let (row, column) = (index / grid.columns, index % grid.columns);
        let x = area.x + (column * (grid.cell.0 + BETWEEN)) as u16;
        let y = area.y + row as u16 * height;
        let cell = Rect::new(x, y, width, height).intersection(area);
        draw_panel(panel, colours, cell, buffer);
    }
    grid.shown
}

fn draw_panel(panel: &Panel, colours: Colours, cell: Rect, buffer: &mut Buffer) {
    match panel {
        Panel::Picture {
            name,
            canvas,
            legend,
        } => {
            put(buffer, cell, 0, name, Style::new());
            let inner = Rect {
                y: cell.y + 1,
                height: cell.height.saturating_sub(AROUND as u16),
                ..cell
            };
            let lines = half_blocks(canvas, colours, inner, buffer);
            let below = Rect {
                y: inner.y + lines,
                height: 1,
                ..cell
            };
            draw_legend(legend, colours, below, buffer);
        }
        Panel::Curve(curve) => draw_curve(curve, colours, cell, buffer),
    }
}

/// One line of text in a cell, cut at its right.
fn put(buffer: &mut Buffer, cell: Rect, line: u16, text: &str, style: Style) {
    if line < cell.height {
        let text: String = text.chars().map(super::table::printable).collect();
        let width = usize::from(cell.width);
        buffer.set_stringn(cell.x, cell.y + line, text, width, style);
    }
}

/// A picture in half blocks, in its own proportions; how many lines it has.
fn half_blocks(picture: &Canvas, colours: Colours, area: Rect, buffer: &mut Buffer) -> u16 {
    let (width, height) = (picture.width(), picture.height());
    let (columns, lines) = (usize::from(area.width), usize::from(area.height));
    if width == 0 || height == 0 || columns == 0 || lines == 0 {
        return 0;
    }
    let scale = (columns as f64 / width as f64).min(2.0 * lines as f64 / height as f64);
    let side = |pixels: usize, most: usize| ((pixels as f64 * scale) as usize).clamp(1, most);
    let (width, height) = (side(width, columns), side(height, 2 * lines));
    let small = picture.resized(width, height);
    let lines = height.div_ceil(2);
    for line in 0..lines {
        for u in 0..width {
            let cell = &mut buffer[(area.x + u as u16, area.y + line as u16)];
            let [top, bottom] = [0, 1].map(|half| small.get(u, 2 * line + half));
            cell.set_symbol("▀");
            cell.set_fg(colours.nearest(top.unwrap_or_default()));
            cell.set_bg(bottom.map_or(Color::Reset, |colour| colours.nearest(colour)));
        }
    }
    lines as u16
}

fn draw_legend(legend: &Legend, colours: Colours, line: Rect, buffer: &mut Buffer) {
    match legend {
        Legend::None => {}
        Legend::Words(words) => put(buffer, line, 0, words, Style::new()),
        &Legend::Scale { low, high, unit } => {
            let [low, high] = Legend::ends(low, high, unit);
            let bar = usize::from(line.width)
                .saturating_sub(low.chars().count() + high.chars().count() + 2)
                .min(12);
            put(buffer, line, 0, &low, Style::new());
            let mut x = line.x + low.chars().count() as u16 + 1;
            for step in 0..bar {
                if x < line.right() {
                    let share = (step as f32 + 0.5) / bar as f32;
                    let colour = colours.nearest(turbo(share));
                    buffer[(x, line.y)].set_symbol("█").set_fg(colour);
                    x += 1;
                }
            }
            let rest = Rect {
                x: (x + 1).min(line.right()),
                width: line.right().saturating_sub(x + 1),
                ..line
            };
            put(buffer, rest, 0, &high, Style::new());
        }
        Legend::Classes(classes) => {
            let mut x = line.x;
            for class in classes.iter().filter(|class| class.percent >= 0.5) {
                let needed = class.name.chars().count() as u16 + 2;
                if x + needed > line.right() {
                    break;
                }
                let colour = colours.nearest(class.colour);
                buffer[(x, line.y)].set_symbol("█").set_fg(colour);
                let rest = Rect {
                    x: x + 1,
                    width: line.right() - x - 1,
                    ..line
                };
                put(buffer, rest, 0, &class.name, Style::new());
                x += needed;
            }
        }
    }
}

fn draw_curve(curve: &Curve, colours: Colours, cell: Rect, buffer: &mut Buffer) {
    put(buffer, cell, 0, &curve.name, Style::new());
    let all = || curve.lines.iter().flat_map(|line| line.points.iter());
    let last = all().map(|point| point.0).fold(1.0, f64::max);
    let highest = all().map(|point| point.1).fold(0.0, f64::max);
    let highest = if highest > 0.0 { 1.05 * highest } else { 1.0 };
    let data = curve.lines.iter().map(|line| {
        Dataset::default()
            .marker(Marker::Braille)
            .graph_type(GraphType::Line)
            .style(Style::new().fg(colours.nearest(line.colour)))
            .data(&line.points)
    });
    let chart = Chart::new(data.collect())
        .legend_position(None)
        .x_axis(
            Axis::default()
                .bounds([0.0, last])
                .labels(["0 s".to_owned(), format!("{last:.0} s")]),
        )
        .y_axis(
            Axis::default()
                .bounds([0.0, highest])
                .labels(["0".to_owned(), format!("{highest:.2}")]),
        );
    let inner = Rect {
        y: cell.y + 1,
        height: cell.height.saturating_sub(AROUND as u16),
        ..cell
    };
    chart.render(inner, buffer);
    let mut x = cell.x;
    let y = cell.bottom().saturating_sub(1);
    for line in &curve.lines {
        let needed = line.name.chars().count() as u16 + 2;
        if x + needed > cell.right() + 1 {
            break;
        }
        let colour = colours.nearest(line.colour);
        buffer[(x, y)].set_symbol("█").set_fg(colour);
        let rest = Rect {
            x: x + 1,
            y,
            width: cell.right() - x - 1,
            height: 1,
        };
        put(buffer, rest, 0, &line.name, Style::new());
        x += needed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(name: &str, width: usize, height: usize) -> Panel {
        Panel::Picture {
            name: name.to_owned(),
            canvas: Canvas::new(width, height, [200, 10, 10]),
            legend: Legend::Scale {
                low: 0.8,
                high: 4.2,
                unit: "m",
            },
        }
    }

    fn drawn(panels: &[Panel], width: u16, height: u16) -> (usize, Vec<String>) {
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        let shown = draw_panels(panels, Colours::True, area, &mut buffer);
        let line = |y: u16| {
            let cells = (0..width).map(|x| buffer[(x, y)].symbol());
            cells.collect::<String>().trim_end().to_owned()
        };
        (shown, (0..height).map(line).collect())
    }

    #[test]
    fn two_pixels_share_a_character() {
        let mut canvas = Canvas::new(1, 3, [1, 2, 3]);
        canvas.set(0, 1, [4, 5, 6]);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 2));
        // As wide as the picture, so that its pixels stay as they are.
        let area = Rect::new(0, 0, 1, 2);
        assert_eq!(half_blocks(&canvas, Colours::True, area, &mut buffer), 2);
        let cell = &buffer[(0, 0)];
        assert_eq!(
            (cell.fg, cell.bg),
            (Color::Rgb(1, 2, 3), Color::Rgb(4, 5, 6))
        );
        assert_eq!(buffer[(0, 1)].bg, Color::Reset, "there is no fourth pixel");
        assert_eq!(buffer[(1, 0)].symbol(), " ");
    }

    #[test]
    fn a_picture_fills_the_place_that_it_has() {
        for (width, height, want) in [(80, 20, 47), (200, 60, 153), (40, 60, 40)] {
            let (shown, lines) = drawn(&[picture("map", 320, 240)], width, height);
            assert_eq!(shown, 1);
            let widest = lines.iter().map(|line| line.matches('▀').count()).max();
            let most = f64::from(width).min(2.0 * (f64::from(height) - 2.0) * 4.0 / 3.0);
            assert_eq!(widest, Some(most as usize), "{width} x {height}");
            assert!(widest >= Some(want), "{width} x {height}");
        }
    }

    #[test]
    fn the_first_pictures_are_shown_where_not_all_have_room() {
        let panels = ["camera", "depth", "normal", "classes"].map(|name| picture(name, 4, 3));
        let (shown, lines) = drawn(&panels, 80, 12);
        assert_eq!(shown, 3, "{lines:#?}");
        assert!(lines[0].starts_with("camera") && lines[0].contains("depth"));
        let (shown, lines) = drawn(&panels, 120, 40);
        assert_eq!(shown, 4, "{lines:#?}");
        assert_eq!(drawn(&panels, 80, 4).0, 0, "too low for any");
        assert_eq!(drawn(&[], 80, 40).0, 0);
    }

    #[test]
    fn a_scale_says_near_and_far_and_shows_the_colours_between() {
        let (_, lines) = drawn(&[picture("depth", 4, 3)], 40, 12);
        let legend = lines.iter().find(|line| line.contains("near"));
        assert_eq!(
            legend.expect("a legend"),
            "near 0.8 m ████████████ far 4.2 m"
        );
    }

    #[test]
    fn classes_are_named_as_far_as_there_is_room() {
        let labels = (0..100).map(|index| [0.0, 0.0, 0.0, 1.0, 1.0, 2.0][index % 6]);
        let names = ["wall", "floor", "a very long name indeed"];
        let panel = Panel::Picture {
            name: "classes".to_owned(),
            canvas: Canvas::new(4, 3, [0; 3]),
            legend: Legend::of_classes(labels, |at| names.get(at).copied()),
        };
        let (_, lines) = drawn(&[panel], 20, 12);
        let legend = lines.iter().find(|line| line.contains("wall"));
        assert_eq!(legend.expect("a legend"), "█wall █floor");
    }

    #[test]
    fn a_curve_names_its_lines_and_ends() {
        let line = |name: &str, values: [f64; 3]| CurveLine {
            name: name.to_owned(),
            colour: [0, 200, 0],
            points: values
                .iter()
                .enumerate()
                .map(|(at, v)| (10.0 * at as f64, *v))
                .collect(),
        };
        let curve = Panel::Curve(Curve {
            name: "AbsRel".to_owned(),
            lines: vec![
                line("shipped", [0.1, 0.12, 0.11]),
                line("from nothing", [0.6, 0.3, 0.12]),
            ],
        });
        let (_, lines) = drawn(&[curve], 40, 14);
        let text = lines.join("\n");
        assert!(text.contains("AbsRel") && text.contains("20 s"), "{text}");
        assert!(text.contains("█shipped █from nothing"), "{text}");
        assert!(text.contains("0.63"), "{text}");
        let empty = Curve {
            name: "AbsRel".to_owned(),
            lines: Vec::new(),
        };
        assert_eq!(drawn(&[Panel::Curve(empty)], 40, 14).0, 1);
    }

    #[test]
    fn panels_of_no_size_break_nothing() {
        for (width, height) in [(1, 1), (12, 5), (13, 6), (25, 7), (300, 100)] {
            for (wide, high) in [(0, 0), (1, 1000), (1000, 1), (4, 3)] {
                let panels = [picture("a", wide, high), picture("b", wide, high)];
                drawn(&panels, width, height);
            }
        }
    }
}
