//! Lists and maps that are copied without copying their parts.

use std::any::Any;
use std::sync::Arc;

use cel::ExecutionError;
use cel::common::traits::{Adder, Comparer, Container, Indexer, Iterable, Sizer, Zeroer};
use cel::common::types::{CelMap, CelMapKey, CelString, DYN_TYPE, Type};
use cel::common::value::{Builtin, BuiltinRef, CowVal, Val};

use super::values::Boxed;

/// A list or a map of the evaluator. Copies of it share its parts.
///
/// The evaluator copies each item of a list for the variable of a loop, and each value that a loop
/// returns. A copy of its own lists and maps copies all of their parts.
#[derive(Debug, Clone)]
pub(super) struct Shared<'v>(Arc<dyn Val + 'v>);

impl<'v> Shared<'v> {
    /// Makes a value that is copied without its parts.
    pub(super) fn boxed(value: impl Val + 'v) -> Boxed<'v> {
        Box::new(Self(Arc::new(value)))
    }

    /// Returns a member of a map with few members, where comparing their names is faster than
    /// computing a hash.
    fn member(&self, key: &dyn Val) -> Option<&(dyn Val + 'v)> {
        /// Up to this number, comparing names is faster.
        const FEW_MEMBERS: usize = 8;
        let key = key.downcast_ref::<CelString<'_>>()?.inner();
        let map = self.0.downcast_ref::<CelMap<'_>>()?.inner();
        if map.len() > FEW_MEMBERS {
            return None;
        }
        let has_key = |it: &CelMapKey<'_>| match it {
            CelMapKey::String(name) => name.inner() == key,
            CelMapKey::Bool(_) | CelMapKey::Int(_) | CelMapKey::UInt(_) => false,
        };
        let mut members = map.iter();
        let found = members.find(|(name, _)| has_key(name));
        found.map(|(_, value)| &**value)
    }

    /// Returns whether a list or a map is shared with its copies.
    ///
    /// The evaluator's own lists and maps are themselves what the evaluator sees of them. What it
    /// sees of a shared one is somewhere else.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "only lists and maps are shared"
    )]
    pub(super) fn is(value: &dyn Val) -> bool {
        match value.as_builtin() {
            BuiltinRef::List(list) => !std::ptr::addr_eq(list, value),
            BuiltinRef::Map(map) => !std::ptr::addr_eq(map, value),
            _ => false,
        }
    }
}

/// Everything is as the list or the map itself has it, so the evaluator cannot tell them apart.
impl<'a> Val for Shared<'a> {
    fn get_type(&self) -> &Type {
        self.0.get_type()
    }

    fn cel_type() -> &'static Type {
        &DYN_TYPE
    }

    fn as_adder<'b, 'v>(&'b self) -> Option<&'b (dyn Adder + 'v)>
    where
        Self: 'v,
    {
        self.0.as_adder()
    }

    fn as_comparer(&self) -> Option<&dyn Comparer> {
        self.0.as_comparer()
    }

    fn as_container(&self) -> Option<&dyn Container> {
        self.0.as_container()
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        self.0.as_indexer()?;
        Some(self)
    }

    fn into_indexer<'v>(self: Box<Self>) -> Option<Box<dyn Indexer + 'v>>
    where
        Self: 'v,
    {
        self.0.as_indexer()?;
        Some(self)
    }

    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        self.0.as_iterable()
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        self.0.as_sizer()
    }

    fn as_zeroer(&self) -> Option<&dyn Zeroer> {
        self.0.as_zeroer()
    }

    fn equals(&self, other: &dyn Val) -> bool {
        self.0.equals(other)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        self.0.as_any()
    }

    fn as_builtin<'b, 'v>(&'b self) -> BuiltinRef<'b, 'v>
    where
        Self: 'v,
    {
        self.0.as_builtin()
    }

    fn into_builtin<'v>(self: Box<Self>) -> Option<Builtin<'v>>
    where
        Self: 'v,
    {
        self.0.clone_as_boxed().into_builtin()
    }
}

impl<'a> Indexer for Shared<'a> {
    fn get<'b, 'v>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        if let Some(value) = self.member(key) {
            return Ok(CowVal::Borrowed(value));
        }
        let indexer = self.0.as_indexer();
        indexer.expect("it was checked").get(key)
    }

    fn steal<'v>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(key).map(CowVal::into_owned)
    }
}

#[cfg(test)]
mod tests {
    use cel::common::types::{CelInt, CelList};

    use super::*;

    fn items() -> CelList<'static> {
        let item = |n: i64| -> Boxed<'static> { Box::new(CelInt::from(n)) };
        CelList::from(vec![item(7), item(8)])
    }

    #[test]
    fn copy_is_shared_and_equal() {
        let shared = Shared::boxed(items());
        let copy = shared.clone_as_boxed();
        assert!(Shared::is(&*shared) && Shared::is(&*copy));
        assert!(shared.equals(&*copy) && copy.equals(&items()) && items().equals(&*copy));
        let plain: Boxed<'_> = Box::new(items());
        assert!(!Shared::is(&*plain) && !Shared::is(&CelInt::from(7)));
    }

    #[test]
    fn item_is_taken_out_of_a_copy() {
        let shared = Shared::boxed(items());
        let indexer = shared
            .clone_as_boxed()
            .into_indexer()
            .expect("it has items");
        let item = indexer.steal(&CelInt::from(1)).expect("there are two");
        assert!(item.equals(&CelInt::from(8)));
        assert!(matches!(shared.into_builtin(), Some(Builtin::List(_))));
    }
}
