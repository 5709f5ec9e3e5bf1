//! `@sedge/github-releases`: the output for a user who observes releases and downloads a file. The plugin
//! is built from its sources, as its author does it.

use std::path::Path;

use sedge_test_kit::{Reply, Server, TestEnv};

use crate::authors::typescript_env;

/// The digest of the file `lamp.bin`.
const SHA256: &str = "221dd9a75970db077b86f8a4b7a3ea9645dad8c532e27f8cae0fbd940674fa0f";

/// The path of the releases.
const RELEASES: &str = "/repos/acme/lamp/releases";

/// Returns an environment with the plugin, and a server with two releases on two pages.
fn with_forge() -> (TestEnv, Server) {
    let mut env = typescript_env(TestEnv::with_repository());
    let server = Server::plain();
    env.server(&server.origin_by("localhost"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/github-releases");
    for file in ["api.ts", "plugin.ts", "releases.ts"] {
        let text = std::fs::read(source.join(file)).expect("a source of the plugin");
        env.write_file(&format!("github-releases/{file}"), text);
    }
    env.setup(&[
        "plugin build --update-sdk --quiet github-releases",
        "plugin add github-releases/github-releases.wasm --grant http=$SERVER",
        "model create @sedge/github-releases lamp --global-argument repository=acme/lamp --global-argument baseUrl=$SERVER",
    ]);
    pages(&server);
    (env, server)
}

fn release(tag: &str, is_prerelease: bool) -> String {
    format!(
        r#"{{"id": 1, "tag_name": "{tag}", "name": "Lamp {tag}", "body": "It shines.", "draft": false,
            "prerelease": {is_prerelease}, "target_commitish": "main", "created_at": "2026-01-01T00:00:00Z",
            "published_at": "2026-01-02T00:00:00Z", "html_url": "https://forge.example/acme/lamp/{tag}",
            "author": {{"login": "ada"}}, "assets": [{{"id": 5, "name": "lamp.bin", "label": null, "size": 12,
            "content_type": "application/octet-stream", "state": "uploaded", "digest": "sha256:{SHA256}",
            "url": "https://forge.example/5"}}]}}"#
    )
}

fn pages(server: &Server) {
    let first = Reply::new(200, format!("[{}]", release("v2", true)));
    let next = format!("<{RELEASES}?per_page=100&page=2>; rel=\"next\"");
    let first = first.header("etag", "\"one\"").header("link", &next);
    let second = Reply::new(200, format!("[{}]", release("v1", false)));
    let second = second.header("etag", "\"two\"");
    let same = Reply::new(304, "");
    let at = |rest: &str| format!("GET {RELEASES}{rest}");
    server.reply(&at("?per_page=100"), &[first, same.clone()]);
    server.reply(&at("?per_page=100&page=2"), &[second, same]);
    server.reply(&at("/latest"), &[Reply::new(200, release("v1", false))]);
    let moved = Reply::new(302, "").header("location", "/files/lamp.bin");
    server.reply(&at("/assets/5"), &[moved]);
    server.file("/files/lamp.bin", "the program\n");
}

#[test]
fn releases_are_observed_and_a_file_is_downloaded() {
    let (env, server) = with_forge();
    insta::assert_snapshot!(env.transcript("
        model method run lamp observe
        model method run lamp observe
        model method run lamp download -i asset=lamp.bin
        data get lamp release/v1
        data get lamp asset/v1/lamp.bin
    "), @r#"
    $ sedge model method run lamp observe
    ------- stdout -------
    {
      "releases": 2,
      "written": 2,
      "pages": 2,
      "unchangedPages": 0
    }
    ------- stderr -------
    Run [run]
      lamp.observe: 2 of 2 releases have changed releases=2 written=2 pages=2 unchangedPages=0
    Succeeded after [took], wrote `release/v2` version 1, `release/v1` version 1, `pages` version 1.

    $ sedge model method run lamp observe
    ------- stdout -------
    {
      "releases": 2,
      "written": 0,
      "pages": 2,
      "unchangedPages": 2
    }
    ------- stderr -------
    Run [run 2]
      lamp.observe: 0 of 2 releases have changed releases=2 written=0 pages=2 unchangedPages=2
    Succeeded after [took].

    $ sedge model method run lamp download -i asset=lamp.bin
    ------- stdout -------
    {
      "name": "asset/v1/lamp.bin",
      "tag": "v1",
      "asset": "lamp.bin",
      "sizeBytes": 12,
      "sha256": "[sha256]",
      "isChecked": true,
      "isUnchanged": false
    }
    ------- stderr -------
    Run [run 3]
    Succeeded after [took], wrote `asset/v1/lamp.bin` version 1.

    $ sedge data get lamp release/v1
    ------- stdout -------
    {
      "id": 1,
      "tag": "v1",
      "title": "Lamp v1",
      "isDraft": false,
      "isPrerelease": false,
      "target": "main",
      "author": "ada",
      "createdAt": "[time]",
      "publishedAt": "[time]",
      "url": "https://forge.example/acme/lamp/v1",
      "notes": "It shines.",
      "assets": [
        {
          "id": 5,
          "name": "lamp.bin",
          "label": null,
          "sizeBytes": 12,
          "mediaType": "application/octet-stream",
          "sha256": "[sha256]"
        }
      ]
    }

    $ sedge data get lamp asset/v1/lamp.bin
    ------- stdout -------
    the program
    "#);
    let requests = server.requests();
    let conditional = |etag: &str| format!("if-none-match: \"{etag}\"\r\n");
    assert!(requests[2].contains(&conditional("one")), "{}", requests[2]);
    assert!(requests[3].contains(&conditional("two")), "{}", requests[3]);
}

#[test]
fn rate_limit_and_missing_file_say_what_to_do() {
    let (env, server) = with_forge();
    let limited = Reply::new(403, r#"{"message": "API rate limit exceeded"}"#);
    let limited = limited.header("retry-after", "60");
    server.reply(&format!("GET {RELEASES}/tags/v7"), &[limited]);
    let run = |args: &str| {
        let failed = env.run(format!("model method run lamp {args}").split(' '));
        assert_eq!(failed.code(), Some(1), "{failed}");
        failed.stderr
    };
    let error = run("get -i tag=v7");
    assert!(
        error.contains("the server accepts no more requests for a while: try again in "),
        "{error}"
    );
    assert!(error.contains("(plugin/rate-limited)"), "{error}");
    assert!(
        error.contains(" at plugin.ts:") || error.contains(" at api.ts:"),
        "{error}"
    );
    let error = run("download -i asset=lamp.zip");
    assert!(
        error.contains(
            "the release `v1` has no file `lamp.zip`; it has `lamp.bin` (plugin/no-asset)"
        ),
        "{error}"
    );
    let wrong = "0".repeat(64);
    let error = run(&format!("download -i asset=lamp.bin -i sha256={wrong}"));
    assert!(
        error.contains("nothing was stored (plugin/digest-mismatch)"),
        "{error}"
    );
    let listed = env.run(["data", "list", "lamp"]).succeeded();
    assert!(!listed.stdout.contains("asset/"), "{listed}");
}
