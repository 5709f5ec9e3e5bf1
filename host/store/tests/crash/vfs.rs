//! SQLite's access to the operating system (a VFS), recorded.
//!
//! It forwards every call to SQLite's default VFS, and records those that change files. Locks and
//! shared memory (`-shm`) are forwarded and never fail, because they are not on the disk.
//!
//! The unsafe code is sound for the following reasons, which are stated here once. A table and its
//! [`Shim`] are created in [`Vfs::new`] and never freed, so pointers to them stay valid. SQLite
//! allocates `szOsFile` bytes for a file: first ours ([`RecordedFile`]), then those of the default
//! VFS. SQLite calls a file's methods only between the `xOpen` that set them and one `xClose`, and
//! never two at once for one file.

#![expect(unsafe_code, reason = "a VFS of SQLite is a table of C functions")]

use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_void};
use std::mem::size_of;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs};

use crate::recorder::{Action, FileId, Recorder};

/// A VFS with a unique name, registered until it is dropped.
#[derive(Debug)]
pub(crate) struct Vfs {
    name: CString,
    table: *mut sqlite3_vfs,
}

/// The data of a VFS.
struct Shim {
    real: *mut sqlite3_vfs,
    recorder: Weak<Recorder>,
}

/// A file as SQLite sees it. The file of the default VFS follows in memory.
#[repr(C, align(16))]
struct RecordedFile {
    head: sqlite3_file,
    more: *mut More,
}

/// The data of an open file.
struct More {
    recorder: Arc<Recorder>,
    file: FileId,
    /// Whether the first sync of the file also syncs its folder.
    syncs_folder: bool,
}

impl Vfs {
    pub(crate) fn new(recorder: &Arc<Recorder>) -> Self {
        static N: AtomicU64 = AtomicU64::new(0);
        let name = format!("recorded-{}", N.fetch_add(1, Ordering::Relaxed));
        let name = CString::new(name).expect("it has no zero in it");
        // SAFETY: without a name, this returns the default VFS, which is never freed.
        let real = unsafe { ffi::sqlite3_vfs_find(ptr::null()) };
        let shim = Box::leak(Box::new(Shim {
            real,
            recorder: Arc::downgrade(recorder),
        }));
        // SAFETY: see the module's documentation. The table is plain data.
        let mut table = unsafe { *real };
        table.zName = name.clone().into_raw();
        table.pAppData = ptr::from_mut(shim).cast();
        table.szOsFile += c_int::try_from(size_of::<RecordedFile>()).expect("some bytes");
        table.xOpen = Some(x_open);
        table.xDelete = Some(x_delete);
        let table: *mut sqlite3_vfs = Box::leak(Box::new(table));
        // SAFETY: the table and the name are never freed.
        let code = unsafe { ffi::sqlite3_vfs_register(table, 0) };
        assert_eq!(code, ffi::SQLITE_OK, "a door can be registered");
        Self { name, table }
    }

    pub(crate) fn name(&self) -> &str {
        self.name.to_str().expect("it was made of text")
    }
}

impl Drop for Vfs {
    fn drop(&mut self) {
        // SAFETY: the VFS was registered. Connections that still use it find the table where it
        // was.
        unsafe { ffi::sqlite3_vfs_unregister(self.table) };
    }
}

unsafe extern "C" fn x_open(
    vfs: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: `vfs` is one of our tables, and `file` has space for our data and the real file; see
    // the module's documentation. The name, if any, is a C string.
    unsafe {
        let shim = &*(*vfs).pAppData.cast::<Shim>();
        let recorded = file.cast::<RecordedFile>();
        (*recorded).head.pMethods = ptr::null();
        let Some(recorder) = shim.recorder.upgrade() else {
            return ffi::SQLITE_CANTOPEN;
        };
        let open = || {
            let open = (*shim.real).xOpen.expect("every door opens files");
            done(open(shim.real, name, real(file), flags, out_flags))
        };
        let path = relative(&recorder, name);
        let known = path.as_ref().and_then(|path| recorder.file(path));
        let opened = match (path, known) {
            (_, Some(id)) => open().map(|()| id),
            (Some(path), None) if flags & ffi::SQLITE_OPEN_CREATE != 0 => {
                let made = recorder.create(&path, ffi::SQLITE_CANTOPEN, open);
                made.map(|((), id)| id)
            }
            (Some(_) | None, None) => open().map(|()| recorder.nameless()),
        };
        let id = match opened {
            Ok(id) => id,
            Err(code) => return code,
        };
        let is_journal =
            ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL;
        let more = More {
            recorder,
            file: id,
            syncs_folder: flags & ffi::SQLITE_OPEN_CREATE != 0 && flags & is_journal != 0,
        };
        (*recorded).more = Box::into_raw(Box::new(more));
        (*recorded).head.pMethods = &raw const METHODS;
        ffi::SQLITE_OK
    }
}

unsafe extern "C" fn x_delete(vfs: *mut sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    // SAFETY: the same as in `x_open`.
    unsafe {
        let shim = &*(*vfs).pAppData.cast::<Shim>();
        let delete = || {
            let delete = (*shim.real).xDelete.expect("every door deletes files");
            done(delete(shim.real, name, sync))
        };
        let Some(recorder) = shim.recorder.upgrade() else {
            return ffi::SQLITE_IOERR_DELETE;
        };
        let path = relative(&recorder, name).filter(|path| recorder.has(path));
        let Some(path) = path else {
            return code(delete());
        };
        let removed = recorder.call(Action::Remove { path }, ffi::SQLITE_IOERR_DELETE, |_| {
            delete()
        });
        if removed.is_ok() && sync != 0 {
            let path = String::new();
            let failed = ffi::SQLITE_IOERR_DIR_FSYNC;
            return code(recorder.call(Action::SyncFolder { path }, failed, |_| Ok(())));
        }
        code(removed)
    }
}

/// Forwards a method to the real file.
macro_rules! forward {
    ($name:ident, $method:ident($($argument:ident: $kind:ty),*)) => {
        unsafe extern "C" fn $name(file: *mut sqlite3_file $(, $argument: $kind)*) -> c_int {
            // SAFETY: the file is open; see the module's documentation.
            unsafe { real_method!(file, $method)(real(file) $(, $argument)*) }
        }
    };
}

/// Returns a method of the real file.
macro_rules! real_method {
    ($file:ident, $method:ident) => {
        (*(*real($file)).pMethods)
            .$method
            .expect("the door of a Unix has all methods")
    };
}

forward!(x_file_size, xFileSize(size: *mut sqlite3_int64));
forward!(x_lock, xLock(level: c_int));
forward!(x_unlock, xUnlock(level: c_int));
forward!(x_check_reserved_lock, xCheckReservedLock(result: *mut c_int));
forward!(x_sector_size, xSectorSize());
forward!(x_device_characteristics, xDeviceCharacteristics());
forward!(x_shm_map, xShmMap(page: c_int, size: c_int, extend: c_int, at: *mut *mut c_void));
forward!(x_shm_lock, xShmLock(offset: c_int, n: c_int, flags: c_int));
forward!(x_shm_unmap, xShmUnmap(delete: c_int));
forward!(x_fetch, xFetch(at: sqlite3_int64, n: c_int, result: *mut *mut c_void));
forward!(x_unfetch, xUnfetch(at: sqlite3_int64, page: *mut c_void));

unsafe extern "C" fn x_shm_barrier(file: *mut sqlite3_file) {
    // SAFETY: the file is open; see the module's documentation.
    unsafe { real_method!(file, xShmBarrier)(real(file)) }
}

unsafe extern "C" fn x_close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: the file is open, and is not used after this. `more` came from a box.
    unsafe {
        drop(Box::from_raw((*file.cast::<RecordedFile>()).more));
        real_method!(file, xClose)(real(file))
    }
}

unsafe extern "C" fn x_read(
    file: *mut sqlite3_file,
    to: *mut c_void,
    n: c_int,
    at: sqlite3_int64,
) -> c_int {
    // SAFETY: the file is open; see the module's documentation.
    unsafe {
        let read = || done(real_method!(file, xRead)(real(file), to, n, at));
        code(more(file).recorder.read(ffi::SQLITE_IOERR_READ, read))
    }
}

unsafe extern "C" fn x_write(
    file: *mut sqlite3_file,
    from: *const c_void,
    n: c_int,
    at: sqlite3_int64,
) -> c_int {
    // SAFETY: the file is open, and `from` has `n` bytes; see the module's documentation.
    unsafe {
        let more = more(file);
        let length = usize::try_from(n).expect("SQLite writes no negative number of bytes");
        let action = Action::Write {
            file: more.file,
            at: position(at),
            bytes: std::slice::from_raw_parts(from.cast::<u8>(), length).to_vec(),
        };
        let write = |action: &Action| {
            let Action::Write { bytes, .. } = action else {
                unreachable!("it is the one above, or half of it")
            };
            let n = c_int::try_from(bytes.len()).expect("as many as came, or half");
            done(real_method!(file, xWrite)(real(file), from, n, at))
        };
        code(more.recorder.call(action, ffi::SQLITE_IOERR_WRITE, write))
    }
}

unsafe extern "C" fn x_truncate(file: *mut sqlite3_file, size: sqlite3_int64) -> c_int {
    // SAFETY: the file is open; see the module's documentation.
    unsafe {
        let more = more(file);
        let action = Action::Truncate {
            file: more.file,
            size: position(size),
        };
        let truncate = |_: &Action| done(real_method!(file, xTruncate)(real(file), size));
        let failed = ffi::SQLITE_IOERR_TRUNCATE;
        code(more.recorder.call(action, failed, truncate))
    }
}

unsafe extern "C" fn x_sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: the file is open; see the module's documentation.
    unsafe {
        let more = more(file);
        let action = Action::Sync { file: more.file };
        let sync = |_: &Action| done(real_method!(file, xSync)(real(file), flags));
        let synced = more.recorder.call(action, ffi::SQLITE_IOERR_FSYNC, sync);
        if synced.is_ok() && more.syncs_folder {
            more.syncs_folder = false;
            // SQLite does not check the result of this sync, so it is not tested with a failure.
            let path = String::new();
            more.recorder.note(Action::SyncFolder { path });
        }
        code(synced)
    }
}

/// Forwards the call, and records if the file has grown: for a mapped file, a size hint sets the
/// size.
unsafe extern "C" fn x_file_control(
    file: *mut sqlite3_file,
    operation: c_int,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: the file is open; see the module's documentation.
    unsafe {
        let before = size(file);
        let code = real_method!(file, xFileControl)(real(file), operation, argument);
        let after = size(file);
        if operation == ffi::SQLITE_FCNTL_SIZE_HINT && before != after {
            let more = more(file);
            let (file, size) = (more.file, position(after));
            more.recorder.note(Action::Truncate { file, size });
        }
        code
    }
}

/// The methods of every file that our VFS opened.
static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 3,
    xClose: Some(x_close),
    xRead: Some(x_read),
    xWrite: Some(x_write),
    xTruncate: Some(x_truncate),
    xSync: Some(x_sync),
    xFileSize: Some(x_file_size),
    xLock: Some(x_lock),
    xUnlock: Some(x_unlock),
    xCheckReservedLock: Some(x_check_reserved_lock),
    xFileControl: Some(x_file_control),
    xSectorSize: Some(x_sector_size),
    xDeviceCharacteristics: Some(x_device_characteristics),
    xShmMap: Some(x_shm_map),
    xShmLock: Some(x_shm_lock),
    xShmBarrier: Some(x_shm_barrier),
    xShmUnmap: Some(x_shm_unmap),
    xFetch: Some(x_fetch),
    xUnfetch: Some(x_unfetch),
};

/// Returns the real file of one of our files.
fn real(file: *mut sqlite3_file) -> *mut sqlite3_file {
    file.wrapping_byte_add(size_of::<RecordedFile>())
}

/// Returns the data of a file.
///
/// # Safety
/// The file is open, and no other such reference to it is in use.
unsafe fn more<'a>(file: *mut sqlite3_file) -> &'a mut More {
    // SAFETY: `x_open` set it, and `x_close` has not been called.
    unsafe { &mut *(*file.cast::<RecordedFile>()).more }
}

/// Returns the size of a file; 0 if it is unknown.
///
/// # Safety
/// The file is open.
unsafe fn size(file: *mut sqlite3_file) -> sqlite3_int64 {
    let mut size = 0;
    // SAFETY: the file is open; see the module's documentation.
    unsafe { real_method!(file, xFileSize)(real(file), &raw mut size) };
    size
}

/// Returns a path as the recorder has it; `None` for a temporary file of SQLite.
///
/// # Safety
/// The name is a C string, or null.
unsafe fn relative(recorder: &Recorder, name: *const c_char) -> Option<String> {
    if name.is_null() {
        return None;
    }
    // SAFETY: the caller guarantees it.
    let name = unsafe { CStr::from_ptr(name) };
    recorder.relative(Path::new(OsStr::from_bytes(name.to_bytes())))
}

fn position(at: sqlite3_int64) -> u64 {
    u64::try_from(at).expect("SQLite counts bytes from the beginning")
}

fn done(code: c_int) -> Result<(), c_int> {
    match code {
        ffi::SQLITE_OK => Ok(()),
        code => Err(code),
    }
}

fn code(done: Result<(), c_int>) -> c_int {
    done.err().unwrap_or(ffi::SQLITE_OK)
}
