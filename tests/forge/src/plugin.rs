//! What every plugin has: a memory, a description, and its methods.

use std::fmt::Write as _;

use crate::{World, bare_component, component};

/// The address where the module's own data begins.
const IMAGE_BEGIN: usize = 1024;

/// The size of the area for results of the host, in bytes.
const SCRATCH_BYTES: usize = 4096;

/// The size of the area for the method's result, in bytes.
const ANSWER_BYTES: usize = 64;

/// The number of the kind `action` in the contract.
const KIND_ACTION: u32 = 5;

/// The number of the scope `model` of reports in the contract.
const SCOPE_MODEL: u32 = 1;

/// A permission that the plugin requests.
#[derive(Debug, Clone)]
pub enum Permission {
    /// Call models.
    Models(&'static str),
    /// Send HTTP requests.
    Http(&'static str),
    /// Write to a folder.
    Folder(&'static str),
    /// Reveal a secret.
    Secret(&'static str),
    /// Connect to an endpoint.
    Socket(&'static str),
}

/// A plugin as the text of a module. Parts that are not set are those of a valid plugin.
///
/// Bodies can use `$realloc`; `(global $scratch)`, the address of an area for results; `$answer` and
/// `$answer_number`, which make a text or a number the result of a method or an upgrade; `$document`,
/// which makes two texts a report; and `$refuse`, which makes a text the error of a check, an upgrade
/// or a report.
#[derive(Debug, Clone)]
pub struct PluginText {
    type_name: String,
    version: String,
    description: String,
    global_arguments: String,
    methods: Vec<(String, String, String)>,
    resources: Vec<(String, String)>,
    files: Vec<String>,
    permissions: Vec<Permission>,
    checks: Vec<String>,
    check: String,
    upgrades: Vec<String>,
    upgrade: String,
    reports: Vec<String>,
    report: String,
    imports: String,
    fields: String,
    memory: String,
    describe: String,
    realloc: String,
    image: Vec<u8>,
    world: World,
    has_section: bool,
}

impl PluginText {
    /// Starts a plugin of this type.
    #[must_use]
    pub fn new(type_name: &str) -> Self {
        Self {
            type_name: type_name.to_owned(),
            version: "2026.11.26.1".to_owned(),
            description: "Was made of text".to_owned(),
            global_arguments: r#"{"type":"object"}"#.to_owned(),
            methods: Vec::new(),
            resources: Vec::new(),
            files: Vec::new(),
            permissions: Vec::new(),
            checks: Vec::new(),
            check: String::new(),
            upgrades: Vec::new(),
            upgrade: String::new(),
            reports: Vec::new(),
            report: String::new(),
            imports: String::new(),
            fields: String::new(),
            memory: String::new(),
            describe: String::new(),
            realloc: String::new(),
            image: Vec::new(),
            world: World::Plugin,
            has_section: true,
        }
    }

    /// Adds a method with this body and the schema of its arguments. A method with an empty body
    /// returns null.
    #[must_use]
    pub fn method_of(mut self, name: &str, arguments: &str, body: &str) -> Self {
        let method = (name.to_owned(), arguments.to_owned(), body.to_owned());
        self.methods.push(method);
        self
    }

    /// Adds a method with this body. It accepts any arguments.
    #[must_use]
    pub fn method(self, name: &str, body: &str) -> Self {
        self.method_of(name, r#"{"type":"object"}"#, body)
    }

    /// Adds a resource spec with this schema.
    #[must_use]
    pub fn resource(mut self, name: &str, schema: &str) -> Self {
        self.resources.push((name.to_owned(), schema.to_owned()));
        self
    }

    /// Adds a file spec.
    #[must_use]
    pub fn file(mut self, name: &str) -> Self {
        self.files.push(name.to_owned());
        self
    }

    /// Requests a permission.
    #[must_use]
    pub fn asks_for(mut self, permission: Permission) -> Self {
        self.permissions.push(permission);
        self
    }

    /// Adds a check of all methods, and sets the body that runs for any check.
    #[must_use]
    pub fn check(mut self, name: &str, body: &str) -> Self {
        self.checks.push(name.to_owned());
        body.clone_into(&mut self.check);
        self
    }

    /// Adds an upgrade to this version, and sets the body that runs for any upgrade.
    #[must_use]
    pub fn upgrade(mut self, to_version: &str, body: &str) -> Self {
        self.upgrades.push(to_version.to_owned());
        body.clone_into(&mut self.upgrade);
        self
    }

    /// Adds a report about a model, and sets the body that runs for any report. Its parameter
    /// `$request` is the address of the request.
    #[must_use]
    pub fn report(mut self, name: &str, body: &str) -> Self {
        self.reports.push(name.to_owned());
        body.clone_into(&mut self.report);
        self
    }

    /// Adds imports. They precede all other fields.
    #[must_use]
    pub fn imports(mut self, text: &str) -> Self {
        self.imports.push_str(text);
        self
    }

    /// Adds other fields, such as functions, tables or a start function.
    #[must_use]
    pub fn fields(mut self, text: &str) -> Self {
        self.fields.push_str(text);
        self
    }

    /// Sets the body of `describe`. By default it returns a description that is part of the
    /// module's data.
    #[must_use]
    pub fn describe(mut self, body: &str) -> Self {
        body.clone_into(&mut self.describe);
        self
    }

    /// Sets the description's text.
    #[must_use]
    pub fn description(mut self, text: &str) -> Self {
        text.clone_into(&mut self.description);
        self
    }

    /// Sets the schema of the global arguments.
    #[must_use]
    pub fn global_arguments(mut self, schema: &str) -> Self {
        schema.clone_into(&mut self.global_arguments);
        self
    }

    /// Sets the body of the function that allocates memory for the host.
    #[must_use]
    pub fn realloc(mut self, body: &str) -> Self {
        body.clone_into(&mut self.realloc);
        self
    }

    /// Adds more memories.
    #[must_use]
    pub fn memory(mut self, text: &str) -> Self {
        self.memory.push_str(text);
        self
    }

    /// Sets the world that the plugin implements.
    #[must_use]
    pub fn world(mut self, world: World) -> Self {
        self.world = world;
        self
    }

    /// Leaves out the section that states the contract, as the tools of script languages do.
    #[must_use]
    pub fn without_section(mut self) -> Self {
        self.has_section = false;
        self
    }

    /// Adds a text to the module's data. Returns the two numbers by which it is passed.
    pub fn text(&mut self, text: impl AsRef<[u8]>) -> String {
        let [at, length] = self.place(text);
        format!("(i32.const {at}) (i32.const {length})")
    }

    /// Adds a text to the module's data. Returns its address and its length.
    pub fn place(&mut self, text: impl AsRef<[u8]>) -> [u32; 2] {
        self.put(text.as_ref(), 1)
    }

    /// Builds the component.
    ///
    /// # Panics
    /// The parts are not the text of a module.
    #[must_use]
    pub fn component(mut self) -> Vec<u8> {
        let answer = self.put(&[0; ANSWER_BYTES], 8)[0];
        let scratch = self.put(&[0; SCRATCH_BYTES], 16)[0];
        let null = self.text("null");
        let description = self.type_info();
        let cases = self.cases();
        let end = IMAGE_BEGIN + self.image.len();
        let pages = end.div_ceil(1 << 16) + 1;
        let or = |text: &str, otherwise: &str| match text {
            "" => otherwise.to_owned(),
            text => text.to_owned(),
        };
        let describe = or(&self.describe, &format!("(i32.const {description})"));
        let realloc = or(&self.realloc, REALLOC);
        let further_exports = self.further_exports(&null);
        let data: String = self.image.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "\\{byte:02x}");
            text
        });
        let (imports, memory, fields) = (&self.imports, &self.memory, &self.fields);
        let module = format!(
            r#"(module
{imports}
(memory $memory (export "memory") {pages})
{memory}
(global $next (mut i32) (i32.const {end}))
(global $answer i32 (i32.const {answer}))
(global $scratch i32 (i32.const {scratch}))
(func $realloc (export "cabi_realloc")
  (param $old i32) (param $old_length i32) (param $align i32) (param $length i32) (result i32)
  (local $at i32)
  {realloc})
(func $answer (param $at i32) (param $length i32) (result i32)
  (i32.store8 (global.get $answer) (i32.const 0))
  (i32.store offset=4 (global.get $answer) (local.get $at))
  (i32.store offset=8 (global.get $answer) (local.get $length))
  (global.get $answer))
{REFUSE}
{DOCUMENT}
{ANSWER_NUMBER}
{SAME}
(func (export "sedge:model/model@0.4.0#describe") (result i32)
  {describe})
(func (export "sedge:model/model@0.4.0#invoke")
  (param $method i32) (param $method_length i32)
  (param $arguments i32) (param $arguments_length i32)
  (param $global_arguments i32) (param $global_arguments_length i32)
  (result i32)
  (local $n i32) (local $at i32) (local $wide i64)
  {cases}
  (call $answer {null}))
{further_exports}
{fields}
(data (i32.const {IMAGE_BEGIN}) "{data}")
)"#
        );
        match self.has_section {
            true => component(&module, self.world),
            false => bare_component(&module, self.world),
        }
    }

    /// Returns the exports besides `describe` and `invoke`. By default each check succeeds, each
    /// upgrade changes nothing, and each report is empty.
    fn further_exports(&self, null: &str) -> String {
        let check = match self.check.as_str() {
            "" => format!("(call $answer {null})"),
            body => body.to_owned(),
        };
        let upgrade = match self.upgrade.as_str() {
            "" => "(call $answer (local.get $arguments) (local.get $arguments_length))",
            body => body,
        };
        let report = match self.report.as_str() {
            "" => format!("(call $document {null} {null})"),
            body => body.to_owned(),
        };
        format!(
            r#"
(func (export "sedge:model/model@0.4.0#check")
  (param $check i32) (param $check_length i32)
  (param $method i32) (param $method_length i32)
  (param $arguments i32) (param $arguments_length i32)
  (param $global_arguments i32) (param $global_arguments_length i32)
  (result i32)
  {check})
(func (export "sedge:model/model@0.4.0#upgrade")
  (param $version i32) (param $version_length i32)
  (param $arguments i32) (param $arguments_length i32)
  (result i32)
  {upgrade})
(func (export "sedge:model/model@0.4.0#report") (param $request i32) (result i32)
  {report})"#
        )
    }

    fn cases(&mut self) -> String {
        let mut cases = String::new();
        for (name, _, body) in self.methods.clone() {
            if body.is_empty() {
                continue;
            }
            let name = self.text(&name);
            let _ = write!(
                cases,
                "(if (call $same (local.get $method) (local.get $method_length) {name})\n\
                 (then {body}))\n"
            );
        }
        cases
    }

    /// Adds the description to the module's data, in the layout that the host reads.
    fn type_info(&mut self) -> u32 {
        let mut methods = Vec::new();
        for (name, arguments, _) in self.methods.clone() {
            methods.extend(self.put(name.as_bytes(), 1));
            methods.push(KIND_ACTION);
            methods.extend(self.put(b"Does it", 1));
            methods.extend(self.put(arguments.as_bytes(), 1));
        }
        // No lifetime, no limit on versions, no tags.
        let retention = [0; 8];
        let mut resources = Vec::new();
        for (name, schema) in self.resources.clone() {
            resources.extend(self.put(name.as_bytes(), 1));
            resources.extend(self.put(b"Something", 1));
            resources.extend(self.put(schema.as_bytes(), 1));
            resources.push(0);
            resources.extend(retention);
        }
        let mut files = Vec::new();
        for name in self.files.clone() {
            files.extend(self.put(name.as_bytes(), 1));
            files.extend(self.put(b"Some file", 1));
            files.extend(self.put(b"text/plain", 1));
            files.extend(retention);
        }
        let mut permissions = Vec::new();
        for permission in self.permissions.clone() {
            let (which, name, more) = match permission {
                Permission::Models(name) => (0, name, [0, 0, 0]),
                Permission::Http(url) => (1, url, [0, 0, 0]),
                Permission::Folder(name) => (2, name, [1, 0, 0]),
                Permission::Secret(name) => (4, name, [0, 0, 1]),
                Permission::Socket(to) => (6, to, [0, 0, 0]),
            };
            permissions.push(which);
            permissions.extend(self.put(name.as_bytes(), 1));
            permissions.extend(more);
            permissions.extend(self.put(b"to see what comes of it", 1));
        }
        let [checks, upgrades, reports] = self.checks_upgrades_and_reports();
        let texts = [
            self.type_name.clone(),
            self.version.clone(),
            self.description.clone(),
            self.global_arguments.clone(),
        ];
        let mut info = Vec::new();
        for text in texts {
            info.extend(self.put(text.as_bytes(), 1));
        }
        // The number of words that one entry takes.
        for (words, size) in [
            (&methods, 7),
            (&resources, 15),
            (&files, 14),
            (&permissions, 8),
            (&checks, 8),
            (&upgrades, 4),
            (&reports, 5),
        ] {
            let at = self.put_words(words);
            info.extend([at, u32::try_from(words.len() / size).expect("few")]);
        }
        self.put_words(&info)
    }

    fn checks_upgrades_and_reports(&mut self) -> [Vec<u32>; 3] {
        let mut checks = Vec::new();
        for name in self.checks.clone() {
            checks.extend(self.put(name.as_bytes(), 1));
            checks.extend(self.put(b"Checks it", 1));
            // All methods, and no label.
            checks.extend([0; 4]);
        }
        let mut upgrades = Vec::new();
        for version in self.upgrades.clone() {
            upgrades.extend(self.put(version.as_bytes(), 1));
            upgrades.extend(self.put(b"Changes it", 1));
        }
        let mut reports = Vec::new();
        for name in self.reports.clone() {
            reports.extend(self.put(name.as_bytes(), 1));
            reports.extend(self.put(b"Shows it", 1));
            reports.push(SCOPE_MODEL);
        }
        [checks, upgrades, reports]
    }

    fn put_words(&mut self, words: &[u32]) -> u32 {
        let bytes: Vec<u8> = words.iter().flat_map(|it| it.to_le_bytes()).collect();
        self.put(&bytes, 8)[0]
    }

    /// Returns the address and the length of the bytes.
    fn put(&mut self, bytes: &[u8], align: usize) -> [u32; 2] {
        let end = self.image.len().next_multiple_of(align);
        self.image.resize(end, 0);
        self.image.extend_from_slice(bytes);
        [IMAGE_BEGIN + end, bytes.len()].map(|it| u32::try_from(it).expect("a module is small"))
    }
}

/// Allocates memory, and never frees it.
const REALLOC: &str = "
  (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
  (global.set $next (i32.add (local.get $at) (local.get $length)))
  (block $fits (loop $grow
    (br_if $fits (i32.le_u
      (i32.add (i32.shr_u (global.get $next) (i32.const 16)) (i32.const 1)) (memory.size)))
    (br_if $grow (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))
    (unreachable)))
  (local.get $at)";

/// Makes a text the error of a check, an upgrade or a report.
const REFUSE: &str = "
(func $refuse (param $at i32) (param $length i32) (result i32)
  (drop (call $answer (local.get $at) (local.get $length)))
  (i32.store8 (global.get $answer) (i32.const 1))
  (global.get $answer))";

/// Makes two texts the Markdown and the JSON of a report.
const DOCUMENT: &str = "
(func $document (param $at i32) (param $length i32) (param $json i32) (param $json_length i32)
  (result i32)
  (drop (call $answer (local.get $at) (local.get $length)))
  (i32.store offset=12 (global.get $answer) (local.get $json))
  (i32.store offset=16 (global.get $answer) (local.get $json_length))
  (global.get $answer))";

/// Writes a number as decimal digits, starting with the last one.
const ANSWER_NUMBER: &str = "
(func $answer_number (param $number i64) (result i32)
  (local $at i32) (local $end i32)
  (local.set $end (i32.add (global.get $answer) (i32.const 60)))
  (local.set $at (local.get $end))
  (loop $more
    (local.set $at (i32.sub (local.get $at) (i32.const 1)))
    (i32.store8 (local.get $at) (i32.wrap_i64
      (i64.add (i64.rem_u (local.get $number) (i64.const 10)) (i64.const 48))))
    (local.set $number (i64.div_u (local.get $number) (i64.const 10)))
    (br_if $more (i64.ne (local.get $number) (i64.const 0))))
  (call $answer (local.get $at) (i32.sub (local.get $end) (local.get $at))))";

/// Returns whether two texts are equal.
const SAME: &str = "
(func $same (param $one i32) (param $one_length i32) (param $other i32) (param $length i32)
  (result i32)
  (if (i32.ne (local.get $one_length) (local.get $length)) (then (return (i32.const 0))))
  (loop $more
    (if (i32.eqz (local.get $length)) (then (return (i32.const 1))))
    (local.set $length (i32.sub (local.get $length) (i32.const 1)))
    (br_if $more (i32.eq
      (i32.load8_u (i32.add (local.get $one) (local.get $length)))
      (i32.load8_u (i32.add (local.get $other) (local.get $length))))))
  (i32.const 0))";
