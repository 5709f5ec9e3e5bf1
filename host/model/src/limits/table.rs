//! The table of limits.
//!
//! A row is: the key as a name and as text, the value's name, the unit and the default, the scope,
//! the variant and the name in errors if an error names it, and what it limits. The names are in
//! the datastore, so none of them ever changes.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;

use super::{LimitDefault, LimitRow, LimitScope, Unit, kibibytes, mebibytes, seconds};

/// The type of a limit's value.
macro_rules! value_type {
    (Seconds, unlimited) => { Option<Duration> };
    (Count, $default:literal) => { u32 };
    (Seconds, $default:literal) => { Duration };
    (Kibibytes, $default:literal) => { usize };
    (Mebibytes, $default:literal) => { u64 };
}

/// The value of a limit that a file sets, or its default.
macro_rules! value_of {
    ($units:expr, Seconds, unlimited) => {
        $units.map(seconds)
    };
    ($units:expr, Count, $default:literal) => {
        $units.unwrap_or($default)
    };
    ($units:expr, Seconds, $default:literal) => {
        seconds($units.unwrap_or($default))
    };
    ($units:expr, Kibibytes, $default:literal) => {
        kibibytes($units.unwrap_or($default))
    };
    ($units:expr, Mebibytes, $default:literal) => {
        mebibytes($units.unwrap_or($default))
    };
}

macro_rules! default_of {
    (unlimited) => {
        LimitDefault::Unlimited
    };
    ($default:literal) => {
        LimitDefault::Value($default)
    };
}

macro_rules! name_of {
    () => {
        None
    };
    ($name:literal) => {
        Some($name)
    };
}

/// One row, as a value.
macro_rules! row {
    (
        $section:literal,
        $key:expr,
        $name:expr,
        $unit:ident,
        $default:expr,
        $scope:ident,
        $doc:literal
    ) => {
        LimitRow {
            section: $section,
            key: $key,
            name: $name,
            unit: Unit::$unit,
            default: $default,
            scope: LimitScope::$scope,
            doc: $doc,
        }
    };
}

/// Declares the types, defaults and rows that follow from the table.
macro_rules! limit_table {
    ($(
        #[doc = $enum_doc:literal]
        errors $Enum:ident {
            $(
                #[doc = $file_doc:literal]
                section $section:literal, $File:ident, $Values:ident $(, $nested:ident $NestedFile:ident $NestedValues:ident)? {
                    $($field:ident $key:literal, $value:ident: $unit:ident = $default:tt, $scope:ident $(, $Variant:ident $name:literal)?, $doc:literal;)*
                }
            )*
            $(
                of_machine $machine_doc:literal $msection:literal, $MFile:ident {
                    $($mfield:ident $mkey:literal: $munit:ident = $mdefault:literal, $mscope:ident, $MVariant:ident $mname:literal, $mdoc:literal;)*
                }
            )?
            fixed {
                $($FVariant:ident $fname:literal: $funit:ident, $fscope:ident, $fdoc:literal;)*
            }
        }
    )*) => {
        $(
            #[doc = $enum_doc]
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            pub enum $Enum {
                $($($(#[doc = $doc] $Variant,)?)*)*
                $($(#[doc = $mdoc] $MVariant,)*)?
                $(#[doc = $fdoc] $FVariant,)*
            }

            impl $Enum {
                /// All of them.
                pub const ALL: &'static [Self] = &[
                    $($($(Self::$Variant,)?)*)*
                    $($(Self::$MVariant,)*)?
                    $(Self::$FVariant,)*
                ];

                /// Returns its row in the table.
                #[must_use]
                pub fn row(self) -> &'static LimitRow {
                    match self {
                        $($($(Self::$Variant => &row!($section, Some($key), Some($name), $unit, default_of!($default), $scope, $doc),)?)*)*
                        $($(Self::$MVariant => &row!($msection, Some($mkey), Some($mname), $munit, LimitDefault::Machine($mdefault), $mscope, $mdoc),)*)?
                        $(Self::$FVariant => &row!("", None, Some($fname), $funit, LimitDefault::Fixed, $fscope, $fdoc),)*
                    }
                }
            }

            $(
                #[doc = $file_doc]
                ///
                /// A limit that the file does not set is `None`.
                #[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
                #[serde(deny_unknown_fields)]
                pub struct $File {
                    $(
                        #[doc = $doc]
                        #[serde(rename = $key)]
                        pub $field: Option<u32>,
                    )*
                    $(
                        /// The limits of HTTP requests.
                        #[serde(default)]
                        pub $nested: $NestedFile,
                    )?
                }

                #[doc = $file_doc]
                ///
                /// A limit that no file sets has its default.
                #[derive(Debug, Clone, Copy, PartialEq, Eq)]
                pub struct $Values {
                    $(
                        #[doc = $doc]
                        pub $value: value_type!($unit, $default),
                    )*
                    $(
                        /// The limits of HTTP requests.
                        pub $nested: $NestedValues,
                    )?
                }

                impl $File {
                    /// Returns these limits. Those that are not set are taken from `fallback`.
                    #[must_use]
                    pub fn or(&self, fallback: &Self) -> Self {
                        Self {
                            $($field: self.$field.or(fallback.$field),)*
                            $($nested: self.$nested.or(&fallback.$nested),)?
                        }
                    }

                    /// Returns the values of the limits, with the defaults for those that are not set.
                    #[must_use]
                    pub fn values(&self) -> $Values {
                        $Values {
                            $($value: value_of!(self.$field, $unit, $default),)*
                            $($nested: self.$nested.values(),)?
                        }
                    }
                }

                impl Default for $Values {
                    fn default() -> Self {
                        $File::default().values()
                    }
                }
            )*

            $(
                #[doc = $machine_doc]
                ///
                /// The machine decides on a limit that is `None`.
                #[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
                #[serde(deny_unknown_fields)]
                pub struct $MFile {
                    $(
                        #[doc = $mdoc]
                        #[serde(rename = $mkey)]
                        pub $mfield: Option<NonZeroU32>,
                    )*
                }
            )?
        )*

        /// All limits.
        pub const LIMITS: &[LimitRow] = &[
            $(
                $($(row!($section, Some($key), name_of!($($name)?), $unit, default_of!($default), $scope, $doc),)*)*
                $($(row!($msection, Some($mkey), Some($mname), $munit, LimitDefault::Machine($mdefault), $mscope, $mdoc),)*)?
                $(row!("", None, Some($fname), $funit, LimitDefault::Fixed, $fscope, $fdoc),)*
            )*
        ];
    };
}

limit_table! {
    /// The limits that a call can reach. Their names appear in errors and in the datastore.
    errors LimitName {
        /// The limits of a model's calls: `limits` of a definition or of `sedge.yaml`.
        section "limits", ModelLimitsFile, ModelLimits, http HttpLimitsFile HttpLimits {
            wall_time_seconds "wallTimeSeconds", wall_time: Seconds = 300, Call,
                "The time from the start of a call's code to its end. The default is long enough for a cloud to create a machine, and short enough that a user notices a hanging pipeline within the hour.";
            cpu_seconds "cpuSeconds", cpu_time: Seconds = unlimited, Call, CpuSeconds "cpu-seconds",
                "The time that a call's own code executes. Waiting does not count, and neither do its callees.";
            memory_mebibytes "memoryMebibytes", memory_bytes: Mebibytes = 256, Call, MemoryBytes "memory-bytes",
                "All memories and tables of a call together. The heaviest known guest, a Python interpreter with its libraries, needs a quarter of the default. A value above 4096 counts as 4096, the largest memory of a 32-bit guest.";
            call_depth "callDepth", call_depth: Count = 64, Run, CallDepth "call-depth",
                "The depth of nested calls. It stops endless recursion: each level costs an instance and a stack of 2 MiB, of which the guest touches little.";
            calls_per_run "callsPerRun", calls_per_run: Count = 200_000, Run, CallsPerRun "calls-per-run",
                "The calls that a run makes, including those that have ended. Breadth and depth multiply: without this limit, a plugin that calls itself twice at each level would fill the datastore.";
            for_each_items "forEachItems", for_each_items: Count = 10_000, Run,
                "The values of one `forEach` step of a workflow. Each becomes a step of the run, which its driver keeps in memory. Only `sedge.yaml` sets it.";
            calls_per_call "callsPerCall", calls_per_call: Count = 20_000, Call, CallsPerCall "calls-per-call",
                "The calls that one call makes, including those that have ended. Each leaves a row in the datastore, and one that was not awaited holds one of the guest's handles.";
            parallel_calls "parallelCalls", parallel_calls: Count = 10_000, Call, ParallelCalls "parallel-calls",
                "The calls that one call has started and that have not ended. Each is a task with its arguments, and a guest could otherwise start them faster than they run.";
            host_calls "hostCalls", host_calls: Count = 100_000_000, Call, HostCalls "host-calls",
                "The host functions that a call calls. The limit on the guest's own time matters more.";
            host_mebibytes "hostMebibytes", host_bytes: Mebibytes = 32_768, Call, HostBytes "host-bytes",
                "The data that passes between a call and the host. The default is twice what a call may write to files.";
            staged_mebibytes "stagedMebibytes", staged_bytes: Mebibytes = 64, Call, StagedBytes "staged-bytes",
                "The data that a call stages in memory before it commits.";
            file_mebibytes "fileMebibytes", file_bytes: Mebibytes = 16_384, Call, FileBytes "file-bytes",
                "The data that a call writes to files of the datastore, so that it cannot fill the disk.";
            open_files "openFiles", open_files: Count = 64, Call, OpenFiles "open-files",
                "The files that a call has open, in the datastore and in its folders. Each costs a descriptor, and up to 64 KiB of memory.";
            log_lines "logLines", log_lines: Count = 10_000, Call,
                "The lines of a call's log that are kept. The rest is dropped. Each line is a row in the datastore.";
            log_kibibytes "logKibibytes", log_bytes: Kibibytes = 1_024, Call,
                "The size of a call's log that is kept. The rest is dropped. The log is in memory until the call ends.";
        }
        of_machine "Limits on what all calls of one process use together: `processLimits` of `sedge.yaml`."
        "processLimits", ProcessLimitsFile {
            memory_mebibytes "memoryMebibytes": Mebibytes = "half of what the machine or its control group has, and at least 256 MiB", Process, ProcessMemory "process-memory",
                "All memories and tables of all calls of a process.";
            descriptors "descriptors": Count = "all that the operating system allows, except 512 or half of them for the host; at most 65 536", Process, ProcessDescriptors "process-descriptors",
                "The files, folders and sockets that all guests of a process have open, and their requests in flight.";
        }
        fixed {
            JsonBytes "json-bytes": Mebibytes, Call,
                "The size of one JSON text that passes between guest and host. A larger record belongs in a file.";
            SealedBytes "sealed-bytes": Kibibytes, Call,
                "The sealed values that a call reads and writes. They are kept out of its log and its outcome, which takes up to a KiB of the host's memory for each byte.";
            Handles "handles": Count, Call,
                "The handles that a call holds: of streams, requests, pollables, files and calls.";
            ParallelCommands "parallel-commands": Count, Call,
                "The programs that a call has started by `commands.start` and that have not ended: 16.";
            LiveInstances "live-instances": Count, Process,
                "The instances that live in a process at once.";
        }
    }

    /// The limits that an HTTP request can reach.
    errors HttpLimit {
        /// The limits of a call's HTTP requests: `limits.http`. They suit usual web APIs and their larger downloads.
        section "limits.http", HttpLimitsFile, HttpLimits {
            requests "requests", requests: Count = 64, Call, Requests "http.requests",
                "The requests of a call in flight. A request counts until its response body was read or dropped.";
            request_mebibytes "requestMebibytes", request_bytes: Mebibytes = 64, Call, RequestBytes "http.requestMebibytes",
                "The size of a request body.";
            response_mebibytes "responseMebibytes", response_bytes: Mebibytes = 256, Call, ResponseBytes "http.responseMebibytes",
                "The size of a response body as received. A compressed body counts by its compressed size.";
            header_kibibytes "headerKibibytes", header_bytes: Kibibytes = 32, Call, HeaderBytes "http.headerKibibytes",
                "The size of all headers of one request or response. Each set of headers of a guest can take this much of the host's memory, and so can each connection.";
            connect_seconds "connectSeconds", connect: Seconds = 10, Call, Connect "http.connectSeconds",
                "The time to resolve the name, connect and negotiate TLS.";
            first_byte_seconds "firstByteSeconds", first_byte: Seconds = 60, Call, FirstByte "http.firstByteSeconds",
                "The time from the end of the request to the first byte of the response.";
            between_bytes_seconds "betweenBytesSeconds", between_bytes: Seconds = 30, Call, BetweenBytes "http.betweenBytesSeconds",
                "The time between two pieces of a body.";
            total_seconds "totalSeconds", total: Seconds = 300, Call, Total "http.totalSeconds",
                "The time from the request to the end of the response. The deadline of the call applies, too.";
        }
        fixed {
            Secrets "http.secrets": Count, Call,
                "The secrets that one request has inserted.";
        }
    }

    /// A figure of a component that can be too large.
    errors ComponentLimit {
        /// The limits of a component that is added: `componentLimits` of `sedge.yaml`. The largest known components are interpreters of Python and JavaScript with their libraries; they have a tenth of these sizes and compile in 20 seconds on two cores.
        section "componentLimits", ComponentLimitsFile, ComponentLimits {
            mebibytes "mebibytes", bytes: Mebibytes = 256, Plugin, Bytes "component-bytes",
                "The size of the component.";
            code_mebibytes "codeMebibytes", code_bytes: Mebibytes = 128, Plugin, CodeBytes "code-bytes",
                "The size of all function bodies.";
            function_kibibytes "functionKibibytes", function_bytes: Kibibytes = 2_048, Plugin, FunctionBytes "function-bytes",
                "The size of one function body. Some passes of the compiler are worse than linear.";
            functions "functions", functions: Count = 100_000, Plugin, Functions "functions",
                "The functions in all modules.";
            instances "instances", instances: Count = 1_000, Plugin, Instances "instances",
                "The instances of its modules and nested components that one call creates.";
            custom_mebibytes "customMebibytes", custom_bytes: Mebibytes = 192, Plugin, CustomBytes "custom-bytes",
                "The size of all custom sections, such as names and debug info.";
            download_seconds "downloadSeconds", download: Seconds = 300, Plugin,
                "The time for downloading it, with all redirects. The default lets a connection of 1 MiB per second fetch the largest component that is accepted by default.";
            compile_seconds "compileSeconds", compile: Seconds = 300, Plugin,
                "The wall-clock time for compiling it. The default is fifteen times what the largest known component takes, for slow and busy machines.";
            compile_mebibytes "compileMebibytes", compile_bytes: Mebibytes = 2_048, Plugin,
                "The memory for compiling it.";
            describe_seconds "describeSeconds", describe: Seconds = 10, Plugin,
                "The time for the plugin to describe itself and for the host to check the description. A plugin only fills in a record, but its interpreter has to start first.";
        }
        fixed {}
    }
}
