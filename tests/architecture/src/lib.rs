//! What the checks of the house look at: the workspace's packages, their dependencies, and its source files.
//!
//! Owns the reading; which rules hold is said by the tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// The root of the workspace that the test runs in. Found when it runs, from the folder of its package: a path that is built in would be that of
/// the checkout that was built last, where several share what cargo builds.
///
/// # Panics
/// Outside of the repository.
pub fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let begin = package.or_else(|| std::env::current_dir().ok()).unwrap_or_default();
    let root = begin.ancestors().find(|folder| folder.join("ARCHITECTURE.md").exists());
    root.expect("a folder above has ARCHITECTURE.md").to_owned()
}

/// The workspace as cargo describes it, with every dependency resolved.
///
/// # Panics
/// When cargo cannot describe it.
pub fn metadata() -> Metadata {
    let command = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).exec();
    command.expect("cargo describes the workspace")
}

/// For each crate of the product, the crates of the product that it is built with (not its tests).
pub fn product_dependencies(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let product = |name: &str| metadata.workspace_packages().iter().any(|package| package.name.as_str() == name);
    let packages = metadata.workspace_packages().into_iter();
    let crates = packages.filter(|package| package.manifest_path.starts_with(metadata.workspace_root.join("crates")));
    crates
        .map(|package| {
            let built_with = package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
            let own = built_with.map(|dependency| dependency.name.clone()).filter(|name| product(name));
            (package.name.to_string(), own.collect())
        })
        .collect()
}

/// Every package that a crate is built with, direct or not, by name.
pub fn everything_under(metadata: &Metadata, name: &str) -> BTreeSet<String> {
    let resolve = metadata.resolve.as_ref().expect("cargo resolves the workspace");
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let package = metadata.packages.iter().find(|package| package.name.as_str() == name);
    let mut open = vec![&package.expect("the crate is in the workspace").id];
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        let built_with = nodes[id].deps.iter().filter(|dependency| {
            dependency.dep_kinds.iter().any(|kind| matches!(kind.kind, DependencyKind::Normal | DependencyKind::Build))
        });
        open.extend(built_with.map(|dependency| &dependency.pkg));
    }
    let names = metadata.packages.iter().filter(|package| seen.contains(&package.id));
    names.map(|package| package.name.to_string()).collect()
}

/// Every Rust file of the project below a folder, with its text.
///
/// # Panics
/// When a file cannot be read.
pub fn rust_files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder is readable").flatten() {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("target") && !path.ends_with("corpus") {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).expect("the file is readable");
                files.push((path, text));
            }
        }
    }
    files.sort();
    files
}
