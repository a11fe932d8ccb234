//! A validator for the part of JSON Schema that the schemas use, ours and SARIF's. Keys that it does
//! not know are errors, so that a schema cannot say something that is not checked; properties that the
//! schema does not know are errors too, so that a field cannot be forgotten in it, unless it says
//! that there may be others.

use serde_json::Value;

/// What `value` has, or lacks, against the schema `root`.
pub(crate) fn errors(root: &Value, value: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    check(root, root, value, "", &mut errors);
    errors
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, errors: &mut Vec<String>) {
    for (key, rule) in schema.as_object().unwrap() {
        let fits = match key.as_str() {
            "$schema" | "$id" | "$defs" | "definitions" | "title" | "description" | "default" => {
                true
            }
            // Of what we write these are paths and words of ours.
            "format" => true,
            "$ref" => {
                let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                check(root, root.pointer(pointer).unwrap(), value, at, errors);
                true
            }
            "type" => match rule {
                Value::Array(names) => {
                    names.iter().any(|name| has_type(name.as_str().unwrap(), value))
                }
                name => has_type(name.as_str().unwrap(), value),
            },
            "const" => rule == value,
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().unwrap() >= rule.as_f64().unwrap(),
            "maximum" => value.as_f64().unwrap() <= rule.as_f64().unwrap(),
            "pattern" => has_pattern(rule.as_str().unwrap(), value.as_str().unwrap()),
            "minItems" => value.as_array().unwrap().len() as u64 >= rule.as_u64().unwrap(),
            "uniqueItems" => {
                let items = value.as_array().unwrap();
                let written: std::collections::BTreeSet<String> =
                    items.iter().map(ToString::to_string).collect();
                written.len() == items.len()
            }
            "anyOf" => any_of(root, rule, value, at),
            "not" => rule["required"]
                .as_array()
                .unwrap()
                .iter()
                .any(|key| value[key.as_str().unwrap()].is_null()),
            "oneOf" => one_of(root, rule, value, at, errors),
            "required" => {
                rule.as_array().unwrap().iter().all(|key| !value[key.as_str().unwrap()].is_null())
            }
            "properties" => properties(root, schema, value, at, errors),
            // Without `false`, properties that are not in the schema are errors all the same.
            "additionalProperties" if rule.is_boolean() => true,
            "additionalProperties" => additional(root, schema, rule, value, at, errors),
            "items" => items(root, rule, value, at, errors),
            other => panic!("the schema uses `{other}`, which is not checked"),
        };
        if !fits {
            errors.push(format!("{at}: {key} {rule} does not allow {value}"));
        }
    }
}

fn has_type(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        other => panic!("unknown type `{other}`"),
    }
}

fn has_pattern(pattern: &str, text: &str) -> bool {
    match pattern {
        "^sha256:[0-9a-f]{64}$" => is_digest(text),
        // A media type.
        "[^/]+/.+" => {
            text.split_once('/').is_some_and(|(left, right)| !left.is_empty() && !right.is_empty())
        }
        other => panic!("the pattern `{other}` is not checked"),
    }
}

fn any_of(root: &Value, rule: &Value, value: &Value, at: &str) -> bool {
    rule.as_array().unwrap().iter().any(|alternative| {
        let mut errors = Vec::new();
        check(root, alternative, value, at, &mut errors);
        errors.is_empty()
    })
}

fn one_of(root: &Value, rule: &Value, value: &Value, at: &str, errors: &mut Vec<String>) -> bool {
    let tried = rule.as_array().unwrap().iter().map(|alternative| {
        let mut errors = Vec::new();
        check(root, alternative, value, at, &mut errors);
        errors
    });
    let tried: Vec<Vec<String>> = tried.collect();
    let fitting = tried.iter().filter(|errors| errors.is_empty()).count();
    if fitting != 1 {
        errors.extend(tried.into_iter().flatten());
    }
    fitting == 1
}

fn properties(
    root: &Value,
    schema: &Value,
    value: &Value,
    at: &str,
    errors: &mut Vec<String>,
) -> bool {
    for (key, property) in value.as_object().into_iter().flatten() {
        let at = format!("{at}/{key}");
        match schema["properties"].get(key) {
            Some(rule) => check(root, rule, property, &at, errors),
            None if schema["additionalProperties"] == true
                || schema["additionalProperties"].is_object() => {}
            None => errors.push(format!("{at}: not in the schema")),
        }
    }
    true
}

fn additional(
    root: &Value,
    schema: &Value,
    rule: &Value,
    value: &Value,
    at: &str,
    errors: &mut Vec<String>,
) -> bool {
    let named = |key: &String| schema["properties"].get(key).is_some();
    for (key, property) in value.as_object().into_iter().flatten().filter(|(key, _)| !named(key)) {
        check(root, rule, property, &format!("{at}/{key}"), errors);
    }
    true
}

fn items(root: &Value, rule: &Value, value: &Value, at: &str, errors: &mut Vec<String>) -> bool {
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        check(root, rule, item, &format!("{at}/{index}"), errors);
    }
    true
}

fn is_digest(text: &str) -> bool {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(is_hex))
}
