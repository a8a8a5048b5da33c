//! `Power` as an SQLite VFS. Locks and shared memory are the platform's own; bytes go through `Power`.
#![expect(unsafe_code, reason = "SQLite takes a VFS as C structs and functions")]

use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr::{null, null_mut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::ffi;

use crate::power::Power;

/// What is behind `sqlite3_vfs.pAppData`.
struct Disk {
    power: Arc<Power>,
    platform: *mut ffi::sqlite3_vfs,
}

/// An open file: ours first, then the platform's own, which starts right behind.
#[repr(C)]
struct Opened {
    base: ffi::sqlite3_file,
    // From `Box::into_raw`; freed by `close`.
    path: *mut PathBuf,
    // Lives as long as the process: a VFS is never taken back.
    power: *const Power,
}

/// Gives SQLite a VFS over `power`, and answers with its name.
pub(crate) fn register(power: &Arc<Power>) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("power-{}", NUMBER.fetch_add(1, Ordering::SeqCst));
    let c_name = CString::new(name.clone()).expect("no zero byte");
    // SAFETY: the default VFS is a valid struct for the process's life; the copy, its name and what it
    // points to are leaked, so that they live as long. Functions that are copied do not look at their VFS.
    unsafe {
        let platform = ffi::sqlite3_vfs_find(null());
        assert!(!platform.is_null(), "SQLite has a default VFS");
        let disk = Box::new(Disk { power: Arc::clone(power), platform });
        let own = i32::try_from(size_of::<Opened>()).expect("a few words");
        let vfs = Box::new(ffi::sqlite3_vfs {
            szOsFile: (*platform).szOsFile + own,
            pNext: null_mut(),
            zName: c_name.into_raw(),
            pAppData: Box::into_raw(disk).cast(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            ..*platform
        });
        assert_eq!(ffi::sqlite3_vfs_register(Box::into_raw(vfs), 0), ffi::SQLITE_OK);
    }
    name
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    // Version 2 has shared memory and no memory-mapped files.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

// SAFETY of all functions below: SQLite calls them with a VFS that `register` made and with files that
// `open` filled in, whose memory it keeps until `close`; names are zero-terminated, buffers as long as said.

unsafe fn disk<'a>(vfs: *mut ffi::sqlite3_vfs) -> &'a Disk {
    unsafe { &*(*vfs).pAppData.cast::<Disk>() }
}

unsafe fn path_of<'a>(name: *const c_char) -> &'a Path {
    unsafe { Path::new(OsStr::from_bytes(CStr::from_ptr(name).to_bytes())) }
}

unsafe fn ours<'a>(file: *mut ffi::sqlite3_file) -> (&'a Power, &'a Path) {
    unsafe {
        let opened = file.cast::<Opened>();
        (&*(*opened).power, &*(*opened).path)
    }
}

unsafe fn platform(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    unsafe { file.cast::<Opened>().add(1).cast() }
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    let ours = ffi::SQLITE_OPEN_MAIN_DB | ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL;
    unsafe {
        let disk = disk(vfs);
        let open = (*disk.platform).xOpen.expect("every VFS opens files");
        if flags & ours == 0 || name.is_null() {
            return open(disk.platform, name, file, flags, flags_out);
        }
        (*file).pMethods = null();
        let code = open(disk.platform, name, platform(file), flags, flags_out);
        if code != ffi::SQLITE_OK {
            return code;
        }
        let path = path_of(name).to_owned();
        if disk.power.open(&path).is_err() {
            return ffi::SQLITE_CANTOPEN;
        }
        let opened = file.cast::<Opened>();
        (*opened).path = Box::into_raw(Box::new(path));
        (*opened).power = Arc::as_ptr(&disk.power);
        (*opened).base.pMethods = &raw const METHODS;
        ffi::SQLITE_OK
    }
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync_dir: c_int) -> c_int {
    unsafe {
        let disk = disk(vfs);
        match disk.power.forget(path_of(name)) {
            Ok(()) => (*disk.platform).xDelete.expect("every VFS deletes")(disk.platform, name, sync_dir),
            Err(_) => ffi::SQLITE_IOERR_DELETE,
        }
    }
}

unsafe extern "C" fn access(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    unsafe {
        let disk = disk(vfs);
        if let Some(size) = disk.power.size(path_of(name)) {
            *out = c_int::from(size > 0);
            return ffi::SQLITE_OK;
        }
        (*disk.platform).xAccess.expect("every VFS knows access")(disk.platform, name, flags, out)
    }
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    into: *mut c_void,
    count: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    unsafe {
        let (power, path) = ours(file);
        let into = std::slice::from_raw_parts_mut(into.cast::<u8>(), count as usize);
        match power.read(path, at as usize, into) {
            Ok(there) if there == into.len() => ffi::SQLITE_OK,
            Ok(_) => ffi::SQLITE_IOERR_SHORT_READ,
            Err(_) => ffi::SQLITE_IOERR_READ,
        }
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    count: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    unsafe {
        let (power, path) = ours(file);
        let bytes = std::slice::from_raw_parts(bytes.cast::<u8>(), count as usize);
        power.write(path, at as usize, bytes).map_or(ffi::SQLITE_IOERR_WRITE, |()| ffi::SQLITE_OK)
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    unsafe {
        let (power, path) = ours(file);
        power.resize(path, size as usize).map_or(ffi::SQLITE_IOERR_TRUNCATE, |()| ffi::SQLITE_OK)
    }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    unsafe {
        let (power, path) = ours(file);
        power.sync(path).map_or(ffi::SQLITE_IOERR_FSYNC, |()| ffi::SQLITE_OK)
    }
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, out: *mut ffi::sqlite3_int64) -> c_int {
    unsafe {
        let (power, path) = ours(file);
        let Some(size) = power.size(path) else { return ffi::SQLITE_IOERR_FSTAT };
        *out = size as ffi::sqlite3_int64;
        ffi::SQLITE_OK
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    unsafe {
        drop(Box::from_raw((*file.cast::<Opened>()).path));
        let file = platform(file);
        (*(*file).pMethods).xClose.expect("every file closes")(file)
    }
}

macro_rules! platform_s_own {
    ($($name:ident = $method:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        $(unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file, $($argument: $kind),*) -> $answer {
            unsafe {
                let file = platform(file);
                (*(*file).pMethods).$method.expect("the platform's files do that")(file, $($argument),*)
            }
        })*
    };
}

platform_s_own! {
    lock = xLock(level: c_int) -> c_int;
    unlock = xUnlock(level: c_int) -> c_int;
    check_reserved_lock = xCheckReservedLock(out: *mut c_int) -> c_int;
    file_control = xFileControl(operation: c_int, argument: *mut c_void) -> c_int;
    sector_size = xSectorSize() -> c_int;
    device_characteristics = xDeviceCharacteristics() -> c_int;
    shm_map = xShmMap(page: c_int, size: c_int, extend: c_int, out: *mut *mut c_void) -> c_int;
    shm_lock = xShmLock(offset: c_int, count: c_int, flags: c_int) -> c_int;
    shm_barrier = xShmBarrier() -> ();
    shm_unmap = xShmUnmap(remove: c_int) -> c_int;
}
