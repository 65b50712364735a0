//! Quality of service, as liveliness tokens carry it.

/// Quality of service of a publisher or a subscriber. Over zenoh it decides less than
/// over DDS: any two fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Qos {
    /// False: best effort.
    pub reliable: bool,
    /// Messages that are kept for who is slow.
    pub depth: u32,
}

impl Qos {
    /// Of cameras and what is seen in their images: the newest counts.
    pub const SENSOR_DATA: Self = Self {
        reliable: false,
        depth: 5,
    };
    /// Of what is not to be missed.
    pub const RELIABLE: Self = Self {
        reliable: true,
        depth: 10,
    };
    /// Of transforms.
    pub const TRANSFORMS: Self = Self {
        depth: 100,
        ..Self::RELIABLE
    };

    /// Last part of a token: `RELIABILITY:DURABILITY:HISTORY,DEPTH:` and deadline,
    /// lifespan, liveliness. Left empty is what the middleware has by default
    /// (reliable, volatile, keep last, infinite times).
    #[must_use]
    pub fn to_token_part(self) -> String {
        let reliability = if self.reliable { "" } else { "2" };
        format!("{reliability}::,{}:,:,:,,", self.depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_what_differs_from_the_default() {
        assert_eq!(Qos::SENSOR_DATA.to_token_part(), "2::,5:,:,:,,");
        assert_eq!(Qos::RELIABLE.to_token_part(), "::,10:,:,:,,");
        assert_eq!(Qos::TRANSFORMS.to_token_part(), "::,100:,:,:,,");
    }
}
