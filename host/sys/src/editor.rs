//! Opens a file in the user's editor.

use std::io;
use std::path::Path;
use std::process::Command;

/// Runs an editor on a file and waits for its end. Returns whether it ended with success.
///
/// `editor` is the value of `VISUAL` or `EDITOR`: a command line of the shell, which can have
/// arguments of its own, as in `code --wait`. The file is its last argument.
///
/// # Errors
/// The shell cannot be started.
pub fn edit(editor: &str, file: &Path) -> io::Result<bool> {
    let ended = Command::new("/bin/sh")
        .arg("-c")
        .arg(format!("{editor} \"$@\""))
        .arg("editor")
        .arg(file)
        .status()?;
    Ok(ended.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editor_may_have_arguments() {
        let home = tempfile::tempdir().expect("a folder can be made");
        let file = home.path().join("a file.yaml");
        std::fs::write(&file, "one\n").expect("a file can be written");
        assert!(edit("sed -i s/one/two/", &file).expect("the shell starts"));
        let text = std::fs::read_to_string(&file).expect("the file can be read");
        assert_eq!(text, "two\n");
        assert!(!edit("false", &file).expect("the shell starts"));
    }
}
