//! The operators that are allowed, and the size of what each makes.
//!
//! None of them reads or writes a file, asks the network, or goes on for as long
//! as data says.

use super::super::elem;
use super::super::names;
use super::step::{Made, Step};
use super::{arithmetic as math, arrange, content, create, layers, reduce, signal};

type Rule = fn(&Step<'_>) -> Made;

/// Tells whether an operator of a domain may stand in a graph.
pub(in crate::onnx) fn is_allowed(domain: &str, operator: &str) -> bool {
    matches!((domain, operator), ("ai.onnx", "If" | "Scan" | "Loop"))
        || rule(domain, operator).is_some()
}

/// Applies an operator's rule.
pub(super) fn apply(step: &Step<'_>) -> Made {
    let domain = names::domain(step.node.domain());
    let rule = rule(domain, step.node.op_type());
    let rule = rule.ok_or("a rule, as this operator is not known")?;
    let mut made = rule(step)?;
    if domain == "ai.onnx"
        && let [first, ..] = &mut made[..]
    {
        content::follow(step, first);
    }
    Ok(made)
}

fn rule(domain: &str, operator: &str) -> Option<Rule> {
    match domain {
        "ai.onnx" => (elementwise(operator))
            .or_else(|| layouts(operator))
            .or_else(|| sliding(operator))
            .or_else(|| smaller(operator)),
        "ai.onnx.ml" => classic(operator),
        "com.microsoft" => microsoft(operator),
        _ => None,
    }
}

fn elementwise(operator: &str) -> Option<Rule> {
    (same(operator)).or_else(|| blended(operator))
}

/// Operators whose result is of the shape and type of their first input.
fn same(operator: &str) -> Option<Rule> {
    Some(match operator {
        "Abs"
        | "Acos"
        | "Acosh"
        | "Asin"
        | "Asinh"
        | "Atan"
        | "Atanh"
        | "BitwiseNot"
        | "Ceil"
        | "Celu"
        | "Clip"
        | "Cos"
        | "Cosh"
        | "CumProd"
        | "CumSum"
        | "Elu"
        | "Erf"
        | "Exp"
        | "Floor"
        | "Gelu"
        | "HardSigmoid"
        | "HardSwish"
        | "Hardmax"
        | "Identity"
        | "LRN"
        | "LeakyRelu"
        | "Log"
        | "LogSoftmax"
        | "LpNormalization"
        | "MeanVarianceNormalization"
        | "Mish"
        | "Neg"
        | "Not"
        | "PRelu"
        | "Reciprocal"
        | "Relu"
        | "ReverseSequence"
        | "RotaryEmbedding"
        | "Round"
        | "Scatter"
        | "ScatterElements"
        | "ScatterND"
        | "Selu"
        | "Shrink"
        | "Sigmoid"
        | "Sign"
        | "Sin"
        | "Sinh"
        | "Softmax"
        | "Softplus"
        | "Softsign"
        | "Sqrt"
        | "Swish"
        | "Tan"
        | "Tanh"
        | "TensorScatter"
        | "ThresholdedRelu"
        | "Trilu" => math::same,
        _ => return None,
    })
}

/// Operators that normalise, broadcast, convert or multiply.
fn blended(operator: &str) -> Option<Rule> {
    Some(match operator {
        "BatchNormalization"
        | "GroupNormalization"
        | "InstanceNormalization"
        | "LayerNormalization"
        | "RMSNormalization"
        | "SimplifiedLayerNormalization"
        | "SkipLayerNormalization" => math::normalised,
        "Dropout" => |step| {
            let fact = step.want(0)?;
            Ok(vec![fact.typed(fact.dtype), fact.typed(elem::BOOL)])
        },
        "IsInf" | "IsNaN" => |step| math::same_of(step, elem::BOOL),
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Mod" | "BitShift" | "BitwiseAnd" | "BitwiseOr"
        | "BitwiseXor" | "And" | "Or" | "Xor" | "Max" | "Min" | "Mean" | "Sum" => {
            math::broadcast_all
        }
        "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" => {
            |step| math::broadcast(step, &[0, 1], elem::BOOL)
        }
        "Where" => |step| math::broadcast(step, &[0, 1, 2], step.dtype(1)),
        "Cast" => |step| {
            let to = step.int("to").and_then(|code| i32::try_from(code).ok());
            math::same_of(step, to.unwrap_or(0))
        },
        "CastLike" => |step| math::same_of(step, step.dtype(1)),
        "QuantizeLinear" => math::quantised,
        "DequantizeLinear" => math::dequantised,
        "DynamicQuantizeLinear" => math::quantised_dynamically,
        "MatMul" => |step| math::product_of(step, 0, 1, step.dtype(0)),
        "Gemm" => |step| math::product_of(step, 0, 1, step.dtype(0)),
        "MatMulInteger" => |step| math::product_of(step, 0, 1, elem::I32),
        "QLinearMatMul" => |step| math::product_of(step, 0, 3, step.dtype(7)),
        "Einsum" => math::einsum,
        "Attention" => math::attention,
        _ => return None,
    })
}

fn layouts(operator: &str) -> Option<Rule> {
    Some(match operator {
        "Constant" => create::constant,
        "ConstantOfShape" => create::constant_of_shape,
        "Shape" => create::shape,
        "Size" => create::size,
        "Reshape" => arrange::reshape,
        "Flatten" => arrange::flatten,
        "Squeeze" => arrange::squeeze,
        "Unsqueeze" => arrange::unsqueeze,
        "Transpose" => arrange::transpose,
        "Expand" => arrange::expand,
        "Tile" => arrange::tile,
        "Concat" => |step| arrange::concat(step, 0, 1),
        "Split" => arrange::split,
        "Slice" => arrange::slice,
        "Gather" => arrange::gather,
        "GatherElements" => arrange::gather_elements,
        "GatherND" => arrange::gather_nd,
        "Pad" => arrange::pad,
        "CenterCropPad" => arrange::center_crop_pad,
        "Range" => create::range,
        "RandomNormal" | "RandomUniform" => create::random,
        "RandomNormalLike" | "RandomUniformLike" | "Bernoulli" | "EyeLike" => {
            |step| create::like(step, step.dtype(0))
        }
        "Multinomial" => create::multinomial,
        "HannWindow" | "HammingWindow" | "BlackmanWindow" => |step| signal::window(step, &[0]),
        "MelWeightMatrix" => signal::mel_weights,
        "AffineGrid" => signal::affine_grid,
        "DFT" => signal::dft,
        "STFT" => signal::stft,
        "SequenceConstruct" | "SequenceInsert" | "ConcatFromSequence" => arrange::together,
        "SequenceAt" | "SequenceErase" | "SplitToSequence" | "Optional" | "OptionalGetElement" => {
            arrange::inside
        }
        "SequenceEmpty" => |_| super::step::lump(0, 0),
        "SequenceLength" => |_| create::scalar(elem::I64),
        "OptionalHasElement" => |_| create::scalar(elem::BOOL),
        _ => return None,
    })
}

fn sliding(operator: &str) -> Option<Rule> {
    Some(match operator {
        "Conv" | "DeformConv" => |step| layers::conv(step, 1, step.dtype(0)),
        "ConvInteger" => |step| layers::conv(step, 1, elem::I32),
        "QLinearConv" => |step| layers::conv(step, 3, step.dtype(7)),
        "ConvTranspose" => layers::conv_transpose,
        "AveragePool" | "MaxPool" | "LpPool" => layers::pool,
        "GlobalAveragePool" | "GlobalMaxPool" | "GlobalLpPool" => layers::global_pool,
        "MaxUnpool" => layers::max_unpool,
        "RoiAlign" | "MaxRoiPool" => layers::regions,
        "GridSample" => layers::grid_sample,
        "Col2Im" => layers::col2im,
        "DepthToSpace" => layers::depth_to_space,
        "SpaceToDepth" => layers::space_to_depth,
        "RNN" | "GRU" | "LSTM" => layers::recurrent,
        "Resize" | "Upsample" => layers::resize,
        _ => return None,
    })
}

fn smaller(operator: &str) -> Option<Rule> {
    Some(match operator {
        "ReduceSum" => |step| reduce::over_axes(step, 13),
        "ReduceL1" | "ReduceL2" | "ReduceLogSum" | "ReduceLogSumExp" | "ReduceMax"
        | "ReduceMean" | "ReduceMin" | "ReduceProd" | "ReduceSumSquare" => {
            |step| reduce::over_axes(step, 18)
        }
        "ArgMax" | "ArgMin" => reduce::arg,
        "TopK" => reduce::top_k,
        "NonZero" => reduce::non_zero,
        "Compress" => reduce::compress,
        "Unique" => reduce::unique,
        "NonMaxSuppression" => reduce::non_max_suppression,
        "OneHot" => reduce::one_hot,
        "Det" | "NegativeLogLikelihoodLoss" | "SoftmaxCrossEntropyLoss" => arrange::inside,
        _ => return None,
    })
}

fn classic(operator: &str) -> Option<Rule> {
    Some(match operator {
        "Binarizer" | "Imputer" | "Normalizer" | "Scaler" => math::same,
        "LabelEncoder" => |step| math::same_of(step, 0),
        "ArrayFeatureExtractor" => |step| {
            let (data, picked) = (step.want(0)?, step.want(1)?);
            super::step::lump(data.dtype, data.elements.saturating_mul(picked.elements))
        },
        "LinearClassifier"
        | "LinearRegressor"
        | "SVMClassifier"
        | "SVMRegressor"
        | "TreeEnsembleClassifier"
        | "TreeEnsembleRegressor" => reduce::scores,
        _ => return None,
    })
}

/// Operators that optimised and quantised networks are made of.
fn microsoft(operator: &str) -> Option<Rule> {
    Some(match operator {
        "BiasAdd"
        | "BiasDropout"
        | "BiasGelu"
        | "BiasSoftmax"
        | "FastGelu"
        | "Gelu"
        | "GroupNorm"
        | "QLinearLeakyRelu"
        | "QLinearSigmoid"
        | "QLinearSoftmax"
        | "QuickGelu"
        | "RotaryEmbedding"
        | "SkipGroupNorm"
        | "SkipLayerNormalization"
        | "SkipSimplifiedLayerNormalization"
        | "Trilu" => math::same,
        "BiasSplitGelu" => math::halved,
        "QuantizeLinear" => math::quantised,
        "DequantizeLinear" => math::dequantised,
        "QLinearAdd" | "QLinearMul" => |step| math::broadcast(step, &[0, 3], step.dtype(0)),
        "QLinearWhere" => |step| math::broadcast(step, &[0, 1, 4], step.dtype(1)),
        "QLinearConcat" => |step| arrange::concat(step, 2, 3),
        "QLinearReduceMean" => |step| reduce::over_axes(step, i64::MAX),
        "QLinearAveragePool" => layers::pool,
        "QLinearGlobalAveragePool" => layers::global_pool,
        "QLinearConv" => |step| layers::conv(step, 3, step.dtype(7)),
        "FusedConv" | "NhwcFusedConv" | "NhwcConv" => |step| layers::conv(step, 1, step.dtype(0)),
        "NhwcMaxPool" => layers::pool,
        "GridSample" => layers::grid_sample,
        "FusedGemm"
        | "FusedMatMul"
        | "FusedMatMulActivation"
        | "TransposeMatMul"
        | "GemmFastGelu" => |step| math::product_of(step, 0, 1, step.dtype(0)),
        "DynamicQuantizeMatMul" | "MatMulIntegerToFloat" => {
            |step| math::product_of(step, 0, 1, elem::F32)
        }
        "QGemm" => |step| math::product_of(step, 0, 3, step.dtype(8)),
        "MatMulNBits" => math::packed_product,
        "Attention" | "MultiHeadAttention" | "QAttention" => math::fused_attention,
        _ => return None,
    })
}
