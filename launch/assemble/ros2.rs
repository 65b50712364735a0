//! The node of ROS 2 that a runtime is.

use anyhow::anyhow;
use concert_runtime::wire::ros2::{Distro, MAX_DOMAIN_ID, RosNodeName, ros_name_fault};

use crate::launch_file::LaunchFile;
use crate::report::Failure;

/// Variable of the environment that says in which domain nodes of ROS 2 are.
const DOMAIN: &str = "ROS_DOMAIN_ID";

/// Name and distribution of the node, if the launch file has it be one.
///
/// # Errors
/// Refuses a prefix that is no name of ROS 2, and a domain that is none.
pub(crate) fn node_name(launch: &LaunchFile) -> Result<Option<(RosNodeName, Distro)>, Failure> {
    let publish = launch.publish();
    let Some(entry) = &publish.ros2 else {
        return Ok(None);
    };
    let prefix = &publish.prefix;
    // The command line may have another one than the launch file.
    if let Some(rule) = ros_name_fault(prefix) {
        return Err(Failure::refused(anyhow!(
            "prefix is `{prefix}`, but {rule}"
        )));
    }
    let domain_id = match entry.domain_id {
        Some(written) => written,
        None => domain_of(std::env::var_os(DOMAIN).as_deref())?,
    };
    let name = RosNodeName {
        domain_id,
        namespace: format!("/{prefix}"),
        name: entry.node.clone(),
    };
    Ok(Some((name, entry.distro)))
}

/// The domain that the environment says; 0 where it says none, as ROS 2 itself has it.
fn domain_of(variable: Option<&std::ffi::OsStr>) -> Result<u32, Failure> {
    let Some(text) = variable.filter(|text| !text.is_empty()) else {
        return Ok(0);
    };
    let text = text.to_string_lossy();
    let domain = text.parse().ok().filter(|id| *id <= MAX_DOMAIN_ID);
    domain.ok_or_else(|| {
        Failure::refused(anyhow!(
            "{DOMAIN} of the environment is `{}`, but a domain is from 0 to {MAX_DOMAIN_ID}; \
             `domain_id` in [publish] comes before it",
            concert_policies::document::shown(&text, 80)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_is_that_of_the_environment_or_0() {
        let of = |text: &str| domain_of(Some(text.as_ref()));
        assert_eq!(domain_of(None).ok(), Some(0));
        assert_eq!(of("").ok(), Some(0));
        assert_eq!(of("42").ok(), Some(42));
        for bad in ["-1", "233", "a", "4294967296"] {
            let said = of(bad).expect_err(bad).message();
            assert!(
                said.contains(&format!("is `{bad}`, but a domain is from 0 to 232")),
                "{said}"
            );
        }
    }
}
