//! Components in TypeScript for tests. They are built when the first test needs them, by the code that
//! `sedge plugin build` and `sedge plugin import-swamp` consist of, and kept until one of their inputs
//! changes.
//!
//! The build script that builds the other guests cannot build these: it runs before the program is linked,
//! and the engine of the host would have to be compiled a second time for it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use sedge_test_artifacts::SDKS;

/// The folder of the components, in the target directory.
const FOLDER: &str = "typescript-components";

/// What a component depends on besides its own sources and the SDK: what makes components of scripts.
const HOST_SOURCES: &str = "host/runtime/src/script";

/// A project in TypeScript, in a folder of the target directory.
#[derive(Debug)]
pub struct TypeScriptProject {
    /// The folder: a copy of the sources, with the packages of npm.
    pub folder: PathBuf,
    /// The folder with the SDKs, one folder for each language.
    pub sdks: PathBuf,
}

/// A component that is built when a test needs it.
#[derive(Debug)]
pub enum TypeScriptComponent {
    /// One of a project.
    Project(KeptComponent),
    /// One of a model in an extension of swamp. The models of an extension are built together.
    Swamp(KeptComponent),
}

/// A component, its sources, and the folder in which it is built.
#[derive(Debug)]
pub struct KeptComponent {
    file: PathBuf,
    source: PathBuf,
    out: PathBuf,
}

impl TypeScriptComponent {
    /// Returns a component by the path that its constant in `sedge_test_artifacts` has. Returns `None`
    /// if it is not in TypeScript.
    #[must_use]
    pub fn of(file: &Path) -> Option<Self> {
        let above = file.parent()?;
        let kept = |source: PathBuf, out: &Path| KeptComponent {
            file: file.to_owned(),
            source,
            out: out.to_owned(),
        };
        let guests = root().join("tests/guests/typescript");
        if above.ends_with("lib/sedge/plugins") {
            let name = file.file_stem()?;
            let source = root().join("plugins").join(name);
            let out = above.ancestors().nth(3)?.join(FOLDER).join(name);
            return source
                .join("plugin.ts")
                .is_file()
                .then(|| Self::Project(kept(source, &out)));
        }
        let is_guest = above.parent()?.ends_with(FOLDER);
        match above.file_name()? {
            _ if !is_guest => None,
            name if name == "swamp" => Some(Self::Swamp(kept(guests.join(name), above))),
            name => Some(Self::Project(kept(guests.join(name), above))),
        }
    }
}

impl KeptComponent {
    /// Has `build` build the project, if one of its inputs has changed since the last time. `build`
    /// returns the file of the component.
    ///
    /// # Panics
    /// It cannot be built.
    pub fn built(&self, build: impl FnOnce(&TypeScriptProject) -> PathBuf) {
        kept(&self.out, &self.source, || {
            let built = build(&project(&self.out, &self.source));
            fs::copy(&built, &self.file).expect("the component was built");
        });
    }

    /// Has `build` build the extension, if one of its inputs has changed since the last time. `build`
    /// gets the project and the folder for the components, in which the reviewed permissions are.
    ///
    /// # Panics
    /// It cannot be built.
    pub fn all_built(&self, build: impl FnOnce(&TypeScriptProject, &Path)) {
        kept(&self.out, &self.source, || {
            let project = project(&self.out, &self.source);
            for (name, content) in files(&self.source.join("models")) {
                if name.ends_with(".permissions.json") {
                    fs::write(self.out.join(name), content).expect("the folder is ours");
                }
            }
            build(&project, &self.out);
            let file = self.file.display();
            assert!(self.file.is_file(), "`{file}` was not built");
        });
    }
}

/// Returns the folder of packages that the script `sdk/typescript/toolchain` has installed.
#[must_use]
pub fn node_modules() -> PathBuf {
    root().join("target/typescript/node_modules")
}

/// Copies the sources of a project to the target directory, and links the packages of npm.
fn project(out: &Path, source: &Path) -> TypeScriptProject {
    let folder = out.join("project");
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("the folder is ours");
    }
    for (name, content) in files(source) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder is ours");
        fs::write(path, content).expect("the folder is ours");
    }
    std::os::unix::fs::symlink(node_modules(), folder.join("node_modules"))
        .expect("the folder is ours");
    TypeScriptProject {
        folder,
        sdks: PathBuf::from(SDKS),
    }
}

/// Calls `build` if the inputs have changed since it was called for this folder. Other processes wait
/// meanwhile.
fn kept(out: &Path, source: &Path, build: impl FnOnce()) {
    fs::create_dir_all(out).expect("the target directory can be written to");
    let lock = File::create(out.with_extension("lock")).expect("it can be written");
    lock.lock().expect("it can be locked");
    let inputs = inputs(source);
    let mark = out.join("inputs");
    if fs::read_to_string(&mark).is_ok_and(|former| former == inputs) {
        return;
    }
    if mark.exists() {
        fs::remove_file(&mark).expect("the folder is ours");
    }
    build();
    fs::write(mark, inputs).expect("the folder is ours");
}

/// Returns a hash of what a component depends on.
fn inputs(source: &Path) -> String {
    let sdk = Path::new(SDKS).join("typescript");
    let mut hasher = DefaultHasher::new();
    for folder in [source, &sdk, &root().join(HOST_SOURCES)] {
        files(folder).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// Returns the files below a folder, by their paths relative to it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![(String::new(), folder.to_owned())];
    while let Some((prefix, folder)) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the sources can be read") {
            let entry = entry.expect("the sources can be read");
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                folders.push((format!("{name}/"), entry.path()));
            } else {
                let content = fs::read(entry.path()).expect("the sources can be read");
                found.insert(name, content);
            }
        }
    }
    found
}

fn root() -> PathBuf {
    let kit = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = kit.ancestors().nth(2);
    root.expect("the kit is at `tests/kit`").to_owned()
}
