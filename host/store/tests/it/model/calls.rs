//! Calls, made in the store and in the plain model.

use sedge_model::call::{CallStatus, DataKind, StagedChange, StagedContent, StagedWrite, Written};
use sedge_model::digest::Digest;
use sedge_model::lifetime::{Keep, Lifetime};
use sedge_model::lineage::Lineage;
use sedge_store::{CallEnd, Change, INLINE_BYTES_MAX, Passing, StoreError};

use super::history::{Call, Edit, End, Form};
use super::plain::{self, Content, Version};
use super::scene::{Scene, spec};
use super::{KEEPS, LIFETIMES, MODELS, OWNERS, STEPS, TAGS, content};
use crate::fixture::{call_start, data_name, failure, released, step, success};

/// Why a call's changes are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Refusal {
    Claim,
    Lock,
    /// The type that the name belongs to.
    Owner(String),
    Call,
}

impl Refusal {
    fn of(error: StoreError) -> Self {
        if let StoreError::NotOwner { owner, .. } = &error {
            return Self::Owner(owner.to_string());
        }
        let known = [
            (matches!(error, StoreError::Fenced(_)), Self::Claim),
            (matches!(error, StoreError::LockLost(_)), Self::Lock),
            (matches!(error, StoreError::CallNotRunning(_)), Self::Call),
        ];
        let found = known.into_iter().find(|(is_it, _)| *is_it);
        found.unwrap_or_else(|| panic!("{error}")).1
    }
}

impl Scene {
    pub(crate) fn call(&mut self, call: &Call) {
        let lineage = self.lineage_new(call);
        let claim = self.claim(call.run);
        let path: Vec<u32> = lineage
            .path()
            .split('/')
            .map(|ordinal| ordinal.parse().expect("a number"))
            .collect();
        let begins = !matches!(call.end, End::NotBegun);
        if begins {
            let start = call_start(&claim, &path, MODELS[call.model]);
            let started = self.store().call_start(&claim, start).wait();
            assert_eq!(started.is_ok(), self.plain.runs[call.run].is_there);
            if started.is_err() {
                self.tally.add("refusals of a claim", 1);
                return;
            }
            self.note(call, &lineage, CallStatus::Running);
        }
        let mut end = success(&lineage, MODELS[call.model], &[]);
        end.step = call.step.map(|n| step(STEPS[n]));
        end.origin.type_name = OWNERS[call.owner].map(|it| it.parse().expect("a type"));
        let edits = &call.edits[..];
        match call.end {
            End::Success | End::NotBegun | End::OldClaim | End::LostLock => {
                self.commit(call, end, edits);
            }
            End::Failure => self.commit(call, failure(&lineage, MODELS[call.model]), &[]),
            End::FailureThatKeeps => {
                end.result = failure(&lineage, MODELS[call.model]).result;
                self.commit(call, end, edits);
            }
            End::Published(n) => {
                let (first, rest) = edits.split_at(n.min(edits.len()));
                if let Some(published) = self.publish(call, end.clone(), first) {
                    end.published = published;
                    self.commit(call, end, rest);
                }
            }
            End::Never => drop(self.publish(call, end, edits)),
        }
    }

    fn lineage_new(&self, call: &Call) -> Lineage {
        let run = &self.plain.runs[call.run];
        let root = Lineage::root(run.id.clone());
        let running = |(it, status): (&Lineage, &CallStatus)| {
            (it.depth() == 1 && *status == CallStatus::Running).then(|| it.clone())
        };
        let parent = run.calls.iter().rev().find_map(running);
        let parent = parent.filter(|_| call.is_nested).unwrap_or(root);
        let is_child = |it: &&Lineage| it.parent().as_ref() == Some(&parent);
        let n_children = run.calls.keys().filter(is_child).count();
        parent.child(u32::try_from(n_children).expect("few") + 1)
    }

    fn note(&mut self, call: &Call, lineage: &Lineage, status: CallStatus) {
        let calls = &mut self.plain.runs[call.run].calls;
        calls.insert(lineage.clone(), status);
    }

    fn publish(
        &mut self,
        call: &Call,
        mut so_far: CallEnd,
        edits: &[Edit],
    ) -> Option<Vec<Written>> {
        let (changes, plain, _passing) = self.changes(&so_far, edits);
        so_far.changes = changes;
        let claim = self.claim(call.run);
        let published = self.store().call_publish(&claim, so_far.clone()).wait();
        let expected = self.make(call, &so_far, &plain);
        self.same_end(&published, expected);
        self.tally.add("publications", u64::from(published.is_ok()));
        published.ok()
    }

    fn commit(&mut self, call: &Call, mut end: CallEnd, edits: &[Edit]) {
        let (changes, plain, _passing) = self.changes(&end, edits);
        end.changes = changes;
        let mut claim = self.claim(call.run);
        claim.number += u64::from(matches!(call.end, End::OldClaim));
        if matches!(call.end, End::LostLock) {
            let fenced = self
                .store()
                .fence(std::slice::from_ref(&end.lineage), &released());
            fenced.expect("nothing is in the way");
            self.plain.runs[call.run].lost.push(end.lineage.clone());
        }
        let committed = self.store().call_commit(&claim, end.clone(), None).wait();
        let written = self.make(call, &end, &plain);
        let committed = committed.map(|committed| committed.written);
        self.same_end(
            &committed,
            written.map(|written| [end.published.clone(), written].concat()),
        );
        if committed.is_ok() {
            self.note(call, &end.lineage, CallStatus::of(&end.result));
            self.tally.add("commits", 1);
        }
    }

    /// Makes changes in the model, unless they must be refused.
    fn make(
        &mut self,
        call: &Call,
        end: &CallEnd,
        changes: &[plain::Change],
    ) -> Result<Vec<Written>, Refusal> {
        self.plain.files_write(changes);
        let run = &self.plain.runs[call.run];
        if !run.is_there || matches!(call.end, End::OldClaim) {
            return Err(Refusal::Claim);
        }
        let needs_lock =
            end.result.is_ok() || !changes.is_empty() || matches!(call.end, End::Never);
        if needs_lock && run.lost.iter().any(|lost| lost.covers(&end.lineage)) {
            return Err(Refusal::Lock);
        }
        let mut after = self.plain.clone();
        let written = after.change(MODELS[call.model], OWNERS[call.owner], changes);
        let written = written.map_err(Refusal::Owner)?;
        if matches!(call.end, End::NotBegun) {
            return Err(Refusal::Call);
        }
        self.plain = after;
        self.take_times();
        Ok(written)
    }

    /// Compares the versions that were written, or the reason for refusing.
    fn same_end(
        &mut self,
        found: &Result<Vec<Written>, StoreError>,
        expected: Result<Vec<Written>, Refusal>,
    ) {
        let found = found.clone().map_err(Refusal::of);
        assert_eq!(found, expected);
        match found {
            Ok(written) => self.tally.add("versions", written.len() as u64),
            Err(Refusal::Claim) => self.tally.add("refusals of a claim", 1),
            Err(Refusal::Lock) => self.tally.add("refusals of a lock", 1),
            Err(Refusal::Owner(_)) => self.tally.add("refusals of an owner", 1),
            Err(Refusal::Call) => self.tally.add("refusals of a call", 1),
        }
    }

    /// Returns the changes for the store and for the model, with the temporary files that must be
    /// kept until the changes are made.
    fn changes(
        &mut self,
        end: &CallEnd,
        edits: &[Edit],
    ) -> (Vec<Change>, Vec<plain::Change>, Vec<Passing>) {
        let (mut changes, mut plain, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        for edit in edits {
            let (change, as_plain, passing) = self.change(end, edit);
            changes.push(change);
            plain.push(as_plain);
            kept.extend(passing);
        }
        (changes, plain, kept)
    }

    fn change(&mut self, end: &CallEnd, edit: &Edit) -> (Change, plain::Change, Option<Passing>) {
        let (name, nth, form, tags, lifetime, keep) = match edit {
            Edit::Delete { name, version } => {
                let name = self.names[*name].clone();
                let staged = StagedChange::Delete {
                    name: data_name(&name),
                    version: *version,
                };
                let change = Change {
                    staged,
                    lifetime: Lifetime::Infinite,
                    keep: None,
                };
                let number = *version;
                return (change, plain::Change::Delete { name, number }, None);
            }
            Edit::Write {
                name,
                content,
                form,
                tags,
                lifetime,
                keep,
            } => (*name, *content, *form, tags, *lifetime, *keep),
        };
        let name = self.names[name].clone();
        let model = end.model.as_str();
        let is_former = self
            .plain
            .find(model, &name)
            .is_some_and(|it| it.name != name);
        self.tally
            .add("writes to a former name", u64::from(is_former));
        let text = content(nth);
        let version = version(end, form, tags, (&text, LIFETIMES[lifetime]));
        let n_large = u64::from(text.len() > INLINE_BYTES_MAX);
        self.tally.add("large contents", n_large);
        let (content, passing) = self.staged(text, form);
        let keep: Option<Keep> = keep.map(|n| KEEPS[n].parse().expect("so many versions"));
        let change = Change {
            staged: StagedChange::Write(StagedWrite {
                name: data_name(&name),
                kind: version.kind,
                spec: version.spec.parse().expect("the name of a spec"),
                media_type: version.media_type.clone(),
                lifetime: None,
                keep: None,
                tags: version.tags.clone(),
                content,
            }),
            lifetime: version.lifetime,
            keep,
        };
        let version = Box::new(version);
        let plain = plain::Change::Write {
            name,
            version,
            keep,
        };
        (change, plain, passing)
    }

    fn staged(&self, text: String, form: Form) -> (StagedContent, Option<Passing>) {
        match form {
            Form::Resource => (StagedContent::Text(text), None),
            Form::Bytes => (StagedContent::Bytes(text.into_bytes()), None),
            Form::Pieces => {
                let mut file = self.store().file_create();
                for piece in text.as_bytes().chunks(10_000) {
                    file.write(piece).expect("the disk has room");
                }
                file.finish().expect("the disk has room")
            }
        }
    }
}

fn version(end: &CallEnd, form: Form, tags: &[usize], (text, lifetime): (&str, &str)) -> Version {
    let is_resource = form == Form::Resource;
    let tag = |n: &usize| (TAGS[*n].0.to_owned(), TAGS[*n].1.to_owned());
    let type_name = end.origin.type_name.as_ref();
    Version {
        kind: if is_resource {
            DataKind::Resource
        } else {
            DataKind::File
        },
        spec: spec(is_resource).to_owned(),
        media_type: (!is_resource).then(|| "text/plain".to_owned()),
        content: Content {
            size: text.len() as u64,
            digest: Digest::of(text.as_bytes()),
        },
        tags: tags.iter().map(tag).collect(),
        lifetime: lifetime.parse().expect("a lifetime"),
        created_at_ms: 0,
        by: end.lineage.clone(),
        step: end.step.as_ref().map(ToString::to_string),
        type_name: type_name.map(ToString::to_string),
    }
}
