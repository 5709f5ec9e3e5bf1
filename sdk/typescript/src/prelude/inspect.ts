/** How `console` shows values: like node, in less detail. */

const DEPTH_MAX = 4;
const ITEMS_MAX = 100;
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("'", "\\'")}'`;
}

function list(open: string, items: string[], close: string): string {
  if (items.length === 0) {
    return open + close;
  }
  const line = `${open} ${items.join(", ")} ${close}`;
  return line.length <= 100 && !line.includes("\n") ? line : `${open}\n  ${items.join(",\n").replaceAll("\n", "\n  ")}\n${close}`;
}

function cut(items: string[], n: number): string[] {
  return n > items.length ? [...items, `... ${n - items.length} more`] : items;
}

function className(value: object): string {
  const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null;
  return prototype === null ? "[Object: null prototype]" : (prototype.constructor?.name ?? "Object");
}

function entriesOf(value: object): [string, unknown][] {
  return Object.keys(value).map((key) => {
    const it = Object.getOwnPropertyDescriptor(value, key);
    return [key, it !== undefined && it.get !== undefined ? "[Getter]" : it?.value];
  });
}

function objectText(value: object, depth: number, seen: readonly object[]): string {
  if (seen.includes(value)) {
    return "[Circular]";
  }
  if (value instanceof Error) {
    return errorText(value, depth, seen);
  }
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  }
  if (value instanceof RegExp) {
    return String(value);
  }
  const isList = Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
  if (depth > DEPTH_MAX) {
    return isList ? "[Array]" : `[${className(value)}]`;
  }
  const of = (it: unknown): string => inspect(it, depth + 1, [...seen, value]);
  if (isList) {
    const items = Array.from((value as ArrayLike<unknown> & Iterable<unknown>)).slice(0, ITEMS_MAX);
    const prefix = Array.isArray(value) ? "" : `${className(value)}(${(value as unknown as ArrayLike<unknown>).length}) `;
    return prefix + list("[", cut(items.map(of), (value as unknown as ArrayLike<unknown>).length), "]");
  }
  if (value instanceof Map) {
    return `Map(${value.size}) ${list("{", cut([...value].slice(0, ITEMS_MAX).map(([key, it]) => `${of(key)} => ${of(it)}`), value.size), "}")}`;
  }
  if (value instanceof Set) {
    return `Set(${value.size}) ${list("{", cut([...value].slice(0, ITEMS_MAX).map(of), value.size), "}")}`;
  }
  const entries = entriesOf(value);
  const items = entries.slice(0, ITEMS_MAX).map(([key, it]) => `${IDENTIFIER.test(key) ? key : quoted(key)}: ${of(it)}`);
  const name = className(value);
  return (name === "Object" ? "" : `${name} `) + list("{", cut(items, entries.length), "}");
}

function errorText(error: Error, depth: number, seen: readonly object[]): string {
  const head = `${error.name}: ${error.message}`;
  const frames = (error.stack ?? "").split("\n").filter((it) => /^\s+at /.test(it)).join("\n");
  const cause = error.cause === undefined ? "" : `\n  [cause]: ${inspect(error.cause, depth + 1, [...seen, error])}`;
  return (frames === "" ? `[${head}]` : `${head}\n${frames}`) + cause;
}

/** Returns a value as text. */
export function inspect(value: unknown, depth = 0, seen: readonly object[] = []): string {
  switch (typeof value) {
    case "string":
      return depth === 0 ? value : quoted(value);
    case "function":
      return `[${value.toString().startsWith("class") ? "class" : "Function:"} ${value.name || "(anonymous)"}]`;
    case "bigint":
      return `${value}n`;
    case "object":
      return value === null ? "null" : objectText(value, depth, seen);
    default:
      return String(value);
  }
}

/** Returns the arguments of `console.log` as one text, with `%s` and its like filled in. */
export function format(args: readonly unknown[]): string {
  const [first, ...rest] = args;
  if (typeof first !== "string") {
    return args.map((it) => inspect(it)).join(" ");
  }
  const left = [...rest];
  const text = first.replace(/%[sdifjoOc%]/g, (mark) => {
    if (mark === "%%") {
      return "%";
    }
    if (left.length === 0) {
      return mark;
    }
    const value = left.shift();
    switch (mark) {
      case "%c":
        return "";
      case "%d":
        return String(typeof value === "object" ? Number.NaN : Number(value));
      case "%i":
        return String(Number.parseInt(String(value), 10));
      case "%f":
        return String(Number.parseFloat(String(value)));
      case "%j":
        return String(JSON.stringify(value));
      case "%s":
        return typeof value === "object" && value !== null ? inspect(value, 1) : String(value);
      default:
        return inspect(value, 1);
    }
  });
  return [text, ...left.map((it) => inspect(it))].join(" ");
}
