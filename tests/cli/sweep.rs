//! `ridgepoint sweep`: lines, exit status, and what a run leaves behind where a variable asks for it.

use super::{has_adapter, ridgepoint, stderr, stdout};

#[test]
fn every_combination_has_a_line_and_every_text_a_file() {
    if !has_adapter() {
        return;
    }
    let mut command = ridgepoint("sweep");
    let texts = command.get_current_dir().unwrap().join("texts");
    command
        .env("RIDGEPOINT_DUMP", "texts")
        .args("sweep matmul:64x64x64 matmul_blocked TILE_K=8,16".split(' '));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let lines: Vec<_> = stdout(&output).lines().collect();
    assert!(lines[0].starts_with("# matmul f32 64x64x64, "), "{lines:?}");
    for constant in ["TILE_K=8 ", "TILE_K=16 "] {
        let line = lines.iter().find(|line| line.starts_with(constant));
        assert!(
            line.is_some_and(|line| line.contains("FLOP/s")),
            "{lines:?}"
        );
    }
    let names: Vec<_> = std::fs::read_dir(texts)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let of_kernel = names
        .iter()
        .filter(|name| name.starts_with("matmul_blocked."));
    assert_eq!(of_kernel.count(), 2, "{names:?}");
}

#[test]
fn a_file_of_ones_own_is_timed_and_a_wrong_one_is_not() {
    if !has_adapter() {
        return;
    }
    let of = |name: &str, text: String| {
        let mut command = ridgepoint(&format!("sweep-{name}"));
        let path = command.get_current_dir().unwrap().join("mine.wgsl");
        std::fs::write(path, text).unwrap();
        let arguments = "sweep matmul:64x64x64 mine.wgsl --as matmul_tiled --longest";
        command.args(arguments.split(' ')).output().unwrap()
    };
    let own = ridgepoint::shader::files::MATMUL_TILED.wgsl;
    let own = own.replace("fn matmul_tiled(", "fn mine(");
    let right = of("right", own.clone());
    assert_eq!(
        right.status.code(),
        Some(0),
        "{}{}",
        stdout(&right),
        stderr(&right)
    );
    assert!(stdout(&right).contains("longest "), "{}", stdout(&right));
    let broken = of("broken", own.replace("fn mine(", "fn mine(("));
    assert_eq!(broken.status.code(), Some(1), "{}", stdout(&broken));
    assert!(
        stdout(&broken).contains("shaders/mine.wgsl"),
        "{}",
        stdout(&broken)
    );
}

/// A folder that cannot be written is a warning, and the choice of a kernel is in the log.
#[test]
fn the_log_has_choices_with_reasons_and_one_warning_for_a_folder() {
    if !has_adapter() {
        return;
    }
    let mut command = ridgepoint("sweep-log");
    std::fs::write(command.get_current_dir().unwrap().join("file"), "").unwrap();
    command
        .env("RIDGEPOINT_DUMP", "file")
        .env("RUST_LOG", "ridgepoint=debug")
        .args("run --suite quick --op copy:1024 --json rows.json".split(' '));
    let output = command.output().unwrap();
    let log = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert_eq!(
        log.matches("RIDGEPOINT_DUMP=file: shaders cannot").count(),
        1,
        "{log}"
    );
    let choice = log
        .lines()
        .find(|line| line.contains("copy f32 1024 -> stream_copy ["));
    assert!(
        choice.is_some_and(|line| line.contains("]: the best of its operation")),
        "{log}"
    );
}
