//! Gets the machine code of an entry in a form that cannot change any more, and checks it.

use std::fs::File;
use std::io::{self, Read};

use sedge_sys::leased_file::LeasedFile;
use sedge_sys::own_folder;
use sedge_sys::sealed_file::SealedFile;

use super::describe::CodeMac;
use super::key::{MAC_BYTES, Mac};
use super::{CODE_BYTES_MAX, Cache, CacheFault, SEEN};
use crate::engine::Workload;

/// How many bytes of machine code are hashed at a time.
const HASHED_AT_ONCE: usize = 256 << 10;

/// How a process uses the file of an entry's machine code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CodeUse {
    /// It maps the file, under a lease if it can have one, and reads what it executes.
    Mapped,
    /// It always copies the file.
    Copied,
}

impl CodeUse {
    /// Returns the use that suits a process. One that does many calls copies the code: that costs
    /// it little, and it does not have to end if another process changes the file meanwhile.
    pub(super) fn of(workload: Workload) -> Self {
        match workload {
            Workload::OneCall => Self::Mapped,
            Workload::ManyCalls => Self::Copied,
        }
    }
}

/// Authentic machine code that cannot change.
#[derive(Debug)]
pub(super) enum FinalCode {
    /// The file of the entry. The kernel keeps it unchanged.
    Leased(LeasedFile),
    /// A copy.
    Sealed(SealedFile),
}

impl Cache {
    /// Returns the machine code in the file `name`. Returns `None` if there is none with this MAC.
    ///
    /// # Errors
    /// The file exists, but it cannot be read.
    pub(super) fn code(
        &self,
        sha256: &str,
        name: &str,
        code_mac: &CodeMac,
    ) -> Result<Option<FinalCode>, CacheFault> {
        let Some(file) = self.file(name)? else {
            return Ok(None);
        };
        let taken = match self.code_use {
            CodeUse::Mapped => LeasedFile::take(file),
            CodeUse::Copied => Err(file),
        };
        match taken {
            Ok(leased) => self.leased(sha256, name, leased, code_mac),
            Err(file) => self
                .copied(name, &file, code_mac)
                .map_err(|source| self.fault("read", name, source)),
        }
    }

    /// Checks code under a lease. It is read only if no record says that this very file was
    /// checked before.
    fn leased(
        &self,
        sha256: &str,
        name: &str,
        leased: LeasedFile,
        code_mac: &CodeMac,
    ) -> Result<Option<FinalCode>, CacheFault> {
        let seen = self.name(sha256, SEEN);
        let record = self.seen_record(&seen, &leased, code_mac);
        if self.seen_read(&seen) == Some(record) {
            return Ok(Some(FinalCode::Leased(leased)));
        }
        let now = self.clock.now();
        let mac = self.mac_of(name, leased.file());
        if mac.map_err(|source| self.fault("read", name, source))? != *code_mac {
            return Ok(None);
        }
        if leased.is_settled(now) {
            let record = [record.as_slice()];
            // ignored: without the record, the next process reads the file again.
            let _ = own_folder::write_file(&self.store.folder, &seen, &record);
        }
        Ok(Some(FinalCode::Leased(leased)))
    }

    fn copied(
        &self,
        name: &str,
        mut file: &File,
        code_mac: &CodeMac,
    ) -> io::Result<Option<FinalCode>> {
        let mut hasher = self.store.key.hasher(name);
        let code = SealedFile::copy(&mut file, CODE_BYTES_MAX, |piece| hasher.update(piece))?;
        let is_authentic = hasher.finalize() == *code_mac;
        Ok(is_authentic.then_some(FinalCode::Sealed(code)))
    }

    /// Returns the content of the record that the code in this very file has this MAC. Only a
    /// process with the key can make it, and it holds for no other file, no later content of this
    /// file, and no other start of the machine.
    fn seen_record(&self, name: &str, leased: &LeasedFile, code_mac: &CodeMac) -> [u8; MAC_BYTES] {
        let mut hasher = self.store.key.hasher(name);
        hasher.update(code_mac);
        hasher.update(&leased.identity());
        *hasher.finalize().as_bytes()
    }

    /// Returns the content of a record; `None` if there is no record or none of this length.
    fn seen_read(&self, name: &str) -> Option<[u8; MAC_BYTES]> {
        // ignored: without a record the code is read and compared with its MAC.
        let file = self.file(name).ok().flatten()?;
        let mut record = Vec::new();
        let read = file.take(MAC_BYTES as u64 + 1).read_to_end(&mut record);
        // ignored: as above.
        read.ok().and_then(|_| record.try_into().ok())
    }

    fn mac_of(&self, name: &str, file: &File) -> io::Result<blake3::Hash> {
        mac_of(self.store.key.hasher(name), file)
    }
}

/// Returns the MAC of the rest of a file.
pub(super) fn mac_of(mut hasher: Mac, mut file: &File) -> io::Result<blake3::Hash> {
    let mut buffer = vec![0; HASHED_AT_ONCE];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finalize()),
            Ok(n_read) => hasher.update(&buffer[..n_read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the test tampers with the files of the cache, which needs no guarded folder"
)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use sedge_sys::clock::{Clock, SettableClock, Timestamp};
    use tempfile::TempDir;

    use super::super::{CODE, NOTE};
    use super::*;

    /// How often a load that copies the code is repeated.
    const N_TRIES_MAX: usize = 1_000_000;

    const MACHINE_CODE: &[u8] = b"machine code";

    /// Code of the same length that was not authenticated.
    const PLANTED: &[u8] = b"planted code";

    /// A cache with an entry `ab` that was written long enough ago.
    struct Fixture {
        keep: TempDir,
        cache: Cache,
    }

    impl Fixture {
        fn new() -> Self {
            let keep = tempfile::tempdir().expect("a folder");
            let mut cache = Cache::for_test(keep.path(), CodeUse::Mapped);
            let written = cache.write_code("ab", MACHINE_CODE, b"{}");
            written.expect("the folder is the user's");
            cache.clock = later(Duration::from_secs(60));
            Self { keep, cache }
        }

        /// A fixture whose code has been checked, and that has a record of that.
        fn seen() -> Self {
            let fixture = Self::new();
            fixture.check("ab", "leased", "");
            assert!(fixture.is_seen(), "the check was recorded");
            fixture
        }

        fn path(&self, sha256: &str, ending: &str) -> PathBuf {
            self.keep
                .path()
                .join("code")
                .join(self.cache.name(sha256, ending))
        }

        fn code_mac(&self, sha256: &str) -> CodeMac {
            let name = self.cache.name(sha256, NOTE);
            let file = self.cache.file(&name).expect("readable").expect("written");
            let note = self.cache.read_note(&name, &file).expect("readable");
            note.expect("authentic").1
        }

        /// Checks how the code of an entry is loaded. Another test that starts a process just now
        /// copies all descriptors for a moment, so a lease may be refused at first.
        #[track_caller]
        fn check(&self, sha256: &str, expect: &str, what: &str) {
            let mut found = self.load(sha256);
            for _ in 0..N_TRIES_MAX {
                if found == expect || found != "sealed" {
                    break;
                }
                std::thread::yield_now();
                found = self.load(sha256);
            }
            assert_eq!(found, expect, "{what}");
        }

        /// Returns how the code of an entry is loaded.
        fn load(&self, sha256: &str) -> &'static str {
            let (name, mac) = (self.cache.name(sha256, CODE), self.code_mac(sha256));
            match self.cache.code(sha256, &name, &mac).expect("readable") {
                Some(FinalCode::Leased(_)) => "leased",
                Some(FinalCode::Sealed(_)) => "sealed",
                None => "refused",
            }
        }

        fn is_seen(&self) -> bool {
            self.path("ab", SEEN).exists()
        }

        /// Writes a record, valid by this cache's key, that the current file was checked.
        fn record(&self) {
            let mut file = File::open(self.path("ab", CODE)).expect("it is there");
            let leased = loop {
                match LeasedFile::take(file) {
                    Ok(leased) => break leased,
                    // As above: another test may start a process.
                    Err(refused) => file = refused,
                }
                std::thread::yield_now();
            };
            let seen = self.cache.name("ab", SEEN);
            let record = self.cache.seen_record(&seen, &leased, &self.code_mac("ab"));
            fs::write(self.path("ab", SEEN), record).expect("it can be written");
        }

        /// Changes the code in place, and restores its time and mode.
        fn change(&self) {
            let path = self.path("ab", CODE);
            let before = fs::metadata(&path).expect("it is there");
            let time = before.modified().expect("it has one");
            loop {
                mode_set(&path, 0o600);
                fs::write(&path, PLANTED).expect("it can be written");
                let file = File::options().write(true).open(&path).expect("it is ours");
                file.set_modified(time).expect("it is ours");
                drop(file);
                mode_set(&path, 0o400);
                let after = fs::metadata(&path).expect("it is there");
                let stamp = |it: &fs::Metadata| (it.ino(), it.size(), it.mtime(), it.mtime_nsec());
                assert_eq!(stamp(&before), stamp(&after), "the change is hidden");
                // The clock of the file system stands still for some milliseconds, and the test
                // has moved the other one.
                if changed(&before) != changed(&after) {
                    return;
                }
            }
        }
    }

    fn later(by: Duration) -> Clock {
        let ms = u64::try_from(by.as_millis()).expect("it is short");
        SettableClock::at(Timestamp(Timestamp::now().0 + ms)).handle()
    }

    fn changed(of: &fs::Metadata) -> (i64, i64) {
        (of.ctime(), of.ctime_nsec())
    }

    fn mode_set(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
    }

    #[test]
    fn checked_code_is_not_read_again() {
        let fixture = Fixture::new();
        fixture.change();
        fixture.check("ab", "refused", "it is read, and is not authentic");
        assert!(!fixture.is_seen());
        // Only a process with the key can claim that it was checked.
        fixture.record();
        fixture.check("ab", "leased", "it is not read");
    }

    #[test]
    fn checked_code_that_was_changed_in_place_is_refused() {
        let fixture = Fixture::seen();
        fixture.change();
        fixture.check("ab", "refused", "");
    }

    #[test]
    fn checked_code_that_was_replaced_is_refused() {
        let fixture = Fixture::seen();
        let (path, other) = (fixture.path("ab", CODE), fixture.keep.path().join("other"));
        let time = fs::metadata(&path).and_then(|it| it.modified());
        fs::write(&other, PLANTED).expect("it can be written");
        let file = File::options()
            .write(true)
            .open(&other)
            .expect("it is ours");
        file.set_modified(time.expect("it is there"))
            .expect("it is ours");
        drop(file);
        mode_set(&other, 0o400);
        fs::rename(&other, &path).expect("it can be replaced");
        fixture.check("ab", "refused", "");
    }

    /// A restored copy of the folder has other files with the same content.
    #[test]
    fn copy_of_checked_code_is_read_and_accepted() {
        let fixture = Fixture::seen();
        let (path, other) = (fixture.path("ab", CODE), fixture.keep.path().join("other"));
        let record = || fs::read(fixture.path("ab", SEEN)).expect("it is there");
        let before = record();
        fs::copy(&path, &other).expect("it can be copied");
        fs::rename(&other, &path).expect("it can be replaced");
        fixture.check("ab", "leased", "");
        assert_ne!(record(), before, "another file was checked");
    }

    #[test]
    fn record_of_another_entry_key_or_content_is_refused() {
        let (fixture, other) = (Fixture::new(), Fixture::new());
        let written = fixture.cache.write_code("cd", MACHINE_CODE, b"{}");
        written.expect("the folder is the user's");
        fixture.check("cd", "leased", "");
        let of_other_entry = fs::read(fixture.path("cd", SEEN)).expect("it was checked");
        other.check("ab", "leased", "");
        let of_other_key = fs::read(other.path("ab", SEEN)).expect("it was checked");
        fixture.change();
        fixture.record();
        let of_other_content = fs::read(fixture.path("ab", SEEN)).expect("it was written");
        let check = |record: &[u8], expect: &str, what: &str| {
            fs::write(fixture.path("ab", SEEN), record).expect("it can be written");
            fixture.check("ab", expect, what);
        };
        check(
            &of_other_content,
            "leased",
            "the record is valid by the key",
        );
        check(&of_other_entry, "refused", "of another entry");
        check(&of_other_key, "refused", "of another key");
        check(&[], "refused", "empty");
        check(&of_other_content[..MAC_BYTES - 1], "refused", "cut");
        check(
            &[&of_other_content[..], b"x"].concat(),
            "refused",
            "too long",
        );
        fixture.change();
        check(&of_other_content, "refused", "of the content before");
    }

    #[test]
    fn check_of_young_code_is_not_recorded() {
        let mut fixture = Fixture::new();
        fixture.cache.clock = later(Duration::ZERO);
        fixture.check("ab", "leased", "");
        assert!(!fixture.is_seen(), "a change could have the same time");
        // Neither is one that is younger than now, by a clock that went back.
        fixture.cache.clock = SettableClock::at(Timestamp(1)).handle();
        fixture.check("ab", "leased", "");
        assert!(!fixture.is_seen());
        fixture.cache.clock = later(Duration::from_secs(60));
        fixture.check("ab", "leased", "");
        assert!(fixture.is_seen());
    }

    /// Without a lease, a process that can already write to the file could change it after the
    /// check, also by a mapping whose writes do not show in the file's times.
    #[test]
    fn code_that_can_be_written_to_is_copied() {
        let fixture = Fixture::seen();
        let path = fixture.path("ab", CODE);
        mode_set(&path, 0o600);
        fixture.check("ab", "sealed", "its mode allows writing");
        let writer = File::options()
            .append(true)
            .open(&path)
            .expect("it is ours");
        mode_set(&path, 0o400);
        fixture.check("ab", "sealed", "it is open for writing");
        drop(writer);
        fixture.check("ab", "leased", "");
    }

    #[test]
    fn process_with_many_calls_copies_code() {
        let mut fixture = Fixture::seen();
        fixture.cache.code_use = CodeUse::of(Workload::ManyCalls);
        fixture.check("ab", "sealed", "");
        fixture.change();
        fixture.check("ab", "refused", "");
    }
}
