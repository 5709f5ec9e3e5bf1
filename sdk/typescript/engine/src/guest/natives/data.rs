//! The interface `data` of the contract.

use rquickjs::{Result, Value};

use super::Native;
use super::waiting::{room, unknown};
use crate::guest::arguments::Arguments;
use crate::guest::bindings::sedge::model::data::{self, DataError};
use crate::guest::state::Resource;
use crate::guest::{faults, state};

pub(super) const DATA: &[(&str, Native)] = &[
    ("writeResource", |args| {
        let options = args.record(3)?;
        let (spec, name, content) = (args.text(0)?, args.text(1)?, args.text(2)?);
        checked(args, data::write_resource(&spec, &name, &content, &options))?;
        args.returns_nothing()
    }),
    ("createFile", |args| {
        room(args)?;
        let options = args.record(2)?;
        let writer = data::create_file(&args.text(0)?, &args.text(1)?, &options);
        let writer = Resource::Writer(checked(args, writer)?);
        args.returns(state::with(|state| state.add(writer)))
    }),
    ("fileWrite", file_write),
    ("fileFinish", file_finish),
    ("openFile", |args| {
        room(args)?;
        let opened = data::open_file(&args.text(0)?, &args.text(1)?, args.integer_or_none(2)?);
        match checked(args, opened)? {
            Some(reader) => args.returns(state::with(|state| state.add(Resource::Reader(reader)))),
            None => args.returns_null(),
        }
    }),
    ("fileInfo", |args| {
        let info = state::with(|state| match state.resource(args.handle(0)) {
            Some(Resource::Reader(reader)) => Some(reader.info()),
            Some(_) | None => None,
        });
        args.returns_record(&info.ok_or_else(|| unknown(args))?)
    }),
    ("fileRead", |args| {
        let size = args.size(1)?;
        let bytes = state::with(|state| match state.resource(args.handle(0)) {
            Some(Resource::Reader(reader)) => Some(reader.read(size)),
            Some(_) | None => None,
        });
        args.returns_bytes(bytes.ok_or_else(|| unknown(args))?)
    }),
    ("readLatest", |args| {
        let found = data::read_latest(&args.text(0)?, &args.text(1)?);
        args.returns_record(&checked(args, found)?)
    }),
    ("readVersion", |args| {
        let found = data::read_version(&args.text(0)?, &args.text(1)?, args.integer(2)?);
        args.returns_record(&checked(args, found)?)
    }),
    ("listVersions", |args| {
        let found = data::list_versions(&args.text(0)?, &args.text(1)?);
        args.returns_record(&checked(args, found)?)
    }),
    ("list", |args| {
        let found = data::list(&args.text(0)?, &args.record(1)?);
        args.returns_record(&checked(args, found)?)
    }),
    ("query", |args| {
        let found = data::query(&args.text(0)?, &args.record(1)?);
        args.returns_record(&checked(args, found)?)
    }),
    ("delete", |args| {
        checked(args, data::delete(&args.text(0)?, args.integer_or_none(1)?))?;
        args.returns_nothing()
    }),
    ("publish", |args| {
        args.returns_record(&checked(args, data::publish())?)
    }),
];

fn checked<T>(args: &Arguments<'_>, result: std::result::Result<T, DataError>) -> Result<T> {
    result.map_err(|error| faults::contract(&args.cx, "data-error", &error))
}

fn file_write<'js>(args: &Arguments<'js>) -> Result<Value<'js>> {
    let bytes = args.bytes(1)?;
    let written = state::with(|state| match state.resource(args.handle(0)) {
        Some(Resource::Writer(writer)) => Some(writer.write(&bytes)),
        Some(_) | None => None,
    });
    checked(args, written.ok_or_else(|| unknown(args))?)?;
    args.returns_nothing()
}

fn file_finish<'js>(args: &Arguments<'js>) -> Result<Value<'js>> {
    let finished = state::with(|state| match state.resource(args.handle(0)) {
        Some(Resource::Writer(writer)) => Some(writer.finish()),
        Some(_) | None => None,
    });
    checked(args, finished.ok_or_else(|| unknown(args))?)?;
    args.returns_nothing()
}
