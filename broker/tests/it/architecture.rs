//! The shape of the sources: which crate may use which, what the pure ones must not see, how the
//! modules of the server are called, how long files are.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's crates and the crates of the workspace that each may use.
const ARROWS: [(&str, &[&str]); 7] = [
    ("mqtt", &[]),
    ("policy", &[]),
    ("rules", &["policy"]),
    ("things", &["policy"]),
    ("thingcore", &["mqtt", "policy", "rules", "things"]),
    (
        "thingcore-bench",
        &["mqtt", "policy", "rules", "things", "thingcore"],
    ),
    ("thingcore-examples", &["thingcore"]),
];

/// Where no clock, socket, file, thread, environment or random source may be seen.
const PURE: [&str; 4] = [
    "mqtt/src",
    "policy/src",
    "rules/src/sql",
    "rules/src/template.rs",
];

/// What would be one.
const IMPURE: [&str; 23] = [
    "std::env",
    "std::fs",
    "stdin()",
    "stdout()",
    "stderr()",
    "std::process",
    "std::thread",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "Instant::now",
    "SystemTime",
    "UtcDateTime::now",
    "OffsetDateTime::now",
    "Utc::now",
    "tokio::",
    "rand::rng()",
    "thread_rng",
    "from_os_rng",
    "OsRng",
    "getrandom",
    "new_v4",
];

/// Crates that a pure one has no use for.
const IMPURE_CRATES: [&str; 8] = [
    "tokio", "hyper", "reqwest", "axum", "fjall", "tempfile", "socket2", "tracing",
];

/// Names that modules of the server would share with crates beside it.
const TAKEN: [&str; 4] = ["policy", "rules", "mqtt", "core"];

const FILE_LINES_MAX: usize = 700;
const MAIN_LINES_MAX: usize = 59;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What each crate of the workspace depends on, tests and build scripts aside.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let normal = |package: &Value| -> BTreeSet<String> {
        let all = package["dependencies"].as_array().unwrap().iter();
        let normal = all.filter(|dependency| dependency["kind"].is_null());
        normal
            .map(|d| d["name"].as_str().unwrap().to_owned())
            .collect()
    };
    packages
        .map(|package| {
            (
                package["name"].as_str().unwrap().to_owned(),
                normal(package),
            )
        })
        .collect()
}

/// All files of Rust below a path, in order.
fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let mut found = Vec::new();
    let mut entries: Vec<_> = std::fs::read_dir(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            found.extend(sources(&entry));
        } else if entry.extension().is_some_and(|e| e == "rs") {
            found.push(entry);
        }
    }
    found
}

/// All files of Rust in the workspace's crates.
fn workspace_sources() -> Vec<PathBuf> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let manifests = packages.map(|package| package["manifest_path"].as_str().unwrap());
    let folders = manifests.map(|manifest| Path::new(manifest).parent().unwrap().to_owned());
    folders.flat_map(|folder| sources(&folder)).collect()
}

/// What the compiler sees outside of tests: no comments, nothing behind the test module.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate();
    lines
        .take_while(|(_, line)| *line != "#[cfg(test)]")
        .map(|(at, line)| (at + 1, line.split("//").next().unwrap_or_default()))
}

#[test]
fn crates_use_only_the_crates_that_the_design_allows() {
    let found = dependencies();
    let members: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    let known: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    assert_eq!(members, known, "a crate without arrows");
    for (name, allowed) in ARROWS {
        let inside = found[name].iter().filter(|d| known.contains(&d.as_str()));
        for dependency in inside {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{name} must not use {dependency}"
            );
        }
    }
}

#[test]
fn pure_crates_see_no_clock_socket_file_thread_environment_or_chance() {
    let found = dependencies();
    for name in ["mqtt", "policy"] {
        for dependency in IMPURE_CRATES {
            assert!(!found[name].contains(dependency), "{name}: {dependency}");
        }
    }
    for path in PURE {
        let files = sources(&root().join(path));
        assert!(!files.is_empty(), "{path}");
        for file in files {
            if file.file_name().is_some_and(|name| name == "tests.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&file).unwrap();
            for (line, code) in code(&text) {
                let seen = IMPURE.iter().find(|impure| code.contains(**impure));
                assert_eq!(seen, None, "{}:{line}", file.display());
            }
        }
    }
}

#[test]
fn modules_of_the_server_are_not_named_like_the_crates_beside_it() {
    for entry in std::fs::read_dir(root().join("broker/src")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(!TAKEN.contains(&name.as_str()), "broker/src/{name}");
    }
}

#[test]
fn files_are_short() {
    let files = workspace_sources();
    assert!(files.len() > 100, "{} files are not all", files.len());
    for file in files {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        let shown = file.display();
        assert!(
            lines <= FILE_LINES_MAX,
            "{shown} has {lines} lines: split it"
        );
    }
    let main = std::fs::read_to_string(root().join("broker/src/main.rs")).unwrap();
    assert!(main.lines().count() <= MAIN_LINES_MAX);
}

#[test]
fn every_crate_keeps_the_lints_of_the_workspace() {
    for package in metadata()["packages"].as_array().unwrap() {
        let manifest = package["manifest_path"].as_str().unwrap();
        let text = std::fs::read_to_string(manifest).unwrap();
        assert!(text.contains("[lints]\nworkspace = true"), "{manifest}");
    }
}
