//! `@test/filer`: writes, reads, lists, deletes and publishes data as its arguments say.
//!
//! The data depends only on the arguments, so that a test knows what to expect. Each argument has
//! a default.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::mem;

use schemars::JsonSchema;
use sedge_sdk::{
    Context, DataError, Failure, FileDraft, FileReader, MethodKind, Model, OnViolation, Retention,
    Value, VersionInfo, Written, json,
};
use serde::{Deserialize, Serialize};

/// How many bytes of a file `read` returns.
const FIRST_BYTES: usize = 20;

/// The size of one read, in bytes.
const READ_BYTES: usize = 64 << 10;

/// The content that `record` writes.
#[derive(Serialize, JsonSchema)]
struct Record {
    n: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// A resource with a sealed field.
#[derive(Serialize, JsonSchema)]
struct Secret {
    n: i64,
    #[schemars(extend("sensitive" = true))]
    password: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct WriteArguments {
    /// `blob` or `brief`
    spec: String,
    /// The name [default: that of the spec]
    name: Option<String>,
    /// The size in bytes, if the file has no lines
    bytes: usize,
    /// The size of one write in bytes
    #[schemars(range(min = 1))]
    chunk: usize,
    /// The seed of the bytes, or the prefix of the lines
    seed: u64,
    /// Whether the file has lines of the form `SEED: line N`, with N from 0
    lines: bool,
    /// The number of lines
    count: u64,
    tags: BTreeMap<String, String>,
    media_type: Option<String>,
    /// Whether the file is finished
    finish: bool,
    /// Whether an unfinished file is dropped instead of left open
    drop: bool,
    /// Whether the call fails at the end
    fail: bool,
    /// How many versions are written
    times: u32,
}

impl Default for WriteArguments {
    fn default() -> Self {
        Self {
            spec: "blob".to_owned(),
            name: None,
            bytes: 100,
            chunk: 64 << 10,
            seed: 0,
            lines: false,
            count: 10,
            tags: BTreeMap::new(),
            media_type: None,
            finish: true,
            drop: false,
            fail: false,
            times: 1,
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct RecordArguments {
    /// `record`, `lax`, `secret`, `short`, `scratch`, `jobly` or `flowly`
    spec: String,
    /// The name [default: that of the spec]
    name: Option<String>,
    /// How many versions, with `n` from 0
    count: i64,
    note: Option<String>,
    tags: BTreeMap<String, String>,
    /// Whether the content violates its schema
    invalid: bool,
}

impl Default for RecordArguments {
    fn default() -> Self {
        Self {
            spec: "record".to_owned(),
            name: None,
            count: 1,
            note: None,
            tags: BTreeMap::new(),
            invalid: false,
        }
    }
}

/// The name of data of this model or of another one.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct NameArguments {
    /// The model [default: this one]
    model: Option<String>,
    name: String,
    /// The version [default: the latest]
    version: Option<u64>,
}

impl Default for NameArguments {
    fn default() -> Self {
        Self {
            model: None,
            name: "blob".to_owned(),
            version: None,
        }
    }
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct ListArguments {
    /// The model [default: this one]
    model: Option<String>,
    prefix: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct DeleteArguments {
    name: String,
    /// The version [default: all of them]
    version: Option<u64>,
}

impl Default for DeleteArguments {
    fn default() -> Self {
        Self {
            name: "blob".to_owned(),
            version: None,
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct PublishArguments {
    name: String,
    /// How the call ends
    then: End,
}

impl Default for PublishArguments {
    fn default() -> Self {
        Self {
            name: "record".to_owned(),
            then: End::Succeed,
        }
    }
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum End {
    Succeed,
    Fail,
    Panic,
}

fn model() -> Model {
    use MethodKind::{Action, Delete, Read};

    specs(Model::new(
        "@test/filer",
        "2026.11.23.1",
        "Accesses data as its arguments say",
    ))
    .asks_for_models("*", "to read the data of the model in its arguments")
    .method("write", Action, "Write a file", write)
    .method("read", Read, "Read a file", read)
    .method("record", Action, "Write a resource", record)
    .method("list", Read, "List names", list)
    .method("versions", Read, "List versions of a name", versions)
    .method("delete", Delete, "Delete", delete)
    .method(
        "delete_wrongly",
        Action,
        "Try to delete, and return the error's code",
        delete_wrongly,
    )
    .method("publish", Action, "Publish, and continue to write", publish)
}

fn specs(model: Model) -> Model {
    let short = Retention::new()
        .lifetime("1h")
        .keep_versions(3)
        .tag("kind", "short");
    let kept = |lifetime| Retention::new().lifetime(lifetime);

    model
        .file("blob", "application/octet-stream", "A file")
        .file_with("brief", "text/plain", "Kept for an hour", short.clone())
        .resource::<Record>("record", "A record")
        .resource::<Secret>("secret", "A record with a secret")
        .resource_with::<Record>(
            "lax",
            "A record that may violate its schema",
            OnViolation::Warn,
            Retention::new(),
        )
        .resource_with::<Record>("short", "Kept for an hour", OnViolation::Refuse, short)
        .resource_with::<Record>(
            "scratch",
            "Kept for a step",
            OnViolation::Refuse,
            kept("ephemeral"),
        )
        .resource_with::<Record>("jobly", "Kept for a job", OnViolation::Refuse, kept("job"))
        .resource_with::<Record>(
            "flowly",
            "Kept for a workflow",
            OnViolation::Refuse,
            kept("workflow"),
        )
}

/// Returns `{size, digest}` of the file. The digest is the `sum` of `read`.
fn write(cx: &Context, arguments: WriteArguments) -> Result<Value, Failure> {
    let mut sum = Sum::default();
    for _ in 0..arguments.times {
        sum = Sum::default();
        let name = arguments.name.as_deref().unwrap_or(&arguments.spec);
        let mut draft = cx.file(&arguments.spec).named(name);
        for (key, value) in &arguments.tags {
            draft = draft.tag(key, value);
        }
        if let Some(media_type) = &arguments.media_type {
            draft = draft.media_type(media_type);
        }
        if arguments.lines {
            lines_write(draft, &arguments, &mut sum)?;
        } else {
            bytes_write(draft, &arguments, &mut sum)?;
        }
    }
    if arguments.fail {
        return Err(Failure::new(
            "told-to-fail",
            "its arguments demand a failure",
        ));
    }
    Ok(json!({"size": sum.n_bytes, "digest": sum.value}))
}

fn lines_write(
    draft: FileDraft<'_>,
    arguments: &WriteArguments,
    sum: &mut Sum,
) -> Result<(), Failure> {
    let mut file = draft.create_lines()?;
    for n in 0..arguments.count {
        let line = format!("{}: line {n}", arguments.seed);
        file.write_line(&line)?;
        sum.add(line.as_bytes());
        sum.add(b"\n");
    }
    if arguments.finish {
        file.finish()?;
    } else if !arguments.drop {
        // Without the drop, the host has to close the file itself.
        mem::forget(file);
    }
    Ok(())
}

fn bytes_write(
    draft: FileDraft<'_>,
    arguments: &WriteArguments,
    sum: &mut Sum,
) -> Result<(), Failure> {
    let mut file = draft.create()?;
    let mut noise = Noise::new(arguments.seed);
    let mut n_left = arguments.bytes;
    while n_left > 0 {
        let mut chunk = vec![0; n_left.min(arguments.chunk)];
        noise.fill(&mut chunk);
        file.write_all(&chunk)?;
        file.flush()?;
        sum.add(&chunk);
        n_left -= chunk.len();
    }
    if arguments.finish {
        file.finish()?;
    } else if !arguments.drop {
        // Without the drop, the host has to close the file itself.
        mem::forget(file);
    }
    Ok(())
}

/// Returns `{size, media_type, first, lines, sum, info}`, or null if there is no such data.
fn read(cx: &Context, arguments: NameArguments) -> Result<Value, Failure> {
    let NameArguments {
        model,
        name,
        version,
    } = arguments;
    let model = model.unwrap_or_else(|| cx.identity().model.clone());
    match cx.open_file_of(&model, &name, version)? {
        Some(file) => summary_of(file),
        None => Ok(Value::Null),
    }
}

fn summary_of(mut file: FileReader) -> Result<Value, Failure> {
    let (mut first, mut n_lines, mut sum) = (Vec::new(), 0, Sum::default());
    let mut piece = vec![0; READ_BYTES];
    loop {
        let n_bytes = file.read(&mut piece)?;
        let bytes = &piece[..n_bytes];
        if bytes.is_empty() {
            break;
        }
        first.extend(bytes.iter().take(FIRST_BYTES - first.len()));
        n_lines += bytes.iter().filter(|byte| **byte == b'\n').count();
        sum.add(bytes);
    }
    let info = file.info();
    Ok(json!({
        "size": sum.n_bytes,
        "media_type": info.media_type,
        "first": String::from_utf8_lossy(&first),
        "lines": n_lines,
        "sum": sum.value,
        "info": info_to_json(info),
    }))
}

/// Returns the number of versions that were written.
fn record(cx: &Context, arguments: RecordArguments) -> Result<i64, Failure> {
    for n in 0..arguments.count {
        let name = arguments.name.as_deref().unwrap_or(&arguments.spec);
        let mut draft = cx.resource(&arguments.spec).named(name);
        for (key, value) in &arguments.tags {
            draft = draft.tag(key, value);
        }
        if arguments.invalid {
            draft.write(&json!({"n": "many"}))?;
        } else if arguments.spec == "secret" {
            let password = "xyzzy".to_owned();
            draft.write(&Secret { n, password })?;
        } else {
            let note = arguments.note.clone();
            draft.write(&Record { n, note })?;
        }
    }
    Ok(arguments.count)
}

/// Returns the metadata of the latest version of each name.
fn list(cx: &Context, arguments: ListArguments) -> Result<Vec<Value>, Failure> {
    let ListArguments { model, prefix } = arguments;
    let model = model.unwrap_or_else(|| cx.identity().model.clone());
    let list = cx.list_of(&model, &prefix);
    Ok(list
        .map(|info| info.map(info_to_json))
        .collect::<Result<_, DataError>>()?)
}

/// Returns the metadata of each version, oldest first. Ignores the argument `version`.
fn versions(cx: &Context, arguments: NameArguments) -> Result<Vec<Value>, Failure> {
    let NameArguments { model, name, .. } = arguments;
    let model = model.unwrap_or_else(|| cx.identity().model.clone());
    let versions = cx.versions_of(&model, &name)?;
    Ok(versions.into_iter().map(info_to_json).collect())
}

fn delete(cx: &Context, arguments: DeleteArguments) -> Result<(), Failure> {
    Ok(delete_try(cx, &arguments)?)
}

/// Returns the error's code, or `deleted`.
fn delete_wrongly(cx: &Context, arguments: DeleteArguments) -> Result<&'static str, Failure> {
    Ok(delete_try(cx, &arguments).map_or_else(|error| error.code(), |()| "deleted"))
}

fn delete_try(cx: &Context, arguments: &DeleteArguments) -> Result<(), DataError> {
    match arguments.version {
        Some(version) => cx.delete_version(&arguments.name, version),
        None => cx.delete(&arguments.name),
    }
}

/// Writes n = 1, publishes, writes n = 2, and returns the published versions as `[{name,
/// version}]`. A failure contains them in its details.
fn publish(cx: &Context, arguments: PublishArguments) -> Result<Value, Failure> {
    let record_write = |n| {
        let record = Record { n, note: None };
        cx.write_named("record", &arguments.name, &record)
    };
    record_write(1)?;
    let published = cx.publish()?.into_iter().map(written_to_json).collect();
    record_write(2)?;
    match arguments.then {
        End::Succeed => Ok(published),
        End::Fail => Err(
            Failure::new("told-to-fail", "its arguments demand a failure").with_details(published),
        ),
        End::Panic => panic!("its arguments demand a panic"),
    }
}

/// The time is left out, because a test cannot know it.
fn info_to_json(info: VersionInfo) -> Value {
    json!({
        "model": info.model,
        "name": info.name,
        "kind": info.kind,
        "spec": info.spec,
        "version": info.version,
        "media_type": info.media_type,
        "size_bytes": info.size_bytes,
        "tags": info.tags,
    })
}

fn written_to_json(written: Written) -> Value {
    json!({"name": written.name, "version": written.version})
}

/// Pseudo-random bytes (splitmix64; Steele, Lea and Flood, 2014). The sequence depends on the seed
/// only, not on the sizes of the reads.
struct Noise {
    state: u64,
    /// The bytes of the current word that are left, least significant first.
    word: u64,
    n_bytes_left: u32,
}

impl Noise {
    fn new(seed: u64) -> Self {
        Self {
            state: seed,
            word: 0,
            n_bytes_left: 0,
        }
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.n_bytes_left == 0 {
                self.word = self.next_word();
                self.n_bytes_left = u64::BITS / u8::BITS;
            }
            *byte = self.word.to_le_bytes()[0];
            self.word >>= u8::BITS;
            self.n_bytes_left -= 1;
        }
    }

    fn next_word(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

/// The number of bytes, and their 32-bit FNV-1a hash (Fowler, Noll, Vo), which JSON represents
/// exactly.
struct Sum {
    n_bytes: u64,
    value: u32,
}

impl Default for Sum {
    fn default() -> Self {
        Self {
            n_bytes: 0,
            value: 0x811c_9dc5,
        }
    }
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.value = (self.value ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
        self.n_bytes += bytes.len() as u64;
    }
}

sedge_sdk::export!(model);
