//! Schemas of inputs, and streams of inputs.

use sedge_lang::diagnostic::SourceFile;
use sedge_lang::input::{GivenInput, InputItems, InputsSchema, inputs_given};
use sedge_lang::yaml::{Faults, parse_tree};
use serde_json::{Map, Value};

/// The separator of the schema and the stream.
const BETWEEN: &[u8] = b"\n+++\n";

/// Reads the first part of `data` as the schema of inputs, splits the second part into items, and
/// checks each item against the schema. Each line of the second part is also an input of a command
/// line.
///
/// # Panics
/// Items depend on the pieces in which a stream arrives; checked inputs violate the schema, or change
/// if they are checked again; or a fault has no place in the file.
pub fn inputs(data: &[u8]) {
    let between = data
        .windows(BETWEEN.len())
        .position(|part| part == BETWEEN)
        .unwrap_or(data.len());
    let stream = data.get(between + BETWEEN.len()..).unwrap_or_default();
    let file = SourceFile::new("w.yaml", String::from_utf8_lossy(&data[..between]));
    let items = items(stream, stream.len().max(1));
    assert_eq!(items, self::items(stream, 3));
    let schema = schema(&file);
    for item in items.into_iter().flatten() {
        check(&schema, item);
    }
    let lines = String::from_utf8_lossy(stream);
    let given: Vec<GivenInput> = lines.lines().filter_map(|it| it.parse().ok()).collect();
    if let Ok(given) = inputs_given(schema.json(), &given) {
        check(&schema, given);
    }
}

fn schema(file: &std::sync::Arc<SourceFile>) -> InputsSchema {
    let mut faults = Faults::new(file);
    let Ok(node) = parse_tree(file) else {
        return InputsSchema::none();
    };
    let schema = InputsSchema::read(&node, file, &mut faults);
    for fault in &faults {
        assert!(file.text.get(fault.span.clone()).is_some(), "{fault:?}");
    }
    match faults.is_empty() {
        true => schema,
        false => InputsSchema::none(),
    }
}

fn check(schema: &InputsSchema, given: Map<String, Value>) {
    match schema.resolve(given) {
        Ok(inputs) => {
            let value = Value::Object(inputs.clone());
            assert_eq!(schema.schema().violations(&value), []);
            assert_eq!(schema.resolve(inputs.clone()), Ok(inputs));
        }
        Err(violations) => assert!(!violations.is_empty()),
    }
}

/// Returns the items of a stream that arrives in pieces of `size` bytes; `None` for a fault.
fn items(stream: &[u8], size: usize) -> Vec<Option<Map<String, Value>>> {
    let mut items = InputItems::new();
    let mut taken = Vec::new();
    for piece in stream.chunks(size) {
        items.push(piece);
        take_all(&mut items, &mut taken);
    }
    items.end();
    take_all(&mut items, &mut taken);
    taken
}

fn take_all(items: &mut InputItems, taken: &mut Vec<Option<Map<String, Value>>>) {
    loop {
        match items.take() {
            Ok(None) => return,
            Ok(Some(item)) => taken.push(Some(item)),
            Err(_) => taken.push(None),
        }
    }
}
