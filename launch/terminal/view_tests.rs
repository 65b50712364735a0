use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use super::*;
use crate::draw::{Canvas, Legend};

const TRUE: Result<Colours, String> = Ok(Colours::True);

fn row(key: &str, health: Health, note: &str) -> Row {
    Row {
        key: key.to_owned(),
        count: 40,
        rate_hz: 4.0,
        age: Some(Duration::from_millis(180)),
        p50: Some(Duration::from_millis(150)),
        p99: Some(Duration::from_millis(210)),
        drops: 3,
        health,
        note: note.to_owned(),
    }
}

fn picture(name: &str) -> Panel {
    Panel::Picture {
        name: name.to_owned(),
        canvas: Canvas::new(320, 240, [200, 10, 10]),
        legend: Legend::Scale {
            low: 0.8,
            high: 4.2,
            unit: "m",
        },
    }
}

fn view() -> View {
    View {
        title: "apartment on front 4.1/s, 120 frames, 3 dropped; Ctrl-C ends".to_owned(),
        rows: vec![
            row("depth_zbuffer", Health::Ok, "0.80 to 4.20 m"),
            row(
                "normal",
                Health::Warn,
                "withheld: 3072 of 3072 values are no numbers",
            ),
            row("segment_semantic", Health::Ok, ""),
        ],
        remarks: vec!["learning depth_zbuffer: 40 frames learnt".to_owned()],
        panels: ["front", "depth_zbuffer", "normal"].map(picture).into(),
        log: vec!["  1.0s  WARN something happened\n    that takes two lines".to_owned()],
    }
}

fn lines(buffer: &Buffer) -> Vec<String> {
    let area = buffer.area;
    let line = |y: u16| {
        let cells = (0..area.width).map(|x| buffer[(x, y)].symbol());
        cells.collect::<String>().trim_end().to_owned()
    };
    (0..area.height).map(line).collect()
}

fn shown(view: &View, colours: &Result<Colours, String>, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    let drawn = terminal.draw(|frame| draw(view, colours, frame));
    lines(drawn.expect("drawn").buffer)
}

#[test]
fn in_eighty_columns_the_table_looks_like_this() {
    let lines = shown(&view(), &TRUE, 80, 24);
    assert_eq!(
        lines[..7].join("\n"),
        "\
apartment on front 4.1/s, 120 frames, 3 dropped; Ctrl-C ends
output                rate       age       p99   drops
depth_zbuffer        4.0/s  180.0 ms  210.0 ms       3  0.80 to 4.20 m
normal               4.0/s  180.0 ms  210.0 ms       3  withheld: 3072 of 3072 …
segment_semantic     4.0/s  180.0 ms  210.0 ms       3
learning depth_zbuffer: 40 frames learnt
"
    );
    assert!(lines[7].starts_with("front") && lines[7].contains("depth_zbuffer"));
    assert!(
        lines[7].contains("normal"),
        "three pictures have room: {}",
        lines[7]
    );
    assert!(lines.iter().any(|line| line.contains("near 0.8 m")));
    assert_eq!(
        lines[23],
        "  1.0s  WARN something happened that takes two lines".trim_start()
    );
}

#[test]
fn a_larger_window_has_all_columns_and_larger_pictures() {
    let blocks = |lines: &[String]| lines.iter().map(|l| l.matches('▀').count()).sum::<usize>();
    let small = shown(&view(), &TRUE, 80, 24);
    let large = shown(&view(), &TRUE, 120, 45);
    assert!(large[1].contains("p50"), "{}", large[1]);
    assert!(blocks(&large) > 2 * blocks(&small));
    // As high as the window: no line is left over but the last picture's legend.
    let one = View {
        panels: vec![picture("front")],
        log: Vec::new(),
        ..view()
    };
    let lines = shown(&one, &TRUE, 80, 40);
    let last = lines.iter().rposition(|line| line.contains('▀'));
    assert!(last.expect("a picture") >= 36, "{lines:#?}");
}

#[test]
fn every_size_of_window_is_drawn_and_rows_come_first() {
    for (width, height) in [(1, 1), (5, 3), (20, 6), (40, 10), (80, 24), (250, 80)] {
        let lines = shown(&view(), &TRUE, width, height);
        assert_eq!(lines.len(), usize::from(height));
        if height >= 3 && width >= 20 {
            assert!(
                lines.iter().any(|line| line.starts_with("output")),
                "{lines:#?}"
            );
        }
    }
    // Low: the rows, and neither the log nor pictures.
    let lines = shown(&view(), &TRUE, 80, 6);
    assert!(lines[4].starts_with("segment_semantic"), "{lines:#?}");
    assert!(!lines.join("").contains("WARN"));
}

#[test]
fn where_there_are_no_pictures_one_line_says_why() {
    let why = Err("NO_COLOR is set".to_owned());
    let lines = shown(&view(), &why, 80, 24);
    assert!(
        lines.contains(&"no pictures: NO_COLOR is set".to_owned()),
        "{lines:#?}"
    );
    assert!(!lines.join("").contains('▀'));
    let lines = shown(&view(), &TRUE, 80, 9);
    assert!(
        lines.contains(&"no pictures: the window is too small".to_owned()),
        "{lines:#?}"
    );
    let none = View {
        panels: Vec::new(),
        ..view()
    };
    assert!(!shown(&none, &why, 80, 24).join("").contains("no pictures"));
}

#[test]
fn after_a_resize_nothing_of_the_window_before_is_left() {
    let mut terminal = Terminal::new(TestBackend::new(120, 45)).expect("a terminal");
    let view = view();
    for (width, height) in [(120, 45), (80, 24), (60, 18), (140, 50), (80, 24)] {
        terminal.backend_mut().resize(width, height);
        let _ = terminal
            .draw(|frame| draw(&view, &TRUE, frame))
            .expect("drawn");
        let got = lines(terminal.backend().buffer());
        assert_eq!(
            got,
            shown(&view, &TRUE, width, height),
            "{width} x {height}"
        );
    }
}

#[test]
fn what_is_wrong_is_coloured_and_only_where_there_are_colours() {
    let cells = |colours: &Result<Colours, String>| {
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).expect("a terminal");
        let drawn = terminal.draw(|frame| draw(&view(), colours, frame));
        let buffer = drawn.expect("drawn").buffer.clone();
        let at = buffer[(56, 3)].clone();
        (at.symbol().to_owned(), at.fg)
    };
    assert_eq!(cells(&TRUE), ("w".to_owned(), Color::Yellow));
    assert_eq!(cells(&Err("NO_COLOR is set".to_owned())).1, Color::Reset);
}
