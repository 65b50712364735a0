//! The task dictionary itself.
//!
//! Names, output sizes and roles are those of Zamir et al., "Taskonomy:
//! Disentangling Task Transfer Learning" (CVPR 2018) and its public code. Where
//! Taskonomy's network estimated something a robot cannot use as it is, our
//! output differs and the description says how. Taskonomy's cameras look along
//! -z with y up and its values are whitened; ours are SI units in the optical
//! frame.

use crate::task::{OutputKind, Role, Task, ValueRange};

/// Names of a relative pose: Euler angles about the static axes x, y, z, then
/// translation.
const POSE: &[&str] = &["rx", "ry", "rz", "tx", "ty", "tz"];

/// Greatest image coordinate that any camera we accept can have, in pixels.
const PIXELS: ValueRange = ValueRange::new(-1.0, 65_536.0);

/// Taskonomy's encoding of depth ends at 128 m.
const METRES: ValueRange = ValueRange::new(0.0, 128.0).or_unknown();

/// Radians and metres of one relative pose; no camera moves 128 m in a frame.
const POSES: ValueRange = ValueRange::new(-128.0, 128.0);

/// What most of Taskonomy's entries share; `name` and the rest are given anew.
const BASE: Task = Task {
    name: "",
    description: "",
    unit: "1",
    range: ValueRange::UNIT,
    output: OutputKind::Dense { channels: 1 },
    frames: 1,
    role: Role::TargetAndSource,
    aliases: &[],
};

/// Every task.
pub(crate) static TASKS: &[Task] = &[
    Task {
        name: "autoencoding",
        description: "the image itself through the bottleneck of the representation: sRGB red, \
                      green, blue",
        output: OutputKind::Dense { channels: 3 },
        aliases: &["autoencoder", "Autoencoding"],
        ..BASE
    },
    Task {
        name: "curvature",
        description: "principal curvatures k1 and k2 of the visible surface, the one of greater \
                      value first; positive where the surface bulges towards the camera",
        unit: "1/m",
        range: ValueRange::new(-1000.0, 1000.0).or_unknown(),
        output: OutputKind::Dense { channels: 2 },
        aliases: &["principal_curvature", "Curvature"],
        ..BASE
    },
    Task {
        name: "colorization",
        description: "colour of a grey image: CIELAB a* and b*; Taskonomy's 313 probabilities \
                      over quantised colours are reduced to their mean by the readout",
        range: ValueRange::new(-128.0, 128.0),
        output: OutputKind::Dense { channels: 2 },
        role: Role::SourceOnly,
        aliases: &["Colorization"],
        ..BASE
    },
    Task {
        name: "denoising",
        description: "the image without its noise: sRGB red, green, blue",
        output: OutputKind::Dense { channels: 3 },
        aliases: &["denoise", "Denoising"],
        ..BASE
    },
    Task {
        name: "depth_zbuffer",
        description: "depth along the optical axis (REP-118), NaN where unknown (REP-117)",
        unit: "m",
        range: METRES,
        aliases: &["rgb2depth", "Z-Depth"],
        ..BASE
    },
    Task {
        name: "edge_texture",
        description: "strength of edges in the image: the gradient of Canny's detector without \
                      suppression of non-maxima",
        aliases: &["edge2d", "2D Edges"],
        ..BASE
    },
    Task {
        name: "edge_occlusion",
        description: "strength of edges where one surface hides another, independent of texture",
        aliases: &["edge3d", "Occlusion Edges"],
        ..BASE
    },
    Task {
        name: "depth_euclidean",
        description: "distance from the optical centre along each pixel's ray, NaN where unknown",
        unit: "m",
        range: METRES,
        aliases: &["rgb2mist", "Distance"],
        ..BASE
    },
    Task {
        name: "inpainting",
        description: "the image with its hidden part filled in: sRGB red, green, blue",
        output: OutputKind::Dense { channels: 3 },
        role: Role::SourceOnly,
        aliases: &["impainting_whole", "inpainting_whole", "In-painting"],
        ..BASE
    },
    Task {
        name: "jigsaw",
        description: "which of 100 permutations of its nine tiles the image was shuffled by",
        output: OutputKind::Classes,
        role: Role::SourceOnly,
        aliases: &["Jigsaw"],
        ..BASE
    },
    Task {
        name: "keypoints2d",
        description: "points that are found again in other views of the same texture, as a list \
                      with scores; Taskonomy's was a heat map of SURF responses",
        unit: "px,px,1",
        range: PIXELS,
        output: OutputKind::Points {
            columns: &["u", "v", "score"],
        },
        aliases: &["keypoint2d", "2D Keypoints"],
        ..BASE
    },
    Task {
        name: "keypoints3d",
        description: "heat map of points that stand out in shape, not in texture (NARF)",
        aliases: &["keypoint3d", "3D Keypoints"],
        ..BASE
    },
    Task {
        name: "class_object",
        description: "probabilities of the 1,000 ImageNet classes for the whole image",
        output: OutputKind::Classes,
        aliases: &["class_1000", "Object Class. (1000)"],
        ..BASE
    },
    Task {
        name: "reshading",
        description: "brightness of the bare geometry lit from the camera: cosine between normal \
                      and ray",
        aliases: &["reshade", "Reshading"],
        ..BASE
    },
    Task {
        name: "room_layout",
        description: "cuboid around the room: centre (m) and size (m) in the optical frame, and \
                      the Euler angles of room_from_optical (rad)",
        unit: "m,m,m,rad,rad,rad,m,m,m",
        range: POSES,
        output: OutputKind::RoomLayout,
        aliases: &["Layout"],
        ..BASE
    },
    Task {
        name: "class_scene",
        description: "probabilities of 63 indoor classes of MIT Places for the whole image",
        output: OutputKind::Classes,
        aliases: &["class_places", "Scene Class."],
        ..BASE
    },
    Task {
        name: "segment_unsup2d",
        description: "64 numbers per pixel, near each other where colour and texture belong \
                      together",
        range: ValueRange::FINITE,
        output: OutputKind::Dense { channels: 64 },
        aliases: &["segment2d", "2D Segm."],
        ..BASE
    },
    Task {
        name: "segment_unsup25d",
        description: "64 numbers per pixel, near each other where colour, depth, normal and \
                      curvature belong together",
        range: ValueRange::FINITE,
        output: OutputKind::Dense { channels: 64 },
        aliases: &["segment25d", "2.5D Segm."],
        ..BASE
    },
    Task {
        name: "segment_semantic",
        description: "class of each pixel; Taskonomy's 17 are background and 16 of MS COCO, the \
                      readout's card names ours",
        range: ValueRange::FINITE,
        output: OutputKind::ClassMap,
        aliases: &["segmentsemantic_rb", "segmentsemantic", "Semantic Segm."],
        ..BASE
    },
    Task {
        name: "normal",
        description: "unit normal of the visible surface in the optical frame, pointing towards \
                      the camera (z < 0 straight ahead), NaN where unknown",
        range: ValueRange::SIGNED_UNIT.or_unknown(),
        output: OutputKind::Dense { channels: 3 },
        aliases: &["rgb2sfnorm", "Normals"],
        ..BASE
    },
    Task {
        name: "vanishing_point",
        description: "directions of the three axes of the room as unit vectors in the optical \
                      frame: the one nearest to straight ahead, the other horizontal one, up",
        range: ValueRange::SIGNED_UNIT,
        output: OutputKind::Vector {
            length: 9,
            names: &[
                "ahead_x", "ahead_y", "ahead_z", "side_x", "side_y", "side_z", "up_x", "up_y",
                "up_z",
            ],
        },
        aliases: &["vanishing_point_well_defined", "Vanishing Pts."],
        ..BASE
    },
    Task {
        name: "nonfixated_pose",
        description: "previous_from_current pose of the camera between two frames",
        unit: "rad,rad,rad,m,m,m",
        range: POSES,
        output: OutputKind::Vector {
            length: 6,
            names: POSE,
        },
        frames: 2,
        aliases: &["non_fixated_pose", "Cam. Pose (nonfix)"],
        ..BASE
    },
    Task {
        name: "fixated_pose",
        description: "previous_from_current pose of the camera between two frames that look at \
                      the same point in their centres",
        unit: "rad,rad,rad,m,m,m",
        range: POSES,
        output: OutputKind::Vector {
            length: 6,
            names: POSE,
        },
        frames: 2,
        aliases: &["fix_pose", "Cam. Pose (fix)"],
        ..BASE
    },
    Task {
        name: "egomotion",
        description: "three relative poses of the camera over the frames t, t-1, t-2: from t to \
                      t-1 (1_from_0), from t to t-2 (2_from_0), from t-1 to t-2 (2_from_1)",
        unit: "rad,rad,rad,m,m,m",
        range: POSES,
        output: OutputKind::Vector {
            length: 18,
            names: &[
                "1_from_0_rx",
                "1_from_0_ry",
                "1_from_0_rz",
                "1_from_0_tx",
                "1_from_0_ty",
                "1_from_0_tz",
                "2_from_0_rx",
                "2_from_0_ry",
                "2_from_0_rz",
                "2_from_0_tx",
                "2_from_0_ty",
                "2_from_0_tz",
                "2_from_1_rx",
                "2_from_1_ry",
                "2_from_1_rz",
                "2_from_1_tx",
                "2_from_1_ty",
                "2_from_1_tz",
            ],
        },
        frames: 3,
        aliases: &["ego_motion", "Egomotion"],
        ..BASE
    },
    Task {
        name: "point_matching",
        description: "pixels of the previous frame and of this one that show the same point, with \
                      scores; Taskonomy's only decided whether two patches show the same point",
        unit: "px,px,px,px,1",
        range: PIXELS,
        output: OutputKind::Points {
            columns: &["u_previous", "v_previous", "u", "v", "score"],
        },
        frames: 2,
        aliases: &["point_match", "Matching"],
        ..BASE
    },
    Task {
        name: "random",
        description: "an untrained encoder, the baseline that every source must beat; it \
                      estimates nothing, so it cannot be a target",
        range: ValueRange::FINITE,
        output: OutputKind::Dense { channels: 8 },
        role: Role::SourceOnly,
        aliases: &["Random Proj.", "(Gaussian random projection)"],
        ..BASE
    },
    Task {
        name: "object_detection",
        description: "boxes around objects in pixels of the image, with class and score; boxes \
                      may reach beyond the image; not in Taskonomy",
        unit: "px,px,px,px,1,1",
        range: ValueRange::new(-65_536.0, 131_072.0),
        output: OutputKind::Boxes2d,
        role: Role::TargetOnly,
        aliases: &["Object Detection"],
        ..BASE
    },
    Task {
        name: "odometry",
        description: "pose of the camera since start and its velocity, estimated from images; \
                      not in Taskonomy",
        unit: "m,rad,m/s,rad/s",
        range: ValueRange::FINITE,
        output: OutputKind::Odometry,
        frames: 2,
        role: Role::TargetOnly,
        aliases: &["visual_odometry"],
    },
];
