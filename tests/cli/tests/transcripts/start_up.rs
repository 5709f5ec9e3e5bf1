//! How the program is linked, which affects its start-up: see "Start-up" in `ARCHITECTURE.md`.

use std::fs;

use sedge_test_kit::sedge;

/// The offset of the type in an ELF file, and the type of a program with a fixed address. A
/// position-independent program has the type 3.
const TYPE_AT: usize = 16;
const FIXED: [u8; 2] = 2_u16.to_le_bytes();

#[test]
fn program_is_linked_to_a_fixed_address() {
    let program = fs::read(sedge()).expect("it was built");
    assert!(program.starts_with(b"\x7fELF"));
    assert_eq!(program[TYPE_AT..TYPE_AT + 2], FIXED);
}
