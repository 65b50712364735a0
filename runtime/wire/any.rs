//! One message of any type that is known here: the list of them.

use super::cdr::CdrError;
use super::common::Header;
use super::diagnostic_msgs::DiagnosticArray;
use super::geometry_msgs::Twist;
use super::message::Message;
use super::nav_msgs::Odometry;
use super::sensor_msgs::{CameraInfo, CompressedImage, Image, PointCloud2};
use super::std_msgs::{Bool, Float32MultiArray, StringMessage};
use super::tf2_msgs::TfMessage;
use super::vision_msgs::{BoundingBox3DArray, Classification, Detection2DArray};

macro_rules! any_message {
    ($($kind:ident($message:ty)),* $(,)?) => {
        /// One message of any type that is known here.
        #[derive(Debug, Clone, PartialEq)]
        #[expect(clippy::large_enum_variant, reason = "made to be looked at, not to be kept")]
        pub enum AnyMessage<'a> {
            $(
                #[doc = concat!("`", stringify!($kind), "` of its package.")]
                $kind($message),
            )*
        }

        impl<'a> AnyMessage<'a> {
            /// Full names of the types.
            pub const TYPES: &'static [&'static str] = &[$(<$message as Message>::TYPE,)*];

            /// Reads a message of the type named `message_type`.
            ///
            /// # Errors
            /// An unknown type, or bytes that are not that message.
            pub fn decode(message_type: &str, message: &'a [u8]) -> Result<Self, CdrError> {
                $(
                    if message_type == <$message as Message>::TYPE {
                        return <$message as Message>::decode(message).map(Self::$kind);
                    }
                )*
                let name = message_type.chars().take(256).collect();
                Err(CdrError::UnknownType { name })
            }

            /// Writes the whole message; what stood in `to` is lost.
            pub fn encode(&self, to: &mut Vec<u8>) {
                match self { $(Self::$kind(message) => message.encode(to),)* }
            }

            /// Full name: `sensor_msgs/msg/Image`.
            #[must_use]
            pub fn message_type(&self) -> &'static str {
                match self { $(Self::$kind(_) => <$message as Message>::TYPE,)* }
            }
        }
    };
}

any_message! {
    Image(Image<'a>),
    CompressedImage(CompressedImage<'a>),
    CameraInfo(CameraInfo),
    PointCloud2(PointCloud2<'a>),
    Classification(Classification),
    Detection2DArray(Detection2DArray),
    BoundingBox3DArray(BoundingBox3DArray),
    Odometry(Odometry),
    TfMessage(TfMessage),
    Twist(Twist),
    Float32MultiArray(Float32MultiArray),
    Bool(Bool),
    StringMessage(StringMessage),
    DiagnosticArray(DiagnosticArray),
}

impl AnyMessage<'_> {
    /// The header, of those messages that have one.
    #[must_use]
    pub fn header(&self) -> Option<&Header> {
        Some(match self {
            Self::Image(message) => &message.header,
            Self::CompressedImage(message) => &message.header,
            Self::CameraInfo(message) => &message.header,
            Self::PointCloud2(message) => &message.header,
            Self::Classification(message) => &message.header,
            Self::Detection2DArray(message) => &message.header,
            Self::BoundingBox3DArray(message) => &message.header,
            Self::Odometry(message) => &message.header,
            Self::DiagnosticArray(message) => &message.header,
            Self::TfMessage(message) => return message.transforms.first().map(|t| &t.header),
            Self::Float32MultiArray(_)
            | Self::Twist(_)
            | Self::Bool(_)
            | Self::StringMessage(_) => {
                return None;
            }
        })
    }
}
