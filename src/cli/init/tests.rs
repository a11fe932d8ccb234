//! What is written is YAML that forges read, with nothing left to fill in.

use super::*;
use yaml_rust2::{Yaml, YamlLoader};

fn yaml(text: &str) -> Yaml {
    let mut documents = YamlLoader::load_from_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    assert_eq!(documents.len(), 1, "{text}");
    documents.remove(0)
}

fn place(directory: &str) -> plan::Place {
    plan::Place { directory: directory.into(), branch: "main".into() }
}

/// Every text in a document.
fn texts(node: &Yaml, found: &mut Vec<String>) {
    match node {
        Yaml::String(text) => found.push(text.clone()),
        Yaml::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Yaml::Hash(pairs) => pairs.iter().for_each(|(key, value)| {
            texts(key, found);
            texts(value, found);
        }),
        _ => {}
    }
}

fn keys(node: &Yaml) -> Vec<&str> {
    node.as_hash().unwrap().keys().map(|key| key.as_str().unwrap()).collect()
}

#[test]
fn everything_that_is_written_is_yaml_or_a_script() {
    for forge in [ForgeName::Github, ForgeName::Gitlab] {
        for directory in [".", "docker/web"] {
            for file in plan::files(forge, &place(directory)) {
                let placeholders = ["VERSION", "DIRECTORY", "BRANCH", "LOCK"];
                let filled =
                    placeholders.iter().all(|word| !file.content.contains(&format!("@{word}@")));
                assert!(filled, "{}", file.content);
                assert!(file.content.ends_with('\n'));
                if file.mode == 0o755 {
                    assert!(file.content.starts_with("#!/bin/sh\n"), "{}", file.path);
                } else {
                    assert!(file.content.starts_with(OURS), "{}", file.path);
                    yaml(&file.content);
                }
            }
        }
    }
}

/// What actionlint would say: keys, permissions, steps that exist, expressions only where no
/// untrusted text is in them.
#[test]
fn workflows_are_permitted_the_least_and_run_nothing_of_a_pull_request() {
    let scripts: Vec<String> =
        plan::files(ForgeName::Github, &place(".")).into_iter().map(|file| file.path).collect();
    for file in plan::files(ForgeName::Github, &place(".")) {
        if !file.path.contains("workflows/") {
            continue;
        }
        let workflow = yaml(&file.content);
        assert_eq!(keys(&workflow["permissions"]), ["contents"]);
        assert_eq!(workflow["permissions"]["contents"].as_str(), Some("read"));
        assert!(workflow["on"]["pull_request_target"].is_badvalue(), "{}", file.path);
        for (name, job) in workflow["jobs"].as_hash().unwrap() {
            let name = name.as_str().unwrap();
            assert!(job["runs-on"].as_str().is_some() && job["timeout-minutes"].as_i64().is_some());
            let ids: Vec<&str> = job["steps"]
                .as_vec()
                .unwrap()
                .iter()
                .filter_map(|step| step["id"].as_str())
                .collect();
            for step in job["steps"].as_vec().unwrap() {
                let known = ["name", "id", "if", "uses", "with", "run", "env"];
                assert!(keys(step).iter().all(|key| known.contains(key)), "{name}: {step:?}");
                assert_ne!(
                    step["run"].is_badvalue(),
                    step["uses"].is_badvalue(),
                    "{name}: {step:?}"
                );
                if let Some(run) = step["run"].as_str() {
                    assert!(!run.contains("${{"), "{name}: an expression in a script: {run}");
                    let program = run.split(' ').next().unwrap();
                    let known = program.strip_prefix(".github/").is_none()
                        || scripts.contains(&program.to_owned());
                    assert!(known, "{program}");
                }
                let mut all = Vec::new();
                texts(step, &mut all);
                for text in all {
                    for reference in text.split("steps.").skip(1) {
                        let id = reference.split('.').next().unwrap();
                        assert!(ids.contains(&id), "{name}: {id}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_action_is_yaml_and_uses_scripts_that_are_there() {
    let read =
        |path: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let action = yaml(&read("action.yml"));
    assert_eq!(action["runs"]["using"].as_str(), Some("composite"));
    let inputs = keys(&action["inputs"]);
    for step in action["runs"]["steps"].as_vec().unwrap() {
        let mut all = Vec::new();
        texts(step, &mut all);
        for text in &all {
            for input in text.split("inputs.").skip(1) {
                let name: String = input.chars().take_while(char::is_ascii_alphabetic).collect();
                assert!(inputs.contains(&name.as_str()), "{name}");
            }
            for script in text.split("$ACTION_PATH/").skip(1) {
                let path = script.split('"').next().unwrap();
                assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(path).is_file(), "{path}");
            }
        }
        if let Some(run) = step["run"].as_str() {
            assert!(!run.contains("${{") && step["shell"].as_str() == Some("bash"), "{run}");
        }
    }
    let hooks = yaml(&read(".pre-commit-hooks.yaml"));
    assert_eq!(hooks[0]["id"].as_str(), Some("rlock-lock-check"));
}

#[test]
fn the_forge_is_known_by_remote_or_files() {
    let folder = tempfile::tempdir().unwrap();
    let top = folder.path();
    fs::create_dir_all(top.join(".git")).unwrap();
    assert_eq!(forge::detect(top), None);
    fs::create_dir(top.join(".gitlab")).unwrap();
    assert_eq!(forge::detect(top), Some(ForgeName::Gitlab));
    fs::write(top.join(".git/config"), "[remote \"origin\"]\n\turl = git@github.example:a/b\n")
        .unwrap();
    assert_eq!(forge::detect(top), Some(ForgeName::Github));
    assert_eq!(forge::branch(top), "main");
    fs::write(top.join(".git/HEAD"), "ref: refs/heads/feature/x\n").unwrap();
    assert_eq!(forge::branch(top), "feature/x");
    fs::create_dir_all(top.join(".git/refs/remotes/origin")).unwrap();
    fs::write(top.join(".git/refs/remotes/origin/HEAD"), "ref: refs/remotes/origin/trunk\n")
        .unwrap();
    assert_eq!(forge::branch(top), "trunk");
}
