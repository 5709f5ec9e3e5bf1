//! How the program is linked, on which its start-up depends: see "Start-up" in `ARCHITECTURE.md`.

use std::fs;

use sedge_test_kit::sedge;

/// Where a file in the executable format ELF has its type, and what it is of a program at a fixed
/// address; one that may lie anywhere has 3.
const TYPE_AT: usize = 16;
const FIXED: [u8; 2] = 2_u16.to_le_bytes();

#[test]
fn the_program_is_linked_to_a_fixed_address() {
    let program = fs::read(sedge()).expect("it was built");
    assert!(program.starts_with(b"\x7fELF"));
    assert_eq!(program[TYPE_AT..TYPE_AT + 2], FIXED);
}
