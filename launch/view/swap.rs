//! The second button: swaps a policy into the running robot.

use axum::http::StatusCode;
use concert_policies::Policy;
use concert_runtime::io::zenoh::{ControlRequest, Sessions};
use serde_json::Value;

use crate::http::refusal::Refusal;

/// The robot's own answer, or why there is none.
pub(super) type Swapped = Result<(StatusCode, Value), Refusal>;

/// The policy of a request: `{"policy": TOML}`, a policy file that holds its rules.
///
/// # Errors
/// What is none.
pub(super) fn parse(body: &Value) -> Result<String, Refusal> {
    let text = body.get("policy").and_then(Value::as_str);
    let text = text.ok_or_else(|| Refusal::bad("`policy` must be the text of a policy file"))?;
    Policy::parse(text, "policy").map_err(|error| Refusal::bad(error.to_string()))?;
    Ok(text.to_owned())
}

/// Asks the robot to run this policy, at whichever endpoint it answers. What it
/// refuses is answered with its own words.
pub(super) fn swap(sessions: &Sessions, prefix: &str, policy: &str) -> Swapped {
    if sessions.reached().iter().all(|one| one.session.is_err()) {
        let error = "nobody answers where the robot should";
        return Err(Refusal::new(StatusCode::BAD_GATEWAY, error));
    }
    match sessions.request(prefix, ControlRequest::Swap, policy) {
        Ok(answer) if answer["status"] == "swapped" => Ok((StatusCode::OK, answer)),
        Ok(answer) => Ok((StatusCode::CONFLICT, answer)),
        Err(error) => Err(Refusal::new(StatusCode::BAD_GATEWAY, error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_policy_is_sent() {
        let good = Policy::shipped_text("first_light").expect("it ships");
        assert_eq!(parse(&json!({ "policy": good })).expect("a policy"), good);
        for bad in [
            json!({}),
            json!({ "policy": 1 }),
            json!({ "policy": "name = 3" }),
        ] {
            assert_eq!(
                parse(&bad).expect_err("a refusal").status(),
                StatusCode::BAD_REQUEST
            );
        }
    }
}
