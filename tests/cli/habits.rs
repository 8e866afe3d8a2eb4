//! Completions and a manual, as any program has them.

use super::{ridgepoint, stderr, stdout};

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
