//! A network that hangs is ended by the watchdog, and costs no more than itself.

use std::sync::Arc;

use crate::common::{MS, World, policy_on_p};
use concert_models::EngineError;
use concert_models::fake::FakeNetwork;
use concert_runtime::io::thread;
use concert_runtime::io::watchdog::Watchdog;
use concert_runtime::{LaneName, ManualClock, Pipeline};

#[test]
fn a_network_that_hangs_at_its_first_run_is_ended_after_its_limit_and_refused() {
    let mut world = World::default();
    let levels: [(&str, &[usize]); 2] = [("a", &[1, 1]), ("b", &[1, 1])];
    let network = FakeNetwork::hanging(&[("image", &[1, 1, 2, 2])], &levels);
    world.encoder_of("p", network);
    world.readout("vanishing_point_from_p", &["p.a"]);
    let runs = world.counts["p"].clone();
    let plan = world.plan(&policy_on_p(&["vanishing_point"]));
    let engine = Box::new(world.engine);
    let clock = Arc::new(ManualClock::default());
    let watch = Arc::new(Watchdog::start(clock.clone(), MS * 300).expect("a thread"));
    let lane = LaneName {
        camera: "front".to_owned(),
        in_keys: false,
    };
    let error = std::thread::scope(|scope| {
        let clock_of_lane = clock.clone();
        let preparing = scope.spawn(move || {
            Pipeline::prepare(plan, engine, &[lane], clock_of_lane, watch, None).err()
        });
        while runs.runs() == 0 {
            thread::sleep(MS);
        }
        // The watchdog looks several times, and finds that there is time left.
        clock.advance(Watchdog::FIRST_RUN);
        thread::sleep(MS * 100);
        assert!(!preparing.is_finished(), "ended before its limit");
        clock.advance(MS);
        preparing.join().expect("no panic")
    });
    let error = error.expect("what hangs is refused");
    assert!(matches!(error, EngineError::Terminated { .. }), "{error}");
}
