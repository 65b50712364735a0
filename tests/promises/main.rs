//! What Concert promises, one module for each promise.

#[path = "../common/mod.rs"]
mod common;

mod a_chain_of_policies_follows_the_load;
mod a_cup_is_called_a_cup;
mod a_full_disk_keeps_the_old_file;
mod a_model_changed_while_it_runs;
mod a_policy_is_swapped_while_it_runs;
#[cfg(feature = "apartment")]
mod a_policy_is_tuned_for_its_computer;
mod a_python_client_reads_a_server;
mod a_readout_is_fitted_from_a_few_frames;
#[cfg(feature = "recording")]
mod a_recording_is_replayed;
mod a_robot_does_errands;
mod a_runtime_behaves_as_a_service;
mod a_server_chooses_a_policy;
#[cfg(all(feature = "metrics", feature = "view"))]
mod a_server_says_how_it_goes;
mod an_outside_client_reads_every_target;
mod bad_files_are_refused;
mod boxes_are_measured;
mod costs_are_measured_and_explained;
mod data_sets_are_read_back;
mod encoders_agree_with_python;
mod evaluation_tells_the_truth;
mod every_failure_has_a_word;
#[cfg(feature = "apartment")]
mod latency_is_measured;
mod matches_follow_the_motion;
mod measured_transfers_become_a_policy;
mod nothing_leaves_the_robot;
mod odometry_follows_the_camera;
mod odometry_is_honest;
mod ros_2_is_spoken_both_ways;
mod the_apartment_writes_data_sets;
mod the_home_policy_is_served;
mod the_robot_drives_on_the_bus;
mod the_room_is_a_box;
mod the_terminal_is_left_as_it_was;
#[cfg(feature = "view")]
mod the_view_in_a_browser;
#[cfg(feature = "view")]
mod the_view_shows_what_is_on_the_bus;
