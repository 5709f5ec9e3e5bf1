//! Reads one version of a piece of data.

use std::path::Path;

use sedge_api::view::data::DataVersionView;
use sedge_model::call::DataKind;
use sedge_model::names::{DataName, ModelName};
use sedge_model::sealed::sealed_hidden;
use sedge_store::{ContentReader, DataRecord, Scan};
use sedge_sys::folder::{Folder, behind_links};
use sedge_sys::output_file::OutputFile;

use crate::cx::Cx;
use crate::data::list::{data_latest, model_with_data};
use crate::data::view::version_view;
use crate::error::{AppError, DataUseError, PathError};
use crate::repository::{Repository, near_one};

/// How many bytes of content are written to a file at a time.
const SAVED_AT_ONCE: usize = 256 << 10;

/// Returns a version of `name`, or of the name that it was renamed to, and a reader of its content,
/// in which `[sealed]` stands for the value of each sealed field. If no version is given, returns
/// the latest.
///
/// The model itself may be gone; its data is retained.
///
/// # Errors
/// Returns an error if there is no such model, data or version.
pub fn data_get(
    cx: &Cx,
    model: &str,
    name: &str,
    version: Option<u64>,
) -> Result<(DataVersionView, ContentReader), AppError> {
    let (model_name, data_name) = data_key(&cx.repository, model, name)?;
    let store = cx.repository.store()?;
    if let Some((record, content)) = store.data_open(&model_name, &data_name, version)? {
        let content = content_shown(&record, content)?;
        return Ok((version_view(&record), content));
    }
    if let Some(version) = version {
        version_missing(&cx.repository, &model_name, &data_name, version)?;
    }
    Err(data_missing(&cx.repository, model_name, name))
}

/// Returns a reader of the content as users may see it: with `[sealed]` in place of the values of
/// sealed fields.
fn content_shown(record: &DataRecord, content: ContentReader) -> Result<ContentReader, AppError> {
    match record.kind {
        DataKind::File => return Ok(content),
        DataKind::Resource => {}
    }
    let bytes = content.read_all()?;
    let hidden = std::str::from_utf8(&bytes).map(sealed_hidden);
    Ok(ContentReader::of_shown(match hidden {
        Ok(Some(text)) => text.into_bytes(),
        // Bytes that are not text contain no sealed value.
        Ok(None) | Err(_) => bytes,
    }))
}

/// Resolves the path of a file that the user wants content to be written to.
///
/// # Errors
/// Returns an error if the path names no file, if the file would be in the folder of run-time
/// state, or if the path cannot be inspected.
pub fn data_save_to(cx: &Cx, path: &Path) -> Result<OutputFile, AppError> {
    let file = OutputFile::find(path)?;
    if let Some(folder) = file.folder()? {
        cx.repository.outside_of_state(&folder, path)?;
    }
    Ok(file)
}

/// Writes content to a file. If this fails or is stopped, an existing file is unchanged.
///
/// Calls `progress` with the number of bytes written so far and in total; it can stop the work with
/// [`Scan::Enough`].
///
/// # Errors
/// Returns an error if the content is damaged, or if the file cannot be written.
pub fn data_save(
    mut content: ContentReader,
    to: OutputFile,
    mut progress: impl FnMut(u64, u64) -> Scan,
) -> Result<Scan, AppError> {
    let (mut n_bytes, of) = (0, content.size());
    let mut file = to.open()?;
    let mut buffer = vec![0; SAVED_AT_ONCE];
    loop {
        let n = content.read(&mut buffer)?;
        if n == 0 {
            file.finish()?;
            return Ok(Scan::More);
        }
        file.write(&buffer[..n])?;
        n_bytes += n as u64;
        if progress(n_bytes, of) == Scan::Enough {
            return Ok(Scan::Enough);
        }
    }
}

/// Returns the folder and the name of a file that the user named. If the name is a link, returns
/// those of the file that the link leads to.
pub(crate) fn named_file(path: &Path) -> Result<(Folder, String), AppError> {
    let path = &*behind_links(path)?;
    let name = path.file_name().and_then(|name| name.to_str());
    let Some(name) = name else {
        return Err(AppError::from(PathError::NoFileName(path.to_owned())));
    };
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        Some(_) | None => Path::new("."),
    };
    Ok((Folder::open(parent)?, name.to_owned()))
}

/// Returns the latest version of a piece of data. Returns `None` if there is no such data.
///
/// # Errors
/// Returns an error if the data was renamed. A permanent change must use the current name, so that
/// the user cannot change other data by accident.
pub(crate) fn present_name(
    repository: &Repository,
    model: &ModelName,
    name: &DataName,
) -> Result<Option<DataRecord>, AppError> {
    match repository.store()?.data_get(model, name, None)? {
        Some(found) if found.name != *name => Err(AppError::from(DataUseError::Renamed {
            model: model.clone(),
            name: name.clone(),
            to: found.name,
        })),
        found => Ok(found),
    }
}

/// Returns the error for a version that does not exist, although another version does.
pub(crate) fn version_missing(
    repository: &Repository,
    model: &ModelName,
    name: &DataName,
    version: u64,
) -> Result<(), AppError> {
    match repository.store()?.data_get(model, name, None)? {
        Some(latest) => Err(AppError::from(DataUseError::VersionMissing {
            model: model.clone(),
            name: name.to_string(),
            version,
            latest: latest.version,
        })),
        None => Ok(()),
    }
}

/// Checks the model's name and the data's name, and returns them as a key.
pub(crate) fn data_key(
    repository: &Repository,
    model: &str,
    name: &str,
) -> Result<(ModelName, DataName), AppError> {
    let model_name: ModelName = match model.parse() {
        Ok(name) => name,
        Err(_) => return Err(repository.model_missing(model)),
    };
    Ok((model_name, name.parse()?))
}

/// Returns the error for a model, or data of a model, that does not exist.
pub(crate) fn data_missing(repository: &Repository, model: ModelName, name: &str) -> AppError {
    let names = || -> Result<Vec<String>, AppError> {
        model_with_data(repository, model.as_str())?;
        let mut names = Vec::new();
        data_latest::<AppError>(repository, Some(model.as_str()), |record| {
            names.push(record.name);
            Ok(Scan::More)
        })?;
        Ok(names)
    };
    match names() {
        Ok(names) => {
            let near = near_one(name, &names);
            AppError::from(DataUseError::Missing {
                model,
                name: name.to_owned(),
                near,
            })
        }
        Err(error) => error,
    }
}
