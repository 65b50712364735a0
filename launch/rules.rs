//! Rules that texts of the launch file and of the command line both obey.
//! Each function answers `None`, or the end of a sentence that says what is
//! wrong.

/// Longest key or endpoint, in bytes.
const MAX_KEY_BYTES: usize = 256;

/// A key below which, or under which, messages are published: a zenoh key
/// expression without wildcards.
pub(crate) fn key_fault(key: &str) -> Option<&'static str> {
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        return Some("must have from 1 to 256 bytes");
    }
    if key.split('/').any(str::is_empty) {
        return Some("may neither begin nor end with `/`, nor contain `//`");
    }
    if key.contains(['*', '$', '?', '#']) {
        return Some("may not contain `*`, `$`, `?` or `#`, which have a meaning in zenoh keys");
    }
    if key.split('/').any(|part| part.starts_with('@')) {
        return Some("may not have a part that begins with `@`, which zenoh keeps for itself");
    }
    if key.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Some("may not contain spaces or control characters");
    }
    None
}

/// A key that is listened to: as [`key_fault`], but a whole part may be `*` or
/// `**`, as for the hash at the end of a key of ROS 2's `rmw_zenoh`.
pub(crate) fn heard_key_fault(key: &str) -> Option<&'static str> {
    let is_wild = |part: &&str| matches!(*part, "*" | "**");
    if key.split('/').all(|part| is_wild(&part)) {
        return Some("must have a part that is neither `*` nor `**`");
    }
    let plain: Vec<&str> = key.split('/').filter(|part| !is_wild(part)).collect();
    match key.len() <= MAX_KEY_BYTES {
        true => key_fault(&plain.join("/")),
        false => key_fault(key),
    }
}

/// An endpoint of zenoh: `tcp/HOST:PORT` or `tls/HOST:PORT`.
pub(crate) fn endpoint_fault(endpoint: &str) -> Option<&'static str> {
    const FORM: &str = "must be `tcp/HOST:PORT` or `tls/HOST:PORT`";
    if endpoint.len() > MAX_KEY_BYTES {
        return Some("must have at most 256 bytes");
    }
    if endpoint.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Some("may not contain spaces or control characters");
    }
    let address = endpoint.strip_prefix("tcp/");
    let Some(address) = address.or_else(|| endpoint.strip_prefix("tls/")) else {
        return Some(FORM);
    };
    // zenoh's own options follow a `?` or `#`.
    let address = address.split(['?', '#']).next().unwrap_or_default();
    match address.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => None,
        _ => Some(FORM),
    }
}

/// Tells whether only programs on this computer can come in through an endpoint.
pub(crate) fn is_loopback(endpoint: &str) -> bool {
    let address = endpoint.split_once('/').map_or("", |(_, rest)| rest);
    let address = address.split(['?', '#']).next().unwrap_or_default();
    let host = address.rsplit_once(':').map_or("", |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let parsed = host.parse::<std::net::IpAddr>();
    parsed.map_or(host == "localhost", |address| address.is_loopback())
}

/// A name by which a computer is asked over HTTP.
pub(crate) fn host_name_fault(name: &str) -> Option<&'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    if name.is_empty() || name.len() > 253 || !name.bytes().all(allowed) {
        return Some("must be 1 to 253 letters, digits, `-` and `.`, without a port");
    }
    None
}

/// A camera's name: part of keys and of coordinate frames.
pub(crate) fn camera_name_fault(name: &str) -> Option<&'static str> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(allowed) {
        return Some("must be 1 to 64 lower-case letters, digits and `_`, as part of a key");
    }
    None
}

/// A camera's coordinate frame, REP-103 and REP-105.
pub(crate) fn frame_id_fault(frame_id: &str) -> Option<&'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'/' | b'-');
    if !frame_id.ends_with("_optical") {
        return Some("must end in `_optical`, because images look along z (REP-103)");
    }
    if frame_id.len() > 128 || frame_id.starts_with('/') || !frame_id.bytes().all(allowed) {
        return Some("must be at most 128 letters, digits, `_`, `-` and `/`, not `/` first");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_what_zenoh_takes_without_wildcards() {
        for good in ["robot", "robot/perception", "a/b-c/d_e.1"] {
            assert_eq!(key_fault(good), None, "{good}");
        }
        for bad in [
            "", "/a", "a/", "a//b", "a/*", "a/**", "a$*", "a?b", "a#", "@adm/x", "a b",
        ] {
            assert!(key_fault(bad).is_some(), "{bad}");
        }
        assert!(key_fault(&"a".repeat(257)).is_some());
    }

    #[test]
    fn keys_that_are_listened_to_may_have_wild_parts() {
        for good in ["0/camera/image_raw/**", "*/camera", "a"] {
            assert_eq!(heard_key_fault(good), None, "{good}");
        }
        for bad in ["**", "", "a*/b", "a//b", "a/", "*/*"] {
            assert!(heard_key_fault(bad).is_some(), "{bad}");
        }
        assert!(heard_key_fault(&format!("*/{}", "a".repeat(256))).is_some());
    }

    #[test]
    fn only_addresses_of_this_computer_are_loopback() {
        for own in [
            "tcp/127.0.0.1:7448",
            "tls/localhost:1",
            "tcp/[::1]:7447#x=y",
        ] {
            assert!(is_loopback(own), "{own}");
        }
        for other in [
            "tcp/0.0.0.0:7448",
            "tcp/[::]:1",
            "tcp/robot:1",
            "tcp/10.0.0.1:1",
        ] {
            assert!(!is_loopback(other), "{other}");
        }
    }

    #[test]
    fn hosts_are_named_without_their_port() {
        assert_eq!(host_name_fault("robot-7.local"), None);
        for bad in ["", "robot:9464", "a b", "http://a", &"a".repeat(254)] {
            assert!(host_name_fault(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn endpoints_name_protocol_host_and_port() {
        for good in [
            "tcp/127.0.0.1:7448",
            "tls/robot.local:7447",
            "tcp/[::1]:7447",
            "tcp/0.0.0.0:0",
        ] {
            assert_eq!(endpoint_fault(good), None, "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:7448",
            "tcp/127.0.0.1",
            "tcp/:7448",
            "tcp/a:70000",
            "udp/a:1",
        ] {
            assert!(endpoint_fault(bad).is_some(), "{bad}");
        }
    }
}
