//! A file system that is soon full, or may not be written.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A file system of its own below a folder, until it is dropped.
#[derive(Debug)]
pub struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// Mounts one of `kib` KiB that holds `inodes` files and directories, itself among them.
    ///
    /// # Errors
    /// Only root may, and not everywhere.
    pub fn mount(at: &Path, kib: usize, inodes: usize) -> Result<Self, String> {
        let options = format!("size={kib}k,nr_inodes={inodes},mode=700");
        mount(&["-t", "tmpfs", "-o", &options, "pi-auth-tests"], at)
    }

    /// Mounts what is in a folder over itself, for reading only.
    ///
    /// # Errors
    /// Only root may, and not everywhere.
    pub fn read_only(at: &Path) -> Result<Self, String> {
        let folder = at.to_string_lossy();
        let disk = mount(&["--bind", &folder], at)?;
        run(&["-o", "remount,bind,ro"], at).map(|()| disk)
    }

    /// Fills it up, but for this many KiB; gives the file to remove to make room.
    ///
    /// # Panics
    /// When it cannot be filled.
    pub fn fill(&self, but_kib: usize) -> PathBuf {
        let filler = self.at.join("filler");
        let filled = fill(&filler, but_kib);
        filled.unwrap_or_else(|error| panic!("the disk cannot be filled: {error}"));
        filler
    }
}

/// What a page of memory holds, in which such a file system counts.
const PAGE_KIB: usize = 4;

fn fill(filler: &Path, but_kib: usize) -> io::Result<()> {
    let mut file = File::create(filler)?;
    let page = [0; PAGE_KIB * 1024];
    loop {
        match file.write_all(&page) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
            Err(error) => return Err(error),
        }
    }
    let spare = (but_kib * 1024) as u64;
    file.set_len(file.metadata()?.len().saturating_sub(spare))
}

fn mount(words: &[&str], at: &Path) -> Result<SmallDisk, String> {
    fs::create_dir_all(at).map_err(|error| error.to_string())?;
    run(words, at).map(|()| SmallDisk { at: at.to_path_buf() })
}

fn run(words: &[&str], at: &Path) -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Err("only root may mount a file system".to_owned());
    }
    let mount = super::needed("mount")?;
    let mounted = Command::new(mount).args(words).arg(at).stderr(Stdio::null()).status();
    match mounted.is_ok_and(|status| status.success()) {
        true => Ok(()),
        false => Err("no file system may be mounted here".to_owned()),
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a program that has failed its test may still have a file open there.
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}
