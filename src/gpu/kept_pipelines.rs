//! Compiled pipelines of a driver in a file, so that a second process need not compile them again. The backend has to have a
//! cache of pipelines: Vulkan does.

use super::device::Gpu;
use super::pipeline::{PipelineFile, create_cache};
use crate::error::Result;
use crate::files;
use crate::report::Machine;
use crate::text::fnv_1a;
use std::path::{Path, PathBuf};

/// How the pipelines that were kept for a device were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptPipelines {
    /// The backend or the device has no cache of pipelines: `PIPELINE_CACHE` was not requested, or is not to be had.
    Unsupported,
    /// Nothing was kept for this adapter, driver and version.
    None,
    /// Bytes that were handed to the driver, which takes what it can use.
    Loaded(usize),
    /// The file is not whole, for this reason, and is not used; [`Gpu::save_pipelines`] replaces it.
    Dropped(String),
}

/// First line of a file.
const MAGIC: &str = "ridgepoint.pipelines/1";
/// More than any driver's cache of this crate's pipelines has.
const MOST: usize = 1 << 30;

impl Gpu {
    /// Lets pipelines come from what [`Gpu::save_pipelines`] kept in `folder` for this adapter, driver and version of this
    /// crate, in this process or an earlier one. Pipelines that were compiled before are left as they are. A file that is
    /// not whole is dropped, and what another driver kept is not found.
    ///
    /// A driver takes the bytes of its cache as they are: whoever can write to `folder` can change what the device runs, as
    /// with the drivers' own caches. `plan::Store::of_user` has a folder of the user's.
    ///
    /// # Errors
    /// [`crate::Error::File`] for a file that is there and cannot be read; [`crate::Error::OutOfMemory`],
    /// [`crate::Error::DeviceLost`].
    pub fn load_pipelines(&mut self, folder: &Path) -> Result<KeptPipelines> {
        if !self
            .capabilities
            .features
            .contains(wgpu::Features::PIPELINE_CACHE)
        {
            return Ok(KeptPipelines::Unsupported);
        }
        let machine = Machine::of(self.summary());
        let path = folder.join(machine.file_name("pipelines", "bin"));
        let mut found = KeptPipelines::None;
        let mut data = None;
        if path.exists() {
            let bytes = files::read_bytes(&path, MOST)?;
            match parse(&bytes, &machine) {
                Ok(kept) => {
                    found = KeptPipelines::Loaded(kept.len());
                    data = Some(kept.to_vec());
                }
                Err(why) => found = KeptPipelines::Dropped(why.to_owned()),
            }
        }
        if let KeptPipelines::Dropped(why) = &found {
            log::warn!(
                "{}: {why}; its pipelines are compiled again",
                path.display()
            );
        }
        let cache = create_cache(self.device(), data.as_deref());
        let cache = self
            .faults()
            .catch_now(self.device(), "load pipelines", || cache)?;
        self.file = Some(PipelineFile { cache, path });
        Ok(found)
    }

    /// Keeps what the driver compiled since [`Gpu::load_pipelines`], with what was there before, and gives the file; `None`
    /// where pipelines were not loaded, or the driver has nothing to keep.
    ///
    /// # Errors
    /// [`crate::Error::File`].
    pub fn save_pipelines(&self) -> Result<Option<PathBuf>> {
        let Some(PipelineFile { cache, path }) = &self.file else {
            return Ok(None);
        };
        let Some(data) = cache.get_data() else {
            return Ok(None);
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| files::failed(folder, &error))?;
        }
        files::replace(path, written(&data, &Machine::of(self.summary())))?;
        Ok(Some(path.clone()))
    }
}

/// Content of a file: its kind, its machine and a hash of the driver's bytes, each a line, then those bytes.
fn written(data: &[u8], machine: &Machine) -> Vec<u8> {
    let head = format!(
        "{MAGIC}\n{}\n{:016x}\n",
        of(machine),
        fnv_1a(data.iter().copied())
    );
    [head.as_bytes(), data].concat()
}

/// The machine as one line.
fn of(machine: &Machine) -> String {
    format!("{machine:?}")
}

/// The driver's bytes in a file, or why it is not used.
fn parse<'a>(bytes: &'a [u8], machine: &Machine) -> std::result::Result<&'a [u8], &'static str> {
    let mut parts = bytes.splitn(4, |byte| *byte == b'\n');
    let [Some(magic), Some(kept_for), Some(hash), Some(data)] = [(); 4].map(|()| parts.next())
    else {
        return Err("it is no file of pipelines");
    };
    if magic != MAGIC.as_bytes() {
        return Err("it is no file of pipelines of this version");
    }
    if kept_for != of(machine).as_bytes() {
        return Err("it was kept for another adapter or driver");
    }
    if hash != format!("{:016x}", fnv_1a(data.iter().copied())).as_bytes() {
        return Err("its bytes have changed since they were kept");
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(driver: &str) -> Machine {
        Machine {
            adapter: "GPU".into(),
            vendor_id: 1,
            device_id: 2,
            backend: "vulkan".into(),
            driver: driver.into(),
            driver_info: "1\n2".into(),
            version: "0.1.0".into(),
        }
    }

    #[test]
    fn bytes_come_back_and_changed_ones_do_not() {
        let data: Vec<u8> = (0..1000u32).map(|i| (i % 251) as u8).collect();
        let file = written(&data, &machine("a"));
        assert_eq!(parse(&file, &machine("a")), Ok(&data[..]));
        assert!(
            parse(&file, &machine("b"))
                .unwrap_err()
                .contains("another adapter or driver")
        );
        for place in 0..file.len() {
            let mut changed = file.clone();
            changed[place] ^= 0x10;
            assert!(parse(&changed, &machine("a")).is_err(), "byte {place}");
            assert!(
                parse(&file[..place], &machine("a")).is_err(),
                "cut at {place}"
            );
        }
    }
}
