//! A window: frame, pane and curtains.

use glam::Vec3;

use super::{WallFrame, wall_frame};
use crate::class::Class;
use crate::dice::Dice;
use crate::home::palette::Palette;
use crate::home::plan::{FloorPlan, OUTER_WALL, RoomKind, WALL, Window};
use crate::light::WindowLight;
use crate::pose::CameraPose;
use crate::scene::Scene;
use crate::shape::Model;

pub(super) fn build_window(
    scene: &mut Scene,
    plan: &FloorPlan,
    palette: &Palette,
    window: &Window,
    dice: &mut Dice,
) -> WindowLight {
    let frame = wall_frame(plan, window.room, window.side);
    let corner = frame.origin + frame.along * window.from + Vec3::Z * window.sill;
    let (width, height) = (window.width, window.top - window.sill);
    // Model frame: x along the wall, y outwards, z up; origin at the sill's low end.
    let basis = glam::Affine3A::from_mat3_translation(
        glam::Mat3::from_cols(frame.along, frame.out, Vec3::Z),
        corner,
    );
    let mut model = Model::new();
    let deep = OUTER_WALL - WALL;
    model.at(basis, |m| {
        window_frame(m, palette, (width, height, deep), window.sill > 0.5);
    });
    let class = Class::Window;
    let mut pane = Model::new();
    let y = frame.out * (deep - 0.03);
    pane.rectangle(
        palette.pane,
        corner + y,
        frame.along * width,
        Vec3::Z * height,
    );
    scene.add(class, model, CameraPose::IDENTITY, window.room);
    scene.add(class, pane, CameraPose::IDENTITY, window.room);
    if plan.rooms[window.room].kind != RoomKind::Bathroom
        && plan.rooms[window.room].kind != RoomKind::Kitchen
        && dice.chance(0.75)
    {
        curtains(scene, palette, window, &frame, dice);
    }
    WindowLight {
        corner: corner + y,
        edge: frame.along * width,
        height,
        inwards: -frame.out,
    }
}

/// Reveals and wings in the window's own frame, of width, height and depth, m;
/// a high sill has a board.
fn window_frame(
    m: &mut Model,
    palette: &Palette,
    (width, height, deep): (f32, f32, f32),
    has_board: bool,
) {
    // Reveals, open towards the room.
    let f = palette.frame;
    m.block(
        f,
        Vec3::new(-0.01, 0.0, -0.01),
        Vec3::new(0.012, deep, height + 0.01),
    );
    m.block(
        f,
        Vec3::new(width - 0.012, 0.0, -0.01),
        Vec3::new(width + 0.01, deep, height + 0.01),
    );
    m.block(
        f,
        Vec3::new(0.0, 0.0, height - 0.012),
        Vec3::new(width, deep, height + 0.01),
    );
    m.block(f, Vec3::new(0.0, 0.0, -0.01), Vec3::new(width, deep, 0.012));
    if has_board {
        m.board(
            palette.white,
            Vec3::new(-0.05, -0.14, -0.03),
            Vec3::new(width + 0.05, 0.01, 0.004),
        );
    }
    let (y0, y1) = (deep - 0.07, deep);
    let wings = if width > 1.15 { 2 } else { 1 };
    for wing in 0..wings {
        let (x0, x1) = (
            width * wing as f32 / wings as f32,
            width * (wing + 1) as f32 / wings as f32,
        );
        let bar = 0.06;
        m.block(f, Vec3::new(x0, y0, 0.0), Vec3::new(x0 + bar, y1, height));
        m.block(f, Vec3::new(x1 - bar, y0, 0.0), Vec3::new(x1, y1, height));
        m.block(
            f,
            Vec3::new(x0 + bar, y0, 0.0),
            Vec3::new(x1 - bar, y1, bar),
        );
        m.block(
            f,
            Vec3::new(x0 + bar, y0, height - bar),
            Vec3::new(x1 - bar, y1, height),
        );
        let handle = if wing == 0 { x1 - 0.03 } else { x0 + 0.03 };
        m.bar(
            palette.steel,
            Vec3::new(handle, y0 - 0.03, height * 0.5),
            Vec3::new(handle, y0 - 0.03, height * 0.5 - 0.11),
            0.009,
            6,
        );
    }
}

fn curtains(
    scene: &mut Scene,
    palette: &Palette,
    window: &Window,
    frame: &WallFrame,
    dice: &mut Dice,
) {
    let rail = window.top + 0.1;
    let hang = if window.sill < 0.5 || dice.chance(0.6) {
        rail - 0.03
    } else {
        rail - window.sill + 0.15
    };
    let inwards = -frame.out;
    let base = frame.origin + inwards * 0.09 + Vec3::Z * rail;
    let mut model = Model::new();
    let (from, to) = (
        (window.from - 0.28).max(0.02),
        (window.from + window.width + 0.28).min(frame.length - 0.02),
    );
    model.bar(
        palette.steel,
        base + frame.along * from,
        base + frame.along * to,
        0.012,
        8,
    );
    let share = dice.range(0.14, 0.3) * window.width;
    for (start, wide) in [(from + 0.02, share + 0.2), (to - share - 0.22, share + 0.2)] {
        let top = base + frame.along * start;
        model.drape(
            palette.curtain,
            top,
            frame.along * wide,
            hang,
            inwards,
            (wide * 9.0, 0.032),
        );
    }
    scene.add(Class::Curtain, model, CameraPose::IDENTITY, window.room);
}
