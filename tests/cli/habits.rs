//! What a person expects of any program: completions, a manual, silence on request.

use super::{has_adapter, ridgepoint, stderr, stdout};

#[test]
fn completions_and_manual_are_printed() {
    for (arguments, words) in [
        ("completions bash", "complete -F _ridgepoint"),
        ("completions zsh", "#compdef ridgepoint"),
        ("completions fish", "complete -c ridgepoint"),
        ("completions powershell", "Register-ArgumentCompleter"),
        ("man", ".TH ridgepoint"),
        ("man tune", "minutes"),
    ] {
        let mut command = ridgepoint("habits-generated");
        let output = command.args(arguments.split(' ')).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(stdout(&output).contains(words), "{arguments}");
    }
    let mut command = ridgepoint("habits-wrong");
    let output = command.args(["man", "tunes"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("did you mean tune?"));
}

/// Without a desktop session OpenGL's libraries complain; where Vulkan has an adapter they are not asked.
#[test]
fn nothing_is_said_on_request_and_by_libraries_never() {
    if !has_adapter() {
        return;
    }
    let said = |arguments: &str| {
        let mut command = ridgepoint("habits-quiet");
        command
            .env_remove("XDG_RUNTIME_DIR")
            .env_remove("WGPU_BACKEND")
            .args(arguments.split(' '));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stderr(&output).to_owned()
    };
    let run = "run --suite quick --op copy:1024 --json rows.json";
    assert_eq!(said(&format!("{run} --quiet")), "");
    let loud = said(run);
    assert!(loud.starts_with("measuring "), "{loud}");
    assert!(!loud.contains("XDG_RUNTIME_DIR"), "{loud}");
}
