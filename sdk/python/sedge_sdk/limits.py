"""The names of limits in errors, for comparisons. Generated from wit and wit/errors.json. Do not edit."""

from typing import Final

CPU_SECONDS: Final = "cpu-seconds"
"""The time that a call's own code executes. Waiting does not count, and neither do its callees."""

MEMORY_BYTES: Final = "memory-bytes"
"""All memories and tables of a call together. The heaviest known guest, a Python interpreter with its libraries, needs a quarter of the default. A value above 4096 counts as 4096, the largest memory of a 32-bit guest."""

CALL_DEPTH: Final = "call-depth"
"""The depth of nested calls. It stops endless recursion: each level costs an instance and a stack of 2 MiB, of which the guest touches little."""

CALLS_PER_RUN: Final = "calls-per-run"
"""The calls that a run makes, including those that have ended. Breadth and depth multiply: without this limit, a plugin that calls itself twice at each level would fill the datastore."""

CALLS_PER_CALL: Final = "calls-per-call"
"""The calls that one call makes, including those that have ended. Each leaves a row in the datastore, and one that was not awaited holds one of the guest's handles."""

PARALLEL_CALLS: Final = "parallel-calls"
"""The calls that one call has started and that have not ended. Each is a task with its arguments, and a guest could otherwise start them faster than they run."""

HOST_CALLS: Final = "host-calls"
"""The host functions that a call calls. The limit on the guest's own time matters more."""

HOST_BYTES: Final = "host-bytes"
"""The data that passes between a call and the host. The default is twice what a call may write to files."""

STAGED_BYTES: Final = "staged-bytes"
"""The data that a call stages in memory before it commits."""

FILE_BYTES: Final = "file-bytes"
"""The data that a call writes to files of the datastore, so that it cannot fill the disk."""

OPEN_FILES: Final = "open-files"
"""The files that a call has open, in the datastore and in its folders. Each costs a descriptor, and up to 64 KiB of memory."""

PROCESS_MEMORY: Final = "process-memory"
"""All memories and tables of all calls of a process."""

PROCESS_DESCRIPTORS: Final = "process-descriptors"
"""The files, folders and sockets that all guests of a process have open, and their requests in flight."""

JSON_BYTES: Final = "json-bytes"
"""The size of one JSON text that passes between guest and host. A larger record belongs in a file."""

SEALED_BYTES: Final = "sealed-bytes"
"""The sealed values that a call reads and writes. They are kept out of its log and its outcome, which takes up to a KiB of the host's memory for each byte."""

HANDLES: Final = "handles"
"""The handles that a call holds: of streams, requests, pollables, files and calls."""

PARALLEL_COMMANDS: Final = "parallel-commands"
"""The programs that a call has started by `commands.start` and that have not ended: 16."""

LIVE_INSTANCES: Final = "live-instances"
"""The instances that live in a process at once."""

HTTP_REQUESTS: Final = "http.requests"
"""The requests of a call in flight. A request counts until its response body was read or dropped."""

HTTP_REQUEST_MEBIBYTES: Final = "http.requestMebibytes"
"""The size of a request body."""

HTTP_RESPONSE_MEBIBYTES: Final = "http.responseMebibytes"
"""The size of a response body as received. A compressed body counts by its compressed size."""

HTTP_HEADER_KIBIBYTES: Final = "http.headerKibibytes"
"""The size of all headers of one request or response. Each set of headers of a guest can take this much of the host's memory, and so can each connection."""

HTTP_CONNECT_SECONDS: Final = "http.connectSeconds"
"""The time to resolve the name, connect and negotiate TLS."""

HTTP_FIRST_BYTE_SECONDS: Final = "http.firstByteSeconds"
"""The time from the end of the request to the first byte of the response."""

HTTP_BETWEEN_BYTES_SECONDS: Final = "http.betweenBytesSeconds"
"""The time between two pieces of a body."""

HTTP_TOTAL_SECONDS: Final = "http.totalSeconds"
"""The time from the request to the end of the response. The deadline of the call applies, too."""

HTTP_SECRETS: Final = "http.secrets"
"""The secrets that one request has inserted."""
