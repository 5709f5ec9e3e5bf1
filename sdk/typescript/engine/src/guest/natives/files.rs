//! Files below the granted folders, over `wasi:filesystem`.
//!
//! A path begins with what `context.folder` returned. The functions block, because the files are those
//! of this machine.

use rquickjs::{Array, Error, Object, Result, Value};
use serde::Deserialize;

use super::Native;
use super::waiting::{room, unknown};
use crate::guest::arguments::Arguments;
use crate::guest::bindings::wasi::clocks::wall_clock::Datetime;
use crate::guest::bindings::wasi::filesystem::preopens::get_directories;
use crate::guest::bindings::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorStat, ErrorCode, NewTimestamp, OpenFlags, PathFlags,
};
use crate::guest::state::{OpenFile, Resource, State};
use crate::guest::{faults, state, write};

/// How many bytes are read at once when a whole file is read.
const READ_STEP: u64 = 1 << 20;

type Wasi<T> = std::result::Result<T, ErrorCode>;

pub(super) const FILES: &[(&str, Native)] = &[
    ("open", open),
    ("read", |args| {
        let size = args.size(1)?;
        let read = with_file(args, |file| {
            let (bytes, is_end) = file.descriptor.read(size.into(), file.position)?;
            file.position += bytes.len() as u64;
            Ok((bytes, is_end))
        })?;
        match read {
            (bytes, true) if bytes.is_empty() => args.returns_null(),
            (bytes, _) => args.returns_bytes(bytes),
        }
    }),
    ("write", |args| {
        let bytes = args.bytes(1)?;
        with_file(args, |file| file.append_or_write(&bytes))?;
        args.returns(bytes.len() as f64)
    }),
    ("seek", |args| {
        let position = args.integer(1)?;
        with_file(args, |file| {
            file.position = position;
            Ok(())
        })?;
        args.returns_nothing()
    }),
    ("position", |args| {
        let position = with_file(args, |file| Ok(file.position))?;
        args.returns(position as f64)
    }),
    ("sync", |args| {
        with_file(args, |file| file.descriptor.sync())?;
        args.returns_nothing()
    }),
    ("truncate", |args| {
        let size = args.integer(1)?;
        with_file(args, |file| file.descriptor.set_size(size))?;
        args.returns_nothing()
    }),
    ("statOpen", |args| {
        stat_object(args, with_file(args, |file| file.descriptor.stat())?)
    }),
    ("stat", |args| {
        let flags = links(args.flag(1));
        stat_object(
            args,
            at(args, 0, |folder, path| folder.stat_at(flags, path))?,
        )
    }),
    ("list", list),
    ("createFolder", |args| {
        at(args, 0, |folder, path| folder.create_directory_at(path))?;
        args.returns_nothing()
    }),
    ("removeFile", |args| {
        at(args, 0, |folder, path| folder.unlink_file_at(path))?;
        args.returns_nothing()
    }),
    ("removeFolder", |args| {
        at(args, 0, |folder, path| folder.remove_directory_at(path))?;
        args.returns_nothing()
    }),
    ("rename", |args| {
        between(args, |from, path, to, new| from.rename_at(path, to, new))
    }),
    ("link", |args| {
        between(args, |from, path, to, new| {
            from.link_at(PathFlags::empty(), path, to, new)
        })
    }),
    ("symlink", |args| {
        let target = args.text(0)?;
        at(args, 1, |folder, path| folder.symlink_at(&target, path))?;
        args.returns_nothing()
    }),
    ("readLink", |args| {
        args.returns(at(args, 0, |folder, path| folder.readlink_at(path))?)
    }),
    ("setTimes", |args| {
        let (accessed, modified) = (time(args, 1)?, time(args, 2)?);
        at(args, 0, |folder, path| {
            folder.set_times_at(PathFlags::SYMLINK_FOLLOW, path, accessed, modified)
        })?;
        args.returns_nothing()
    }),
    ("readAll", |args| {
        let bytes = at(args, 0, |folder, path| {
            let flags = (OpenFlags::empty(), DescriptorFlags::READ);
            let file = folder.open_at(links(true), path, flags.0, flags.1)?;
            let mut bytes = Vec::new();
            loop {
                let (more, is_end) = file.read(READ_STEP, bytes.len() as u64)?;
                bytes.extend_from_slice(&more);
                if is_end || more.is_empty() {
                    return Ok(bytes);
                }
            }
        })?;
        args.returns_bytes(bytes)
    }),
    ("writeAll", write_all),
];

/// How a file is opened.
#[derive(Deserialize)]
struct Opening {
    read: bool,
    write: bool,
    append: bool,
    create: bool,
    create_new: bool,
    truncate: bool,
}

impl Opening {
    fn open(&self, folder: &Descriptor, path: &str) -> Wasi<OpenFile> {
        let mut how = OpenFlags::empty();
        for (flag, is_set) in [
            (OpenFlags::CREATE, self.create || self.create_new),
            (OpenFlags::EXCLUSIVE, self.create_new),
            (OpenFlags::TRUNCATE, self.truncate),
        ] {
            if is_set {
                how = how | flag;
            }
        }
        let mut flags = DescriptorFlags::empty();
        for (flag, is_set) in [
            (DescriptorFlags::READ, self.read),
            (DescriptorFlags::WRITE, self.write || self.append),
        ] {
            if is_set {
                flags = flags | flag;
            }
        }
        Ok(OpenFile {
            descriptor: folder.open_at(links(true), path, how, flags)?,
            position: 0,
            appends: self.append,
        })
    }
}

impl OpenFile {
    fn append_or_write(&mut self, bytes: &[u8]) -> Wasi<()> {
        if self.appends {
            self.position = self.descriptor.stat()?.size;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let written = self.descriptor.write(rest, self.position)?;
            self.position += written;
            let written = usize::try_from(written).unwrap_or(rest.len());
            if written == 0 {
                return Err(ErrorCode::Io);
            }
            rest = rest.get(written..).unwrap_or_default();
        }
        Ok(())
    }
}

fn links(are_followed: bool) -> PathFlags {
    match are_followed {
        true => PathFlags::SYMLINK_FOLLOW,
        false => PathFlags::empty(),
    }
}

fn failed(args: &Arguments<'_>, error: &ErrorCode) -> Error {
    faults::contract(&args.cx, "fs-error", error)
}

/// Calls a function of the open file that the first argument is the handle of.
fn with_file<T>(args: &Arguments<'_>, action: impl FnOnce(&mut OpenFile) -> Wasi<T>) -> Result<T> {
    let result = state::with(|state| match state.resource(args.handle(0)) {
        Some(Resource::File(file)) => Some(action(file)),
        Some(_) | None => None,
    });
    let result = result.ok_or_else(|| unknown(args))?;
    result.map_err(|error| failed(args, &error))
}

/// Calls a function with the folder that an argument's path is in, and the path below that folder.
fn at<T>(
    args: &Arguments<'_>,
    index: usize,
    action: impl FnOnce(&Descriptor, &str) -> Wasi<T>,
) -> Result<T> {
    let path = args.text(index)?;
    let result = state::with(|state| {
        let (folder, path) = find(folders(state), &path).ok_or(ErrorCode::NoEntry)?;
        action(folder, path)
    });
    result.map_err(|error| failed(args, &error))
}

/// Calls a function with the folders of the paths in the first two arguments.
fn between<'js>(
    args: &Arguments<'js>,
    action: impl FnOnce(&Descriptor, &str, &Descriptor, &str) -> Wasi<()>,
) -> Result<Value<'js>> {
    let (from, to) = (args.text(0)?, args.text(1)?);
    let result = state::with(|state| {
        let folders = folders(state);
        let (folder, path) = find(folders, &from).ok_or(ErrorCode::NoEntry)?;
        let (new_folder, new_path) = find(folders, &to).ok_or(ErrorCode::NoEntry)?;
        action(folder, path, new_folder, new_path)
    });
    result.map_err(|error| failed(args, &error))?;
    args.returns_nothing()
}

fn folders(state: &mut State) -> &[(Descriptor, String)] {
    state.folders.get_or_insert_with(get_directories)
}

/// Finds the granted folder that a path is in: the one with the longest path. Returns it with the rest
/// of the path.
fn find<'f, 'p>(
    folders: &'f [(Descriptor, String)],
    path: &'p str,
) -> Option<(&'f Descriptor, &'p str)> {
    let inside = folders.iter().filter_map(|(folder, start)| {
        let start = start.trim_end_matches('/');
        let rest = path.strip_prefix(start)?;
        (rest.is_empty() || rest.starts_with('/')).then_some((folder, start.len(), rest))
    });
    let (folder, _, rest) = inside.max_by_key(|(_, length, _)| *length)?;
    let rest = rest.trim_start_matches('/');
    Some((folder, if rest.is_empty() { "." } else { rest }))
}

fn open<'js>(args: &Arguments<'js>) -> Result<Value<'js>> {
    room(args)?;
    let opening: Opening = args.record(1)?;
    let file = at(args, 0, |folder, path| opening.open(folder, path))?;
    args.returns(state::with(|state| state.add(Resource::File(file))))
}

fn write_all<'js>(args: &Arguments<'js>) -> Result<Value<'js>> {
    let bytes = args.bytes(1)?;
    let options: Opening = args.record(2)?;
    let opening = Opening {
        write: true,
        create: true,
        truncate: !options.append,
        ..options
    };
    at(args, 0, |folder, path| {
        opening.open(folder, path)?.append_or_write(&bytes)
    })?;
    args.returns_nothing()
}

fn list<'js>(args: &Arguments<'js>) -> Result<Value<'js>> {
    let entries = at(args, 0, |folder, path| {
        let flags = (OpenFlags::DIRECTORY, DescriptorFlags::READ);
        let folder = folder.open_at(links(true), path, flags.0, flags.1)?;
        let stream = folder.read_directory()?;
        let mut entries = Vec::new();
        while let Some(entry) = stream.read_directory_entry()? {
            entries.push(entry);
        }
        Ok(entries)
    })?;
    let array = Array::new(args.cx.clone())?;
    for (index, entry) in entries.iter().enumerate() {
        array.set(index, write::value(&args.cx, entry)?)?;
    }
    args.returns(array)
}

fn stat_object<'js>(args: &Arguments<'js>, stat: DescriptorStat) -> Result<Value<'js>> {
    let object = Object::new(args.cx.clone())?;
    object.set("type", write::value(&args.cx, &stat.type_)?)?;
    object.set("size", stat.size as f64)?;
    object.set("links", stat.link_count as f64)?;
    for (name, time) in [
        ("accessedMs", stat.data_access_timestamp),
        ("modifiedMs", stat.data_modification_timestamp),
        ("changedMs", stat.status_change_timestamp),
    ] {
        let milliseconds = time.map(|time| {
            (time.seconds as f64).mul_add(1000.0, f64::from(time.nanoseconds / 1_000_000))
        });
        object.set(name, write::value(&args.cx, &milliseconds)?)?;
    }
    args.returns(object)
}

fn time(args: &Arguments<'_>, index: usize) -> Result<NewTimestamp> {
    if args.value(index).is_null() {
        return Ok(NewTimestamp::NoChange);
    }
    let milliseconds = args.integer(index)?;
    Ok(NewTimestamp::Timestamp(Datetime {
        seconds: milliseconds / 1000,
        nanoseconds: (milliseconds % 1000) as u32 * 1_000_000,
    }))
}
