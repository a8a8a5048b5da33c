//! `infra/stack.json` against everything that it names, in both directions. The rules are in `wiring`.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{Metadata, MetadataCommand};
use scorpius::doors;
use scorpius_edge::Role;
use scorpius_edge::manifest::Manifest;

use crate::tree;
use crate::wiring::{bad_entries, bad_events, bad_queues, bad_routes, cycles, own_facts, uncounted};

/// What each function is built from, without the prefix, by the function's name.
fn capabilities() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = workspace();
    let functions = metadata.workspace_root.join("functions");
    metadata
        .packages
        .iter()
        .filter(|package| package.manifest_path.starts_with(&functions))
        .map(|package| {
            let uses = package.dependencies.iter().filter_map(|used| used.name.strip_prefix("scorpius-"));
            (package.name.to_string(), uses.map(str::to_owned).collect())
        })
        .collect()
}

fn workspace() -> Metadata {
    let mut command = MetadataCommand::new();
    command.manifest_path(tree::root().join("Cargo.toml")).no_deps();
    command.exec().expect("cargo reads its own workspace")
}

fn none() -> Vec<String> {
    Vec::new()
}

#[test]
fn the_manifest_has_its_shape_and_no_name_twice() {
    Manifest::parse(doors::STACK).expect("the manifest parses");
    // serde keeps the last of two members with one name; the strict reader refuses them.
    let strict =
        scorpius_edge::body::json::<serde_json::Value>(Some("application/json"), doors::STACK.as_bytes());
    assert!(strict.is_ok(), "{:?}", strict.err());
    assert_eq!(bad_entries(&doors::manifest()), none());
}

#[test]
fn every_route_has_a_door_with_its_action_and_every_door_a_route() {
    assert_eq!(bad_routes(&doors::manifest(), &doors::operations()), none());
    assert_eq!(uncounted(&doors::manifest(), &doors::operations()), none());
    let mut ids = BTreeSet::new();
    for operation in doors::operations().into_values().flatten() {
        assert!(ids.insert(operation.id), "two operations are called `{}`", operation.id);
    }
}

#[test]
fn every_action_is_one_that_some_role_may_do_and_not_every_role() {
    for (_, route, action) in doors::manifest().routes().filter(|(_, _, action)| *action != "public") {
        let may = Role::ALL.iter().filter(|role| role.may(action)).count();
        assert!((1..Role::ALL.len()).contains(&may), "{route}: {may} roles may `{action}`");
    }
}

#[test]
fn every_event_is_declared_and_emitted() {
    let declared: Vec<_> = doors::events().iter().map(|event| event.kind).collect();
    assert_eq!(bad_events(&doors::manifest(), &declared), none());
}

#[test]
fn no_event_leads_back_to_who_emitted_it() {
    assert_eq!(cycles(&doors::manifest()), none());
}

#[test]
fn every_queue_has_one_consumer_and_subscribes_to_what_is_emitted() {
    assert_eq!(bad_queues(&doors::manifest()), none());
}

#[test]
fn no_capability_is_told_its_own_facts() {
    assert_eq!(own_facts(&doors::manifest(), &capabilities()), none());
}

#[test]
fn every_function_is_a_folder_with_a_package_and_a_program_of_its_name() {
    let manifest = doors::manifest();
    let wired: Vec<_> = manifest.functions.keys().cloned().collect();
    assert_eq!(tree::folders("functions"), wired);
    let metadata = workspace();
    for name in &wired {
        let folder = metadata.workspace_root.join("functions").join(name);
        let package =
            metadata.packages.iter().find(|package| package.manifest_path.parent() == Some(&folder));
        let package = package.unwrap_or_else(|| panic!("functions/{name} is no package"));
        assert_eq!(package.name.as_str(), name);
        let programs: Vec<_> =
            package.targets.iter().map(|target| (target.name.as_str(), target.is_bin())).collect();
        assert_eq!(programs, [(name.as_str(), true)]);
    }
}
