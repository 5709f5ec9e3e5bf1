//! Man pages and completions, which `tests/release` writes by `sedge write-manual`.

use sedge_test_kit::TestEnv;

#[test]
fn manual_has_a_page_for_each_command() {
    let env = TestEnv::default();
    insta::assert_snapshot!(env.transcript("write-manual out"), @"$ sedge write-manual out");
    insta::assert_snapshot!(env.shell("cd out && find . -type f | grep -v man1 | sort && find . -name 'sedge-plugin*' | sort"), @"
    ------- stdout -------
    ./share/bash-completion/completions/sedge
    ./share/fish/vendor_completions.d/sedge.fish
    ./share/zsh/site-functions/_sedge
    ./share/man/man1/sedge-plugin-add.1
    ./share/man/man1/sedge-plugin-build.1
    ./share/man/man1/sedge-plugin-describe.1
    ./share/man/man1/sedge-plugin-dev.1
    ./share/man/man1/sedge-plugin-import-swamp.1
    ./share/man/man1/sedge-plugin-list.1
    ./share/man/man1/sedge-plugin-new.1
    ./share/man/man1/sedge-plugin-remove.1
    ./share/man/man1/sedge-plugin-restore.1
    ./share/man/man1/sedge-plugin-test.1
    ./share/man/man1/sedge-plugin.1
    ");
    let page = env.read_file("out/share/man/man1/sedge-plugin-add.1");
    assert!(page.contains("pinned by its digest"), "{page}");
    insta::assert_snapshot!(env.shell("cd out/share && head -n 9 bash-completion/completions/* fish/*/* zsh/*/*"), @"
    ------- stdout -------
    ==> bash-completion/completions/sedge <==
    source <(COMPLETE=bash sedge)

    ==> fish/vendor_completions.d/sedge.fish <==
    COMPLETE=fish sedge | source

    ==> zsh/site-functions/_sedge <==
    #compdef sedge
    source <(COMPLETE=zsh sedge)
    _clap_dynamic_completer_sedge \"$@\"
    ");
}

#[test]
fn folder_that_cannot_be_written_is_reported() {
    let env = TestEnv::default();
    env.write_file("file", "not a folder");
    insta::assert_snapshot!(env.transcript("write-manual file"), @"
    $ sedge write-manual file
    ------- stderr -------
    error: failed to create `file/share/man/man1`
    caused by: Not a directory (os error 20)
    hint: check what is at the path: a file, a folder, or links that lead in a circle
    [exit status: 3]
    ");
}

#[test]
fn missing_folder_is_named() {
    let env = TestEnv::default();
    insta::assert_snapshot!(env.transcript("write-manual\nwrite-manual one two"), @"
    $ sedge write-manual
    ------- stderr -------
    error: `sedge write-manual` needs one folder
    hint: name the prefix of the man pages and completions: `sedge write-manual /usr/local`
    [exit status: 2]

    $ sedge write-manual one two
    ------- stderr -------
    error: `sedge write-manual` needs one folder
    hint: name the prefix of the man pages and completions: `sedge write-manual /usr/local`
    [exit status: 2]
    ");
}
