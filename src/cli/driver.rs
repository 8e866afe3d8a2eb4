//! The driver whose compiler is asked: of the adapter that would be opened, or of a fake device on which the program starts
//! again.

use super::progress::say;
use ridgepoint::{Error, Result, files};
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

/// The variable that names a list of fake devices, as `scripts/compilers.sh` prints it.
const LIST: &str = "RIDGEPOINT_COMPILERS";
/// Memory of the compilers: zeros wherever nothing was written. Mesa's compiler for Intel (26.1.6) reads such memory, and what
/// was left there decides whether `softmax_row_max` has 193 instructions or 195.
const MEMORY: (&str, &str) = (
    "GLIBC_TUNABLES",
    "glibc.malloc.perturb=255:glibc.malloc.tcache_count=0",
);
/// In place of a device of the list: the adapter that would be opened.
pub(crate) const ADAPTER: &str = "adapter";

/// A fake device of the list: how a program is started with its driver.
#[derive(Debug, PartialEq)]
struct FakeDevice {
    name: String,
    interpreter: String,
    libraries: String,
    /// Library that stands for the kernel's driver; `None` where the driver fakes a device by itself.
    preload: Option<String>,
    manifest: String,
    environment: Vec<(String, String)>,
}

impl FakeDevice {
    /// Reads a line of the list: six fields with tabs between; `None` for any other line.
    fn read(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, interpreter, libraries, preload, manifest, environment] = fields[..] else {
            return None;
        };
        let pairs = environment.split_whitespace().map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        });
        Some(Self {
            name: name.to_owned(),
            interpreter: interpreter.to_owned(),
            libraries: libraries.to_owned(),
            preload: (preload != "-").then(|| preload.to_owned()),
            manifest: manifest.to_owned(),
            environment: pairs.collect::<Option<_>>()?,
        })
    }

    /// This program with `arguments`, on the device.
    fn command(&self, program: &Path, arguments: Vec<OsString>) -> Command {
        let mut command = Command::new(&self.interpreter);
        command.args(["--library-path", &self.libraries]);
        if let Some(library) = &self.preload {
            command.args(["--preload", library]);
        }
        command
            .arg(program)
            .args(arguments)
            .env("VK_DRIVER_FILES", &self.manifest)
            .env("VK_ICD_FILENAMES", &self.manifest)
            // A cached pipeline has no statistics.
            .env("MESA_SHADER_CACHE_DISABLE", "true")
            .env("WGPU_BACKEND", "vulkan")
            .env(MEMORY.0, MEMORY.1)
            .env_remove("WGPU_ADAPTER_NAME")
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null());
        command
    }
}

/// Starts this program again on the fake device `name`, with its own arguments, and returns the exit status. `None` for the
/// adapter, on which the program goes on.
///
/// # Errors
/// [`Error::Argument`] without a list; [`Error::UnknownName`] for a device that the list has not; [`Error::File`].
pub(crate) fn started_on(name: &str) -> Result<Option<u8>> {
    if name == ADAPTER {
        return Ok(None);
    }
    let device = device(name, std::env::var_os(LIST).as_deref().map(Path::new))?;
    let program =
        std::env::current_exe().map_err(|e| files::failed(Path::new("ridgepoint"), &e))?;
    let arguments = on_adapter(std::env::args_os().skip(1), name);
    let mut command = device.command(&program, arguments);
    let status = command
        .status()
        .map_err(|e| files::failed(Path::new(&device.interpreter), &e))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    if code.is_none() {
        say(&format!(
            "the compiler of {name} ended the program: {status}"
        ));
    }
    Ok(code.or(Some(super::FAILED)))
}

fn device(name: &str, list: Option<&Path>) -> Result<FakeDevice> {
    let list = list.ok_or_else(|| Error::Argument {
        argument: format!("--compile {name}"),
        reason: format!(
            "{LIST} should name a list of fake devices, which `scripts/compilers.sh all` prints"
        ),
    })?;
    let text = files::read(list)?;
    let mut devices = Vec::new();
    for line in text.lines() {
        let read = FakeDevice::read(line);
        devices.push(read.ok_or_else(|| Error::File {
            path: list.display().to_string(),
            reason: format!("{line:?} is no line of scripts/compilers.sh"),
        })?);
    }
    let place = devices.iter().position(|device| device.name == name);
    let names = || devices.iter().map(|device| device.name.as_str());
    match place {
        Some(place) => Ok(devices.swap_remove(place)),
        None => Err(Error::UnknownName {
            kind: "fake device",
            name: name.to_owned(),
            suggestion: ridgepoint::error::suggest(name, names()),
        }),
    }
}

/// `arguments` with the adapter in place of the device `name`.
fn on_adapter(arguments: impl Iterator<Item = OsString>, name: &str) -> Vec<OsString> {
    let joined = format!("--compile={name}");
    let mut is_value = false;
    let replaced = arguments.map(|argument| {
        let found = if is_value && argument == name {
            ADAPTER.into()
        } else if argument == *joined {
            format!("--compile={ADAPTER}").into()
        } else {
            argument.clone()
        };
        is_value = argument == "--compile";
        found
    });
    replaced.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "dg2\t/lib/ld.so\t/lib:/usr/lib\t/shim.so\t/icd.json\tPLATFORM=dg2 A=b=c";

    #[test]
    fn a_line_says_how_a_program_is_started() {
        let device = FakeDevice::read(LINE).unwrap();
        let command = device.command(Path::new("/bin/ridgepoint"), vec!["list".into()]);
        assert_eq!(command.get_program(), "/lib/ld.so");
        let arguments: Vec<_> = command.get_args().collect();
        let wanted = "--library-path /lib:/usr/lib --preload /shim.so /bin/ridgepoint list";
        assert_eq!(arguments, wanted.split(' ').collect::<Vec<_>>());
        let own = |name: &str| {
            let mut all = command.get_envs();
            let (_, value) = all.find(|(key, _)| *key == name).unwrap();
            value.unwrap().to_owned()
        };
        assert_eq!(own("A"), "b=c");
        assert_eq!(own("VK_DRIVER_FILES"), "/icd.json");
        let bare = FakeDevice::read(&LINE.replace("/shim.so", "-")).unwrap();
        assert_eq!(bare.preload, None);
    }

    #[test]
    fn lines_of_another_form_are_none() {
        for text in ["", "dg2", "a\tb\tc\td\te", "a\tb\tc\td\te\tno pair"] {
            assert_eq!(FakeDevice::read(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_device_alone_becomes_the_adapter() {
        let replaced = |text: &str| {
            let words = text.split(' ').map(OsString::from);
            let found = on_adapter(words, "dg2");
            found.join(std::ffi::OsStr::new(" ")).into_string().unwrap()
        };
        assert_eq!(
            replaced("sweep --compile dg2 matmul:8x8x8 dg2"),
            "sweep --compile adapter matmul:8x8x8 dg2"
        );
        assert_eq!(
            replaced("explain all --compile=dg2"),
            "explain all --compile=adapter"
        );
    }

    #[test]
    fn devices_and_lists_that_are_not_there_are_refused() {
        let refused = |name, list| device(name, list).unwrap_err().to_string();
        assert!(refused("dg2", None).contains("scripts/compilers.sh"));
        let folder = std::env::temp_dir().join(format!("ridgepoint-list-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let list = folder.join("list");
        std::fs::write(&list, LINE).unwrap();
        let text = refused("dg22", Some(&list));
        assert!(text.contains("did you mean dg2?"), "{text}");
        std::fs::write(&list, "nothing of the kind").unwrap();
        assert!(refused("dg2", Some(&list)).contains("is no line of"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
