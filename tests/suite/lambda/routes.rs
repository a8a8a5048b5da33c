//! `cargo lambda watch` serves the routes of the manifest: the map in Cargo.toml says the same.

use std::collections::BTreeSet;

use cargo_metadata::MetadataCommand;
use scorpius::doors;
use serde_json::Value;

use crate::tree;

/// (`POST /v1/scans`, function) of `[workspace.metadata.lambda.watch.router]`.
fn watched(router: &Value) -> BTreeSet<(String, String)> {
    let routes = router.as_object().into_iter().flatten();
    routes
        .flat_map(|(path, arms)| {
            arms.as_array().into_iter().flatten().map(move |arm| {
                let text = |name: &str| arm[name].as_str().unwrap_or("?").to_owned();
                (format!("{} {}", text("method"), as_api_gateway(path)), text("function"))
            })
        })
        .collect()
}

/// What takes the rest of a path is `{*path}` to cargo-lambda and `{path+}` to API Gateway.
fn as_api_gateway(path: &str) -> String {
    match path.rsplit_once("{*") {
        Some((before, name)) => format!("{before}{{{}+}}", name.trim_end_matches('}')),
        None => path.to_owned(),
    }
}

/// The same, as the manifest has it.
fn wired() -> BTreeSet<(String, String)> {
    let manifest = doors::manifest();
    manifest.routes().map(|(function, route, _)| (route.to_owned(), function.to_owned())).collect()
}

#[test]
fn cargo_lambda_watch_has_the_routes_of_the_manifest() {
    let mut command = MetadataCommand::new();
    command.manifest_path(tree::root().join("Cargo.toml")).no_deps();
    let metadata = command.exec().expect("cargo reads its own workspace").workspace_metadata;
    let watched = watched(&metadata["lambda"]["watch"]["router"]);
    let missing: Vec<_> = wired().difference(&watched).cloned().collect();
    let extra: Vec<_> = watched.difference(&wired()).cloned().collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing: {missing:#?}, too many: {extra:#?}");
}

/// It starts a function by `cargo run --bin`, which looks among the workspace's default members alone; and `cargo run` without
/// a name is still the program's.
#[test]
fn cargo_lambda_watch_finds_each_function() {
    let mut command = MetadataCommand::new();
    command.manifest_path(tree::root().join("Cargo.toml")).no_deps();
    let metadata = command.exec().expect("cargo reads its own workspace");
    let members = metadata.workspace_default_packages();
    let names: BTreeSet<_> = members.iter().map(|package| package.name.to_string()).collect();
    let functions = doors::manifest().functions;
    let missing: Vec<_> = functions.keys().filter(|function| !names.contains(*function)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let runs: Vec<_> = members.iter().filter_map(|package| package.default_run.as_deref()).collect();
    assert_eq!(runs, ["scorpius"]);
}

#[test]
fn a_route_is_read_with_each_of_its_methods() {
    let router = serde_json::json!({
        "/a/{id}": [{"method": "GET", "function": "show"}, {"method": "POST", "function": "make"}],
        "/b/{*rest}": [{"method": "GET", "function": "show"}],
    });
    let wanted = [("GET /a/{id}", "show"), ("POST /a/{id}", "make"), ("GET /b/{rest+}", "show")];
    let wanted = wanted.map(|(route, function)| (route.to_owned(), function.to_owned()));
    assert_eq!(watched(&router), wanted.into());
}
