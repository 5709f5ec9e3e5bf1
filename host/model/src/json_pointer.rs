//! JSON Pointers (RFC 6901), which name a part of a JSON value: `/servers/0/host`.
//!
//! The pointer of the whole value is empty.

/// Adds the key of a member to a pointer. In a key, `~` is written as `~0`, and `/` as `~1`.
pub fn pointer_push(pointer: &mut String, key: &str) {
    pointer.push('/');
    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
}

/// Returns the pointer of the member `key` of the value at `pointer`.
#[must_use]
pub fn pointer_below(pointer: &str, key: &str) -> String {
    let mut below = pointer.to_owned();
    pointer_push(&mut below, key);
    below
}

/// Returns whether `pointer` names the value at `outer` or a part of it.
#[must_use]
pub fn is_pointer_within(pointer: &str, outer: &str) -> bool {
    let rest = pointer.strip_prefix(outer);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pointer_of_a_member_is_escaped() {
        let value = json!({"a/b": {"~": [1]}});
        let pointer = pointer_below(&pointer_below("", "a/b"), "~");
        assert_eq!(pointer, "/a~1b/~0");
        assert_eq!(value.pointer(&pointer), Some(&json!([1])));
    }

    #[test]
    fn pointer_is_within_its_parents_only() {
        let check = |pointer: &str, outer: &str, expect: bool| {
            assert_eq!(
                is_pointer_within(pointer, outer),
                expect,
                "{pointer} {outer}"
            );
        };
        check("/a/b", "", true);
        check("/a/b", "/a", true);
        check("/a", "/a", true);
        check("/a", "/a/b", false);
        check("/ab", "/a", false);
    }
}
