//! Compiled code and pinned components that were changed or planted are never run.

use std::fs;
use std::path::{Path, PathBuf};

use sedge_app::AppError;
use sedge_app::plugin::list::plugin_list;
use sedge_app::types::{CachePlaces, Scan};
use serde_json::json;

use crate::fixture::cx_of;
use crate::harness::{Attack, Scene, call};

/// A change to an entry of the cache. The second argument is the entry of another plugin.
type Damage = fn(&mut Vec<u8>, &[u8]);

/// The length of an entry's MAC, plus that of the length field of its description.
const HEAD_BYTES: usize = 40;

pub(crate) fn attacks() -> Vec<Attack> {
    let flipped: Damage = |it, _| {
        for at in (HEAD_BYTES + note_bytes(it)..it.len()).step_by(997) {
            it[at] ^= 0x55;
        }
    };
    let cut: Damage = |it, _| it.truncate(it.len() / 3);
    let garbage: Damage = |it, _| it.fill(0xcc);
    let foreign: Damage = |it, other| *it = other.to_vec();
    // The description of another plugin, before the unchanged code.
    let described: Damage = |it, other| {
        let note = HEAD_BYTES + note_bytes(other);
        let code = it.split_off(HEAD_BYTES + note_bytes(it));
        let mac: Vec<u8> = it.drain(..32).collect();
        *it = [&mac, &other[32..note], &code].concat();
    };
    let well = "returned 0";
    vec![
        damaged("compiled code with flipped bytes", flipped, well),
        damaged("compiled code that was cut", cut, well),
        damaged("compiled code that is garbage", garbage, well),
        damaged("compiled code of another plugin", foreign, well),
        damaged("a description of another plugin", described, well),
        Attack::other("compiled code under another key", other_key, well),
        Attack::other("compiled code in the repository", planted, well),
        reaches("reads the key of the cache", "user/key", "read"),
        reaches("reads above the key", "user", "read"),
        reaches("writes compiled code", "user/code", "write"),
        Attack::other("a pinned component of other bytes", pinned, "its digest is"),
    ]
}

fn note_bytes(entry: &[u8]) -> usize {
    let length = entry[32..HEAD_BYTES].try_into().expect("eight bytes");
    usize::try_from(u64::from_le_bytes(length)).expect("it is short")
}

fn damaged(name: &str, damage: Damage, ends: &str) -> Attack {
    let run = async move |scene: Scene| {
        let entry_path = entry(&scene, "@test/raw");
        let other_path = entry(&scene, "@test/hostile");
        let sound = fs::read(&entry_path).expect("it is there");
        let mut content = sound.clone();
        damage(&mut content, &fs::read(other_path).expect("it is there"));
        is_not_run(&scene, &entry_path, &content, &sound).await
    };
    Attack::other(name, run, ends)
}

/// Replaces an entry, and returns how a call ends afterwards. It must compile the plugin again.
async fn is_not_run(scene: &Scene, entry: &Path, content: &[u8], sound: &[u8]) -> String {
    fs::write(entry, content).expect("the folder can be written");
    // Another process, because this one has the plugin in memory.
    let ended = call(&scene.house.other_process(), "raw", "run", json!({})).await;
    let is_repaired = fs::read(entry).expect("it is there") == sound;
    match (ended.contains("returned no usable value"), is_repaired) {
        (true, true) => "returned 0: it was compiled again".to_owned(),
        (ran, repaired) => format!("ran: {ran}, repaired: {repaired}: {ended}"),
    }
}

/// An attacker fills a cache with a program of their own (here, that of another plugin), with a
/// valid MAC by their own key.
async fn other_key(scene: Scene) -> String {
    let entry_path = entry(&scene, "@test/raw");
    let sound = fs::read(&entry_path).expect("it is there");
    let attacker = CachePlaces {
        code: Some(scene.house.path().join("user/code/attacker")),
        key: Some(scene.house.path().join("user/code/their-key")),
    };
    let process = scene.house.process_with_cache(attacker.clone());
    let ended = call(&process, "raw", "run", json!({})).await;
    assert!(ended.contains("returned no usable value"), "{ended}");
    let folder = attacker.code.expect("it is set above");
    let name = entry_path.file_name().expect("a file");
    let made = fs::read(folder.join(name)).expect("their process made it");
    is_not_run(&scene, &entry_path, &made, &sound).await
}

/// Before the cache moved to the user's own folder, the host ran any machine code that came with a
/// clone, because anyone could compute the digests beside it.
async fn planted(scene: Scene) -> String {
    let folder = scene.house.path().join(".sedge/cache");
    fs::create_dir(&folder).expect("no process makes it");
    let entry_path = entry(&scene, "@test/raw");
    let code = fs::read(entry(&scene, "@test/hostile")).expect("it is there");
    let stem = entry_path.file_stem().expect("a file").to_string_lossy();
    for ending in ["code", "cwasm", "json"] {
        let file = folder.join(format!("{stem}.{ending}"));
        fs::write(file, &code).expect("the folder can be written");
    }
    let sound = fs::read(&entry_path).expect("it is there");
    fs::remove_file(&entry_path).expect("it is there");
    let ended = call(&scene.house.other_process(), "raw", "run", json!({})).await;
    let is_made = fs::read(&entry_path).expect("it was made again") == sound;
    fs::remove_dir_all(&folder).expect("it is there");
    match (ended.contains("returned no usable value"), is_made) {
        (true, true) => "returned 0: it was compiled again".to_owned(),
        (ran, made) => format!("ran: {ran}, made: {made}: {ended}"),
    }
}

/// With the key, a guest could write authentic machine code. It gets neither the folder of the key
/// nor write access to compiled code.
fn reaches(what: &str, folder: &str, access: &str) -> Attack {
    let name = format!("a guest that {what}");
    let grant = format!("grants: {{files: [{{name: inbox, path: {folder}, access: {access}}}]}}");
    let ends = "where Sedge keeps compiled code or its key";
    let arguments = json!({"path": "cache.key"});
    Attack::call(&name, ("@test/asker", "look"), arguments, ends).with(&grant)
}

/// One byte of a component changes after the component was reviewed, and its compiled code is
/// deleted.
async fn pinned(scene: Scene) -> String {
    let component = component(&scene, "@test/raw");
    let compiled = entry(&scene, "@test/raw");
    let (sound, code) = (fs::read(&component), fs::read(&compiled));
    let (sound, code) = (sound.expect("it is there"), code.expect("it is there"));
    let mut changed = sound.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    fs::write(&component, changed).expect("the folder can be written");
    fs::remove_file(&compiled).expect("it is there");
    let ended = call(&scene.house.other_process(), "raw", "run", json!({})).await;
    fs::write(&component, sound).expect("the folder can be written");
    fs::write(&compiled, code).expect("the folder can be written");
    ended
}

fn component(scene: &Scene, type_name: &str) -> PathBuf {
    let folder = scene.house.path().join(".sedge/plugins");
    file(scene, type_name, &folder, "wasm")
}

fn entry(scene: &Scene, type_name: &str) -> PathBuf {
    let folder = scene.house.compiled_code().code.clone();
    file(scene, type_name, &folder.expect("tests have one"), "code")
}

/// Returns a file of a plugin.
fn file(scene: &Scene, type_name: &str, folder: &Path, ending: &str) -> PathBuf {
    let mut sha256 = None;
    let listed = plugin_list(&cx_of(&scene.repository), |plugin| {
        let is_it = plugin.type_name == type_name;
        sha256 = is_it.then_some(plugin.sha256);
        Ok::<_, AppError>(if is_it { Scan::Enough } else { Scan::More })
    });
    listed.expect("a list");
    let sha256 = sha256.expect("it was added");
    let entries = fs::read_dir(folder).expect("it is there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let is_it = |path: &PathBuf| {
        let name = Path::file_name(path).map(|it| it.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        name.starts_with(sha256.as_str()) && name.ends_with(ending)
    };
    let mut found = paths.filter(is_it);
    found.next().expect("it is there")
}
