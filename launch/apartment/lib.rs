//! launch/apartment
