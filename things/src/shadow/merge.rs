//! How the members of an update go into a section, and what a section has that another has not.

use serde_json::{Map, Number, Value, json};

/// A section's members, or when they were set, in the same shape.
pub(super) type Members = Map<String, Value>;

/// Puts the members of an update into a section: objects member by member, everything else whole;
/// null takes a member away. `stamps` is changed alike.
pub(super) fn merge(state: &mut Members, stamps: &mut Members, patch: &Members, stamp: &Value) {
    for (name, new) in patch {
        if let (
            Value::Object(patch),
            Some(Value::Object(inner)),
            Some(Value::Object(inner_stamps)),
        ) = (new, state.get_mut(name), stamps.get_mut(name))
        {
            merge(inner, inner_stamps, patch, stamp);
            continue;
        }
        match without_nulls(new) {
            Some(value) => {
                stamps.insert(name.clone(), stamped(&value, stamp));
                state.insert(name.clone(), value);
            }
            None => {
                state.shift_remove(name);
                stamps.shift_remove(name);
            }
        }
    }
}

/// A value without members that are null; an object that has nothing else is nothing, one that is
/// empty from the start stays.
fn without_nulls(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Some(value.clone())
        }
        Value::Object(members) => {
            let kept: Members = members
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), without_nulls(value)?)))
                .collect();
            (!kept.is_empty() || members.is_empty()).then_some(Value::Object(kept))
        }
    }
}

/// The shape of a value with a stamp in place of each member and item.
pub(super) fn stamped(value: &Value, stamp: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => stamp.clone(),
        Value::Array(items) => items.iter().map(|item| stamped(item, stamp)).collect(),
        Value::Object(members) => {
            let stamped = |(name, value): (&String, &Value)| (name.clone(), stamped(value, stamp));
            Value::Object(members.iter().map(stamped).collect())
        }
    }
}

/// A stamp.
pub(super) fn stamp(seconds: u64) -> Value {
    json!({"timestamp": seconds})
}

/// The members of `desired` that `reported` has not or has otherwise, with their stamps. What only
/// `reported` has is no difference.
pub(super) fn difference(
    desired: &Members,
    stamps: &Members,
    reported: &Members,
) -> (Members, Members) {
    let (mut delta, mut delta_stamps) = (Members::new(), Members::new());
    for (name, wanted) in desired {
        let stamp = stamps.get(name).unwrap_or(&Value::Null);
        let (value, stamp) = match (wanted, stamp, reported.get(name)) {
            (
                Value::Object(wanted),
                Value::Object(wanted_stamps),
                Some(Value::Object(reported)),
            ) => {
                let (inner, inner_stamps) = difference(wanted, wanted_stamps, reported);
                if inner.is_empty() {
                    continue;
                }
                (Value::Object(inner), Value::Object(inner_stamps))
            }
            (_, _, Some(reported)) if same(wanted, reported) => continue,
            _ => (wanted.clone(), stamp.clone()),
        };
        delta.insert(name.clone(), value);
        delta_stamps.insert(name.clone(), stamp);
    }
    (delta, delta_stamps)
}

/// Whether two values are equal; numbers are if they have the same value.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => same_number(a, b),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let in_b = |(name, a): (&String, &Value)| b.get(name).is_some_and(|b| same(a, b));
            a.len() == b.len() && a.iter().all(in_b)
        }
        (
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_),
            _,
        ) => a == b,
    }
}

fn same_number(a: &Number, b: &Number) -> bool {
    let whole = |number: &Number| number.is_i64() || number.is_u64();
    if whole(a) && whole(b) {
        return a == b;
    }
    a.as_f64() == b.as_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(value: Value) -> Members {
        match value {
            Value::Object(members) => members,
            other => panic!("{other}"),
        }
    }

    /// A section after an update, and its stamps: 1 before, 2 for what the update set.
    fn check(before: &Value, patch: &Value, expected: &Value, expected_stamps: &Value) {
        let mut state = members(before.clone());
        let mut stamps = members(stamped(before, &1.into()));
        merge(&mut state, &mut stamps, &members(patch.clone()), &2.into());
        assert_eq!(Value::Object(state), *expected, "{before} and {patch}");
        assert_eq!(
            Value::Object(stamps),
            *expected_stamps,
            "{before} and {patch}"
        );
    }

    #[test]
    fn objects_are_merged_and_everything_else_is_replaced() {
        check(
            &json!({"a": {"x": 1, "y": 2}}),
            &json!({"a": {"y": 3}}),
            &json!({"a": {"x": 1, "y": 3}}),
            &json!({"a": {"x": 1, "y": 2}}),
        );
        check(
            &json!({"a": [1, 2], "timestamp": 5}),
            &json!({"a": [3], "timestamp": {"timestamp": 6}}),
            &json!({"a": [3], "timestamp": {"timestamp": 6}}),
            &json!({"a": [2], "timestamp": {"timestamp": 2}}),
        );
        check(
            &json!({"a": {"x": 1}}),
            &json!({"a": {}}),
            &json!({"a": {"x": 1}}),
            &json!({"a": {"x": 1}}),
        );
    }

    #[test]
    fn null_takes_away_and_leaves_no_trace() {
        check(
            &json!({"a": 1, "b": 2, "c": 3}),
            &json!({"a": null, "none": null}),
            &json!({"b": 2, "c": 3}),
            &json!({"b": 1, "c": 1}),
        );
        check(
            &json!({}),
            &json!({"a": {"x": null}, "b": {"x": null, "y": 1}, "c": {}}),
            &json!({"b": {"y": 1}, "c": {}}),
            &json!({"b": {"y": 2}, "c": {}}),
        );
        check(
            &json!({"a": {"x": 1}}),
            &json!({"a": {"x": null}}),
            &json!({"a": {}}),
            &json!({"a": {}}),
        );
    }

    #[test]
    fn a_difference_is_what_is_desired_and_not_reported() {
        let check = |desired: Value, reported: Value, expected: Value| {
            let stamps = members(stamped(&desired, &1.into()));
            let (delta, delta_stamps) = difference(&members(desired), &stamps, &members(reported));
            let expected_stamps = stamped(&expected, &1.into());
            assert_eq!(Value::Object(delta), expected);
            assert_eq!(Value::Object(delta_stamps), expected_stamps);
        };
        check(json!({"a": 1}), json!({"a": 1.0, "b": 2}), json!({}));
        check(json!({"a": [1, 2]}), json!({"a": [1.0, 2]}), json!({}));
        check(json!({"a": 1}), json!({"a": "1"}), json!({"a": 1}));
        let large = 9_007_199_254_740_993_u64;
        check(
            json!({"a": large}),
            json!({"a": large - 1}),
            json!({"a": large}),
        );
        check(
            json!({"a": {"x": 1, "y": 2}, "b": {}}),
            json!({"a": {"x": 1}}),
            json!({"a": {"y": 2}, "b": {}}),
        );
        check(json!({"a": {"x": 1}}), json!({"a": {"x": 1}}), json!({}));
    }
}
