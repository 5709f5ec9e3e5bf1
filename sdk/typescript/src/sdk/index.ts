/** The SDK for plugins of Sedge in TypeScript. See `README.md`. */
export { PendingCall, succeeded, type Outcome, type RunCancelled, type RunFailed, type RunOutcome, type RunSucceeded, type RunSuspended, type Workflows } from "./calls.js";
export type { CommandInput, CommandOutput, Commands, CommandStream, End, Printed, Process, RunOptions, StartOptions } from "./commands.js";
export type { CheckContext, Context, Identity, Log, LogFields, ResourceSchemas } from "./context.js";
export type {
  Data, FileReader, FileWriteOptions, FileWriter, ListOptions, QueryMatch, QueryOptions, ReadOptions, Resource, Tags,
  VersionInfo, WriteOptions, Written,
} from "./data.js";
export { Denied, Failure, SedgeError, type CheckFailure, type FailureOptions, type TargetKind, type Violation } from "./error_base.js";
export * as errors from "./error_table.js";
export type { Json } from "./json.js";
export * as limits from "./limits.js";
export {
  defineModel, Method, ModelType, type CheckDefinition, type CheckedCall, type FileDefinition, type MethodDefinition,
  type MethodMaker, type ModelDefinition, type ReportDefinition, type ResourceDefinition, type RetentionDefinition,
  type UpgradeDefinition, type WrittenArguments,
} from "./model.js";
export { FileError, type Definition, type Folder, type FolderEntry, type ModelFilter, type Models, type Secret, type UnreadableDefinition } from "./outside.js";
export type { PermissionDefinition } from "./permissions.js";
export type {
  CallReport, ModelReport, Report, ReportedContent, ReportedData, ReportedFault, ReportedModel, ReportedOutcome, ReportedStep, RunReport,
} from "./reports.js";
export { FetchError, type FetchCode } from "../prelude/fetch_error.js";
export type { MethodKind } from "../host/wire.js";
