//! Compiled code and pinned components that somebody changed: they are never run.

use std::fs;
use std::path::{Path, PathBuf};

use sedge_app::plugin_list::plugin_list;
use serde_json::json;

use crate::harness::{Attack, Scene, call};

/// What is done to a file.
type Damage = fn(&mut Vec<u8>, &[u8]);

pub(crate) fn attacks() -> Vec<Attack> {
    let flipped: Damage = |it, _| {
        for at in (0..it.len()).step_by(997) {
            it[at] ^= 0x55;
        }
    };
    let cut: Damage = |it, _| it.truncate(it.len() / 3);
    let garbage: Damage = |it, _| it.fill(0xcc);
    let foreign: Damage = |it, other| *it = other.to_vec();
    let well = "returned 0";
    vec![
        damaged("compiled code with flipped bytes", "cwasm", flipped, well),
        damaged("compiled code that was cut", "cwasm", cut, well),
        damaged("compiled code that is garbage", "cwasm", garbage, well),
        damaged("compiled code of another plugin", "cwasm", foreign, well),
        damaged("a description of another plugin", "json", foreign, well),
        Attack::other("a pinned component of other bytes", pinned, "its digest is"),
    ]
}

fn damaged(name: &str, ending: &'static str, damage: Damage, ends: &str) -> Attack {
    let run = async move |scene: Scene| {
        let ours = file(&scene, "@test/raw", ".sedge/cache", ending);
        let others = file(&scene, "@test/hostile", ".sedge/cache", ending);
        let sound = fs::read(&ours).expect("it is there");
        let mut content = sound.clone();
        damage(&mut content, &fs::read(others).expect("it is there"));
        fs::write(&ours, &content).expect("the folder can be written");
        // Another process: this one has the plugin in memory.
        let ended = call(&scene.house.other_process(), "raw", "run", json!({})).await;
        let is_mended = fs::read(&ours).expect("it is there") == sound;
        match (ended.contains("returned no usable value"), is_mended) {
            (true, true) => "returned 0: it was compiled again".to_owned(),
            (ran, mended) => format!("ran: {ran}, mended: {mended}: {ended}"),
        }
    };
    Attack::other(name, run, ends)
}

/// One byte of a component changes after it was reviewed, and its compiled code is gone.
async fn pinned(scene: Scene) -> String {
    let component = file(&scene, "@test/raw", ".sedge/plugins", "wasm");
    let compiled = file(&scene, "@test/raw", ".sedge/cache", "cwasm");
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

/// Returns a file of a plugin.
fn file(scene: &Scene, type_name: &str, folder: &str, ending: &str) -> PathBuf {
    let listed = plugin_list(&scene.repository).expect("a list");
    let found = listed.iter().find(|it| it.type_name.as_str() == type_name);
    let sha256 = &found.expect("it was added").pinned.sha256;
    let entries = fs::read_dir(scene.house.path().join(folder)).expect("it is there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let is_it = |path: &PathBuf| {
        let name = Path::file_name(path).map(|it| it.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        name.starts_with(sha256.as_str()) && name.ends_with(ending)
    };
    let mut found = paths.filter(is_it);
    found.next().expect("it is there")
}
