//! The cache of compiled components: what was compiled once is never compiled again, and
//! what does not fit together is as good as not there.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use sedge_runtime::{Allocation, CoreDumps, Plugin, PluginError, Runtime, sha256_hex};
use sedge_sys::folder::Folder;
use std::sync::Arc;
use tempfile::TempDir;

/// A cache with `sink` in it.
struct Fixture {
    keep: TempDir,
    component: Vec<u8>,
}

impl Fixture {
    async fn new() -> Self {
        let keep = tempfile::tempdir().expect("a folder can be made");
        let component = fs::read(sedge_test_artifacts::SINK).expect("it was built");
        let fixture = Self { keep, component };
        let runtime = fixture.runtime();
        let added = runtime.plugin_add(&fixture.component, |_| ()).await;
        added.expect("a plugin");
        fixture
    }

    /// Starts an engine, as another process would.
    fn runtime(&self) -> Runtime {
        let folder = Folder::open(self.keep.path()).expect("it is there");
        Runtime::new(folder, Allocation::Pool, CoreDumps::Off).expect("an engine")
    }

    /// Loads the plugin, and returns whether it had to be compiled for that.
    async fn load(&self) -> (Result<Arc<Plugin>, PluginError>, bool) {
        let mut compiled = false;
        let bytes = async || {
            compiled = true;
            Ok(self.component.clone())
        };
        let sha256 = sha256_hex(&self.component);
        let loaded = self.runtime().plugin_load(&sha256, bytes).await;
        (loaded, compiled)
    }

    /// Returns the one file with this ending.
    fn file(&self, ending: &str) -> PathBuf {
        let entries = fs::read_dir(self.keep.path()).expect("it is there");
        let paths = entries.map(|entry| entry.expect("it can be read").path());
        let paths: Vec<PathBuf> = paths
            .filter(|path| path.extension().is_some_and(|it| it == ending))
            .collect();
        let [path] = &paths[..] else {
            panic!("one file with the ending {ending}: {paths:?}")
        };
        path.clone()
    }

    /// Returns what changes when a file is written anew.
    fn identity(&self) -> Vec<(u64, i64, i64)> {
        ["cwasm", "json"]
            .map(|ending| {
                let it = fs::metadata(self.file(ending)).expect("it is there");
                (it.ino(), it.mtime(), it.mtime_nsec())
            })
            .to_vec()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_added_is_not_compiled_again() {
    let fixture = Fixture::new().await;
    println!("instances come from: {:?}", fixture.runtime().allocation());
    let before = fixture.identity();
    for _ in 0..3 {
        let (loaded, compiled) = fixture.load().await;
        let plugin = loaded.expect("a plugin");
        assert!(!compiled);
        assert_eq!(plugin.type_info().name.as_str(), "@sedge/sink");
    }
    assert_eq!(fixture.identity(), before, "nothing was written");
}

/// Damages a file of the cache; then the plugin is compiled again, and from then on not.
async fn check(what: &str, ending: &str, damage: impl Fn(&mut Vec<u8>)) {
    let fixture = Fixture::new().await;
    let file = fixture.file(ending);
    let sound = fs::read(&file).expect("it is there");
    let mut content = sound.clone();
    damage(&mut content);
    assert_ne!(content, sound, "{what}");
    fs::write(&file, content).expect("the folder can be written");

    let (loaded, compiled) = fixture.load().await;
    let plugin = loaded.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(compiled, "{what}: it was not noticed");
    assert_eq!(plugin.type_info().name.as_str(), "@sedge/sink");
    assert_eq!(fs::read(&file).expect("it is there"), sound, "{what}");
    let (loaded, compiled) = fixture.load().await;
    loaded.expect("a plugin");
    assert!(!compiled, "{what}: it was not mended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_code_is_made_anew() {
    let foreign = fs::read(sedge_test_artifacts::SPAWN).expect("it was built");
    check("a flipped bit", "cwasm", |it| {
        let middle = it.len() / 2;
        it[middle] ^= 1;
    })
    .await;
    check("a cut", "cwasm", |it| it.truncate(it.len() / 2)).await;
    check("nothing left", "cwasm", Vec::clear).await;
    check("a foreign file", "cwasm", |it| it.clone_from(&foreign)).await;
}

/// A description that still reads well may say what the plugin never said: that it asks
/// for less or more, or a schema that is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_description_is_made_anew() {
    let replace = |it: &mut Vec<u8>, from: &str, to: &str| {
        let text = String::from_utf8(it.clone()).expect("it is JSON");
        *it = text.replacen(from, to, 1).into_bytes();
    };
    check("nothing left", "json", Vec::clear).await;
    check("no JSON", "json", |it| it.truncate(it.len() / 2)).await;
    check("other JSON", "json", |it| *it = b"{}".to_vec()).await;
    check("another word", "json", |it| {
        replace(it, "\"action\"", "\"read\"")
    })
    .await;
    check("no schema", "json", |it| {
        replace(it, "\"object\"", "\"objecu\"")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_half_is_made_anew() {
    for ending in ["cwasm", "json"] {
        let fixture = Fixture::new().await;
        fs::remove_file(fixture.file(ending)).expect("it was there");
        let (loaded, compiled) = fixture.load().await;
        loaded.expect("a plugin");
        assert!(compiled, "{ending}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_bytes_than_those_of_the_digest_are_refused() {
    let mut fixture = Fixture::new().await;
    let sha256 = sha256_hex(&fixture.component);
    fs::remove_file(fixture.file("cwasm")).expect("it was there");
    let last = fixture.component.len() - 1;
    fixture.component[last] ^= 1;
    let bytes = async || Ok(fixture.component.clone());
    let loaded = fixture.runtime().plugin_load(&sha256, bytes).await;
    assert!(
        matches!(&loaded, Err(PluginError::Digest { expected, .. }) if *expected == sha256),
        "{loaded:?}"
    );
}
