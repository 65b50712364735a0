//! Refusals of a cut.

/// Reason why a network cannot be cut so.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CutError {
    /// Nothing to keep.
    #[error("cut has 0 taps, but an encoder has at least 1 level")]
    NoTaps,
    /// Two taps of one level.
    #[error("level `{level}` is named by 2 taps, `{first}` and `{second}`: levels are distinct")]
    LevelTwice {
        /// Name of the level.
        level: String,
        /// Tensor of the first tap.
        first: String,
        /// Tensor of the second tap.
        second: String,
    },
    /// A level without a name.
    #[error("tap of `{tensor}` has an empty level name")]
    LevelUnnamed {
        /// Tensor of the tap.
        tensor: String,
    },
    /// A tap of a tensor that the network does not have.
    #[error("tensor `{tensor}` is not among the {known} of the network{near}")]
    UnknownTensor {
        /// Tensor of the tap.
        tensor: String,
        /// Number of tensors.
        known: usize,
        /// Names like it, as an ending of the message.
        near: String,
    },
    /// A tap inside a branch or a loop body.
    #[error(
        "tensor `{tensor}` stands inside a subgraph of {node}: cuts go through the outer graph"
    )]
    InsideSubgraph {
        /// Tensor of the tap.
        tensor: String,
        /// Node that holds the subgraph.
        node: String,
    },
    /// A tap of a stored constant.
    #[error("tensor `{tensor}` is an initialiser: a level depends on an input")]
    Constant {
        /// Tensor of the tap.
        tensor: String,
    },
    /// A level named as another value that stays in the graph.
    #[error("level `{level}` of tensor `{tensor}` is also the name of another value that is kept")]
    LevelTaken {
        /// Name of the level.
        level: String,
        /// Tensor of the tap.
        tensor: String,
    },
    /// A shape for an input that the network does not have.
    #[error("input `{input}` is not among the {known} of the network{near}")]
    UnknownInput {
        /// Name of the input.
        input: String,
        /// Number of inputs.
        known: usize,
        /// Names like it, as an ending of the message.
        near: String,
    },
    /// A shape of another rank than the input's.
    #[error("input `{input}` has {found} axes, but {given} lengths are given")]
    InputRank {
        /// Name of the input.
        input: String,
        /// Axes in the network.
        found: usize,
        /// Lengths given.
        given: usize,
    },
    /// A length that the input cannot take.
    #[error("axis {axis} of input `{input}` is {found}, but {given} is given")]
    InputLength {
        /// Name of the input.
        input: String,
        /// Number of the axis, from 0.
        axis: usize,
        /// Its length in the network, or the rule.
        found: String,
        /// Length given.
        given: usize,
    },
    /// One symbol bound to two lengths.
    #[error("symbol `{symbol}` is bound to both {first} and {second}")]
    SymbolTwice {
        /// The symbol.
        symbol: String,
        /// Length first given.
        first: i64,
        /// Length given later.
        second: i64,
    },
}
