//! The text of a shader as browsers get it. Pure text work on what naga has accepted.

/// The `text` of a shader as a browser gets it: with a line that enables subgroups, where the device has them, and with the value
/// of every variable of a function written out.
///
/// naga 30 does not know the line, and browsers refuse subgroups without it. A variable that is declared without a value is
/// zero each time it is declared; Chromium 156 makes it zero once for a function, so that a sum that is declared in a
/// loop begins with what the turn before left.
#[must_use]
pub fn for_browsers(text: &str, has_subgroups: bool) -> String {
    let enable = if has_subgroups {
        "enable subgroups;\n"
    } else {
        ""
    };
    let mut written = String::with_capacity(text.len() + text.len() / 16);
    written += enable;
    for line in text.lines() {
        match declared(line) {
            Some((before, name, type_name, behind)) => {
                for part in [before, "var ", name, " = ", type_name, "();", behind] {
                    written += part;
                }
            }
            None => written += line,
        }
        written.push('\n');
    }
    written
}

/// Indentation, name, type, and what follows, of a line that declares a variable of a function without a value.
fn declared(line: &str) -> Option<(&str, &str, &str, &str)> {
    let code = line.trim_start();
    let before = &line[..line.len() - code.len()];
    let (declaration, behind) = code.strip_prefix("var ")?.split_once(';')?;
    let (name, type_name) = declaration.split_once(": ")?;
    (!type_name.contains('=')).then_some((before, name, type_name, behind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn variables_of_functions_get_their_zeros_and_others_stay() {
        let text = "var<workgroup> memory: array<f32, 4>;\nfn f() {\n    var s: array<vec4<f32>, 2>;   // sums\n    var t: Tile;\n    \
                    var i: u32 = 1u;\n    var j = 2u;\n    for (var k = 0u; k < 2u; k++) {\n        var x: f32;\n    }\n}";
        let wanted = "var<workgroup> memory: array<f32, 4>;\nfn f() {\n    var s = array<vec4<f32>, 2>();   // sums\n    var t = Tile();\n    \
                      var i: u32 = 1u;\n    var j = 2u;\n    for (var k = 0u; k < 2u; k++) {\n        var x = f32();\n    }\n}\n";
        assert_eq!(for_browsers(text, false), wanted);
        assert!(for_browsers(text, true).starts_with("enable subgroups;\nvar<workgroup>"));
    }

    /// Every file of the crate is the same program to naga with its zeros written out.
    #[test]
    fn every_file_is_accepted_with_its_zeros() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/shaders");
        let entries = std::fs::read_dir(folder).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let is_wgsl = |path: &PathBuf| path.extension().is_some_and(|end| end == "wgsl");
        for path in paths.filter(is_wgsl) {
            let text = for_browsers(&std::fs::read_to_string(&path).unwrap(), false);
            let without = text.lines().all(|line| declared(line).is_none());
            assert!(without, "{path:?}");
            let read = naga::front::wgsl::parse_str(&text);
            assert!(read.is_ok(), "{path:?}: {:?}", read.err());
        }
    }
}
