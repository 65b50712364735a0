use concert_policies::Task;
use nalgebra::{Isometry3, SMatrix, SVector, Translation3, UnitQuaternion, Vector3};
use proptest::prelude::*;

use super::trajectory::{StepEstimate, Trajectories};
use super::*;
use crate::dataset::{Label, LabelKind};
use concert_models::Affine2;

const NAN: f32 = f32::NAN;

fn label(kind: LabelKind, channels: usize, width: usize, values: &[f32]) -> Label {
    Label {
        channels,
        width,
        height: values.len() / channels / width,
        values: values.to_vec(),
        kind,
    }
}

fn quality(name: &str) -> TaskQuality {
    TaskQuality::new(Task::find(name).unwrap()).unwrap()
}

fn assert_near(got: f64, want: f64) {
    assert!((got - want).abs() < 1e-6, "{got}, but by hand it is {want}");
}

#[test]
fn depth_is_measured_as_by_hand() {
    let truth = label(LabelKind::Depth, 1, 4, &[1.0, 2.0, 4.0, NAN]);
    let mut all = quality("depth_zbuffer");
    let frame = all.add(&truth, &[1.1, 2.0, 2.0, 9.0]).unwrap();
    // |0.1|/1, 0, 2/4; 0.01, 0, 4; ratios 1.1, 1, 2.
    assert_near(frame.get("abs_rel").unwrap(), (0.1 + 0.5) / 3.0);
    assert_near(frame.get("rmse").unwrap(), f64::sqrt((0.01 + 4.0) / 3.0));
    assert_near(frame.get("delta_1").unwrap(), 2.0 / 3.0);
    // Medians 2 and 2: scaling changes nothing.
    assert_near(frame.median_scaled[0].1, 0.2);
    // A second frame with unknown predictions: coverage, not error.
    all.add(&truth, &[NAN, 2.0, 4.0, NAN]).unwrap();
    assert_near(all.measures().get("abs_rel").unwrap(), 0.1);
    assert_near(all.measures().get("coverage").unwrap(), 5.0 / 6.0);
    assert_eq!(all.frames(), 2);
}

#[test]
fn a_prediction_of_another_scale_is_perfect_after_scaling_only() {
    let truth = label(LabelKind::Depth, 1, 3, &[1.0, 2.0, 4.0]);
    let measures = quality("depth_zbuffer")
        .add(&truth, &[2.0, 4.0, 8.0])
        .unwrap();
    assert_near(measures.get("abs_rel").unwrap(), 1.0);
    assert_near(measures.median_scaled[0].1, 0.0);
    assert_near(measures.median_scaled[2].1, 1.0);
}

#[test]
fn normals_are_measured_as_by_hand() {
    let (s, c) = 20f32.to_radians().sin_cos();
    // Three pixels towards the camera, seen as 0, 20 and 90 degrees off; one unknown.
    let truth = label(
        LabelKind::Normal,
        3,
        4,
        &[0., 0., 0., NAN, 0., 0., 0., NAN, -1., -1., -1., NAN],
    );
    let said = [0., s, 1., 0., 0., 0., 0., 0., -2., -c, 0., -1.];
    let measures = quality("normal").add(&truth, &said).unwrap();
    assert_near(measures.get("mean_deg").unwrap(), 110.0 / 3.0);
    assert!((measures.get("median_deg").unwrap() - 20.0).abs() < 0.01);
    assert_near(measures.get("within_11_25").unwrap(), 1.0 / 3.0);
    assert_near(measures.get("within_22_5").unwrap(), 2.0 / 3.0);
}

#[test]
fn classes_and_segmentations_are_measured_as_by_hand() {
    let mut top1 = quality("class_scene");
    let class = |n: f32| label(LabelKind::Class, 1, 1, &[n]);
    top1.add(&class(1.0), &[0.1, 0.7, 0.2]).unwrap();
    top1.add(&class(2.0), &[0.1, 0.7, 0.2]).unwrap();
    assert_near(top1.measures().get("top1").unwrap(), 0.5);
    let unknown = top1.add(&class(3.0), &[0.1, 0.7, 0.2]).unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "class_scene: the true class is number 3, but the prediction has 3 scores"
    );
    // Class 1: 1 of 2; class 2: 1 of 2; class 5: 0 of 1 (said, never true).
    let truth = label(LabelKind::Class, 1, 4, &[1., 1., 2., NAN]);
    let measures = quality("segment_semantic")
        .add(&truth, &[1., 5., 2., 2.])
        .unwrap();
    assert_near(measures.get("miou").unwrap(), (0.5 + 1.0 + 0.0) / 3.0);
    assert_near(measures.get("pixel_accuracy").unwrap(), 2.0 / 3.0);
}

#[test]
fn edges_beside_the_true_one_are_hits_and_edges_elsewhere_are_not() {
    let mut truth = vec![0.0; 100 * 20];
    let mut said = truth.clone();
    for row in 0..20 {
        truth[row * 100 + 30] = 1.0;
        said[row * 100 + 31] = 0.8;
    }
    let truth = label(LabelKind::Edge, 1, 100, &truth);
    let perfect = quality("edge_occlusion").add(&truth, &said).unwrap();
    assert_near(perfect.get("f1").unwrap(), 1.0);
    assert_near(perfect.get("l1").unwrap(), 1.8 / 100.0);
    for row in 0..20 {
        said[row * 100 + 60] = 0.8;
    }
    let half = quality("edge_occlusion").add(&truth, &said).unwrap();
    assert_near(half.get("f1").unwrap(), 2.0 * 0.5 / 1.5);
    let nothing = quality("edge_occlusion")
        .add(&truth, &vec![0.0; 2000])
        .unwrap();
    assert_near(nothing.get("f1").unwrap(), 0.0);
}

fn pose(x: f64, y: f64, turn: f64) -> Isometry3<f64> {
    let rotation = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), turn);
    Isometry3::from_parts(Translation3::new(x, y, 0.0), rotation)
}

#[test]
fn a_trajectory_in_another_world_has_no_error_and_drift_has_its_own() {
    let truth = [
        pose(0., 0., 0.),
        pose(1., 0., 0.1),
        pose(2., 1., 0.2),
        pose(2., 3., 0.0),
    ];
    let world = pose(5., -3., 1.0);
    let mut same = Trajectories::default();
    let mut drifting = Trajectories::default();
    let mut estimate = world;
    for (index, pose) in truth.iter().enumerate() {
        same.push(*pose, Some(world * pose));
        if index > 0 {
            let step = truth[index - 1].inverse() * pose;
            estimate *= step * self::pose(0.1, 0.0, 0.02);
        }
        drifting.push(*pose, Some(estimate));
    }
    let none = same.measures(1);
    for name in ["ate_m", "rpe_m", "rpe_deg", "ate_scaled_m"] {
        assert!(none.get(name).unwrap() < 1e-9, "{name}");
    }
    let drift = drifting.measures(1);
    assert_near(drift.get("rpe_m").unwrap(), 0.1);
    assert_near(drift.get("rpe_deg").unwrap(), 0.02f64.to_degrees());
    assert_near(drift.get("rpe_m_median").unwrap(), 0.1);
    assert!(drift.get("ate_m").unwrap() > 0.01);
    // Standing still, a step is in error by its own length.
    let still = same.standing_still().measures(1);
    let lengths: [f64; 3] = [1.0, 2f64.sqrt(), 2.0];
    let mean_square = lengths.iter().map(|l| l * l).sum::<f64>() / 3.0;
    assert_near(still.get("rpe_m").unwrap(), mean_square.sqrt());
}

#[test]
fn an_error_as_large_as_the_covariance_says_has_a_normalised_error_of_one() {
    let mut all = Trajectories::default();
    all.push(pose(0.0, 0.0, 0.0), None);
    all.push(pose(0.3, 0.0, 0.1), None);
    // Each of the six numbers is off by its standard deviation, 0.02.
    let turned_back = pose(0.0, 0.0, -0.1) * Vector3::new(0.3, 0.0, 0.0);
    let mut motion = SVector::<f64, 6>::repeat(0.02);
    (0..3).for_each(|axis| motion[axis] += turned_back[axis]);
    motion[5] += 0.1;
    let covariance = SMatrix::<f64, 6, 6>::identity() * 0.02_f64.powi(2);
    let step = StepEstimate {
        motion,
        covariance,
        is_metric: true,
    };
    all.explain_step(&step);
    let too_sure = StepEstimate {
        covariance: covariance * 0.1,
        ..step
    };
    all.explain_step(&too_sure);
    let without_metres = StepEstimate {
        is_metric: false,
        ..too_sure.clone()
    };
    all.explain_step(&without_metres);
    let measures = all.measures(1);
    assert_near(measures.get("nees").unwrap(), 5.5);
    assert_near(measures.get("nees_turn").unwrap(), 7.0);
    assert_near(measures.get("nees_turn_median").unwrap(), 10.0);
    assert_near(measures.get("nees_turn_p99").unwrap(), 10.0);
    let none = StepEstimate {
        covariance: -covariance,
        ..step
    };
    all.explain_step(&none);
    assert_eq!(all.measures(1).get("nees"), Some(f64::INFINITY));
}

#[test]
fn a_scaled_trajectory_is_right_up_to_its_scale() {
    let mut all = Trajectories::default();
    for i in 0..10 {
        let t = f64::from(i);
        all.push(
            pose(t, t * t * 0.1, 0.0),
            Some(pose(3.0 * t, 0.3 * t * t, 0.0)),
        );
    }
    all.push(pose(9.0, 9.0, 0.0), None);
    let measures = all.measures(1);
    assert!(measures.get("ate_scaled_m").unwrap() < 1e-9);
    assert!(measures.get("ate_m").unwrap() > 1.0);
    assert_near(measures.get("direction_deg_median").unwrap(), 0.0);
    assert_near(measures.get("tracked").unwrap(), 10.0 / 11.0);
}

#[test]
fn a_room_is_the_same_whichever_axis_comes_first() {
    let quarter = std::f32::consts::FRAC_PI_2;
    let truth = label(
        LabelKind::Whole,
        9,
        1,
        &[0., 0., 3., 0., 0., 0., 4., 2.5, 6.],
    );
    let turned = [0., 0., 3., 0., quarter, 0., 6., 2.5, 4.];
    let mut all = quality("room_layout");
    let same = all.add(&truth, &turned).unwrap();
    for name in ["corner_m", "plane_m", "manhattan_deg"] {
        assert!(same.get(name).unwrap() < 1e-5, "{name}");
    }
    let moved = all
        .add(&truth, &[0.3, 0., 3., 0., 0., 0., 4., 2.5, 6.])
        .unwrap();
    assert!((moved.get("corner_m").unwrap() - 0.3).abs() < 1e-6);
    assert!((moved.get("plane_m").unwrap() - 0.1).abs() < 1e-6);
    let tilted = all
        .add(&truth, &[0., 0., 3., 0.2, 0., 0., 4., 2.5, 6.])
        .unwrap();
    let want = 0.2f64.to_degrees();
    assert!((tilted.get("manhattan_deg").unwrap() - want).abs() < 1e-4);
}

#[test]
fn sides_of_a_room_in_view_are_measured_apart_from_those_that_are_guessed() {
    let numbers = [0., 0., 3., 0., 0., 0., 4., 2.5, 6.];
    // Low and high x, y, z: only the high ends of x and z are in view.
    let view = [0., 0.2, 0.009, 0., 0., 0.5];
    let truth = [numbers.as_slice(), &view].concat();
    let truth = label(LabelKind::Whole, 15, 1, &truth);
    let mut all = quality("room_layout");
    // High x off by 0.5, low x by 0.1, low y by 1.
    let said = [0.2, 0.5, 3., 0., 0., 0., 4.6, 1.5, 6.];
    let measures = all.add(&truth, &said).unwrap();
    let get = |name: &str| measures.get(name).unwrap();
    assert!((get("seen_plane_m") - 0.25).abs() < 1e-6);
    assert!((get("seen_within_10_cm") - 0.5).abs() < 1e-6);
    assert!((get("unseen_plane_m") - 1.1 / 4.0).abs() < 1e-6);
    assert!((get("plane_m") - 1.6 / 6.0).abs() < 1e-6);
    // A truth that does not say what is in view counts for neither.
    let plain = label(LabelKind::Whole, 9, 1, &numbers);
    let blind = quality("room_layout").add(&plain, &said).unwrap();
    assert!(blind.get("seen_plane_m").unwrap().is_nan());
    assert!(!blind.get("plane_m").unwrap().is_nan());
    assert!(
        all.add(&truth, &truth.values).is_err(),
        "an output has nine"
    );
    // The best constant is an output too.
    let mut fit = ConstantFit::new(Task::find("room_layout").unwrap());
    fit.add(&truth);
    assert_eq!(fit.prediction(&truth, 0).unwrap(), numbers);
}

#[test]
fn a_ramp_over_an_edge_is_smeared_and_a_step_is_sharp() {
    let step = |u: usize| if u < 50 { 1.0 } else { 3.0 };
    let truth: Vec<f32> = (0..100 * 40).map(|p| step(p % 100)).collect();
    // 16 pixels wide: two cells to each side.
    let ramp = |u: usize| 1.0 + 2.0 * ((u as f32 - 41.5) / 16.0).clamp(0.0, 1.0);
    let smeared: Vec<f32> = (0..100 * 40).map(|p| ramp(p % 100)).collect();
    let label = label(LabelKind::Depth, 1, 100, &truth);
    let sharpness = |said: &[f32]| {
        let mut all = Sharpness::default();
        all.add(&label, said, 4.0);
        all.measures().get("edge_sharpness").unwrap()
    };
    assert_near(sharpness(&truth), 1.0);
    // A quarter of the ramp is missing on either side: ln(2.5625 / 1.4375) / ln 3.
    assert!(
        (sharpness(&smeared) - 0.526).abs() < 0.001,
        "{}",
        sharpness(&smeared)
    );
    assert_near(sharpness(&vec![2.0; truth.len()]), 0.0);
    let scaled: Vec<f32> = truth.iter().map(|depth| 1.7 * depth).collect();
    assert!(
        (sharpness(&scaled) - 1.0).abs() < 1e-6,
        "scale does not matter"
    );
}

#[test]
fn the_constant_predictor_is_the_best_constant() {
    let task = Task::find("depth_zbuffer").unwrap();
    let mut fit = ConstantFit::new(task);
    fit.add(&label(LabelKind::Depth, 1, 3, &[1.0, 2.5, NAN]));
    fit.add(&label(LabelKind::Depth, 1, 3, &[2.5, 7.0, 2.5]));
    // Weights: of the first frame 1/2 and 1/5, of the second 2/15, 1/21, 2/15.
    assert_eq!(fit.values(), Some(vec![2.5]));
    fit.add(&label(LabelKind::Depth, 1, 3, &[1.0, NAN, 1.0]));
    assert_eq!(fit.values(), Some(vec![1.0]));
    let mut fit = ConstantFit::new(Task::find("normal").unwrap());
    fit.add(&label(LabelKind::Normal, 3, 2, &[1., 0., 0., 0., 0., -1.]));
    let half = std::f32::consts::FRAC_1_SQRT_2;
    for (got, want) in fit.values().unwrap().iter().zip([half, 0.0, -half]) {
        assert!((got - want).abs() < 1e-6);
    }
    let mut fit = ConstantFit::new(Task::find("class_scene").unwrap());
    for class in [3.0, 1.0, 3.0] {
        fit.add(&label(LabelKind::Class, 1, 1, &[class]));
    }
    let truth = label(LabelKind::Class, 1, 1, &[0.0]);
    assert_eq!(fit.prediction(&truth, 5).unwrap(), [0., 0., 0., 1., 0.]);
    assert_eq!(ConstantFit::new(task).values(), None);
}

#[test]
fn the_constant_of_edges_finds_them_all() {
    let task = Task::find("edge_occlusion").unwrap();
    let mut fit = ConstantFit::new(task);
    let mut truth = vec![0.0; 20 * 20];
    truth[45] = 1.0;
    let truth = label(LabelKind::Edge, 1, 20, &truth);
    fit.add(&truth);
    let of = |said: f32| {
        let measures = quality(task.name).add(&truth, &[said; 400]).unwrap();
        measures.get("f1").unwrap()
    };
    let best = fit.values().unwrap()[0];
    assert_eq!(of(0.0), 0.0);
    assert!(of(best) > 0.0);
    assert_eq!(of(best), of(1.0));
    assert!(
        best < 0.05,
        "of the constants of best f1, the one of least l1"
    );
}

#[test]
fn an_output_is_brought_to_the_picture_where_it_shows_it() {
    let stretch = Affine2::stretch((2, 1), (4, 2));
    let out = resample(&[0.0, 1.0], 1, (2, 1), &stretch, (4, 2), Filter::Bilinear);
    assert_eq!(out, [0.0, 0.25, 0.75, 1.0, 0.0, 0.25, 0.75, 1.0]);
    let out = resample(&[3.0, 7.0], 1, (2, 1), &stretch, (4, 2), Filter::Nearest);
    assert_eq!(out[..4], [3.0, 3.0, 7.0, 7.0]);
    // The output shows the middle two pixels only.
    let crop = Affine2([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]);
    let out = resample(&[3.0, 7.0], 1, (2, 1), &crop, (4, 1), Filter::Bilinear);
    assert!(out[0].is_nan() && out[3].is_nan() && out[1..3] == [3.0, 7.0]);
    assert_eq!(class_numbers(&[0.1, 0.9, 0.8, 0.2], 2, 2), [1.0, 0.0]);
}

#[test]
fn a_prediction_of_another_size_is_refused_with_both() {
    let truth = label(LabelKind::Depth, 1, 2, &[1.0, 2.0]);
    let error = quality("depth_zbuffer").add(&truth, &[1.0]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "depth_zbuffer: the prediction has 1 values, but the truth has 2"
    );
    assert!(TaskQuality::new(Task::find("odometry").unwrap()).is_none());
}

proptest! {
    #[test]
    fn merging_is_adding(
        frames in prop::collection::vec(prop::collection::vec((0.1f32..10.0, 0.1f32..10.0), 12), 2..6),
        cut in 0usize..6,
    ) {
        for (name, kind, channels) in [
            ("depth_zbuffer", LabelKind::Depth, 1),
            ("normal", LabelKind::Normal, 3),
            ("edge_occlusion", LabelKind::Edge, 1),
            ("segment_semantic", LabelKind::Class, 1),
            ("curvature", LabelKind::Continuous, 2),
        ] {
            let (mut all, mut left, mut right) = (quality(name), quality(name), quality(name));
            for (index, frame) in frames.iter().enumerate() {
                let truth: Vec<f32> = frame.iter().map(|(t, _)| *t).collect();
                let said: Vec<f32> = frame.iter().map(|(_, p)| *p).collect();
                let truth = label(kind, channels, 2, &truth);
                all.add(&truth, &said).unwrap();
                let part = if index < cut { &mut left } else { &mut right };
                part.add(&truth, &said).unwrap();
            }
            left.merge(&right);
            prop_assert_eq!(left.frames(), all.frames());
            for ((name, a), (_, b)) in left.measures().values.iter().zip(&all.measures().values) {
                prop_assert!((a - b).abs() < 1e-9 || (a.is_nan() && b.is_nan()), "{} {} {}", name, a, b);
            }
        }
    }

    #[test]
    fn the_median_of_a_stream_is_that_of_the_sorted_values(
        mut values in prop::collection::vec(-50f32..50.0, 1..200),
    ) {
        let mut fit = ConstantFit::new(Task::find("reshading").unwrap());
        fit.add(&label(LabelKind::Continuous, 1, 1, &values));
        let got = fit.values().unwrap()[0];
        values.sort_by(f32::total_cmp);
        let want = values[(values.len() - 1) / 2];
        prop_assert!((got - want).abs() <= 3e-4 * want.abs() + 2e-5, "{} for {}", got, want);
    }

    #[test]
    fn no_constant_has_less_relative_error_over_frames_of_any_coverage(
        frames in prop::collection::vec(prop::collection::vec(0.3f32..12.0, 1..40), 1..6),
        other in 0.3f32..12.0,
    ) {
        let task = Task::find("depth_zbuffer").unwrap();
        let mut fit = ConstantFit::new(task);
        let labels: Vec<Label> = (frames.iter())
            .map(|known| {
                let mut values = known.clone();
                values.resize(40, NAN);
                label(LabelKind::Depth, 1, 8, &values)
            })
            .collect();
        labels.iter().for_each(|truth| fit.add(truth));
        let abs_rel = |said: f32| {
            let mut all = quality("depth_zbuffer");
            for truth in &labels {
                all.add(truth, &[said; 40]).unwrap();
            }
            all.measures().get("abs_rel").unwrap()
        };
        let best = fit.values().unwrap()[0];
        prop_assert!(abs_rel(best) <= abs_rel(other) + 1e-3, "{} but {}", best, other);
    }

    #[test]
    fn no_constant_has_less_absolute_error_than_the_median(
        values in prop::collection::vec(0.5f32..9.0, 1..60), other in 0.5f32..9.0,
    ) {
        let mut fit = ConstantFit::new(Task::find("reshading").unwrap());
        fit.add(&label(LabelKind::Continuous, 1, 1, &values));
        let median = fit.values().unwrap()[0];
        let loss = |c: f32| values.iter().map(|v| (v - c).abs()).sum::<f32>();
        prop_assert!(loss(median) <= loss(other) * 1.001 + 1e-3);
    }
}
