//! The program from outside: what it prints, and how it ends.

use std::process::{Command, Output};

fn scorpius(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_scorpius")).args(arguments).output().expect("the program starts")
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn it_prints_the_descriptions_that_are_committed() {
    for (command, committed) in [
        ("openapi", include_str!("../../../docs/openapi.json")),
        ("asyncapi", include_str!("../../../docs/asyncapi.json")),
    ] {
        let printed = scorpius(&[command]);
        assert!(printed.status.success(), "{command}: {}", said(&printed.stderr));
        assert!(
            said(&printed.stdout) == committed,
            "`scorpius {command}` prints another document than docs/"
        );
    }
}

#[test]
fn bad_arguments_end_it_with_2_and_the_way_to_help() {
    for arguments in [&["no-such-command"][..], &["up", "--listen", "nowhere"], &["verify"]] {
        let ended = scorpius(arguments);
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}");
        assert!(said(&ended.stderr).contains("'--help'"), "{arguments:?}: {}", said(&ended.stderr));
        assert!(ended.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn bytecode_is_scanned_without_a_host() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("code.hex");
    std::fs::write(&file, "0x600035ff").expect("the folder is writable");
    let found = scorpius(&["scan", file.to_str().expect("UTF-8")]);
    assert_eq!(found.status.code(), Some(1), "{}", said(&found.stderr));
    assert!(said(&found.stdout).contains("unguarded-selfdestruct"), "{}", said(&found.stdout));
}
