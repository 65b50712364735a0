//! Choice of the sources to transfer from: a transfer policy, exactly.
//!
//! The Boolean program of Zamir et al., "Taskonomy" (CVPR 2018), §3.4: choose
//! roots (sources whose encoders run) and one transfer per wanted task, so that
//! every transfer's sources are roots, roots and transfers cost at most the
//! budget, and the sum of importance times value is greatest.
//!
//! * [`Problem`]: what is wanted, read from a file.
//! * [`front`]: what more or less budget would buy.
//! * [`solve`]: the answer, with a proof that nothing is better, or with the
//!   best found and the gap where time ran out.
//!
//! Because each wanted task that is no root takes exactly one transfer, its
//! transfer cost is paid whichever it takes. So once the roots are fixed, the
//! tasks decouple: this is facility location on hyperedges, searched by branch
//! and bound over the roots with a Lagrangian bound.

mod answer;
mod device;
mod fault;
mod front;
mod improve;
mod infeasible;
mod instance;
mod model;
mod policy;
mod problem;
mod relaxation;
mod runner_up;
mod search;
mod solver;

pub use answer::{Answer, AnswerTransfer, SolveStatus, Unservable};
pub use device::{DEFAULT_CAMERA_HZ, Device, DeviceBudgets, Usage};
pub use fault::{ProblemError, ProblemFault};
pub use front::{Axis, Front, FrontPoint, MAX_FRONT_POINTS, front};
pub use problem::{
    Convention, MAX_PROBLEM_BYTES, MAX_PROBLEM_TASKS, Problem, TransferValue, Transform,
};
pub use solver::{solve, solve_on};
