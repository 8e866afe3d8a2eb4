//! `ridgepoint shader`: what it prints and writes, without an adapter.

use super::{ridgepoint, stderr, stdout};

#[test]
fn the_text_has_its_constants_and_says_why() {
    let arguments = "shader matmul:256x256x256 --kernel matmul_tiled --set TILE=8 --no-adapter";
    let output = ridgepoint("shader")
        .args(arguments.split(' '))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.starts_with("// matmul_tiled, stage 1 of 1, matmul_tiled.wgsl, "),
        "{text}"
    );
    assert!(text.contains("\n// chosen: named by the caller\n"));
    assert!(text.contains("\nconst TILE: u32 = 8u;"));
    // Comments are WGSL too: the whole output is a shader.
    assert!(naga::front::wgsl::parse_str(text).is_ok());
}

#[test]
fn each_form_is_written_to_a_file_for_each_stage() {
    let arguments = "shader softmax:64x64 --kernel softmax_unfused --fake webgpu -o texts --form";
    for (form, extension) in [
        ("wgsl", "wgsl"),
        ("spirv", "spv"),
        ("msl", "metal"),
        ("hlsl", "hlsl"),
    ] {
        let mut command = ridgepoint(&format!("shader-{form}"));
        let folder = command.get_current_dir().unwrap().join("texts");
        let output = command
            .args(arguments.split(' '))
            .arg(form)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap())
            .collect();
        files.sort_by_key(std::fs::DirEntry::path);
        assert!(files.len() > 1, "{files:?}");
        for (i, file) in files.iter().enumerate() {
            let name = file.file_name().into_string().unwrap();
            let stage = format!("softmax_unfused.{}.", i + 1);
            assert!(
                name.starts_with(&stage) && name.ends_with(&format!(".{extension}")),
                "{name}"
            );
            assert!(stdout(&output).contains(&name));
            let bytes = std::fs::read(file.path()).unwrap();
            match form {
                "spirv" => assert_eq!(bytes[..4], 0x0723_0203u32.to_le_bytes()),
                _ => assert!(bytes.starts_with(b"// softmax_unfused, stage ")),
            }
        }
    }
}

/// A kernel of matrix units can be read where there are none.
#[test]
fn a_fake_device_gets_the_kernel_of_a_real_one() {
    let arguments = "shader matmul:4096x4096x4096 --dtype f16 --fake nvidia";
    let output = ridgepoint("shader-fake")
        .args(arguments.split(' '))
        .output()
        .unwrap();
    assert!(
        stdout(&output).contains("enable wgpu_cooperative_matrix;"),
        "{}",
        stderr(&output)
    );
}
