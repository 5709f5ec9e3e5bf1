//! How large a component may be, and what compiling it may take.
//!
//! Its size is checked before anything is compiled, by what compiling grows with: the code,
//! the largest function (some passes take more than in proportion to it), how many functions
//! and instances there are, and what stands in custom sections. Nothing of that needs more than
//! the heads of the sections. What it takes then is bounded by `compile.rs`.

use std::time::Duration;

use wasmparser::Payload;

use crate::plugin::PluginError;

/// How large a component may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComponentLimits {
    /// Bytes of all of it.
    pub bytes: u64,
    /// Bytes of the bodies of all functions.
    pub code_bytes: u64,
    /// Bytes of the body of one function.
    pub function_bytes: u64,
    /// Functions of all modules.
    pub functions: u64,
    /// Instances that a call has of its modules and of the components in it.
    pub instances: u64,
    /// Bytes of all custom sections: names, and debug info.
    pub custom_bytes: u64,
    /// How long compiling it may take, by the clock on the wall.
    pub compile: Duration,
    /// Bytes of memory that compiling it may take.
    pub compile_bytes: u64,
    /// How long a plugin may take to describe itself, and the host to understand it.
    pub describe: Duration,
}

/// The largest known components, interpreters of Python and JavaScript with their libraries,
/// have a tenth of the bytes and compile in 20 seconds on two cores.
impl Default for ComponentLimits {
    fn default() -> Self {
        Self {
            bytes: 256 << 20,
            code_bytes: 128 << 20,
            function_bytes: 2 << 20,
            functions: 100_000,
            instances: 1000,
            custom_bytes: 192 << 20,
            // Fifteen times what the largest takes, for machines that are slow and busy.
            compile: Duration::from_secs(300),
            compile_bytes: 2 << 30,
            // A plugin only fills in a record, but an interpreter starts up before.
            describe: Duration::from_secs(10),
        }
    }
}

/// What compiling a component may take too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompileLimit {
    /// [`ComponentLimits::compile`], in seconds.
    Seconds,
    /// [`ComponentLimits::compile_bytes`], in MiB.
    Mebibytes,
}

impl CompileLimit {
    /// Returns the key in `componentLimits:` that sets it.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Seconds => "compileSeconds",
            Self::Mebibytes => "compileMebibytes",
        }
    }

    /// Returns the unit of its value.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Mebibytes => "MiB of memory",
        }
    }
}

/// What a component may have too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComponentLimit {
    /// [`ComponentLimits::bytes`].
    Bytes,
    /// [`ComponentLimits::code_bytes`].
    CodeBytes,
    /// [`ComponentLimits::function_bytes`].
    FunctionBytes,
    /// [`ComponentLimits::functions`].
    Functions,
    /// [`ComponentLimits::instances`].
    Instances,
    /// [`ComponentLimits::custom_bytes`].
    CustomBytes,
}

impl ComponentLimit {
    /// Returns the limit's name as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bytes => "component-bytes",
            Self::CodeBytes => "code-bytes",
            Self::FunctionBytes => "function-bytes",
            Self::Functions => "functions",
            Self::Instances => "instances",
            Self::CustomBytes => "custom-bytes",
        }
    }

    /// Returns the key in `componentLimits:` that sets it, and the least value there that
    /// allows `found`.
    #[must_use]
    pub fn key(self, found: u64) -> (&'static str, u64) {
        match self {
            Self::Bytes => ("mebibytes", found.div_ceil(1 << 20)),
            Self::CodeBytes => ("codeMebibytes", found.div_ceil(1 << 20)),
            Self::FunctionBytes => ("functionKibibytes", found.div_ceil(1 << 10)),
            Self::Functions => ("functions", found),
            Self::Instances => ("instances", found),
            Self::CustomBytes => ("customMebibytes", found.div_ceil(1 << 20)),
        }
    }
}

impl ComponentLimits {
    /// Refuses a component of so many bytes, if it is too large.
    ///
    /// # Errors
    /// It is.
    pub fn bytes_check(&self, found: u64) -> Result<(), PluginError> {
        Sizes::new(self).check(ComponentLimit::Bytes, found)
    }
}

/// Counts what a component has, part by part.
#[derive(Debug)]
pub(crate) struct Sizes<'a> {
    limits: &'a ComponentLimits,
    code_bytes: u64,
    /// Of the largest function.
    function_bytes: u64,
    functions: u64,
    custom_bytes: u64,
    /// Of each component that has begun and not ended.
    open: Vec<Instances>,
    /// The most instances that a component in it has which has ended.
    most: u64,
}

/// What one component makes instances of.
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

    /// Counts one part.
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

    /// Refuses a component that has too much of something.
    ///
    /// # Errors
    /// What it has too much of, and how much of it in all.
    pub(crate) fn check_all(&self) -> Result<(), PluginError> {
        self.check(ComponentLimit::CodeBytes, self.code_bytes)?;
        self.check(ComponentLimit::FunctionBytes, self.function_bytes)?;
        self.check(ComponentLimit::Functions, self.functions)?;
        self.check(ComponentLimit::Instances, self.most)?;
        self.check(ComponentLimit::CustomBytes, self.custom_bytes)
    }

    /// Refuses a component that has too much of this.
    pub(crate) fn check(&self, limit: ComponentLimit, found: u64) -> Result<(), PluginError> {
        let most = match limit {
            ComponentLimit::Bytes => self.limits.bytes,
            ComponentLimit::CodeBytes => self.limits.code_bytes,
            ComponentLimit::FunctionBytes => self.limits.function_bytes,
            ComponentLimit::Functions => self.limits.functions,
            ComponentLimit::Instances => self.limits.instances,
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

    /// A component makes instances of those before it, and each of these makes its own: what
    /// is ten deep and ten wide has ten thousand millions. Which component an instance is of
    /// does not matter for a bound: the one with the most counts for each.
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
    compile: Duration::from_secs(1),
    compile_bytes: 1000,
    describe: Duration::from_secs(1),
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

    /// A module with functions of these sizes.
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

    /// A section of so many instances of the component with the number 0.
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
        let refused = sizes.check_all().err();
        let told = refused.map_or_else(|| "fits".to_owned(), |error| error.to_string());
        assert_eq!(told, expect);
    }

    #[test]
    fn what_is_too_large_is_refused() {
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
    fn instances_of_instances_multiply() {
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
