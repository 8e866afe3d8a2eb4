use super::*;
use crate::files::{read, replace};

fn folder(name: &str) -> PathBuf {
    let name = format!("ridgepoint-destination-{}-{name}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
    let folder = folder("replace");
    let path = folder.join("a.csv");
    let mut destination = Destination::open(&path).unwrap();
    assert!(destination.is_replaced() && !path.exists());
    destination.write("long text").unwrap();
    destination.write([1, 2]).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), [1, 2]);
    drop(Destination::open(&path).unwrap());
    assert_eq!(std::fs::read(&path).unwrap(), [1, 2]);
    assert_eq!(names(&folder), ["a.csv"]);
    let error = replace(&folder, "").unwrap_err().to_string();
    assert!(error.contains("this is a folder"), "{error}");
    assert!(replace(&folder.join("missing/a.json"), "").is_err());
    assert!(Destination::open(Path::new("")).is_err());
    assert!(replace(&folder.join("a.csv/b.json"), "").is_err());
}

#[test]
fn files_of_somebody_else_stay() {
    let folder = folder("bystander");
    for name in ["mine.json.partial", "mine.partial", "mine.tmp"] {
        std::fs::write(folder.join(name), "bystander").unwrap();
    }
    replace(&folder.join("mine.json"), "new").unwrap();
    replace(&folder.join("mine"), "new").unwrap();
    for name in ["mine.json.partial", "mine.partial", "mine.tmp"] {
        assert_eq!(read(&folder.join(name)).unwrap(), "bystander");
    }
    assert_eq!(names(&folder).len(), 5);
}

/// Writers of names that differ in the extension alone, and of one name.
#[test]
fn writers_at_once_do_not_meet() {
    let folder = folder("writers");
    std::thread::scope(|scope| {
        for (name, own) in [("out.a", "a"), ("out.b", "b"), ("same", "c"), ("same", "d")] {
            let path = folder.join(name);
            scope.spawn(move || {
                let content = own.repeat(5000);
                for _ in 0..200 {
                    replace(&path, &content).unwrap();
                    let found = read(&path).unwrap();
                    let is_whole = found == "c".repeat(5000) || found == "d".repeat(5000);
                    assert!(found == content || name == "same" && is_whole, "{name}");
                }
            });
        }
    });
    assert_eq!(names(&folder), ["out.a", "out.b", "same"]);
}

#[test]
fn names_may_be_as_long_as_names_can_be() {
    let folder = folder("long");
    let name = "n".repeat(255);
    replace(&folder.join(&name), "new").unwrap();
    assert_eq!(names(&folder), [name]);
}

#[cfg(unix)]
mod unix {
    use super::*;
    use crate::files::is_stdout;
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
    use std::process::Command;

    #[test]
    fn links_are_followed_and_stay() {
        let folder = folder("links");
        let sub = folder.join("sub");
        std::fs::create_dir(&sub).unwrap();
        std::fs::write(sub.join("file"), "old").unwrap();
        // A chain, and targets that are relative to their links.
        symlink("sub/file", folder.join("first")).unwrap();
        symlink(folder.join("first"), folder.join("second")).unwrap();
        symlink("sub/missing", folder.join("dangling")).unwrap();
        symlink("loop", folder.join("loop")).unwrap();
        replace(&folder.join("second"), "new").unwrap();
        replace(&folder.join("dangling"), "made").unwrap();
        assert_eq!(read(&sub.join("file")).unwrap(), "new");
        assert_eq!(read(&sub.join("missing")).unwrap(), "made");
        for link in ["first", "second", "dangling"] {
            assert!(folder.join(link).is_symlink(), "{link}");
        }
        let error = replace(&folder.join("loop"), "").unwrap_err().to_string();
        assert!(error.contains("too many links"), "{error}");
        assert_eq!(names(&sub), ["file", "missing"]);
    }

    #[test]
    fn devices_are_written_through() {
        let null = Path::new("/dev/null");
        let mut destination = Destination::open(null).unwrap();
        assert!(!destination.is_replaced());
        destination.write("gone").unwrap();
        let is_device = |path: &Path| {
            let found = std::fs::metadata(path).unwrap();
            found.file_type().is_char_device()
        };
        assert!(is_device(null));
        if cfg!(target_os = "linux") {
            let full = Path::new("/dev/full");
            let error = replace(full, "gone").unwrap_err().to_string();
            assert!(error.contains("/dev/full: No space left"), "{error}");
            assert!(is_device(full));
        }
        let link = folder("device").join("link");
        symlink("/dev/null", &link).unwrap();
        replace(&link, "gone").unwrap();
        assert!(link.is_symlink() && is_device(&link));
    }

    #[test]
    fn a_fifo_is_written_to_its_reader_and_refused_without_one() {
        let path = folder("fifo").join("pipe");
        assert!(
            Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        let reader = {
            let path = path.clone();
            std::thread::spawn(move || std::fs::read_to_string(path).unwrap())
        };
        let mut destination = Destination::open(&path).unwrap();
        assert!(!destination.is_replaced());
        destination.write("first,").unwrap();
        destination.write("second").unwrap();
        drop(destination);
        assert_eq!(reader.join().unwrap(), "first,second");
        let error = Destination::open(&path).unwrap_err().to_string();
        assert!(error.contains("nobody reads from this pipe"), "{error}");
        assert!(std::fs::metadata(&path).unwrap().file_type().is_fifo());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_that_is_open_already_is_written_to_and_not_replaced() {
        use std::os::fd::AsRawFd as _;
        let folder = folder("descriptor");
        let path = folder.join("open");
        let mut open = File::create(&path).unwrap();
        open.write_all(b"before,").unwrap();
        let descriptor = format!("/proc/self/fd/{}", open.as_raw_fd());
        let link = folder.join("link");
        symlink(&descriptor, &link).unwrap();
        replace(&link, "after").unwrap();
        assert_eq!(read(&path).unwrap(), "before,after");
        assert_eq!(open.metadata().unwrap().len(), 12);
        assert!(!is_stdout(&link));
        symlink("/dev/stdout", folder.join("out")).unwrap();
        assert!(is_stdout(&folder.join("out")) && is_stdout(Path::new("-")));
        assert!(!is_stdout(Path::new("/dev/null")));
    }

    #[test]
    fn a_private_file_stays_private() {
        let path = folder("private").join("file");
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        replace(&path, "new").unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
