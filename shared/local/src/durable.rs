//! Files that are whole or absent, also after a power loss.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers the files that are being written, so that no two share a name.
static WRITING: AtomicU64 = AtomicU64::new(0);

/// Creates `dir` and what is above it, for this user only.
pub(crate) fn create_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        create_dir(parent)?;
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(dir) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => sync_dir(parent.unwrap_or(Path::new("."))),
    }
}

/// Puts a file with `bytes` at `target` unless there is one; whether it did. `staging` is on the same disk.
pub(crate) fn create(staging: &Path, target: &Path, bytes: &[u8]) -> io::Result<bool> {
    let folder = folder_of(target)?;
    create_dir(folder)?;
    if target.exists() {
        // Whoever put it there may not have synced the folder yet.
        sync_dir(folder)?;
        return Ok(false);
    }
    let staged = stage(staging, bytes)?;
    // A link, unlike a rename, never replaces.
    let linked = std::fs::hard_link(&staged, target);
    std::fs::remove_file(&staged)?;
    let created = match linked {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
        Err(error) => return Err(error),
    };
    sync_dir(folder)?;
    Ok(created)
}

/// Puts a file with `bytes` at `target`, in place of what is there.
pub(crate) fn replace(staging: &Path, target: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(target)?;
    create_dir(folder)?;
    let staged = stage(staging, bytes)?;
    std::fs::rename(&staged, target)?;
    sync_dir(folder)
}

/// Removes the file; fine when there is none.
pub(crate) fn remove(target: &Path) -> io::Result<()> {
    match std::fs::remove_file(target) {
        Ok(()) => sync_dir(folder_of(target)?),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Creates a file of so many zeros, which are on the disk and not only promised by it. When it cannot, there is none.
pub(crate) fn write_zeros(target: &Path, count: usize) -> io::Result<()> {
    let mut file = private().open(target)?;
    let written = file.write_all(&vec![0; count]).and_then(|()| file.sync_all());
    match written {
        Ok(()) => sync_dir(folder_of(target)?),
        Err(error) => {
            std::fs::remove_file(target)?;
            Err(error)
        }
    }
}

/// Removes what was being written when the last process ended.
pub(crate) fn clear_staging(staging: &Path) -> io::Result<()> {
    create_dir(staging)?;
    for entry in std::fs::read_dir(staging)? {
        std::fs::remove_file(entry?.path())?;
    }
    Ok(())
}

fn stage(staging: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    create_dir(staging)?;
    let number = WRITING.fetch_add(1, Ordering::Relaxed);
    let staged = staging.join(format!("{}-{number}", std::process::id()));
    let mut file = private().open(&staged)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(staged)
}

/// How a file that is not there yet is made: for this user only.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn folder_of(target: &Path) -> io::Result<&Path> {
    target.parent().ok_or_else(|| ErrorKind::InvalidInput.into())
}

pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
