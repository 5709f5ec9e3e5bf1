//! Converts what a report is about for a guest.
//!
//! The memory of a guest is limited, so a subject is, too: data beyond the first versions is left
//! out, and the largest contents are omitted.

use sedge_lang::type_info::ReportSpec;
use sedge_model::report::{
    ReportScope, ReportSubject, ReportedCall, ReportedContent, ReportedData, ReportedFault,
    ReportedModel, ReportedModelData, ReportedOutcome, ReportedRun, ReportedRunStatus,
    ReportedStep, ReportedStepOutcome,
};
use serde_json::Value;

use crate::bindings::exports::sedge::model::model as guest;
use crate::bindings::sedge::model::reports;
use crate::plugin::PluginError;

/// The maximum number of versions of data in the subject of a report.
///
/// A call can write a million versions, and all of them would be copied into the guest. The contract
/// names the value.
const VERSIONS_MAX: usize = 10_000;

/// The maximum size of all contents in the subject of a report, in bytes.
///
/// Plugins choose the size of their data, and a guest that makes a report has 256 MiB of memory, in
/// which the parsed content takes a multiple of its text. The contract names the value.
const CONTENT_BYTES_MAX: u64 = 16 << 20;

pub(super) fn report_spec_from_guest(spec: guest::ReportSpec) -> Result<ReportSpec, PluginError> {
    Ok(ReportSpec {
        name: spec.name.parse()?,
        description: spec.description.into(),
        scope: match spec.scope {
            reports::ReportScope::Method => ReportScope::Method,
            reports::ReportScope::Model => ReportScope::Model,
            reports::ReportScope::Workflow => ReportScope::Workflow,
        },
    })
}

/// Returns the request for one report.
pub(crate) fn report_request(name: &str, subject: ReportSubject) -> reports::ReportRequest {
    let mut taken = Taken::default();
    let mut subject = match subject {
        ReportSubject::Method(call) => reports::ReportSubject::Method(call_of(*call, &mut taken)),
        ReportSubject::Model(model) => reports::ReportSubject::Model(model_of(*model, &mut taken)),
        ReportSubject::Workflow(run) => reports::ReportSubject::Workflow(run_of(*run, &mut taken)),
    };
    omit_largest(contents(&mut subject), CONTENT_BYTES_MAX);
    reports::ReportRequest {
        name: name.to_owned(),
        subject,
        left_out: taken.left_out,
    }
}

/// How many versions were taken into a request, and how many were left out.
#[derive(Debug, Default)]
struct Taken {
    n_versions: usize,
    left_out: u64,
}

impl Taken {
    /// Returns the first of these versions, as far as there is room.
    fn data(&mut self, mut versions: Vec<ReportedData>) -> Vec<reports::ReportData> {
        let room = VERSIONS_MAX - self.n_versions;
        self.left_out += versions.len().saturating_sub(room) as u64;
        versions.truncate(room);
        self.n_versions += versions.len();
        versions.into_iter().map(data_of).collect()
    }
}

/// Returns the contents of a subject.
fn contents(subject: &mut reports::ReportSubject) -> Vec<&mut reports::ReportContent> {
    let data: Vec<&mut reports::ReportData> = match subject {
        reports::ReportSubject::Method(call) => call.written.iter_mut().collect(),
        reports::ReportSubject::Model(model) => model.data.iter_mut().collect(),
        reports::ReportSubject::Workflow(run) => {
            let steps = run.steps.iter_mut();
            steps.flat_map(|step| step.written.iter_mut()).collect()
        }
    };
    data.into_iter().map(|data| &mut data.content).collect()
}

/// Omits the largest contents until all of them together have at most `bytes_max` bytes.
fn omit_largest(mut contents: Vec<&mut reports::ReportContent>, bytes_max: u64) {
    let mut n_bytes: u64 = contents.iter().map(|it| resource_bytes(it)).sum();
    // The sort is stable, so the same subject always omits the same contents.
    contents.sort_by_key(|it| std::cmp::Reverse(resource_bytes(it)));
    for content in contents {
        if n_bytes <= bytes_max {
            return;
        }
        let size = resource_bytes(content);
        n_bytes -= size;
        *content = reports::ReportContent::Omitted(size);
    }
}

/// Returns the size of the text of a resource; 0 for other contents.
fn resource_bytes(content: &reports::ReportContent) -> u64 {
    match content {
        reports::ReportContent::Resource(text) => text.len() as u64,
        reports::ReportContent::File(_) | reports::ReportContent::Omitted(_) => 0,
    }
}

fn text_of(value: &Value) -> String {
    value.to_string()
}

fn model_named(model: ReportedModel) -> reports::ReportModel {
    reports::ReportModel {
        name: model.name.into(),
        id: model.id,
        type_: model.type_name.into(),
        type_version: model.type_version.into(),
        tags: model.tags.into_iter().collect(),
    }
}

fn data_of(data: ReportedData) -> reports::ReportData {
    reports::ReportData {
        model: data.model.into(),
        name: data.name.into(),
        version: data.version,
        spec: data.spec.into(),
        created_at_ms: data.created_at_ms,
        tags: data.tags.into_iter().collect(),
        content: match data.content {
            ReportedContent::Resource(value) => reports::ReportContent::Resource(text_of(&value)),
            ReportedContent::File { media_type, size } => {
                reports::ReportContent::File(reports::ReportFile { media_type, size })
            }
            ReportedContent::Omitted { size } => reports::ReportContent::Omitted(size),
        },
    }
}

fn fault_of(fault: ReportedFault) -> reports::ReportFault {
    reports::ReportFault {
        code: fault.code,
        message: fault.message,
        details: fault.details.as_ref().map(text_of),
    }
}

fn call_of(call: ReportedCall, taken: &mut Taken) -> reports::ReportOfCall {
    reports::ReportOfCall {
        model: model_named(call.model),
        method: call.method.into(),
        run: call.lineage.run().to_string(),
        call: call.lineage.to_string(),
        step: call.step.as_ref().map(ToString::to_string),
        arguments: text_of(&call.arguments),
        global_arguments: text_of(&call.global_arguments),
        started_at_ms: call.started_at_ms,
        ended_at_ms: call.ended_at_ms,
        outcome: match call.outcome {
            ReportedOutcome::Succeeded(value) => reports::ReportOutcome::Succeeded(text_of(&value)),
            ReportedOutcome::Failed(fault) => reports::ReportOutcome::Failed(fault_of(fault)),
            ReportedOutcome::Cancelled => reports::ReportOutcome::Cancelled,
        },
        written: taken.data(call.written),
    }
}

fn model_of(model: ReportedModelData, taken: &mut Taken) -> reports::ReportOfModel {
    reports::ReportOfModel {
        model: model_named(model.model),
        global_arguments: text_of(&model.global_arguments),
        data: taken.data(model.data),
    }
}

fn step_of(step: ReportedStep, taken: &mut Taken) -> reports::ReportStep {
    let (model, method) = step.target.unzip();
    reports::ReportStep {
        step: step.step,
        model: model.map(model_named),
        method: method.map(String::from),
        attempts: step.n_attempts,
        started_at_ms: step.started_at_ms,
        ended_at_ms: step.ended_at_ms,
        outcome: match step.outcome {
            ReportedStepOutcome::Succeeded(value) => {
                reports::ReportStepOutcome::Succeeded(text_of(&value))
            }
            ReportedStepOutcome::Failed(fault) => {
                reports::ReportStepOutcome::Failed(fault_of(fault))
            }
            ReportedStepOutcome::Cancelled => reports::ReportStepOutcome::Cancelled,
            ReportedStepOutcome::Skipped(reason) => reports::ReportStepOutcome::Skipped(reason),
        },
        failure_allowed: step.is_failure_allowed,
        written: taken.data(step.written),
    }
}

fn run_of(run: ReportedRun, taken: &mut Taken) -> reports::ReportOfRun {
    reports::ReportOfRun {
        workflow: run.workflow.into(),
        run: run.run.into(),
        tags: run.tags.into_iter().collect(),
        inputs: text_of(&run.inputs),
        started_at_ms: run.started_at_ms,
        ended_at_ms: run.ended_at_ms,
        status: match run.status {
            ReportedRunStatus::Succeeded => reports::ReportRunStatus::Succeeded,
            ReportedRunStatus::Failed => reports::ReportRunStatus::Failed,
            ReportedRunStatus::Cancelled => reports::ReportRunStatus::Cancelled,
        },
        steps: run
            .steps
            .into_iter()
            .map(|step| step_of(step, taken))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn largest_contents_are_omitted() {
        let check = |sizes: &[usize], bytes_max: u64, expect: &[bool]| {
            let content = |size: &usize| reports::ReportContent::Resource("x".repeat(*size));
            let mut made: Vec<reports::ReportContent> = sizes.iter().map(content).collect();
            omit_largest(made.iter_mut().collect(), bytes_max);
            let is_omitted = |it: &reports::ReportContent| match it {
                reports::ReportContent::Omitted(_) => true,
                reports::ReportContent::Resource(_) | reports::ReportContent::File(_) => false,
            };
            let omitted: Vec<bool> = made.iter().map(is_omitted).collect();
            assert_eq!(omitted, expect, "{sizes:?} {bytes_max}");
            for (size, content) in sizes.iter().zip(&made) {
                if let reports::ReportContent::Omitted(omitted) = content {
                    assert_eq!(*omitted, *size as u64);
                }
            }
        };
        check(&[], 0, &[]);
        check(&[3, 5, 4], 12, &[false, false, false]);
        check(&[3, 5, 4], 11, &[false, true, false]);
        check(&[3, 5, 4], 6, &[false, true, true]);
        check(&[2, 2], 3, &[true, false]);
    }

    #[test]
    fn versions_beyond_the_limit_are_left_out_and_counted() {
        let data = ReportedData {
            model: "one".parse().expect("a name"),
            name: "row".parse().expect("a name"),
            version: 1,
            spec: "row".parse().expect("a name"),
            created_at_ms: 0,
            tags: std::collections::BTreeMap::new(),
            content: ReportedContent::Omitted { size: 3 },
        };
        let mut taken = Taken::default();
        assert_eq!(
            taken.data(vec![data.clone(); VERSIONS_MAX - 1]).len(),
            VERSIONS_MAX - 1
        );
        assert_eq!(taken.data(vec![data.clone(); 3]).len(), 1);
        assert_eq!(taken.data(vec![data]).len(), 0);
        assert_eq!(taken.left_out, 3);
    }
}
