//! Compiled code and pinned components that were changed or planted are never run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sedge_app::plugin::list::plugin_list;
use sedge_app::types::{CachePlaces, Scan};
use sedge_app::{AppError, Repository};
use sedge_sys::clock;
use serde_json::json;

use crate::fixture::cx_of;
use crate::harness::{Attack, Scene, call};

/// The length of the two MACs before a description: of the file, and of the code.
const MACS_BYTES: usize = 64;

/// A change to a file of an entry of the cache. The second argument is the file of another plugin.
type Damage = fn(&mut Vec<u8>, &[u8]);

/// A change to the code of an entry that was checked before, and so is not read again.
type Swap = fn(&Scene, &Path);

pub(crate) fn attacks() -> Vec<Attack> {
    let flipped: Damage = |it, _| {
        for at in (0..it.len()).step_by(997) {
            it[at] ^= 0x55;
        }
    };
    let cut: Damage = |it, _| it.truncate(it.len() / 3);
    let garbage: Damage = |it, _| it.fill(0xcc);
    let foreign: Damage = |it, other| *it = other.to_vec();
    // The description of another plugin, with the MACs of this one.
    let described: Damage = |it, other| {
        it.truncate(MACS_BYTES);
        it.extend(&other[MACS_BYTES..]);
    };
    // Code of the same length with the same times, in a file with the same name.
    let swapped: Swap = |_, code| {
        let mut content = fs::read(code).expect("it is there");
        content.iter_mut().step_by(997).for_each(|it| *it ^= 0x55);
        let time = fs::metadata(code).and_then(|it| it.modified());
        replace(code, &content);
        let file = fs::File::open(code).expect("it is there");
        let set = time.and_then(|time| file.set_modified(time));
        set.expect("it is ours");
    };
    // The code and the record of another plugin, which was checked, too.
    let of_other: Swap = |scene, code| {
        let folder = code.parent().expect("it is in a folder");
        for ending in ["code", "seen"] {
            let other = file(scene, "@test/hostile", folder, ending);
            let other = fs::read(other).expect("it is there");
            replace(&code.with_extension(ending), &other);
        }
    };
    let well = "returned 0";
    vec![
        damaged("compiled code with flipped bytes", "code", flipped),
        damaged("compiled code that was cut", "code", cut),
        damaged("compiled code that is garbage", "code", garbage),
        damaged("compiled code of another plugin", "code", foreign),
        damaged("a description of another plugin", "note", described),
        damaged(
            "a description with its MAC of another plugin",
            "note",
            foreign,
        ),
        checked("compiled code swapped after its check", "swapped", swapped),
        checked(
            "compiled code with another one's check",
            "of-other",
            of_other,
        ),
        Attack::other("compiled code under another key", other_key, well),
        Attack::other("compiled code in the repository", planted, well),
        reaches("reads the key of the cache", "user/key", "read"),
        reaches("reads above the key", "user", "read"),
        reaches("writes compiled code", "user/code", "write"),
        Attack::other("a pinned component of other bytes", pinned, "its digest is"),
    ]
}

fn damaged(name: &str, ending: &'static str, damage: Damage) -> Attack {
    let run = async move |scene: Scene| {
        let path = entry(&scene, "@test/raw").with_extension(ending);
        let other_path = entry(&scene, "@test/hostile").with_extension(ending);
        let sound = fs::read(&path).expect("it is there");
        let mut content = sound.clone();
        damage(&mut content, &fs::read(other_path).expect("it is there"));
        replace(&path, &content);
        // Another process, because this one has the plugin in memory.
        is_not_run(&scene.house.other_process(), &path, &sound).await
    };
    Attack::other(name, run, "returned 0")
}

/// Lets processes with a cache of their own check the code of plugins, so that it is not read
/// again, and then changes it.
fn checked(name: &str, folder: &'static str, swap: Swap) -> Attack {
    let run = async move |scene: Scene| {
        let folder = scene.house.path().join("user/code").join(folder);
        let places = CachePlaces {
            code: Some(folder.clone()),
            key: Some(folder.join("key")),
        };
        let called = [
            ("hostile", "sleep", json!({"ms": 0})),
            ("raw", "run", json!({})),
        ];
        let code_of = |model: &str| file(&scene, &format!("@test/{model}"), &folder, "code");
        for (model, method, arguments) in called {
            loop {
                let process = scene.house.process_with_cache(places.clone());
                call(&process, model, method, arguments.clone()).await;
                // A check is recorded once the code is older than the precision of its time.
                if code_of(model).with_extension("seen").exists() {
                    break;
                }
                clock::pause(Duration::from_millis(50)).await;
            }
        }
        let code = code_of("raw");
        let sound = fs::read(&code).expect("it is there");
        swap(&scene, &code);
        is_not_run(&scene.house.process_with_cache(places), &code, &sound).await
    };
    Attack::other(name, run, "returned 0")
}

/// Puts a file with other content in the place of one. The processes of this test have some files
/// of the cache under a lease, so it must not write to them.
fn replace(path: &Path, content: &[u8]) {
    // ignored: it may not exist.
    let _ = fs::remove_file(path);
    fs::write(path, content).expect("the folder can be written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o400)).expect("it is ours");
}

/// Calls a plugin in a process that has not loaded it, and returns how the call ends. The process
/// must compile the plugin again, which makes the changed file as it was.
async fn is_not_run(process: &Arc<Repository>, changed: &Path, sound: &[u8]) -> String {
    let ended = call(process, "raw", "run", json!({})).await;
    let is_repaired = fs::read(changed).expect("it is there") == sound;
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
    let made = folder.join(name);
    for ending in ["code", "note"] {
        let made = fs::read(made.with_extension(ending)).expect("their process made it");
        replace(&entry_path.with_extension(ending), &made);
    }
    is_not_run(&scene.house.other_process(), &entry_path, &sound).await
}

/// Before the cache moved to the user's own folder, the host ran any machine code that came with a
/// clone, because anyone could compute the digests beside it.
async fn planted(scene: Scene) -> String {
    let folder = scene.house.path().join(".sedge/cache");
    fs::create_dir(&folder).expect("no process makes it");
    let entry_path = entry(&scene, "@test/raw");
    let code = fs::read(entry(&scene, "@test/hostile")).expect("it is there");
    let stem = entry_path.file_stem().expect("a file").to_string_lossy();
    for ending in ["code", "note", "cwasm", "json"] {
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
    replace(&compiled, &code);
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
