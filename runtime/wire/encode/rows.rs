//! Outputs of rows: points and detections.

use super::super::cdr::CdrWriter;
use super::super::common::write_header;
use super::super::sensor_msgs::PointField;
use super::super::vision_msgs::{Detection2D, Detection2DArray, ObjectHypothesis};
use super::{EncodeError, class_id, header, small, wrong_shape};
use crate::output::Output;

/// Rows whose score is above 0; all where there is no score.
fn scored_rows<'a>(
    output: &'a Output,
    columns: &'static [&'static str],
) -> Result<impl Iterator<Item = &'a [f32]> + Clone + use<'a>, EncodeError> {
    match *output.origin.shape.as_slice() {
        [1, _, n] if n == columns.len() && n > 0 => {}
        _ => return Err(wrong_shape(output, format!("[1, n, {}]", columns.len()))),
    }
    let score = columns.iter().position(|column| *column == "score");
    let rows = output.values.chunks_exact(columns.len());
    Ok(rows.filter(move |row| score.is_none_or(|score| row[score] > 0.0)))
}

/// Writes a point for each row.
pub(super) fn points(
    output: &Output,
    columns: &'static [&'static str],
    to: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let rows = scored_rows(output, columns)?;
    let point_step = columns.len() * size_of::<f32>();
    let width = rows.clone().count();
    let is_dense = rows.clone().flatten().all(|value| value.is_finite());
    let mut writer = CdrWriter::begin(to);
    write_header(&mut writer, output.stamp, &output.frame_id);
    writer.u32(1);
    writer.u32(small(width));
    writer.count(columns.len());
    for (index, column) in columns.iter().enumerate() {
        writer.string(column);
        writer.u32(small(index * size_of::<f32>()));
        writer.u8(PointField::FLOAT32);
        writer.u32(1);
    }
    writer.bool(false);
    writer.u32(small(point_step));
    writer.u32(small(point_step * width));
    writer.count(point_step * width);
    let pixels = pixel_columns(columns);
    let mut point = Vec::with_capacity(columns.len());
    for row in rows {
        point.clear();
        point.extend_from_slice(row);
        for [u, v] in pixels.iter().copied() {
            let pixel = [f64::from(row[u]), f64::from(row[v])];
            let [in_image_u, in_image_v] = output.image_from_output.apply(pixel);
            point[u] = in_image_u as f32;
            point[v] = in_image_v as f32;
        }
        writer.raw_f32s(&point);
    }
    writer.bool(is_dense);
    Ok(())
}

/// Pairs of columns that are pixels of the network's input.
fn pixel_columns(columns: &[&str]) -> Vec<[usize; 2]> {
    let find = |name: &str| columns.iter().position(|column| *column == name);
    [("u", "v"), ("u_previous", "v_previous")]
        .into_iter()
        .filter_map(|(u, v)| Some([find(u)?, find(v)?]))
        .collect()
}

/// A detection for each row.
pub(super) fn detections(output: &Output) -> Result<Detection2DArray, EncodeError> {
    let columns = output.origin.task.output.columns().unwrap_or_default();
    let header = header(output);
    let detection = |row: &[f32]| {
        let corner = |u: f32, v: f32| {
            let pixel = [f64::from(u), f64::from(v)];
            output.image_from_output.apply(pixel)
        };
        let (first, last) = (corner(row[0], row[1]), corner(row[2], row[3]));
        Detection2D {
            header: header.clone(),
            results: vec![ObjectHypothesis {
                // Saturates; a class is never negative.
                class_id: class_id(output, row[4] as usize),
                score: f64::from(row[5]),
            }],
            center: [0, 1].map(|axis| 0.5 * (first[axis] + last[axis])),
            theta: 0.0,
            size: [0, 1].map(|axis| (last[axis] - first[axis]).abs()),
            id: String::new(),
        }
    };
    let detections = scored_rows(output, columns)?.map(detection).collect();
    Ok(Detection2DArray { header, detections })
}
