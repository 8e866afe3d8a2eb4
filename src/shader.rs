//! From a WGSL file to a pipeline: constants set, loops with constant bounds written out, checked, compiled.
//!
//! A kernel is one complete WGSL file under `shaders/`. Numbers such as tile sizes live in the file's header as
//! `const` lines; the host reads them from there after naga has evaluated them, and may set other values before.
//! Loops with constant bounds are written out once per value, because drivers keep the register arrays of a loop in
//! slow memory otherwise; `// keep loop` on the line above leaves a loop as it is. A file gives the same result with its
//! loops as written. Text that files share is a snippet, which the host may swap for another as it sets a constant.

mod branches;
mod browser;
pub mod files;
mod fold;
#[cfg(fuzzing)]
pub mod fuzzing;
mod memo;
mod snippets;
mod source;
mod unroll;

pub use crate::report::Checks;
pub use browser::for_browsers;
pub use snippets::{Snippet, stamp};
pub use source::Constant;

use crate::error::{Error, Result};
use crate::text::fnv_1a;
use memo::Memo;
use naga::valid::{Capabilities, ValidationFlags, Validator};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

/// One WGSL file: its stem, which is also its entry point, and its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shader {
    /// File stem, entry point and label.
    pub name: &'static str,
    /// The file's text.
    pub wgsl: &'static str,
}

/// The form of loops with constant bounds, except for loops below `// keep loop`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Loops {
    /// Written out once per value.
    #[default]
    Unrolled,
    /// Left as loops; slower, the same result. Tests hold one against the other.
    AsWritten,
}

/// How a binding of group 0 is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// `var<uniform>`
    Uniform,
    /// `var<storage, read>`
    Read,
    /// `var<storage, read_write>`
    ReadWrite,
}

/// One binding of group 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// `@binding(index)`
    pub index: u32,
    /// The variable's name.
    pub name: String,
    /// How it is used.
    pub access: Access,
}

/// A shader ready to compile, and what the host has to know of it.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Stem of the file.
    pub name: &'static str,
    /// The final text.
    pub wgsl: String,
    /// Constants and snippets that were set, by name, as text.
    pub set: BTreeMap<String, String>,
    /// Every integer constant of the file after evaluation, derived ones included; truth values as 0 and 1.
    pub constants: BTreeMap<String, u32>,
    /// `@workgroup_size`
    pub workgroup_size: [u32; 3],
    /// Bytes of workgroup memory.
    pub workgroup_bytes: u32,
    /// Bytes of the uniform behind binding 0; 0 where there is none.
    pub uniform_bytes: u32,
    /// Bindings of group 0, by index.
    pub bindings: Vec<Binding>,
}

impl Prepared {
    /// An integer constant of the file.
    ///
    /// # Panics
    /// If the file has no such constant: the operation that asks and the file disagree, which a test finds.
    #[must_use]
    pub fn constant(&self, name: &str) -> u32 {
        *self
            .constants
            .get(name)
            .unwrap_or_else(|| panic!("shaders/{}.wgsl has no integer constant {name}", self.name))
    }

    /// FNV-1a of the final text.
    #[must_use]
    pub fn hash(&self) -> u64 {
        fnv_1a(self.wgsl.bytes())
    }

    /// Invocations in a workgroup.
    #[must_use]
    pub fn invocations(&self) -> u32 {
        self.workgroup_size.iter().product()
    }

    /// Refuses `params`, the uniform that the host of `kernel` wrote, where the file's has another size: their fields
    /// would be others too.
    ///
    /// # Errors
    /// [`Error::Shader`] with both sizes.
    pub(crate) fn check_params(&self, kernel: &str, params: &[u8]) -> Result<()> {
        let (wanted, found) = (self.uniform_bytes, params.len());
        if found == wanted as usize {
            return Ok(());
        }
        Err(Error::Shader {
            file: self.name.to_owned(),
            message: format!(
                "the uniform of binding 0 has {wanted} bytes, the host of {kernel} gives it {found}; \
                 let `Params` of the file and of the host have the same fields"
            ),
        })
    }
}

/// Texts that were prepared, so that planning a shape a second time parses nothing.
///
/// 128 texts are more than a suite has, and at most 34 MB: the longest, a matmul in f32 with its loops written out, has 266 KB.
static PREPARED: Memo<Key, Prepared> = Memo::new(128);

/// Settable names of files, which planning asks for once for each constant. 256 files are several times the crate's own.
static SETTABLE: Memo<(usize, usize), Vec<&'static str>> = Memo::new(256);

/// All that [`Shader::prepare`] depends on: two texts with equal keys are the same text.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    name: &'static str,
    /// [`Shader::text`].
    text: (usize, usize),
    constants: String,
    loops: Loops,
    features: wgpu::Features,
}

impl Snippet {
    /// FNV-1a of the file's text, as [`Shader::hash`].
    #[must_use]
    pub fn hash(&self) -> u64 {
        fnv_1a(self.wgsl.bytes())
    }
}

impl Shader {
    /// FNV-1a of the file's text: two reports with the same hash ran the same file.
    #[must_use]
    pub fn hash(&self) -> u64 {
        fnv_1a(self.wgsl.bytes())
    }

    /// Names of the constants that [`Shader::prepare`] can set, and of the snippets that it can swap.
    #[must_use]
    pub fn settable(&self) -> Vec<&'static str> {
        let read = || Ok::<_, Infallible>(source::settable(self.wgsl));
        let Ok(names) = SETTABLE.get_or(self.text(), read);
        names.to_vec()
    }

    /// Address and length of the text, which is static and so neither moves nor changes: the text's identity.
    fn text(&self) -> (usize, usize) {
        (self.wgsl.as_ptr().addr(), self.wgsl.len())
    }

    /// The value of a settable constant or alias as the file writes it: `64`, `1.0f`, `f32`.
    #[cfg(test)]
    pub(crate) fn literal(&self, name: &str) -> Option<&str> {
        source::literal(self.wgsl, name)
    }

    /// Swaps snippets, sets constants, writes loops out, validates for an adapter with `features`, and reads what the host
    /// needs. Pure, and kept: what was prepared before is returned again.
    ///
    /// # Errors
    /// [`Error::UnknownName`] for a constant or snippet that the file does not have; [`Error::Shader`] with naga's text for
    /// a file that does not parse or validate.
    pub fn prepare(
        &self,
        constants: &[(&str, Constant)],
        loops: Loops,
        features: wgpu::Features,
    ) -> Result<Arc<Prepared>> {
        let found = self.prepare_with_module(constants, loops, features);
        found.map(|(prepared, _)| prepared)
    }

    /// [`Shader::prepare`], with the module that naga made of the text where the text was not prepared before: a module is
    /// many times as large as its text, and is not kept.
    pub(crate) fn prepare_with_module(
        &self,
        constants: &[(&str, Constant)],
        loops: Loops,
        features: wgpu::Features,
    ) -> Result<(Arc<Prepared>, Option<naga::Module>)> {
        let key = self.key(constants, loops, features);
        let mut parsed = None;
        let prepared = PREPARED.get_or(key, || {
            let (prepared, module) = self.prepare_anew(constants, loops, features)?;
            parsed = Some(module);
            Ok::<_, Error>(prepared)
        })?;
        Ok((prepared, parsed))
    }

    /// The key of a text that [`Shader::prepare`] makes, and of what is compiled from it.
    pub(crate) fn key(
        &self,
        constants: &[(&str, Constant)],
        loops: Loops,
        features: wgpu::Features,
    ) -> Key {
        let word = |(name, value): &(&str, Constant)| match value {
            // Snippets of one name may have different texts.
            Constant::Snippet(snippet) => format!("{name}={:p}", snippet.wgsl),
            _ => format!("{name}={value}"),
        };
        let words: Vec<String> = constants.iter().map(word).collect();
        Key {
            name: self.name,
            text: self.text(),
            constants: words.join(" "),
            loops,
            features,
        }
    }

    fn prepare_anew(
        &self,
        constants: &[(&str, Constant)],
        loops: Loops,
        features: wgpu::Features,
    ) -> Result<(Prepared, naga::Module)> {
        let set = source::set_constants(self.name, self.wgsl, constants)?;
        let text = match loops {
            Loops::AsWritten => set,
            Loops::Unrolled => {
                let (bounds, constants) = self.evaluate(&set)?;
                let truth = |name: &str| constants.get(name).map(|value| *value != 0);
                unroll::unroll(
                    self.name,
                    &branches::decide(&set, &truth),
                    &bounds,
                    &constants,
                )?
            }
        };
        let module = self.parse(&text)?;
        let mut validator = Validator::new(ValidationFlags::all(), capabilities(features));
        validator
            .validate(&module)
            .map_err(|e| self.error(e.emit_to_string_with_path(&text, self.name)))?;
        let entry = module
            .entry_points
            .first()
            .ok_or_else(|| self.error("no entry point".into()))?;
        let prepared = Prepared {
            name: self.name,
            constants: integer_constants(&module),
            workgroup_size: entry.workgroup_size,
            workgroup_bytes: workgroup_bytes(&module),
            uniform_bytes: uniform_bytes(&module),
            bindings: bindings(&module),
            wgsl: text,
            set: constants
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.to_string()))
                .collect(),
        };
        Ok((prepared, module))
    }

    fn error(&self, message: String) -> Error {
        Error::Shader {
            file: self.name.to_owned(),
            message,
        }
    }

    fn parse(&self, text: &str) -> Result<naga::Module> {
        naga::front::wgsl::parse_str(text)
            .map_err(|e| self.error(e.emit_to_string_with_path(text, self.name)))
    }

    /// Values of the expressions in the headers of loops to write out, and of all integer constants, truth values as 0 and 1.
    /// naga evaluates them, the expressions as constants added to the file.
    fn evaluate(&self, text: &str) -> Result<(BTreeMap<String, i64>, BTreeMap<String, u32>)> {
        let loops = unroll::constant_loops(self.name, text)?;
        let expressions: BTreeMap<String, &str> =
            loops.iter().flat_map(unroll::Loop::expressions).collect();
        let mut probe = text.to_owned();
        for (i, (expression, ty)) in expressions.iter().enumerate() {
            let line = [
                "const unroll_expression_",
                &i.to_string(),
                ": ",
                ty,
                " = ",
                expression,
                ";\n",
            ];
            probe += &line.concat();
        }
        let values = integer_constants(&self.parse(&probe)?);
        let bounds = expressions.into_keys().enumerate().filter_map(|(i, e)| {
            let value = values.get(&format!("unroll_expression_{i}"))?;
            Some((e, i64::from(*value)))
        });
        Ok((bounds.collect(), values))
    }
}

/// naga's capabilities for the features that kernels may use.
fn capabilities(features: wgpu::Features) -> Capabilities {
    // Packing two halves in 32 bits is no feature of WebGPU: every adapter does it.
    let mut found = Capabilities::SHADER_FLOAT16_IN_FLOAT32;
    found.set(
        Capabilities::SHADER_FLOAT16,
        features.contains(wgpu::Features::SHADER_F16),
    );
    found.set(
        Capabilities::SUBGROUP,
        features.contains(wgpu::Features::SUBGROUP),
    );
    found.set(
        Capabilities::SUBGROUP_BARRIER,
        features.contains(wgpu::Features::SUBGROUP_BARRIER),
    );
    found.set(
        Capabilities::COOPERATIVE_MATRIX,
        features.contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX),
    );
    found
}

fn integer_constants(module: &naga::Module) -> BTreeMap<String, u32> {
    let literal = |constant: &naga::Constant| match module.global_expressions[constant.init] {
        naga::Expression::Literal(naga::Literal::U32(value)) => Some(value),
        naga::Expression::Literal(naga::Literal::I32(value)) => u32::try_from(value).ok(),
        naga::Expression::Literal(naga::Literal::Bool(value)) => Some(value.into()),
        _ => None,
    };
    module
        .constants
        .iter()
        .filter_map(|(_, c)| Some((c.name.clone()?, literal(c)?)))
        .collect()
}

fn workgroup_bytes(module: &naga::Module) -> u32 {
    sizes(module, |variable| {
        variable.space == naga::AddressSpace::WorkGroup
    })
    .sum()
}

fn uniform_bytes(module: &naga::Module) -> u32 {
    let is_uniform = |variable: &naga::GlobalVariable| {
        variable.space == naga::AddressSpace::Uniform
            && variable
                .binding
                .as_ref()
                .is_some_and(|b| (b.group, b.binding) == (0, 0))
    };
    sizes(module, is_uniform).sum()
}

/// Bytes of the variables that `is_wanted` accepts, each with the padding that ends it.
fn sizes(
    module: &naga::Module,
    is_wanted: impl Fn(&naga::GlobalVariable) -> bool,
) -> impl Iterator<Item = u32> {
    let mut layouter = naga::proc::Layouter::default();
    // A module that naga has validated has a layout.
    let known = layouter.update(module.to_ctx()).is_ok();
    let variables = module.global_variables.iter().map(|(_, variable)| variable);
    variables
        .filter(move |variable| known && is_wanted(variable))
        .map(move |v| layouter[v.ty].alignment.round_up(layouter[v.ty].size))
}

fn bindings(module: &naga::Module) -> Vec<Binding> {
    let mut found: Vec<Binding> = module
        .global_variables
        .iter()
        .filter_map(|(_, variable)| {
            let access = match variable.space {
                naga::AddressSpace::Uniform => Access::Uniform,
                naga::AddressSpace::Storage { access }
                    if access.contains(naga::StorageAccess::STORE) =>
                {
                    Access::ReadWrite
                }
                naga::AddressSpace::Storage { .. } => Access::Read,
                _ => return None,
            };
            let name = variable.name.clone().unwrap_or_default();
            Some(Binding {
                index: variable.binding.as_ref()?.binding,
                name,
                access,
            })
        })
        .collect();
    found.sort_by_key(|b| b.index);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHADER: Shader = Shader {
        name: "sample",
        wgsl: "const N: u32 = 4;\nconst M: u32 = N * 2u;\n\
            @group(0) @binding(0) var<uniform> params: u32;\n\
            @group(0) @binding(1) var<storage, read_write> y: array<u32>;\n\
            var<workgroup> tile: array<vec4<f32>, M>;\n\
            @compute @workgroup_size(M, 2) fn sample() {\n\
            tile[0].x = 1.0;\n\
            for (var i = 0u; i < M / 2u; i++) {\ny[i] = params;\n}\n}\n",
    };

    #[test]
    fn facts_follow_the_constants() {
        let prepared = SHADER
            .prepare(
                &[("N", Constant::Integer(8))],
                Loops::Unrolled,
                wgpu::Features::empty(),
            )
            .unwrap();
        assert_eq!((prepared.constant("N"), prepared.constant("M")), (8, 16));
        assert_eq!(prepared.workgroup_size, [16, 2, 1]);
        assert_eq!(
            (prepared.workgroup_bytes, prepared.invocations()),
            (256, 32)
        );
        assert_eq!(prepared.uniform_bytes, 4);
        assert_eq!(prepared.wgsl.matches("u] = params;").count(), 8);
        assert!(prepared.wgsl.contains("y[7u] = params;"));
        let access: Vec<Access> = prepared.bindings.iter().map(|b| b.access).collect();
        assert_eq!(access, [Access::Uniform, Access::ReadWrite]);
    }

    #[test]
    fn a_file_becomes_one_for_f16_by_its_alias() {
        const COPY: Shader = Shader {
            name: "copy",
            wgsl: "//! copy: y = x.\nalias Elem = f32;\n\
                @group(0) @binding(0) var<storage, read_write> y: array<Elem>;\n\
                @compute @workgroup_size(1) fn copy() {\ny[0] = y[1];\n}\n",
        };
        let half = [("Elem", Constant::Type("f16"))];
        let prepare = |features| COPY.prepare(&half, Loops::Unrolled, features);
        let prepared = prepare(wgpu::Features::SHADER_F16).unwrap();
        assert!(
            prepared
                .wgsl
                .starts_with("//! copy: y = x.\nenable f16;\nalias Elem = f16;\n")
        );
        assert!(matches!(
            prepare(wgpu::Features::empty()),
            Err(Error::Shader { .. })
        ));
        let plain = COPY.prepare(&[], Loops::Unrolled, wgpu::Features::empty());
        assert!(!plain.unwrap().wgsl.contains("enable"));
    }

    /// A file in place of a kernel's own has its name, and must not get its text or its pipelines.
    #[test]
    fn texts_of_one_name_have_keys_of_their_own() {
        let features = wgpu::Features::empty();
        let key = |shader: &Shader, n: u32| {
            shader.key(&[("N", Constant::Integer(n))], Loops::Unrolled, features)
        };
        let other = Shader {
            wgsl: SHADER.wgsl.replace("N * 2u", "N * 4u").leak(),
            ..SHADER
        };
        let same = SHADER;
        assert_eq!(key(&SHADER, 8), key(&same, 8));
        assert_ne!(key(&SHADER, 8), key(&SHADER, 4));
        assert_ne!(key(&SHADER, 8), key(&other, 8));
        let prepare = |shader: &Shader| shader.prepare(&[], Loops::Unrolled, features).unwrap();
        assert_eq!(prepare(&SHADER).constant("M"), 8);
        assert_eq!(prepare(&other).constant("M"), 16);
    }

    #[test]
    fn loops_stay_when_asked() {
        let prepared = SHADER
            .prepare(&[], Loops::AsWritten, wgpu::Features::empty())
            .unwrap();
        assert_eq!(prepared.wgsl.matches("y[i] = params;").count(), 1);
    }

    #[test]
    fn a_broken_file_is_an_error_with_a_caret() {
        let broken = Shader {
            name: "broken",
            wgsl: "fn broken() { let x = nothing; }\n",
        };
        let error = broken
            .prepare(&[], Loops::Unrolled, wgpu::Features::empty())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("shaders/broken.wgsl") && error.contains('^'),
            "{error}"
        );
    }
}
