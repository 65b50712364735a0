//! Parameters of the node of ROS 2: the policy, and the rate of each target.

use std::sync::{Mutex, PoisonError};

use concert_policies::{MAX_RATE_HZ, Policy, Task};
use concert_runtime::io::zenoh::{PolicyHandle, ReadParameters, SetParameters};
use concert_runtime::wire::ros2::{Parameter, ParameterResult, ParameterState, ParameterValue};

use super::control::SharedSwapper;

/// The policy that runs: its text, or the name of one that ships.
const POLICY: &str = "policy";
/// Before the name of a target: its outputs a second.
const RATE: &str = "rate_hz.";

/// Reads the parameters of the policy that is told to others.
pub(super) fn read(policy: PolicyHandle) -> ReadParameters {
    let known: Mutex<(String, Vec<ParameterState>)> = Mutex::default();
    Box::new(move || {
        let text = policy.toml();
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 != text {
            *known = (text.clone(), of(&text));
        }
        known.1.clone()
    })
}

/// Sets parameters by swapping to the policy that has them.
pub(super) fn set(swapper: SharedSwapper) -> SetParameters {
    Box::new(move |parameters, is_atomic| {
        let mut swapper = swapper.lock().unwrap_or_else(PoisonError::into_inner);
        let (policy, mut results) = changed(&swapper.policy, parameters);
        let is_refused = is_atomic && results.iter().any(Result::is_err);
        if is_refused || policy == swapper.policy {
            return results;
        }
        let text = policy.to_toml();
        if let Err(error) = swapper.try_swap(policy, &text) {
            tracing::warn!("a change of parameters was refused: {error:#}");
            let reason = format!("{error:#}");
            let set = results.iter_mut().filter(|result| result.is_ok());
            set.for_each(|result| *result = Err(reason.clone()));
        }
        results
    })
}

fn of(text: &str) -> Vec<ParameterState> {
    let policy = ParameterState {
        name: POLICY.to_owned(),
        value: ParameterValue::Text(text.to_owned()),
        description: "The policy that runs, TOML; set it to that or to a shipped name".to_owned(),
    };
    let parsed = Policy::parse(text, POLICY).ok();
    let transfers = parsed.iter().flat_map(|policy| policy.transfers());
    let rates = transfers.map(|transfer| ParameterState {
        name: format!("{RATE}{}", transfer.target().name),
        value: ParameterValue::Double(transfer.rate_hz().unwrap_or(0.0)),
        description: "Most outputs a second; 0: one of every frame".to_owned(),
    });
    let mut all: Vec<_> = rates.collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all.insert(0, policy);
    all
}

/// The policy with the parameters that can be set, one after the other, and what became of
/// each.
fn changed(policy: &Policy, parameters: &[Parameter]) -> (Policy, Vec<ParameterResult>) {
    let mut policy = policy.clone();
    let results = parameters.iter().map(|parameter| {
        policy = with(&policy, parameter)?;
        Ok(())
    });
    let results = results.collect();
    (policy, results)
}

fn with(policy: &Policy, Parameter { name, value }: &Parameter) -> Result<Policy, String> {
    if name == POLICY {
        return match value {
            ParameterValue::Text(text) => policy_of(text),
            other => Err(kind_fault(name, other, "a string (4)")),
        };
    }
    let target = name.strip_prefix(RATE).and_then(Task::find);
    let Some(target) = target.filter(|target| policy.transfer(target).is_some()) else {
        let own = policy.transfers().iter();
        let own = own.map(|transfer| format!("{RATE}{}", transfer.target().name));
        return Err(format!(
            "no parameter `{}`; there are {POLICY}, {}",
            concert_policies::document::shown(name, 80),
            own.collect::<Vec<_>>().join(", ")
        ));
    };
    let rate_hz = match value {
        ParameterValue::Double(hertz) => *hertz,
        ParameterValue::Integer(hertz) => *hertz as f64,
        other => return Err(kind_fault(name, other, "a double (3)")),
    };
    if !(0.0..=MAX_RATE_HZ).contains(&rate_hz) {
        return Err(format!(
            "{name} is {rate_hz}, but must be from 0 to {MAX_RATE_HZ}"
        ));
    }
    let rate_hz = (rate_hz != 0.0).then_some(rate_hz);
    let changed = policy.with_rate(target, rate_hz);
    changed.map_err(|error| error.to_string())
}

fn kind_fault(name: &str, value: &ParameterValue, needed: &str) -> String {
    format!("{name} is of type {}, but must be {needed}", value.kind())
}

/// A policy that ships, or the text of one. No file is read for who is elsewhere.
fn policy_of(text: &str) -> Result<Policy, String> {
    if !text.contains(['=', '\n']) {
        return Policy::shipped(text).ok_or_else(|| {
            let shipped: Vec<_> = Policy::shipped_names().collect();
            format!(
                "policy is `{}`, but must be the text of one, or one of {}",
                concert_policies::document::shown(text, 80),
                shipped.join(", ")
            )
        });
    }
    Policy::parse(text, POLICY).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(name: &str, value: ParameterValue) -> Parameter {
        let name = name.to_owned();
        Parameter { name, value }
    }

    #[test]
    fn a_rate_is_changed_and_what_cannot_be_set_says_why() {
        let policy = Policy::shipped("first_light").expect("ships");
        let target = policy.transfers()[0].target();
        let rate = format!("{RATE}{}", target.name);
        let parameters = [
            parameter(&rate, ParameterValue::Double(5.0)),
            parameter(&rate, ParameterValue::Double(f64::NAN)),
            parameter(&rate, ParameterValue::Text("5".to_owned())),
            parameter("rate_hz.nonsense", ParameterValue::Double(5.0)),
            parameter(POLICY, ParameterValue::Text("nonsense".to_owned())),
            parameter(POLICY, ParameterValue::Bool(true)),
        ];
        let (changed, results) = changed(&policy, &parameters);
        assert_eq!(
            changed.transfer(target).and_then(|t| t.rate_hz()),
            Some(5.0)
        );
        let said: Vec<_> = results.iter().map(|result| result.as_ref().err()).collect();
        assert_eq!(said[0], None);
        let said = said[1..].iter().map(|said| said.expect("refused").as_str());
        let expected = [
            "is NaN, but must be from 0 to 1000",
            "must be a double",
            "no parameter",
            "one of",
            "a string",
        ];
        for (said, expected) in said.zip(expected) {
            assert!(said.contains(expected), "{said}");
        }
        let every = [parameter(&rate, ParameterValue::Integer(0))];
        let (every, _) = super::changed(&changed, &every);
        assert_eq!(every.transfer(target).and_then(|t| t.rate_hz()), None);
    }

    #[test]
    fn the_parameters_are_the_policy_and_its_rates() {
        let policy = Policy::shipped("home").expect("ships");
        let states = of(&policy.to_toml());
        assert_eq!(states.len(), 1 + policy.transfers().len());
        let (same, results) = changed(
            &Policy::shipped("first_light").expect("ships"),
            &[parameter(&states[0].name, states[0].value.clone())],
        );
        assert_eq!((same, results), (policy, vec![Ok(())]));
    }
}
