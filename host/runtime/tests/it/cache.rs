//! The cache of compiled components. A component is compiled once, and only code that this user's
//! own processes compiled is loaded.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sedge_runtime::{
    CachePart, CachePlaces, CodeCache, Compiled, CoreDumps, LoadedPlugin, PluginError, Runtime,
    Workload, sha256_hex,
};
use tempfile::TempDir;

/// A cache with an entry for `sink`.
struct Fixture {
    keep: TempDir,
    component: Vec<u8>,
}

impl Fixture {
    async fn new() -> Self {
        let keep = tempfile::tempdir().expect("a folder can be made");
        let component = fs::read(sedge_test_artifacts::SINK).expect("it was built");
        let fixture = Self { keep, component };
        let added = fixture
            .runtime()
            .plugin_add(&fixture.component, |_| ())
            .await;
        let compiled = added.expect("a plugin").compiled.expect("it was compiled");
        assert!(compiled.fault.is_none(), "{compiled:?}");
        fixture
    }

    fn places(&self) -> CachePlaces {
        CachePlaces {
            code: Some(self.keep.path().join("code")),
            key: Some(self.keep.path().join("key")),
        }
    }

    /// Starts an engine as another process would.
    fn runtime(&self) -> Runtime {
        runtime(&self.places())
    }

    /// Loads the plugin. Returns whether it had to be compiled.
    async fn load(&self) -> (Result<LoadedPlugin, PluginError>, bool) {
        self.load_by(&self.runtime()).await
    }

    async fn load_by(&self, runtime: &Runtime) -> (Result<LoadedPlugin, PluginError>, bool) {
        let mut compiled = false;
        let bytes = async || {
            compiled = true;
            Ok(self.component.clone())
        };
        let loaded = runtime.plugin_load(&self.sha256(), bytes).await;
        (loaded, compiled)
    }

    /// Checks that the plugin is compiled again, and returns how.
    async fn is_compiled(&self, what: &str) -> Compiled {
        let (loaded, compiled) = self.load().await;
        let loaded = loaded.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(compiled, "{what}: it was loaded from the cache");
        assert_eq!(loaded.plugin.type_info().name.as_str(), "@sedge/sink");
        loaded.compiled.expect("it was compiled")
    }

    async fn is_not_compiled(&self, what: &str) {
        let (loaded, compiled) = self.load().await;
        let loaded = loaded.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(!compiled && loaded.compiled.is_none(), "{what}");
        assert_eq!(loaded.plugin.type_info().name.as_str(), "@sedge/sink");
    }

    fn sha256(&self) -> String {
        sha256_hex(&self.component)
    }

    /// Returns the path of the code of the only entry.
    fn entry(&self) -> PathBuf {
        self.file("code")
    }

    /// Returns the path of the only file with this ending.
    fn file(&self, ending: &str) -> PathBuf {
        let [path] = &files(&self.keep.path().join("code"), ending)[..] else {
            panic!("there is one entry")
        };
        path.clone()
    }

    /// Returns the path of the note of the entry for `sink`.
    fn note_of_sink(&self) -> PathBuf {
        let sha256 = self.sha256();
        let entries = files(&self.keep.path().join("code"), "note");
        let is_its = |path: &PathBuf| path.to_string_lossy().contains(&sha256);
        entries.into_iter().find(is_its).expect("it is there")
    }

    fn key(&self) -> PathBuf {
        self.keep.path().join("key/cache.key")
    }
}

fn runtime(places: &CachePlaces) -> Runtime {
    runtime_for(places, Workload::OneCall)
}

fn runtime_for(places: &CachePlaces, workload: Workload) -> Runtime {
    let cache = CodeCache::open(places).expect("the folders belong to this user");
    Runtime::new(Some(cache), workload, CoreDumps::Off).expect("an engine")
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("it is there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    paths
        .filter(|path| path.extension().is_some_and(|it| it == ending))
        .collect()
}

/// Puts a file with other content in the place of one.
fn replace(path: &Path, content: &[u8]) {
    fs::remove_file(path).expect("it is there");
    fs::write(path, content).expect("the folder can be written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o400)).expect("it is ours");
}

/// Overwrites a file, and restores its mode. No process may have a lease on it.
fn overwrite(path: &Path, content: &[u8]) {
    let mode = fs::metadata(path).expect("it is there").permissions();
    let writable = fs::Permissions::from_mode(0o600);
    fs::set_permissions(path, writable).expect("it is ours");
    fs::write(path, content).expect("the folder can be written");
    fs::set_permissions(path, mode).expect("it is ours");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn added_plugin_is_not_compiled_again() {
    let fixture = Fixture::new().await;
    let identity = || {
        let it = fs::metadata(fixture.entry()).expect("it is there");
        (it.ino(), it.mtime(), it.mtime_nsec())
    };
    let before = identity();
    for _ in 0..3 {
        fixture.is_not_compiled("it is in the cache").await;
    }
    assert_eq!(identity(), before, "nothing was written");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").mode() & 0o777;
    assert_eq!(mode(&fixture.key()), 0o600);
    assert_eq!(mode(&fixture.entry()), 0o400);
    assert_eq!(mode(&fixture.file("note")), 0o600);
    assert_eq!(mode(&fixture.keep.path().join("key")), 0o700);
    assert_eq!(mode(&fixture.keep.path().join("code")), 0o700);
}

/// Changes a file of the entry, in place and by another file, and checks that the plugin is compiled
/// again once.
async fn check(ending: &str, what: &str, change: impl Fn(&mut Vec<u8>)) {
    let fixture = Fixture::new().await;
    let file = fixture.file(ending);
    for write in [replace, overwrite] {
        let sound = fs::read(&file).expect("it is there");
        let mut content = sound.clone();
        change(&mut content);
        assert_ne!(content, sound, "{what}");
        write(&file, &content);
        let compiled = fixture.is_compiled(what).await;
        assert!(compiled.fault.is_none(), "{what}: {compiled:?}");
        assert_eq!(fs::read(&file).expect("it is there"), sound, "{what}");
        fixture.is_not_compiled(what).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entry_with_changed_code_is_compiled_again() {
    check("code", "a flipped bit", |it| {
        let middle = it.len() / 2;
        it[middle] ^= 1;
    })
    .await;
    let last = |it: &mut Vec<u8>| *it.last_mut().expect("a byte") ^= 1;
    check("code", "the last bit", last).await;
    check("code", "a cut", |it| it.truncate(it.len() / 2)).await;
    check("code", "a byte more", |it| it.push(0)).await;
    check("code", "nothing left", Vec::clear).await;
}

/// A changed note may be valid JSON and still wrong: other permissions, or a broken schema. The
/// note decides what the plugin may do, and which code belongs to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entry_with_a_changed_description_is_compiled_again() {
    let replaced = |it: &mut Vec<u8>, from: &[u8], to: &[u8]| {
        let at = it.windows(from.len()).position(|it| it == from);
        let at = at.expect("the note has it");
        it[at..at + to.len()].copy_from_slice(to);
    };
    check("note", "another kind", |it| {
        replaced(it, b"\"action\"", b"\"read\"  ");
    })
    .await;
    let no_schema = |it: &mut Vec<u8>| replaced(it, b"\"object\"", b"\"objecu\"");
    check("note", "no schema", no_schema).await;
    check("note", "another MAC", |it| it[0] ^= 1).await;
    check("note", "the MAC of other code", |it| it[32] ^= 1).await;
    check("note", "no note", |it| it.truncate(64)).await;
    check("note", "a part of the head", |it| it.truncate(35)).await;
    check("note", "nothing left", Vec::clear).await;
    check("note", "an endless note", |it| it.resize(17 << 20, b' ')).await;
}

/// The MAC of the other entry is authentic, but for another file name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entry_of_another_component_is_not_loaded() {
    let fixture = Fixture::new().await;
    let sink = fixture.entry();
    let spawn = fs::read(sedge_test_artifacts::SPAWN).expect("it was built");
    let added = fixture.runtime().plugin_add(&spawn, |_| ()).await;
    added.expect("a plugin");
    let entries = files(&fixture.keep.path().join("code"), "code");
    let other = entries.iter().find(|it| **it != sink).expect("of `spawn`");
    replace(&sink, &fs::read(other).expect("it was made"));
    fixture.is_compiled("code of another component").await;
    // The code of the other component, with its note.
    replace(&sink, &fs::read(other).expect("it was made"));
    let [note, its_note] = [&sink, other].map(|it| it.with_extension("note"));
    replace(&note, &fs::read(its_note).expect("it was made"));
    fixture
        .is_compiled("code and note of another component")
        .await;
}

/// The cache was copied, restored, or made by an attacker with another key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entry_made_with_another_key_is_not_loaded() {
    let (own, other) = (Fixture::new().await, Fixture::new().await);
    for ending in ["code", "note"] {
        let made = fs::read(other.file(ending)).expect("it was made");
        replace(&own.file(ending), &made);
    }
    own.is_compiled("made with another key").await;
    own.is_not_compiled("made with the own key").await;
    fs::remove_file(own.key()).expect("it is there");
    own.is_compiled("the own key is lost").await;
    own.is_not_compiled("made with the new key").await;
}

/// An entry used to be checked under one name and mapped under another, so an attacker could
/// replace it in between. Now the checked file is mapped, whatever has its name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loaded_plugin_survives_the_replacement_of_its_entry() {
    let fixture = Fixture::new().await;
    let (loaded, compiled) = fixture.load().await;
    let loaded = loaded.expect("a plugin");
    assert!(!compiled);
    replace(&fixture.entry(), b"");
    is_usable(&loaded);
    fixture.is_compiled("an empty file").await;
}

/// A process with many calls has a copy of the code. (One with a single call ends before its file
/// changes: see `process_ends_before_its_leased_file_can_be_written` in `host/sys`.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copied_plugin_survives_a_change_of_its_entry() {
    let fixture = Fixture::new().await;
    let runtime = runtime_for(&fixture.places(), Workload::ManyCalls);
    let (loaded, compiled) = fixture.load_by(&runtime).await;
    let loaded = loaded.expect("a plugin");
    assert!(!compiled);
    overwrite(&fixture.entry(), b"");
    is_usable(&loaded);
    fixture.is_compiled("an empty file").await;
}

fn is_usable(loaded: &LoadedPlugin) {
    assert_eq!(loaded.plugin.type_info().name.as_str(), "@sedge/sink");
    // If the code were mapped from a file that was cut, this access would end the process by
    // SIGBUS.
    assert!(loaded.plugin.arguments_schema("run").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entry_that_is_a_link_is_not_followed() {
    let fixture = Fixture::new().await;
    let entry = fixture.entry();
    let elsewhere = fixture.keep.path().join("elsewhere");
    fs::rename(&entry, &elsewhere).expect("it is there");
    std::os::unix::fs::symlink(&elsewhere, &entry).expect("linked");
    let compiled = fixture.is_compiled("a link").await;
    let fault = compiled.fault.expect("it is reported");
    assert!(fault.to_string().contains("is a symbolic link"), "{fault}");
    fixture.is_not_compiled("the entry was replaced").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_process_compiles_without_a_cache() {
    let fixture = Fixture::new().await;
    for _ in 0..2 {
        let runtime = Runtime::new(None, Workload::OneCall, CoreDumps::Off);
        let runtime = runtime.expect("an engine");
        let (loaded, compiled) = fixture.load_by(&runtime).await;
        let compiled_of = loaded.expect("a plugin").compiled.expect("compiled");
        assert!(compiled && compiled_of.fault.is_none());
    }
}

/// The folder may be on a full or read-only disk. A folder in place of the entry has the same
/// effect, also for root, who may write anywhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plugin_runs_if_its_code_cannot_be_stored() {
    let fixture = Fixture::new().await;
    let entry = fixture.entry();
    fs::remove_file(&entry).expect("it is there");
    fs::create_dir(&entry).expect("its place is free");
    let compiled = fixture.is_compiled("a folder in its place").await;
    let fault = compiled.fault.expect("it is reported");
    assert_eq!(fault.part, CachePart::Code);
    assert!(fault.to_string().contains("failed to write"), "{fault}");
}

#[test]
fn cache_that_others_can_change_is_not_opened() {
    let keep = tempfile::tempdir().expect("a folder can be made");
    let place = |name: &str| Some(keep.path().join(name));
    let check = |code: &str, key: &str, part: CachePart, expect: &str| {
        let places = CachePlaces {
            code: place(code),
            key: place(key),
        };
        let fault = CodeCache::open(&places).expect_err(expect);
        assert_eq!(fault.part, part, "{expect}");
        assert!(fault.to_string().contains(expect), "{fault}");
    };
    for name in ["code", "key"] {
        fs::create_dir(keep.path().join(name)).expect("a folder");
    }
    fs::create_dir(keep.path().join("open")).expect("a folder");
    let mode = |name: &str, mode| {
        let set = fs::set_permissions(keep.path().join(name), fs::Permissions::from_mode(mode));
        set.expect("the file is writable");
    };
    mode("open", 0o777);
    std::os::unix::fs::symlink("code", keep.path().join("link")).expect("linked");
    check("open", "key", CachePart::Code, "other users may write to");
    check("link", "key", CachePart::Code, "is a symbolic link");
    check("code", "open", CachePart::Key, "other users may write to");
    check("code", "link", CachePart::Key, "is a symbolic link");
    mode("key/cache.key", 0o640);
    check("code", "key", CachePart::Key, "other users may read");
    fs::write(keep.path().join("key/cache.key"), "short").expect("written");
    mode("key/cache.key", 0o600);
    check("code", "key", CachePart::Key, "is not a key");
    let unknown = CodeCache::open(&CachePlaces::default()).expect_err("no folder");
    assert!(
        unknown.to_string().contains("no folder is known"),
        "{unknown}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_unused_for_thirty_days_are_removed() {
    let fixture = Fixture::new().await;
    let day = Duration::from_secs(24 * 60 * 60);
    let folder = fixture.keep.path().join("code");
    let aged = |name: &str, days: u32| {
        let mut options = fs::File::options();
        let options = options.append(true).create(true);
        let file = options
            .open(folder.join(name))
            .expect("the file is writable");
        file.set_modified(SystemTime::now() - day * days)
            .expect("the file is writable");
    };
    for ending in ["note", "code", "seen", "lines"] {
        aged(&format!("old.{ending}"), 31);
    }
    aged("young.note", 29);
    // Only the note shows when an entry was last used.
    for ending in ["code", "seen", "lines"] {
        aged(&format!("young.{ending}"), 31);
    }
    aged("new.code.0123456789abcdef.tmp", 31);
    aged("orphan.lines", 31);
    aged("of-another-program", 31);
    let spawn = fs::read(sedge_test_artifacts::SPAWN).expect("it was built");
    let added = fixture.runtime().plugin_add(&spawn, |_| ()).await;
    added.expect("a plugin");
    let is_there = |name: &str| fs::exists(folder.join(name)).expect("it can be looked for");
    for gone in [
        "old.note",
        "old.code",
        "old.seen",
        "old.lines",
        "orphan.lines",
    ] {
        assert!(!is_there(gone), "{gone}");
    }
    assert!(!is_there("new.code.0123456789abcdef.tmp"));
    for ending in ["note", "code", "seen", "lines"] {
        assert!(is_there(&format!("young.{ending}")), "{ending}");
    }
    assert!(is_there("of-another-program"));
    // Using an entry renews its age.
    let entry = fixture.note_of_sink();
    let name = entry.file_name().expect("a name").to_string_lossy();
    aged(&name, 31);
    fixture.is_not_compiled("it was not removed").await;
    let used = fs::metadata(&entry).and_then(|it| it.modified());
    let age = SystemTime::now().duration_since(used.expect("it is there"));
    assert!(age.unwrap_or_default() < day, "it was marked as used");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn component_with_another_digest_is_refused() {
    let mut fixture = Fixture::new().await;
    let sha256 = fixture.sha256();
    fs::remove_file(fixture.entry()).expect("it was there");
    let last = fixture.component.len() - 1;
    fixture.component[last] ^= 1;
    let bytes = async || Ok(fixture.component.clone());
    let loaded = fixture.runtime().plugin_load(&sha256, bytes).await;
    assert!(
        matches!(&loaded, Err(PluginError::Digest { expected, .. }) if *expected == sha256),
        "{loaded:?}"
    );
}
