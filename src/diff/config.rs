//! The differences of two image configs (and of the annotations of their manifests), field by
//! field, on the JSON itself, so that fields which rlock does not know are compared too.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Characters that are kept of a value.
const VALUE_CHARACTERS_MAX: usize = 300;

/// Parts of variable and label names whose values are not shown.
const SECRET_NAMES: &[&str] =
    &["PASSWORD", "PASSWD", "SECRET", "TOKEN", "CREDENTIAL", "APIKEY", "API_KEY"];

/// What Docker's classic builder notes of itself. The OCI image specification has no place for it, so
/// it is lost where an image changes its form: <https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md>.
const BUILDER_NOTES: &[&str] =
    &["container", "container_config", "docker_version", "config.Hostname", "config.Image"];

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigDifference {
    /// Its path: `created`, `config.Env.PATH`, `history[2].created`, `manifest.annotations.x`.
    pub field: String,
    /// Left value: a text as it is, all else as JSON.
    pub left: Option<String>,
    /// Right value.
    pub right: Option<String>,
}

/// Compares two configs. What Go leaves out when it is empty equals what is not there, and a config
/// with the notes of Docker's builder equals the same one in OCI's form.
pub(super) fn compare(
    left: &[u8],
    right: &[u8],
) -> Result<Vec<ConfigDifference>, serde_json::Error> {
    let mut left: Value = serde_json::from_slice(left)?;
    let mut right: Value = serde_json::from_slice(right)?;
    // Layers are compared on their own, and with them goes which instructions made one.
    let [left_layers, right_layers] = [&mut left, &mut right].map(take_layers);
    if left_layers != right_layers {
        forget_empty_layers(&mut left);
        forget_empty_layers(&mut right);
    }
    let (mut left, mut right) = (flatten("", &left), flatten("", &right));
    let has_notes = |fields: &BTreeMap<String, String>| fields.keys().any(|field| is_note(field));
    if has_notes(&left) != has_notes(&right) {
        left.retain(|field, _| !is_note(field));
        right.retain(|field, _| !is_note(field));
    }
    Ok(differences(&left, &right))
}

fn is_note(field: &str) -> bool {
    BUILDER_NOTES.iter().any(|note| {
        let rest = field.strip_prefix(note);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

fn take_layers(config: &mut Value) -> Option<Value> {
    config.get_mut("rootfs")?.as_object_mut()?.remove("diff_ids")
}

fn forget_empty_layers(config: &mut Value) {
    let history = config.get_mut("history").and_then(Value::as_array_mut);
    for entry in history.into_iter().flatten().filter_map(Value::as_object_mut) {
        entry.remove("empty_layer");
    }
}

/// Compares the annotations of two manifests.
pub(super) fn compare_annotations(
    left: &BTreeMap<String, String>,
    right: &BTreeMap<String, String>,
) -> Vec<ConfigDifference> {
    let flat = |annotations: &BTreeMap<String, String>| {
        let named = |(name, value): (&String, &String)| {
            (format!("manifest.annotations.{name}"), value.clone())
        };
        annotations.iter().map(named).collect()
    };
    differences(&flat(left), &flat(right))
}

fn differences(
    left: &BTreeMap<String, String>,
    right: &BTreeMap<String, String>,
) -> Vec<ConfigDifference> {
    let mut fields: Vec<&String> = left.keys().chain(right.keys()).collect();
    fields.sort_unstable();
    fields.dedup();
    let differing = fields.into_iter().filter(|field| left.get(*field) != right.get(*field));
    differing
        .map(|field| ConfigDifference {
            field: field.clone(),
            left: left.get(field).map(|value| shown(field, value)),
            right: right.get(field).map(|value| shown(field, value)),
        })
        .collect()
}

/// Leaf fields with their values.
fn flatten(prefix: &str, value: &Value) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    flatten_into(&mut fields, prefix, value);
    fields
}

fn flatten_into(fields: &mut BTreeMap<String, String>, path: &str, value: &Value) {
    match value {
        Value::Null | Value::Bool(false) => {}
        Value::String(text) => insert(fields, path, text),
        Value::Object(object) => flatten_object(fields, path, object),
        Value::Array(items) if is_environment(path) => flatten_environment(fields, path, items),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (index, item) in items.iter().enumerate() {
                flatten_into(fields, &format!("{path}[{index}]"), item);
            }
        }
        // An order of arguments has a meaning, so `Cmd` and the like are one value.
        Value::Array(items) if items.is_empty() => {}
        _ => insert(fields, path, &value.to_string()),
    }
}

fn insert(fields: &mut BTreeMap<String, String>, path: &str, value: &str) {
    if !value.is_empty() {
        fields.insert(path.to_owned(), value.to_owned());
    }
}

fn flatten_object(fields: &mut BTreeMap<String, String>, path: &str, object: &Map<String, Value>) {
    for (key, value) in object {
        let field = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match value {
            // A member of a set, as Go writes it: `"80/tcp": {}`.
            Value::Object(inner) if inner.is_empty() && is_set(path) => {
                fields.insert(field, "{}".to_owned());
            }
            _ => flatten_into(fields, &field, value),
        }
    }
}

fn is_set(path: &str) -> bool {
    path.ends_with(".ExposedPorts") || path.ends_with(".Volumes")
}

fn is_environment(path: &str) -> bool {
    path == "config.Env" || path == "container_config.Env"
}

/// `NAME=value` by name, and the order of the names.
fn flatten_environment(fields: &mut BTreeMap<String, String>, path: &str, items: &[Value]) {
    let mut names = Vec::new();
    for item in items.iter().filter_map(Value::as_str) {
        let (name, value) = item.split_once('=').unwrap_or((item, ""));
        names.push(name);
        fields.insert(format!("{path}.{name}"), value.to_owned());
    }
    let mut sorted = names.clone();
    sorted.sort_unstable();
    if names != sorted {
        // Only there where it says more than the names.
        fields.insert(format!("{path} (order)"), names.join(" "));
    }
}

/// The value for people: nothing of it where the field's name says that it is a secret (a digest
/// would let short ones be guessed), and not all of a long one.
fn shown(field: &str, value: &str) -> String {
    let name = field.to_ascii_uppercase();
    if SECRET_NAMES.iter().any(|secret| name.contains(secret)) {
        return "[redacted]".to_owned();
    }
    if value.chars().nth(VALUE_CHARACTERS_MAX).is_none() {
        return value.to_owned();
    }
    value.chars().take(VALUE_CHARACTERS_MAX).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[expect(clippy::needless_pass_by_value, reason = "`json!` gives values")]
    fn compared(left: Value, right: Value) -> Vec<(String, Option<String>, Option<String>)> {
        compare(left.to_string().as_bytes(), right.to_string().as_bytes())
            .unwrap()
            .into_iter()
            .map(|difference| (difference.field, difference.left, difference.right))
            .collect()
    }

    fn row(field: &str, left: &str, right: &str) -> (String, Option<String>, Option<String>) {
        let value = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        (field.to_owned(), value(left), value(right))
    }

    #[test]
    fn each_field_is_compared_under_its_path() {
        let left = json!({
            "created": "2026-01-01T00:00:00Z", "architecture": "amd64",
            "config": {"Env": ["PATH=/bin", "A=1"], "Cmd": ["sh", "-c"], "Labels": {"x": "1"},
                "ExposedPorts": {"80/tcp": {}}, "User": ""},
            "history": [{"created": "t1", "created_by": "a"}, {"created": "t1", "empty_layer": true}],
            "rootfs": {"type": "layers", "diff_ids": ["sha256:1"]},
        });
        let right = json!({
            "created": "2026-01-02T00:00:00Z", "architecture": "amd64",
            "config": {"Env": ["PATH=/usr/bin", "A=1"], "Cmd": ["sh"], "Labels": {"x": "2"},
                "ExposedPorts": {"81/tcp": {}}},
            "history": [{"created": "t2", "created_by": "a"}, {"created": "t1"}],
            "rootfs": {"type": "layers", "diff_ids": ["sha256:2"]},
        });
        assert_eq!(
            compared(left, right),
            [
                row("config.Cmd", r#"["sh","-c"]"#, r#"["sh"]"#),
                row("config.Env.PATH", "/bin", "/usr/bin"),
                row("config.ExposedPorts.80/tcp", "{}", ""),
                row("config.ExposedPorts.81/tcp", "", "{}"),
                row("config.Labels.x", "1", "2"),
                row("created", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
                row("history[0].created", "t1", "t2"),
            ]
        );
    }

    #[test]
    fn which_instructions_made_layers_counts_where_layers_are_equal() {
        let config = |layer: &str, empty: bool| {
            let rootfs = json!({"type": "layers", "diff_ids": [layer]});
            json!({"history": [{"created": "t", "empty_layer": empty}], "rootfs": rootfs})
        };
        let expected = [row("history[0].empty_layer", "true", "")];
        assert_eq!(compared(config("sha256:1", true), config("sha256:1", false)), expected);
        assert_eq!(compared(config("sha256:1", true), config("sha256:2", false)), []);
    }

    #[test]
    fn what_go_leaves_out_equals_what_is_not_there() {
        let docker =
            json!({"config": {"Env": null, "Tty": false, "Domainname": "", "OnBuild": []}});
        assert_eq!(compared(docker, json!({"config": {}})), []);
    }

    #[test]
    fn fields_that_rlock_does_not_know_are_compared() {
        let left = json!({"docker_version": "20.10", "container": "abc"});
        let right = json!({"docker_version": "24.0", "container": "abc"});
        assert_eq!(compared(left, right), [row("docker_version", "20.10", "24.0")]);
    }

    #[test]
    fn notes_that_a_change_of_form_loses_are_no_difference() {
        let classic = |container: &str| {
            json!({"docker_version": "20.10", "container": container, "container_config": {
                "Cmd": ["x"], "Env": ["PATH=/bin"]}, "config": {"Image": "sha256:1", "Cmd": ["sh"]}})
        };
        assert_eq!(compared(classic("1"), json!({"config": {"Cmd": ["sh"]}})), []);
        assert_eq!(
            compared(json!({"config": {"Cmd": ["bash"]}}), classic("1")),
            [row("config.Cmd", r#"["bash"]"#, r#"["sh"]"#)]
        );
        assert_eq!(compared(classic("1"), classic("2")), [row("container", "1", "2")]);
    }

    #[test]
    fn the_order_of_variables_counts() {
        let left = json!({"config": {"Env": ["B=1", "A=1"]}});
        let right = json!({"config": {"Env": ["A=1", "B=1"]}});
        assert_eq!(compared(left, right), [row("config.Env (order)", "B A", "")]);
    }

    #[test]
    fn secret_values_are_not_shown_and_long_ones_are_cut() {
        let left = json!({"config": {"Env": ["DB_PASSWORD=hunter1"]}, "author": "x".repeat(400)});
        let right = json!({"config": {"Env": ["DB_PASSWORD=hunter2"]}});
        let found = compared(left, right);
        assert_eq!(found[0].1.as_ref().unwrap().chars().count(), VALUE_CHARACTERS_MAX + 1);
        assert_eq!(found[1], row("config.Env.DB_PASSWORD", "[redacted]", "[redacted]"));
    }

    #[test]
    fn what_is_not_json_is_an_error() {
        assert!(compare(b"{", b"{}").is_err());
    }
}
