/** Queries of swamp: the names of their variables are others than Sedge's. */

const NAMES: Readonly<Record<string, string>> = {
  modelName: "model",
  modelId: "model",
  modelType: "type",
  specName: "spec",
  dataType: "kind",
  contentType: "mediaType",
  isLatest: "latest",
  workflowRunId: "run",
  workflowName: "workflow",
  jobName: "job",
  stepName: "step",
};

/** A text in quotes, a member (`.name`), or a name. */
const TOKENS = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\.\s*[A-Za-z_]\w*|[A-Za-z_]\w*/g;

/** Returns a CEL expression of swamp with the variables of Sedge. */
export function translated(expression: string): string {
  return expression.replace(TOKENS, (token) => (Object.hasOwn(NAMES, token) ? (NAMES[token] ?? token) : token));
}
