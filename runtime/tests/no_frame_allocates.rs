//! After the start no frame allocates: slots, rings, outputs and reports are
//! reused. Stands alone, because an allocator belongs to a whole process.

#[path = "../../models/allocations.rs"]
mod allocations;
mod common;

use std::sync::Arc;

use allocations::allocations;
use common::{MS, World, frame};
use concert_runtime::{ManualClock, Outcome, Output, OutputSink, Timestamp};

/// Swaps every output with a buffer of its own, as the outbox does.
struct Swap(Vec<Output>);

impl OutputSink for Swap {
    fn wants(&self, _target: usize) -> bool {
        true
    }

    fn deliver(&mut self, target: usize, output: &mut Output) {
        std::mem::swap(&mut self.0[target], output);
    }
}

#[test]
fn a_frame_of_shared_encoders_rings_and_inputs_allocates_nothing() {
    let mut world = World::default();
    world.encoder("p");
    world.encoder("q");
    world.readout("vanishing_point_from_p", &["p.a"]);
    world.readout("class_scene_from_p+q", &["p.b", "q.a@2", "vanishing_point"]);
    world.readout("class_object_from_q", &["q.a", "q.b@1"]);
    let policy = r#"
name = "test"
supervision_budget = 2
[[transfer]]
target = "vanishing_point"
sources = ["p"]
[[transfer]]
target = "class_scene"
sources = ["p", "q"]
inputs = ["vanishing_point"]
[[transfer]]
target = "class_object"
sources = ["q"]
"#;
    let clock = Arc::new(ManualClock::at(Timestamp::default()));
    let mut pipeline = world.pipeline(policy, clock.clone(), &["front"], Some(MS * 100));
    let mut sink = Swap(pipeline.buffers(0));
    let frames: Vec<_> = (0..40).map(|i| frame(i, 0, MS * 30 * i as u32)).collect();
    for (index, frame) in frames.iter().enumerate() {
        let before = allocations();
        let report = pipeline.step(0, frame, MS * 30, &mut sink);
        let allocated = allocations() - before;
        // Until the rings are full and every buffer was used once.
        if index >= 4 {
            assert_eq!(report.outcomes, [Outcome::Delivered; 3], "frame {index}");
            assert_eq!(allocated, 0, "frame {index}");
        }
        clock.advance(MS * 30);
    }
}
