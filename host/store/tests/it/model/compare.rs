//! Compares everything that can be read from a store with the plain model.

use sedge_lang::query::Selection;
use sedge_model::digest::Digest;
use sedge_store::{ContentReader, DataRecord, ModelData, StoreError};

use super::history::Look;
use super::plain::Line;
use super::scene::{Scene, spec};
use super::{MODELS, OWNERS, TAGS};
use crate::fixture::{data_name, model_name};

impl Scene {
    /// Compares what most steps change, and the result of a selection.
    pub(crate) fn compare(&mut self, look: &Look) {
        let lines = self.plain.lines();
        let chosen = self.selection(look, &lines);
        let latest = Selection {
            latest: Some(true),
            ..Selection::default()
        };
        for selection in [Selection::default(), latest, chosen] {
            let found = self.store().data_select(&selection).expect("readable");
            let found: Vec<Line> = found.iter().map(Line::of).collect();
            let expected = lines.iter().filter(|line| line.passes(&selection));
            let expected: Vec<Line> = expected.cloned().collect();
            assert_eq!(found, expected, "{selection:?}");
            self.tally.add("versions read", found.len() as u64);
        }
        let models = self.store().data_models().expect("readable");
        assert_eq!(models, model_sums(&lines));
        for model in MODELS {
            self.compare_forwards(model);
        }
        for run in &self.plain.runs {
            let calls = self.store().call_list(&run.id).expect("readable");
            let found: Vec<_> = calls.iter().map(|it| (&it.lineage, &it.status)).collect();
            let expected = run.calls.iter().filter(|_| run.is_there);
            assert_eq!(found, expected.collect::<Vec<_>>());
        }
    }

    fn compare_forwards(&self, model: &str) {
        let data = self.plain.data.iter().filter(|data| data.model == model);
        let former = |name: &String, present: &str| (data_name(name), data_name(present));
        let mut expected: Vec<_> = data
            .flat_map(|data| data.former.iter().map(|name| former(name, &data.name)))
            .collect();
        expected.sort();
        let found = self.store().data_forwards(&model_name(model));
        assert_eq!(found.expect("readable"), expected, "{model}");
    }

    /// Compares all names and contents as another process reads them, and runs the store's check.
    pub(crate) fn compare_all(&mut self) {
        for model in MODELS {
            for name in &self.names {
                self.compare_name(model, name);
            }
        }
        let check = self.other.check(true, |_| {}).expect("readable");
        let faults: Vec<_> = check.findings.iter().filter(|it| it.is_fault).collect();
        assert!(faults.is_empty(), "{faults:?}");
        // The only findings are files that were deleted or never committed.
        assert_eq!(check.findings.len(), self.plain.files_unused().len());
    }

    fn compare_name(&self, model: &str, name: &str) {
        let lines: Vec<Line> = match self.plain.find(model, name) {
            Some(data) => data.lines().collect(),
            None => Vec::new(),
        };
        let (key, name) = (model_name(model), data_name(name));
        let found = self.other.data_versions(&key, &name).expect("readable");
        let found: Vec<Line> = found.iter().map(Line::of).collect();
        assert_eq!(found, lines, "{model} {name}");
        let beyond = lines.last().map_or(1, |line| line.number + 1);
        let numbers = (0..=beyond).map(Some).chain([None, Some(u64::MAX)]);
        for number in numbers {
            let expected = match number {
                Some(number) => lines.iter().find(|line| line.number == number),
                None => lines.last(),
            };
            let same = |record: Option<&DataRecord>| {
                let found = record.map(Line::of);
                assert_eq!(found.as_ref(), expected, "{model} {name} {number:?}");
            };
            let got = self.other.data_get(&key, &name, number).expect("readable");
            same(got.as_ref());
            let text = self.other.data_text(&key, &name, number).expect("readable");
            same(text.as_ref().map(|(record, _)| record));
            let opened = self.other.data_open(&key, &name, number).expect("readable");
            same(opened.as_ref().map(|(record, _)| record));
            let Some(((record, text), (_, content))) = text.zip(opened) else {
                continue;
            };
            assert_eq!(Digest::of(text.as_bytes()), record.digest);
            assert_eq!(in_pieces(content), text.as_bytes());
        }
    }

    fn selection(&self, look: &Look, lines: &[Line]) -> Selection {
        let name = |n: usize| self.names[n].clone();
        let time = |pick: usize| match lines.len() {
            0 => 0,
            n => lines[pick % n].version.created_at_ms,
        };
        let tag = |n: &usize| (TAGS[*n].0.to_owned(), TAGS[*n].1.to_owned());
        let run = |n: usize| self.plain.runs[n].id.to_string();
        let prefix = |(n, n_chars): (usize, usize)| name(n).chars().take(n_chars).collect();
        Selection {
            model: look.model.map(|n| MODELS[n].to_owned()),
            name: look.name.map(name),
            name_prefix: look.prefix.map(prefix),
            name_after: look.after.map(name),
            spec: look.spec_is_record.map(|it| spec(it).to_owned()),
            kind: look
                .is_resource
                .map(|it| if it { "resource" } else { "file" }.to_owned()),
            type_name: look.owner.map(|n| OWNERS[n].unwrap_or_default().to_owned()),
            run: look.run.map(run),
            version: look.version,
            tags: look.tags.iter().map(tag).collect(),
            created_from_ms: look.from.map(time),
            created_before_ms: look.before.map(time),
            latest: look.latest,
            ..Selection::default()
        }
    }
}

fn model_sums(lines: &[Line]) -> Vec<ModelData> {
    let mut models: Vec<&str> = MODELS.to_vec();
    models.sort_unstable();
    let of = |model: &str| {
        let own: Vec<&Line> = lines.iter().filter(|line| line.model == model).collect();
        ModelData {
            model: model_name(model),
            n_names: own.iter().filter(|line| line.is_latest).count() as u64,
            n_versions: own.len() as u64,
            n_bytes: own.iter().map(|line| line.version.content.size).sum(),
        }
    };
    let sums = models.into_iter().map(of);
    sums.filter(|sum| sum.n_versions > 0).collect()
}

fn in_pieces(mut content: ContentReader) -> Vec<u8> {
    let mut all = Vec::new();
    let read = content.each(|bytes| {
        all.extend_from_slice(bytes);
        Ok::<_, StoreError>(())
    });
    read.expect("it is as it was written");
    all
}
