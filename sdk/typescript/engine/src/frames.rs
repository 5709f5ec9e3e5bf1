//! Reads the stack of an error as QuickJS writes it.

/// The name under which the bundle is compiled.
pub const BUNDLE: &str = "plugin.js";

/// The maximum number of frames of a failure: as many as the contract retains.
pub const FRAMES_MAX: usize = 32;

/// Returns the frames of a stack, innermost first, as `NAME at plugin.js:LINE:COLUMN`. Frames of native
/// functions are left out, for they have no position.
#[must_use]
pub fn frames(stack: &str) -> Vec<String> {
    stack.lines().filter_map(frame).take(FRAMES_MAX).collect()
}

/// Reads one line: `    at inner (plugin.js:12:5)`, or `    at plugin.js:12:5` for a syntax error.
fn frame(line: &str) -> Option<String> {
    let line = line.trim().strip_prefix("at ")?;
    let (name, place) = match line
        .strip_suffix(')')
        .and_then(|line| line.rsplit_once(" ("))
    {
        Some((name, place)) => (name, place),
        None => ("<anonymous>", line),
    };
    let mut parts = place.rsplitn(3, ':');
    let is_place = parts.next().is_some_and(is_number) && parts.next().is_some_and(is_number);
    is_place.then(|| format!("{name} at {place}"))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_keep_positions_and_leave_out_native_functions() {
        let stack = "    at inner (plugin.js:12:5)\n    at map (native)\n    \
                     at <anonymous> (plugin.js:3:1)\n    at plugin.js:9:7\n";
        let expected = [
            "inner at plugin.js:12:5",
            "<anonymous> at plugin.js:3:1",
            "<anonymous> at plugin.js:9:7",
        ];
        assert_eq!(frames(stack), expected);
    }

    #[test]
    fn frames_end_at_the_maximum() {
        let stack = "    at f (plugin.js:1:1)\n".repeat(FRAMES_MAX + 1);
        assert_eq!(frames(&stack).len(), FRAMES_MAX);
    }

    #[test]
    fn text_without_frames_has_none() {
        assert!(frames("Error: at noon\nat (1:2:3x)").is_empty());
    }
}
