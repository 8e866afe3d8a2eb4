//! The user's files in place of a kernel's own files, for authors of kernels.

use ridgepoint::error::suggest;
use ridgepoint::gpu::Capabilities;
use ridgepoint::kernel::{Constants, Kernel, Schedule, Stage};
use ridgepoint::ops::{Candidate, Family, Fit, Trust};
use ridgepoint::shader::{Constant, Prepared, Shader};
use ridgepoint::{Dtype, Error, Result, files};
use std::path::Path;

/// The candidate of a kernel in the table, with other files: the table's host code sets constants and dispatches.
pub(super) struct Replaced<'a> {
    inner: Box<dyn Candidate + 'a>,
    kernel: &'static Kernel,
}

impl<'a> Replaced<'a> {
    pub(super) fn new(inner: Box<dyn Candidate + 'a>, kernel: &'static Kernel) -> Self {
        Self { inner, kernel }
    }
}

impl Candidate for Replaced<'_> {
    fn kernel(&self) -> &'static Kernel {
        self.kernel
    }

    fn trust(&self) -> Trust {
        // SAFETY: whoever sweeps a file of their own has written it, and asked for a time without checks by its name; a
        // file that reads out of bounds harms their own program, which is this one.
        unsafe { Trust::unchecked() }
    }

    fn fit(&self, device: &Capabilities) -> Fit {
        self.inner.fit(device)
    }

    fn constants(&self, device: &Capabilities, given: &Constants) -> Result<Constants> {
        let found = self.inner.constants(device, given)?;
        Ok(found.for_kernel(self.kernel).merged(given))
    }

    fn alternatives(&self, device: &Capabilities) -> Vec<Constants> {
        self.inner.alternatives(device)
    }

    fn schedule(&self, stages: &[&Prepared], device: &Capabilities) -> Result<Schedule> {
        self.inner.schedule(stages, device)
    }
}

/// The kernel of the table whose place the file at `path` takes, and a copy of that kernel with the file.
///
/// The kernel of the table is `place`; without `place`, the kernel with the file's name, or a kernel that has a file of
/// that name. The file's stem is its entry point.
///
/// # Errors
/// [`Error::File`] for a file that cannot be read; [`Error::UnknownName`] where no kernel has the file's name.
pub(super) fn from_file(
    path: &Path,
    family: &'static Family,
    place: Option<&str>,
    dtype: Dtype,
) -> Result<(&'static Kernel, &'static Kernel)> {
    let text = files::read(path)?;
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let stem = stem.unwrap_or_default();
    let has_file = |kernel: &&&Kernel| kernel.stages.iter().any(|s| s.shader.name == stem);
    let table = match (place, family.kernel(stem)) {
        (Some(place), _) => family.kernel(place)?,
        (None, Ok(kernel)) => kernel,
        (None, Err(_)) => family
            .kernels
            .iter()
            .find(has_file)
            .copied()
            .ok_or_else(|| unplaced(stem, family))?,
    };
    let own = shader(stem, text);
    let mut stages = table.stages.to_vec();
    // The file replaces the stage of its name; without such a stage, the kernel's first stage.
    let named = |name: &str| stages.iter().any(|stage| stage.shader.name == name);
    let replaced = if named(stem) {
        stem
    } else {
        table.stages[0].shader.name
    };
    for stage in &mut stages {
        if stage.shader.name == replaced {
            stage.shader = own;
        }
    }
    let kernel = Kernel {
        name: own.name,
        dtypes: Box::leak(Box::new([dtype])),
        ..*table
    };
    Ok((table, with_stages(kernel, stages)))
}

/// `table` with its files replaced by the files of the same names in `folder`.
///
/// # Errors
/// [`Error::File`] for files that cannot be read, and for a folder that has none of the kernel's files.
pub(super) fn with_folder(table: &'static Kernel, folder: &Path) -> Result<&'static Kernel> {
    let mut stages = table.stages.to_vec();
    let mut found = false;
    for stage in &mut stages {
        let path = folder.join([stage.shader.name, ".wgsl"].concat());
        if path.exists() {
            stage.shader = shader(stage.shader.name, files::read(&path)?);
            found = true;
        }
    }
    if !found {
        let mut names: Vec<_> = table.stages.iter().map(|s| s.shader.name).collect();
        names.dedup();
        let reason = format!(
            "no {}.wgsl of {} is there",
            names.join(".wgsl, "),
            table.name
        );
        return Err(files::failed(folder, &reason));
    }
    Ok(with_stages(*table, stages))
}

fn unplaced(stem: &str, family: &Family) -> Error {
    let known = family.kernels.iter().map(|kernel| kernel.name);
    Error::UnknownName {
        kind: "kernel",
        name: format!("{stem} of {}", family.name),
        suggestion: format!(
            "say whose host code dispatches the file with --as KERNEL; {}",
            suggest(stem, known)
        ),
    }
}

/// `kernel` with other stages, and with the features that words in their texts need. The kernel lives as long as the
/// program, as the kernels of the table do.
fn with_stages(kernel: Kernel, stages: Vec<Stage>) -> &'static Kernel {
    let has = |word: &str| stages.iter().any(|stage| stage.shader.wgsl.contains(word));
    let mut features = kernel.features;
    for (word, feature) in [
        ("enable f16;", wgpu::Features::SHADER_F16),
        ("subgroup", wgpu::Features::SUBGROUP),
        (
            "enable wgpu_cooperative_matrix;",
            wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX,
        ),
    ] {
        features.set(feature, features.contains(feature) || has(word));
    }
    let mut found = Kernel {
        stages: stages.leak(),
        features,
        ..kernel
    };
    // A preset of the table may set what the files do not declare.
    let is_declared =
        |preset: &&&[(&'static str, Constant)]| preset.iter().all(|(name, _)| found.declares(name));
    let presets: Vec<_> = kernel.presets.iter().filter(is_declared).copied().collect();
    found.presets = presets.leak();
    Box::leak(Box::new(found))
}

fn shader(name: &str, wgsl: String) -> &'static Shader {
    Box::leak(Box::new(Shader {
        name: name.to_owned().leak(),
        wgsl: wgsl.leak(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ridgepoint::gpu::fake;
    use ridgepoint::ops::{Matmul, candidate, family};

    /// A folder of this test alone, with a file of `text`.
    fn folder(name: &str, file: &str, text: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("ridgepoint-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(file), text).unwrap();
        folder
    }

    #[test]
    fn a_file_takes_the_place_of_the_kernel_that_is_called_as_it_or_named() {
        let matmul = family("matmul").unwrap();
        let tiled = matmul.kernel("matmul_tiled").unwrap();
        let text = tiled.stages[0].shader.wgsl;
        let mine = text.replace("fn matmul_tiled", "fn mine");
        let folder = folder("file", "matmul_tiled.wgsl", text);
        std::fs::write(folder.join("mine.wgsl"), mine).unwrap();
        let of = |name: &str, place| from_file(&folder.join(name), matmul, place, Dtype::F32);
        let (table, _) = of("matmul_tiled.wgsl", None).unwrap();
        assert_eq!(table.name, "matmul_tiled");
        let refused = of("mine.wgsl", None).unwrap_err().to_string();
        assert!(refused.contains("--as KERNEL"), "{refused}");
        let (table, own) = of("mine.wgsl", Some("matmul_tiled")).unwrap();
        assert_eq!((table.name, own.name), ("matmul_tiled", "mine"));
        assert_eq!(own.stages[0].shader.name, "mine");
        // The table's host code sets the constants that the file declares.
        let shape = Matmul::new(64, 64, 64);
        let replaced = Replaced::new(candidate(&shape, table.name).unwrap(), own);
        let device = fake("webgpu").unwrap();
        let given = Constants::new().set("TILE", 8u32);
        let constants = replaced.constants(&device, &given).unwrap();
        assert_eq!(constants.integer("TILE"), Some(8));
        assert!(own.supported(Dtype::F32, &constants, &device).is_ok());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_folder_gives_the_files_that_it_has() {
        let kernel = family("softmax")
            .unwrap()
            .kernel("softmax_unfused")
            .unwrap();
        let name = kernel.stages[1].shader.name;
        let folder = folder(
            "folder",
            &format!("{name}.wgsl"),
            "enable f16;\nfn f() {}\n",
        );
        let own = with_folder(kernel, &folder).unwrap();
        assert_eq!(own.stages[0].shader, kernel.stages[0].shader);
        assert!(own.stages[1].shader.wgsl.starts_with("enable f16;"));
        assert!(own.features.contains(wgpu::Features::SHADER_F16));
        std::fs::remove_dir_all(&folder).unwrap();
        let refused = with_folder(kernel, &folder).unwrap_err().to_string();
        assert!(refused.contains("of softmax_unfused is there"), "{refused}");
    }
}
