//! What policies, problems and tables promise, one module for each promise.

#[path = "../../../tests/common/mutations.rs"]
mod mutations;
#[path = "../../../tests/common/skip.rs"]
mod skip;

mod device_budgets;
mod explanations;
mod files;
mod foreign_bytes;
mod large_problems;
mod meaning;
mod problem_refusals;
mod properties;
mod published_selections;
mod refusals;
mod second_opinion;
mod shipped;
