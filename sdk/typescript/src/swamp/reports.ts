/** Reports of swamp: their context is made of the subject alone. */
import { engine } from "../host/engine.js";
import { host } from "../host/host.js";
import type { Level, ReportData, ReportModel, ReportRequest, ReportStep } from "../host/wire.js";
import { Failure } from "../sdk/error_base.js";
import { fromText, toText } from "../sdk/json.js";
import { SwampType } from "./records.js";

interface Handle {
  readonly name: string;
  readonly dataId: string;
  readonly version: number;
  readonly specName: string;
  readonly kind: "resource" | "file";
}

function kindOf(it: ReportData): "resource" | "file" {
  return it.content.tag === "file" ? "file" : "resource";
}

function handleOf(it: ReportData): Handle {
  return { name: it.name, dataId: `${it.model}/${it.name}`, version: it.version, specName: it.spec, kind: kindOf(it) };
}

function dataOf(it: ReportData): object {
  return {
    id: `${it.model}/${it.name}`, name: it.name, version: it.version, kind: kindOf(it), specName: it.spec,
    createdAt: new Date(it.createdAtMs), tags: { type: kindOf(it), specName: it.spec, ...Object.fromEntries(it.tags) },
    contentType: it.content.tag === "file" ? it.content.val.mediaType : "application/json", isLatest: true, isDeleted: false,
  };
}

function attributesOf(it: ReportData): unknown {
  return it.content.tag === "resource" ? fromText(it.content.val) : {};
}

/** The data of a subject as swamp's repository. There is no other data for a report. */
function repository(data: readonly ReportData[], models: ReadonlyMap<string, ReportModel>): object {
  const of = (model: unknown): readonly ReportData[] => {
    const name = [...models.values()].find((it) => it.id === String(model))?.name ?? String(model);
    return data.filter((it) => it.model === name);
  };
  const latest = (found: readonly ReportData[]): ReportData[] => [...new Map(found.map((it) => [`${it.model}/${it.name}`, it])).values()];
  const content = (model: unknown, name: string, version?: number): Uint8Array | null => {
    const it = of(model).findLast((each) => each.name === name && (version === undefined || each.version === version));
    return it === undefined || it.content.tag !== "resource" ? null : engine().text.encode(it.content.val);
  };
  const record = (it: ReportData): object => ({ ...dataOf(it), attributes: attributesOf(it), updatedAt: new Date(it.createdAtMs).toISOString(), modelName: it.model });
  const global = (it: ReportData): object => ({ data: dataOf(it), modelType: new SwampType(models.get(it.model)?.type ?? ""), modelId: it.model });
  return {
    findAllForModel: async (_: unknown, model: unknown) => latest(of(model)).map(dataOf),
    findAllGlobal: async () => latest(data).map(global),
    findBySpec: async (model: unknown, spec: string) => latest(of(model)).filter((it) => it.spec === spec).map(record),
    findByName: async (_: unknown, model: unknown, name: string) => latest(of(model)).filter((it) => it.name === name).map(dataOf)[0] ?? null,
    listVersions: async (_: unknown, model: unknown, name: string) => of(model).filter((it) => it.name === name).map((it) => it.version),
    getContent: async (_: unknown, model: unknown, name: string, version?: number) => content(model, name, version),
    getContentSync: (_: unknown, model: unknown, name: string, version?: number) => content(model, name, version),
  };
}

function logger(): object {
  const at = (level: Level) => (message: unknown, properties: Record<string, unknown> = {}): void =>
    host().log.log(level, String(message).replace(/\{([^{}]+)\}/g, (mark, name: string) => String(properties[name.trim()] ?? mark)), []);
  return { trace: at("trace"), debug: at("debug"), info: at("info"), warn: at("warn"), warning: at("warn"), error: at("error"), fatal: at("error") };
}

function base(data: readonly ReportData[], models: readonly ReportModel[]): object {
  const byName = new Map(models.map((it) => [it.name, it]));
  return { repoDir: ".", logger: logger(), dataRepository: repository(data, byName), definitionRepository: {}, redactSensitiveArgs: (args: unknown) => args };
}

function ofModel(it: ReportModel): object {
  return { modelType: new SwampType(it.type), modelId: it.id, definition: { id: it.id, name: it.name, version: 1, tags: Object.fromEntries(it.tags) } };
}

function stepOf(it: ReportStep): object {
  const [job = "", ...rest] = it.step.split("/");
  return {
    jobName: job, stepName: rest.join("/"), modelName: it.model?.name ?? "", modelType: it.model?.type ?? "", modelId: it.model?.id ?? "",
    methodName: it.method ?? "", status: it.outcome.tag, dataHandles: it.written.map(handleOf),
    ...(it.outcome.tag === "failed" ? { error: it.outcome.val.message } : {}),
  };
}

/** Returns the context of a report. */
export function reportContext(request: ReportRequest): object {
  const { subject } = request;
  switch (subject.tag) {
    case "method": {
      const it = subject.val;
      const status = it.outcome.tag === "succeeded" ? "succeeded" : "failed";
      return {
        ...base(it.written, [it.model]), ...ofModel(it.model), scope: "method", methodName: it.method,
        globalArgs: fromText(it.globalArguments), methodArgs: fromText(it.arguments), executionStatus: status,
        ...(it.outcome.tag === "failed" ? { errorMessage: it.outcome.val.message } : {}), dataHandles: it.written.map(handleOf),
      };
    }
    case "model": {
      const it = subject.val;
      return {
        ...base(it.data, [it.model]), ...ofModel(it.model), scope: "model", methodName: "", globalArgs: fromText(it.globalArguments),
        methodArgs: {}, executionStatus: "succeeded", dataHandles: it.data.map(handleOf),
      };
    }
    case "workflow": {
      const it = subject.val;
      const models = it.steps.flatMap((step) => (step.model ? [step.model] : []));
      return {
        ...base(it.steps.flatMap((step) => step.written), models), scope: "workflow", workflowId: it.workflow, workflowRunId: it.run,
        workflowName: it.workflow, workflowStatus: it.status, inputs: fromText(it.inputs), stepExecutions: it.steps.map(stepOf),
      };
    }
  }
}

/** Returns what a report of swamp returned in the contract's form. */
export function documentOf(name: string, value: unknown): { markdown: string; json: string } {
  const it = value as { markdown?: unknown; json?: unknown } | null;
  if (typeof it?.markdown !== "string") {
    throw new Failure("invalid-result", `the report \`${name}\` returned no \`markdown\``);
  }
  return { markdown: it.markdown.toWellFormed(), json: toText(it.json ?? null) };
}
