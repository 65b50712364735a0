//! What the apartment promises, one module for each promise.

mod homes;
mod labels_agree;
mod robot_drives;
