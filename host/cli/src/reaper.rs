//! The program `sedge-reaper`: starts one command for `sedge`, and kills all of its processes at
//! the end. `sedge` looks for it in its own folder. It is of no use by itself.

use std::process::ExitCode;

fn main() -> ExitCode {
    sedge_sys::command::reaper_main()
}
