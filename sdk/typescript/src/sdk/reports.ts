/** Reports: what a type says about a call, a model or a run, for people and for programs. */
import type { ReportContent, ReportData, ReportFault, ReportModel, ReportRequest, ReportStepOutcome } from "../host/wire.js";
import type { Tags } from "./data.js";
import { fromText, type Json } from "./json.js";

/** A report: its text for people in Markdown, and the same for programs. */
export interface Report {
  readonly markdown: string;
  readonly json?: unknown;
}

export interface ReportedModel {
  readonly name: string;
  readonly id: string;
  readonly type: string;
  readonly typeVersion: string;
  readonly tags: Tags;
}

/** The content of a version: a resource, a file, or a resource that the host left out because the request was too large. */
export type ReportedContent =
  | { readonly kind: "resource"; readonly value: Json }
  | { readonly kind: "file"; readonly mediaType: string; readonly sizeBytes: number }
  | { readonly kind: "omitted"; readonly sizeBytes: number };

/** A version of data. */
export interface ReportedData {
  readonly model: string;
  readonly name: string;
  readonly version: number;
  readonly spec: string;
  readonly createdAt: Date;
  readonly tags: Tags;
  readonly content: ReportedContent;
}

/** Why a call or a step failed. */
export interface ReportedFault {
  readonly code: string;
  readonly message: string;
  readonly details: Json;
}

/** How a call or a step ended. */
export type ReportedOutcome =
  | { readonly status: "succeeded"; readonly value: Json }
  | { readonly status: "failed"; readonly fault: ReportedFault }
  | { readonly status: "cancelled" }
  | { readonly status: "skipped"; readonly reason: string };

/** What a report of scope `method` is about: one call that has ended. */
export interface CallReport {
  readonly scope: "method";
  readonly model: ReportedModel;
  readonly method: string;
  readonly run: string;
  readonly call: string;
  readonly step: string | null;
  readonly arguments: Json;
  readonly globalArguments: Json;
  readonly startedAt: Date;
  readonly endedAt: Date;
  readonly outcome: ReportedOutcome;
  readonly written: readonly ReportedData[];
  /** How many versions of data are missing, because there were too many. */
  readonly leftOut: number;
}

/** What a report of scope `model` is about: one model, with the latest version of each name. */
export interface ModelReport {
  readonly scope: "model";
  readonly model: ReportedModel;
  readonly globalArguments: Json;
  readonly data: readonly ReportedData[];
  readonly leftOut: number;
}

/** One step of a run. */
export interface ReportedStep {
  readonly step: string;
  readonly model: ReportedModel | null;
  readonly method: string | null;
  readonly attempts: number;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
  readonly outcome: ReportedOutcome;
  readonly failureAllowed: boolean;
  readonly written: readonly ReportedData[];
}

/** What a report of scope `workflow` is about: one run that has ended. */
export interface RunReport {
  readonly scope: "workflow";
  readonly workflow: string;
  readonly run: string;
  readonly tags: Tags;
  readonly inputs: Json;
  readonly startedAt: Date;
  readonly endedAt: Date;
  readonly status: "succeeded" | "failed" | "cancelled";
  readonly steps: readonly ReportedStep[];
  readonly leftOut: number;
}

/** The subject of a report, by its scope. */
export interface ReportSubjects {
  readonly method: CallReport;
  readonly model: ModelReport;
  readonly workflow: RunReport;
}

function instant(ms: number | null | undefined): Date | null {
  return ms === null || ms === undefined ? null : new Date(ms);
}

function model(it: ReportModel): ReportedModel {
  return { name: it.name, id: it.id, type: it.type, typeVersion: it.typeVersion, tags: Object.fromEntries(it.tags) };
}

function content(it: ReportContent): ReportedContent {
  switch (it.tag) {
    case "resource":
      return { kind: "resource", value: fromText(it.val) };
    case "file":
      return { kind: "file", mediaType: it.val.mediaType, sizeBytes: it.val.size };
    case "omitted":
      return { kind: "omitted", sizeBytes: it.val };
  }
}

function data(found: readonly ReportData[]): ReportedData[] {
  return found.map((it) => ({
    model: it.model,
    name: it.name,
    version: it.version,
    spec: it.spec,
    createdAt: new Date(it.createdAtMs),
    tags: Object.fromEntries(it.tags),
    content: content(it.content),
  }));
}

function fault(it: ReportFault): ReportedFault {
  const details = it.details ?? null;
  return { code: it.code, message: it.message, details: details === null ? null : fromText(details) };
}

function outcome(it: ReportStepOutcome): ReportedOutcome {
  switch (it.tag) {
    case "succeeded":
      return { status: "succeeded", value: fromText(it.val) };
    case "failed":
      return { status: "failed", fault: fault(it.val) };
    case "cancelled":
      return { status: "cancelled" };
    case "skipped":
      return { status: "skipped", reason: it.val };
  }
}

/** Returns the subject of a report. */
export function subjectOf(request: ReportRequest): CallReport | ModelReport | RunReport {
  const { subject, leftOut } = request;
  switch (subject.tag) {
    case "method": {
      const it = subject.val;
      return {
        scope: "method", model: model(it.model), method: it.method, run: it.run, call: it.call, step: it.step ?? null,
        arguments: fromText(it.arguments), globalArguments: fromText(it.globalArguments),
        startedAt: new Date(it.startedAtMs), endedAt: new Date(it.endedAtMs),
        outcome: outcome(it.outcome), written: data(it.written), leftOut,
      };
    }
    case "model": {
      const it = subject.val;
      return { scope: "model", model: model(it.model), globalArguments: fromText(it.globalArguments), data: data(it.data), leftOut };
    }
    case "workflow": {
      const it = subject.val;
      return {
        scope: "workflow", workflow: it.workflow, run: it.run, tags: Object.fromEntries(it.tags), inputs: fromText(it.inputs),
        startedAt: new Date(it.startedAtMs), endedAt: new Date(it.endedAtMs), status: it.status, leftOut,
        steps: it.steps.map((step) => ({
          step: step.step, model: step.model ? model(step.model) : null, method: step.method ?? null, attempts: step.attempts,
          startedAt: instant(step.startedAtMs), endedAt: instant(step.endedAtMs), outcome: outcome(step.outcome),
          failureAllowed: step.failureAllowed, written: data(step.written),
        })),
      };
    }
  }
}
