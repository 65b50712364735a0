//! Baselines of a frozen, pretrained encoder: the same encoder with
//! random weights ([`random_encoder`]), and the pixels themselves
//! ([`pixel_encoder`]), from which the same small network is then trained. Taskonomy
//! (Zamir et al., CVPR 2018, section 3.3) calls the share of held-out images on
//! which a transfer beats training from scratch its *Gain*.

use std::path::PathBuf;
use std::sync::Arc;

use super::FitError;
use concert_models::card::{EncoderCard, Level};
use concert_models::digest::sha256_hex;
use concert_models::engine::NetworkFile;
use concert_models::onnx::build::bytes_of;
use concert_models::onnx::proto::TensorProto;
use concert_models::onnx::{Attr, CheckLimits, GraphBuilder, check};
use concert_models::rng::Rng;
use concert_models::store::Encoder;

/// Name of the source that [`random_encoder`] makes.
pub const RANDOM: &str = "random";
/// Name of the source that [`pixel_encoder`] makes.
pub const PIXELS: &str = "pixels";

/// Pixels along a side of the block that one cell of [`pixel_encoder`] holds.
const BLOCK: usize = 4;
/// Strides of the levels of [`pixel_encoder`], px of the input.
const STRIDES: [usize; 4] = [4, 8, 16, 32];

/// The encoder with random weights, under the name `random`: the same
/// structure, input and levels. Every matrix is drawn from He's uniform
/// distribution (variance 2 over the terms of one sum; He et al., ICCV 2015);
/// biases stay as they are.
///
/// # Errors
/// A network that the graph check refuses.
pub fn random_encoder(encoder: &Encoder, seed: u32) -> Result<Encoder, FitError> {
    let checked = check(&encoder.file.bytes, &CheckLimits::default());
    let checked = checked.map_err(|error| baseline_error(RANDOM, &error))?;
    let mut model = checked.into_model();
    let mut rng = Rng::from_seed(u64::from(seed));
    if let Some(graph) = model.graph.as_mut() {
        let tensors = graph.initializer.iter_mut();
        tensors.for_each(|tensor| draw(tensor, &mut rng));
    }
    let mut card = encoder.card.clone();
    card.origin.provenance.trained_on = "nothing: random weights".to_owned();
    Ok(rename_encoder(card, RANDOM, bytes_of(&model)))
}

fn draw(tensor: &mut TensorProto, rng: &mut Rng) {
    let is_matrix = tensor.data_type == Some(1) && tensor.dims.len() >= 2;
    let Some(raw) = tensor.raw_data.as_mut().filter(|_| is_matrix) else {
        return;
    };
    let terms: i64 = tensor.dims[1..].iter().product();
    let most = (6.0 / terms.max(1) as f32).sqrt();
    for word in raw.as_chunks_mut::<4>().0 {
        *word = rng.uniform_between(-most, most).to_le_bytes();
    }
}

/// An "encoder" that gives the pixels themselves, under the name `pixels`, for
/// the input of another: every level holds blocks of 4×4 pixels per cell, of
/// the image as it is (stride 4) and shrunk two, four and eight times (strides
/// 8, 16, 32).
///
/// # Errors
/// An input whose sides are no multiples of 32, or that is not laid out as
/// channels, rows, columns.
pub fn pixel_encoder(encoder: &Encoder) -> Result<Encoder, FitError> {
    let input = &encoder.card.input;
    let (width, height) = (input.width(), input.height());
    let shape = input.spec().shape;
    let planes = [1, 3, height, width];
    if shape != planes || width % 32 != 0 || height % 32 != 0 {
        return Err(FitError::Baseline {
            baseline: PIXELS,
            reason: format!(
                "{} takes {shape:?}, but pixels are cut from [1, 3, height, width] with sides \
                 that are multiples of 32",
                encoder.card.name
            ),
        });
    }
    let tensor = input.tensor().to_owned();
    let mut graph = GraphBuilder::new(PIXELS).input(&tensor, &planes);
    let mut levels = Vec::new();
    for stride in STRIDES {
        let name = format!("stride{stride}");
        let shrunk = stride / BLOCK;
        let mut from = tensor.clone();
        if shrunk > 1 {
            let side = Attr::Ints(vec![shrunk as i64; 2]);
            let attributes = [("kernel_shape", side.clone()), ("strides", side)];
            from = format!("shrunk{stride}");
            graph = graph.node("AveragePool", &[&tensor], &[&from], &attributes);
        }
        let shape = vec![1, 3 * BLOCK * BLOCK, height / stride, width / stride];
        let block = [("blocksize", Attr::Int(BLOCK as i64))];
        graph = graph
            .node("SpaceToDepth", &[&from], &[&name], &block)
            .output(&name, &shape);
        levels.push(Level {
            tensor: name.clone(),
            name,
            shape,
            stride: Some(stride),
        });
    }
    let mut card = encoder.card.clone();
    card.levels = levels;
    card.origin.provenance.trained_on = "nothing: the pixels themselves".to_owned();
    Ok(rename_encoder(card, PIXELS, graph.build_bytes()))
}

fn rename_encoder(mut card: EncoderCard, name: &str, bytes: Vec<u8>) -> Encoder {
    let sha256 = sha256_hex(&bytes);
    card.name = name.to_owned();
    card.origin.sha256.clone_from(&sha256);
    card.origin.size_bytes = bytes.len();
    card.pull = None;
    Encoder {
        card,
        file: NetworkFile {
            name: name.to_owned(),
            path: PathBuf::from(name),
            sha256,
            bytes: Arc::from(bytes),
        },
    }
}

fn baseline_error(baseline: &'static str, error: &dyn std::fmt::Display) -> FitError {
    FitError::Baseline {
        baseline,
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::tests::small_card;
    use concert_models::card::Card;
    use concert_models::onnx::GraphBuilder;

    fn encoder() -> Encoder {
        let weights: Vec<f32> = (0..12).map(|k| k as f32).collect();
        let bytes = GraphBuilder::new("tiny")
            .input("image", &[1, 3, 32, 32])
            .initializer_f32("weights", &[4, 3], &weights)
            .initializer_f32("bias", &[4], &[1.0, 2.0, 3.0, 4.0])
            .node("Identity", &["image"], &["fine"], &[])
            .output("fine", &[1, 3, 32, 32])
            .build_bytes();
        rename_encoder(small_card(), "tiny", bytes)
    }

    #[test]
    fn an_untrained_encoder_keeps_all_but_its_weights() {
        let (one, same, other) = (
            random_encoder(&encoder(), 1).unwrap(),
            random_encoder(&encoder(), 1).unwrap(),
            random_encoder(&encoder(), 2).unwrap(),
        );
        assert_eq!(one.file.bytes, same.file.bytes);
        assert_ne!(one.file.sha256, other.file.sha256);
        assert_ne!(one.file.sha256, encoder().file.sha256);
        assert_eq!(one.card.levels, encoder().card.levels);
        let graph = check(&one.file.bytes, &CheckLimits::default()).unwrap();
        let values = |at: usize| {
            let raw = graph.graph().initializer[at].raw_data.clone().unwrap();
            bytemuck::pod_collect_to_vec::<u8, f32>(&raw)
        };
        let most = (6.0f32 / 3.0).sqrt();
        assert!(values(0).iter().all(|weight| weight.abs() <= most));
        assert!(values(0).iter().any(|weight| weight.abs() > 0.3 * most));
        assert_eq!(values(1), [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn pixels_are_a_checked_encoder_of_four_strides() {
        let pixels = pixel_encoder(&encoder()).unwrap();
        check(&pixels.file.bytes, &CheckLimits::default()).unwrap();
        let text = pixels.card.to_toml();
        let read = Card::parse(&text, "pixels.toml").unwrap();
        assert_eq!(read, Card::Encoder(pixels.card.clone()));
        let shapes: Vec<_> = pixels.card.levels.iter().map(|l| l.shape.clone()).collect();
        assert_eq!(shapes[0], [1, 48, 8, 8]);
        assert_eq!(shapes[3], [1, 48, 1, 1]);
    }
}
