//! The program `sedge-reaper`: starts one command for `sedge`, and ends with all that it started.
//! It has to be in the folder of `sedge`, which starts it; it is of no use by itself.

use std::process::ExitCode;

fn main() -> ExitCode {
    sedge_sys::command::reaper_main()
}
