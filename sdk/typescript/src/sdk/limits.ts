/** The names of limits in errors, for comparisons. Generated from wit and wit/errors.json. Do not edit. */

/** The time that a call's own code executes. Waiting does not count, and neither do its callees. */
export const CPU_SECONDS = "cpu-seconds";

/** All memories and tables of a call together. The heaviest known guest, a Python interpreter with its libraries, needs a quarter of the default. A value above 4096 counts as 4096, the largest memory of a 32-bit guest. */
export const MEMORY_BYTES = "memory-bytes";

/** The depth of nested calls. It stops endless recursion: each level costs an instance and a stack of 2 MiB, of which the guest touches little. */
export const CALL_DEPTH = "call-depth";

/** The calls that a run makes, including those that have ended. Breadth and depth multiply: without this limit, a plugin that calls itself twice at each level would fill the datastore. */
export const CALLS_PER_RUN = "calls-per-run";

/** The calls that one call makes, including those that have ended. Each leaves a row in the datastore, and one that was not awaited holds one of the guest's handles. */
export const CALLS_PER_CALL = "calls-per-call";

/** The calls that one call has started and that have not ended. Each is a task with its arguments, and a guest could otherwise start them faster than they run. */
export const PARALLEL_CALLS = "parallel-calls";

/** The host functions that a call calls. The limit on the guest's own time matters more. */
export const HOST_CALLS = "host-calls";

/** The data that passes between a call and the host. The default is twice what a call may write to files. */
export const HOST_BYTES = "host-bytes";

/** The data that a call stages in memory before it commits. */
export const STAGED_BYTES = "staged-bytes";

/** The data that a call writes to files of the datastore, so that it cannot fill the disk. */
export const FILE_BYTES = "file-bytes";

/** The files that a call has open, in the datastore and in its folders. Each costs a descriptor, and up to 64 KiB of memory. */
export const OPEN_FILES = "open-files";

/** All memories and tables of all calls of a process. */
export const PROCESS_MEMORY = "process-memory";

/** The files, folders and sockets that all guests of a process have open, and their requests in flight. */
export const PROCESS_DESCRIPTORS = "process-descriptors";

/** The size of one JSON text that passes between guest and host. A larger record belongs in a file. */
export const JSON_BYTES = "json-bytes";

/** The sealed values that a call reads and writes. They are kept out of its log and its outcome, which takes up to a KiB of the host's memory for each byte. */
export const SEALED_BYTES = "sealed-bytes";

/** The handles that a call holds: of streams, requests, pollables, files and calls. */
export const HANDLES = "handles";

/** The programs that a call has started by `commands.start` and that have not ended: 16. */
export const PARALLEL_COMMANDS = "parallel-commands";

/** The instances that live in a process at once. */
export const LIVE_INSTANCES = "live-instances";

/** The requests of a call in flight. A request counts until its response body was read or dropped. */
export const HTTP_REQUESTS = "http.requests";

/** The size of a request body. */
export const HTTP_REQUEST_MEBIBYTES = "http.requestMebibytes";

/** The size of a response body as received. A compressed body counts by its compressed size. */
export const HTTP_RESPONSE_MEBIBYTES = "http.responseMebibytes";

/** The size of all headers of one request or response. Each set of headers of a guest can take this much of the host's memory, and so can each connection. */
export const HTTP_HEADER_KIBIBYTES = "http.headerKibibytes";

/** The time to resolve the name, connect and negotiate TLS. */
export const HTTP_CONNECT_SECONDS = "http.connectSeconds";

/** The time from the end of the request to the first byte of the response. */
export const HTTP_FIRST_BYTE_SECONDS = "http.firstByteSeconds";

/** The time between two pieces of a body. */
export const HTTP_BETWEEN_BYTES_SECONDS = "http.betweenBytesSeconds";

/** The time from the request to the end of the response. The deadline of the call applies, too. */
export const HTTP_TOTAL_SECONDS = "http.totalSeconds";

/** The secrets that one request has inserted. */
export const HTTP_SECRETS = "http.secrets";
