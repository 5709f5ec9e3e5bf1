//! Limits on the size of a component and on the cost of compiling it.
//!
//! The size is checked before anything is compiled, by the figures that determine the cost: the
//! size of the code, of the largest function (some compiler passes are worse than linear) and of
//! the custom sections, and the number of functions and instances. The headers of the sections are
//! enough for that. The time and memory of the compiler itself are bounded by `compile.rs`.

use sedge_model::limits::{ComponentLimit, ComponentLimits};
use wasmparser::Payload;

use crate::plugin::PluginError;

/// A resource that compiling a component may exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompileLimit {
    /// [`ComponentLimits::compile`], in seconds.
    Seconds,
    /// [`ComponentLimits::compile_bytes`], in MiB.
    Mebibytes,
}

impl CompileLimit {
    /// Returns the key below `componentLimits:` that sets this limit.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Seconds => "compileSeconds",
            Self::Mebibytes => "compileMebibytes",
        }
    }

    /// Returns the unit of the limit's value.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Mebibytes => "MiB of memory",
        }
    }
}

/// Checks the size of a component.
///
/// # Errors
/// The component is larger than [`ComponentLimits::bytes`].
pub fn component_bytes_check(limits: &ComponentLimits, found: u64) -> Result<(), PluginError> {
    Sizes::new(limits).check(ComponentLimit::Bytes, found)
}

/// Measures a component, part by part.
#[derive(Debug)]
pub(crate) struct Sizes<'a> {
    limits: &'a ComponentLimits,
    code_bytes: u64,
    /// The size of the largest function body.
    function_bytes: u64,
    functions: u64,
    custom_bytes: u64,
    /// One entry for each enclosing component whose end has not been parsed yet.
    open: Vec<Instances>,
    /// The largest number of instances of any component that has been parsed to its end.
    most: u64,
}

/// The instances that one component creates directly.
#[derive(Debug, Default)]
struct Instances {
    of_modules: u64,
    of_components: u64,
}

impl<'a> Sizes<'a> {
    pub(crate) fn new(limits: &'a ComponentLimits) -> Self {
        Self {
            limits,
            code_bytes: 0,
            function_bytes: 0,
            functions: 0,
            custom_bytes: 0,
            open: Vec::new(),
            most: 0,
        }
    }

    /// Adds one part of the component to the figures.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "of the many parts of a component, these are what its size is measured by"
    )]
    pub(crate) fn count(&mut self, part: &Payload<'_>) {
        match part {
            Payload::Version { .. } => self.open.push(Instances::default()),
            Payload::CodeSectionStart { count, range, .. } => {
                self.functions += u64::from(*count);
                self.code_bytes += range.len() as u64;
            }
            Payload::CodeSectionEntry(body) => {
                self.function_bytes = self.function_bytes.max(body.range().len() as u64);
            }
            Payload::CustomSection(section) => {
                self.custom_bytes += section.data().len() as u64;
            }
            Payload::InstanceSection(section) => {
                let n = u64::from(section.count());
                self.innermost(|open| open.of_modules += n);
            }
            Payload::ComponentInstanceSection(section) => {
                let n = u64::from(section.count());
                self.innermost(|open| open.of_components += n);
            }
            Payload::End(_) => self.ended(),
            _ => {}
        }
    }

    /// Checks all figures against the limits.
    ///
    /// # Errors
    /// A figure exceeds its limit. The error names it and its value.
    pub(crate) fn check_all(&self) -> Result<(), PluginError> {
        self.check(ComponentLimit::CodeBytes, self.code_bytes)?;
        self.check(ComponentLimit::FunctionBytes, self.function_bytes)?;
        self.check(ComponentLimit::Functions, self.functions)?;
        self.check(ComponentLimit::Instances, self.most)?;
        self.check(ComponentLimit::CustomBytes, self.custom_bytes)
    }

    /// Checks one figure against its limit.
    pub(crate) fn check(&self, limit: ComponentLimit, found: u64) -> Result<(), PluginError> {
        let most = match limit {
            ComponentLimit::Bytes => self.limits.bytes,
            ComponentLimit::CodeBytes => self.limits.code_bytes,
            ComponentLimit::FunctionBytes => self.limits.function_bytes as u64,
            ComponentLimit::Functions => self.limits.functions.into(),
            ComponentLimit::Instances => self.limits.instances.into(),
            ComponentLimit::CustomBytes => self.limits.custom_bytes,
        };
        if found <= most {
            return Ok(());
        }
        Err(PluginError::TooLarge { limit, found, most })
    }

    fn innermost(&mut self, note: impl FnOnce(&mut Instances)) {
        if let Some(open) = self.open.last_mut() {
            note(open);
        }
    }

    /// Adds up the instances of a component whose end was parsed. An instance of a nested
    /// component creates instances of its own, so the numbers multiply: ten levels of ten make ten
    /// thousand million. The result is an upper bound: each instance counts like the nested
    /// component with the most instances.
    fn ended(&mut self) {
        if let Some(ended) = self.open.pop() {
            let each = self.most.saturating_add(1);
            let of_components = ended.of_components.saturating_mul(each);
            let all = ended.of_modules.saturating_add(of_components);
            self.most = self.most.max(all);
        }
    }
}

#[cfg(test)]
pub(crate) const LIMITS: ComponentLimits = ComponentLimits {
    bytes: 1000,
    code_bytes: 100,
    function_bytes: 50,
    functions: 10,
    instances: 20,
    custom_bytes: 200,
    download: std::time::Duration::from_secs(1),
    compile: std::time::Duration::from_secs(1),
    compile_bytes: 1000,
    describe: std::time::Duration::from_secs(1),
};

#[cfg(test)]
mod tests {
    use wasmparser::Parser;

    use super::*;

    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        let size = content.len();
        assert!(size < 1 << 14, "two bytes are enough");
        let size = [(size & 0x7f) as u8 | 0x80, (size >> 7) as u8];
        [&[id], &size[..], content].concat()
    }

    fn component(sections: &[Vec<u8>]) -> Vec<u8> {
        [b"\0asm\x0d\0\x01\0".to_vec(), sections.concat()].concat()
    }

    /// Returns a module with functions of these sizes.
    fn module(functions: &[usize]) -> Vec<u8> {
        let mut code = vec![u8::try_from(functions.len()).expect("few")];
        for size in functions {
            code.push(u8::try_from(*size).expect("small"));
            code.extend(vec![0; *size]);
        }
        let types = [&[code[0]][..], &vec![0; functions.len()]].concat();
        let head = b"\0asm\x01\0\0\0".to_vec();
        let module = [head, section(3, &types), section(10, &code)].concat();
        section(1, &module)
    }

    /// Returns a section that creates `n` instances of component 0.
    fn instances(n: u8) -> Vec<u8> {
        let one = [0, 0, 0];
        section(5, &[&[n][..], &one.repeat(n.into())].concat())
    }

    #[track_caller]
    fn check(bytes: &[u8], expect: &str) {
        let mut sizes = Sizes::new(&LIMITS);
        for part in Parser::new(0).parse_all(bytes) {
            sizes.count(&part.expect("it is well-formed"));
        }
        let error = sizes.check_all().err();
        let found = error.map_or_else(|| "fits".to_owned(), |error| error.to_string());
        assert_eq!(found, expect);
    }

    #[test]
    fn component_beyond_a_limit_is_refused() {
        check(&component(&[module(&[50, 30])]), "fits");
        check(
            &component(&[module(&[51])]),
            "it is too large: 51 of `function-bytes`, the limit is 50",
        );
        check(
            &component(&[module(&[40]), module(&[40, 30])]),
            "it is too large: 115 of `code-bytes`, the limit is 100",
        );
        check(
            &component(&[module(&[1; 6]), module(&[1; 5])]),
            "it is too large: 11 of `functions`, the limit is 10",
        );
        let custom = section(0, &[b"\x01x".to_vec(), vec![0; 150]].concat());
        check(&component(std::slice::from_ref(&custom)), "fits");
        check(
            &component(&[custom.clone(), custom]),
            "it is too large: 300 of `custom-bytes`, the limit is 200",
        );
    }

    #[test]
    fn instances_of_nested_components_are_multiplied() {
        let inner = section(4, &component(&[]));
        check(&component(&[inner.clone(), instances(20)]), "fits");
        let middle = section(4, &component(&[inner, instances(4)]));
        check(&component(&[middle.clone(), instances(4)]), "fits");
        check(
            &component(&[middle, instances(5)]),
            "it is too large: 25 of `instances`, the limit is 20",
        );
    }
}
