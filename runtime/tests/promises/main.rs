//! What the runtime promises, one module for each promise.

#[path = "../common/mod.rs"]
mod common;
#[path = "../../../tests/common/mutations.rs"]
mod mutations;

mod a_policy_is_swapped_on_terms;
mod a_shadow_never_serves;
mod a_swap_loses_no_frame;
mod encoders_run_side_by_side;
mod every_loss_is_counted;
mod foreign_bytes;
mod health_is_what_comes_out;
mod one_frame_through_the_plan;
mod what_hangs_is_ended;
mod what_the_camera_knows;
