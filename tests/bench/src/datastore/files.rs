//! A large file, written to the datastore by a guest and without one, and read from it.
//!
//! The guest computes its bytes and their sum, which takes longer than the host's work. The host's
//! work alone is measured without a guest.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use sedge_model::call::{DataKind, StagedChange, StagedWrite};
use sedge_model::lifetime::Lifetime;
use sedge_store::Change;

use super::author::Author;
use super::subjects::{FILE_BY_GUEST, FILE_BY_GUEST_SMALL, FILE_COPY, FILE_IN, FILE_OUT};
use crate::figures::Figures;
use crate::processes::sample;
use crate::repository::TestRepository;
use crate::{Effort, Result};

/// The size of one write, which is also the guest's.
const CHUNK_BYTES: usize = 64 << 10;

/// The size of a small file.
const SMALL_BYTES: u64 = 1 << 20;

pub(super) fn measure(
    sedge: &Path,
    folder: &Path,
    effort: Effort,
    figures: &mut Figures,
) -> Result<()> {
    let repository = TestRepository::empty(sedge, &folder.join("files"))?;
    repository.run(&["plugin", "add", sedge_test_artifacts::FILER, "--grant-all"])?;
    repository.run(&["model", "create", "@test/filer", "files"])?;
    let (original, copy) = (folder.join("original"), folder.join("copy"));
    make(&original, effort.file_bytes)?;
    let n_bytes = effort.file_bytes;
    for round in 0..effort.n_file_rounds {
        let since = Instant::now();
        let mut command = Command::new("cp");
        command.arg(&original).arg(&copy);
        if !command.status()?.success() {
            return Err("`cp` failed".into());
        }
        File::open(&copy)?.sync_all()?;
        figures.lap(FILE_COPY, since);
        std::fs::remove_file(&copy)?;

        let since = Instant::now();
        put(&folder.join("files-alone"), round as u64, &original)?;
        figures.lap(FILE_IN, since);

        by_guest(&repository, FILE_BY_GUEST_SMALL, SMALL_BYTES, figures)?;
        by_guest(&repository, FILE_BY_GUEST, n_bytes, figures)?;

        let output = copy.to_string_lossy();
        let get = ["data", "get", "files", "blob", "--output", &*output];
        sample(figures, FILE_OUT, repository.command(&get))?;
        std::fs::remove_file(&copy)?;
        for subject in [FILE_COPY, FILE_IN, FILE_BY_GUEST, FILE_OUT] {
            figures.add_bytes(subject, n_bytes);
        }
    }
    for folder in [repository.folder, folder.join("files-alone")] {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(std::fs::remove_file(&original)?)
}

fn by_guest(
    repository: &TestRepository,
    subject: &str,
    n_bytes: u64,
    figures: &mut Figures,
) -> Result<()> {
    let bytes = format!("bytes={n_bytes}");
    let write = ["model", "method", "run", "files", "write", "-i", &bytes];
    sample(figures, subject, repository.command(&write))?;
    Ok(())
}

/// Has a call of this process write the file.
fn put(folder: &Path, run: u64, original: &Path) -> Result<()> {
    let mut author = Author::new(folder, run)?;
    let mut writer = author.store.file_create();
    let mut original = File::open(original)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let n = original.read(&mut chunk)?;
        if n == 0 {
            break;
        }
        writer.write(&chunk[..n])?;
    }
    let (content, _passing) = writer.finish()?;
    let change = Change {
        staged: StagedChange::Write(StagedWrite {
            name: "blob".parse()?,
            kind: DataKind::File,
            spec: "blob".parse()?,
            media_type: None,
            lifetime: None,
            keep: None,
            tags: std::collections::BTreeMap::new(),
            content,
        }),
        lifetime: Lifetime::Infinite,
        keep: None,
    };
    let (start, end) = author.call(&"m0".parse()?, vec![change])?;
    author.store.call_start(&author.claim, start).wait()?;
    author.store.call_commit(&author.claim, end, None).wait()?;
    Ok(())
}

/// Creates a file with pseudo-random content (SplitMix64).
fn make(path: &Path, n_bytes: u64) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for n in 0..n_bytes / 8 {
        let mut word = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        file.write_all(&(word ^ (word >> 31)).to_le_bytes())?;
    }
    Ok(file.into_inner()?.sync_all()?)
}
