/**
 * The contract (`wit/`) as TypeScript types.
 *
 * Records are objects with the names of the contract in camel case, enums are their words, `option` is
 * `null`, and JSON stays text. A variant is `{ tag, val }`.
 */

/** JSON as text. */
export type JsonText = string;

/** A tag, as `[key, value]`. */
export type Pair = readonly [string, string];

export interface Identity {
  readonly model: string;
  readonly modelId: string;
  readonly type: string;
  readonly typeVersion: string;
  readonly tags: readonly Pair[];
  readonly method: string;
  readonly run: string;
  readonly call: string;
  readonly step: string | null;
}

export interface Tag {
  readonly key: string;
  readonly value: string;
}

export type DataKind = "resource" | "file";

export interface VersionInfo {
  readonly model: string;
  readonly name: string;
  readonly kind: DataKind;
  readonly spec: string;
  readonly version: number | null;
  readonly createdAtMs: number | null;
  readonly mediaType: string;
  readonly size: number;
  readonly tags: readonly Tag[];
}

export interface Resource {
  readonly info: VersionInfo;
  readonly content: JsonText;
}

export interface WriteRetention {
  readonly lifetime: string | null;
  readonly keep: string | null;
}

export interface ResourceOptions {
  readonly tags: readonly Tag[];
  readonly retention: WriteRetention;
}

export interface FileOptions extends ResourceOptions {
  readonly mediaType: string | null;
  readonly lines: boolean;
}

export interface ListFilter {
  readonly prefix: string;
  readonly spec: string | null;
  readonly tags: readonly Tag[];
  readonly after: string | null;
  readonly countMax: number;
}

export interface ListPage {
  readonly versions: readonly VersionInfo[];
  readonly next: string | null;
}

export interface VersionId {
  readonly model: string;
  readonly name: string;
  readonly version: number;
}

export interface QueryOptions {
  readonly select: string | null;
  readonly allVersions: boolean;
  readonly after: VersionId | null;
  readonly countMax: number;
}

export interface QueryMatch {
  readonly info: VersionInfo;
  readonly value: JsonText | null;
}

export interface QueryFault {
  readonly expression: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly hint: string | null;
}

export interface QueryPage {
  readonly matches: readonly QueryMatch[];
  readonly looked: number;
  readonly faults: { readonly count: number; readonly version: VersionId; readonly fault: QueryFault } | null;
  readonly next: VersionId | null;
}

export interface Written {
  readonly name: string;
  readonly version: number;
}

export interface Outcome {
  readonly value: JsonText;
  readonly written: readonly Written[];
}

export interface Definition {
  readonly name: string;
  readonly id: string | null;
  readonly type: string;
  readonly typeVersion: string | null;
  readonly description: string | null;
  readonly tags: readonly Tag[];
  readonly globalArguments: JsonText | null;
}

export interface UnreadableDefinition {
  readonly name: string;
  readonly reason: string;
}

export interface ModelFilter {
  readonly prefix: string;
  readonly type: string | null;
  readonly tags: readonly Tag[];
  readonly after: string | null;
  readonly countMax: number;
}

/** A result inside of a list. */
export type Result<T, E> = { readonly ok: T } | { readonly err: E };

export interface ModelPage {
  readonly models: readonly Result<Definition, UnreadableDefinition>[];
  readonly next: string | null;
}

export type End = { readonly tag: "exit"; readonly val: number } | { readonly tag: "signal"; readonly val: number };

export interface StartOptions {
  readonly folder: string | null;
  readonly variables: readonly { readonly name: string; readonly value: string }[];
  readonly stdin: "empty" | "piped";
}

export interface FailedStep {
  readonly step: string;
  readonly code: string;
  readonly message: string;
  readonly allowed: boolean;
}

export type RunOutcome =
  | { readonly tag: "succeeded"; readonly val: { readonly run: string; readonly outputs: JsonText | null } }
  | { readonly tag: "failed"; readonly val: { readonly run: string; readonly message: string; readonly steps: readonly FailedStep[] } }
  | { readonly tag: "cancelled"; readonly val: { readonly run: string; readonly reason: string | null } }
  | { readonly tag: "suspended"; readonly val: { readonly run: string; readonly gates: readonly string[] } };

export type Level = "trace" | "debug" | "info" | "warn" | "error";

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly details: JsonText | null;
  readonly stack: readonly string[];
  readonly keepWrites: boolean;
}

export type MethodKind = "read" | "observe" | "create" | "update" | "delete" | "action";

export interface MethodSpec {
  readonly name: string;
  readonly kind: MethodKind;
  readonly description: string;
  readonly arguments: JsonText;
}

export interface Retention {
  readonly lifetime: string | null;
  readonly keep: string | null;
  readonly tags: readonly Pair[];
}

export interface ResourceSpec {
  readonly name: string;
  readonly description: string;
  readonly schema: JsonText;
  readonly onViolation: "refuse" | "warn";
  readonly retention: Retention;
}

export interface FileSpec {
  readonly name: string;
  readonly description: string;
  readonly mediaType: string;
  readonly retention: Retention;
}

export type Permission =
  | { readonly tag: "models"; readonly val: string }
  | { readonly tag: "http"; readonly val: { readonly url: string; readonly methods: readonly string[] } }
  | { readonly tag: "files"; readonly val: { readonly name: string; readonly access: "read" | "write" } }
  | { readonly tag: "env"; readonly val: string }
  | { readonly tag: "secrets"; readonly val: { readonly name: string; readonly hosts: readonly string[]; readonly reveal: boolean } }
  | { readonly tag: "commands"; readonly val: string }
  | { readonly tag: "sockets"; readonly val: string }
  | { readonly tag: "reveal"; readonly val: string }
  | { readonly tag: "workflows"; readonly val: string };

export interface PermissionRequest {
  readonly permission: Permission;
  readonly reason: string;
}

export interface CheckSpec {
  readonly name: string;
  readonly description: string;
  readonly appliesTo: readonly string[];
  readonly labels: readonly string[];
}

export interface UpgradeSpec {
  readonly toVersion: string;
  readonly description: string;
}

export type ReportScope = "method" | "model" | "workflow";

export interface ReportSpec {
  readonly name: string;
  readonly description: string;
  readonly scope: ReportScope;
}

export interface TypeInfo {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly globalArguments: JsonText;
  readonly methods: readonly MethodSpec[];
  readonly resources: readonly ResourceSpec[];
  readonly files: readonly FileSpec[];
  readonly permissions: readonly PermissionRequest[];
  readonly checks: readonly CheckSpec[];
  readonly upgrades: readonly UpgradeSpec[];
  readonly reports: readonly ReportSpec[];
}

export interface Invocation {
  readonly method: string;
  readonly arguments: JsonText;
  readonly globalArguments: JsonText;
}

export interface CheckRequest {
  readonly check: string;
  readonly call: Invocation;
}

export interface ReportModel {
  readonly name: string;
  readonly id: string;
  readonly type: string;
  readonly typeVersion: string;
  readonly tags: readonly Pair[];
}

export type ReportContent =
  | { readonly tag: "resource"; readonly val: JsonText }
  | { readonly tag: "file"; readonly val: { readonly mediaType: string; readonly size: number } }
  | { readonly tag: "omitted"; readonly val: number };

export interface ReportData {
  readonly model: string;
  readonly name: string;
  readonly version: number;
  readonly spec: string;
  readonly createdAtMs: number;
  readonly tags: readonly Pair[];
  readonly content: ReportContent;
}

export interface ReportFault {
  readonly code: string;
  readonly message: string;
  readonly details: JsonText | null;
}

export type ReportOutcome =
  | { readonly tag: "succeeded"; readonly val: JsonText }
  | { readonly tag: "failed"; readonly val: ReportFault }
  | { readonly tag: "cancelled" };

export type ReportStepOutcome = ReportOutcome | { readonly tag: "skipped"; readonly val: string };

export interface ReportOfCall {
  readonly model: ReportModel;
  readonly method: string;
  readonly run: string;
  readonly call: string;
  readonly step: string | null;
  readonly arguments: JsonText;
  readonly globalArguments: JsonText;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly outcome: ReportOutcome;
  readonly written: readonly ReportData[];
}

export interface ReportOfModel {
  readonly model: ReportModel;
  readonly globalArguments: JsonText;
  readonly data: readonly ReportData[];
}

export interface ReportStep {
  readonly step: string;
  readonly model: ReportModel | null;
  readonly method: string | null;
  readonly attempts: number;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly outcome: ReportStepOutcome;
  readonly failureAllowed: boolean;
  readonly written: readonly ReportData[];
}

export interface ReportOfRun {
  readonly workflow: string;
  readonly run: string;
  readonly tags: readonly Pair[];
  readonly inputs: JsonText;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly status: "succeeded" | "failed" | "cancelled";
  readonly steps: readonly ReportStep[];
}

export type ReportSubject =
  | { readonly tag: "method"; readonly val: ReportOfCall }
  | { readonly tag: "model"; readonly val: ReportOfModel }
  | { readonly tag: "workflow"; readonly val: ReportOfRun };

export interface ReportRequest {
  readonly name: string;
  readonly subject: ReportSubject;
  readonly leftOut: number;
}

export interface ReportDocument {
  readonly markdown: string;
  readonly json: JsonText;
}
