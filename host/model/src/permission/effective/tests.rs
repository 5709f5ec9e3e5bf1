//! Denials: what is denied, the reason, and the lines that grant it.

use std::net::IpAddr;
use std::sync::Arc;

use super::*;
use crate::guest_text::GuestText;
use crate::permission::pattern::{HttpOrigin, ModelPattern};
use crate::permission::{
    CommandPermission, EnvPermission, FileAccess, FolderPermission, HttpPermission,
    ModelPermission, SecretPermission, SocketPermission, WorkflowPermission,
};

fn asked() -> Vec<PermissionRequest> {
    let permissions = [
        Permission::Models(ModelPermission {
            model: "sink".parse().expect("a pattern"),
        }),
        Permission::Http(HttpPermission {
            url: origin("https://*.example.com"),
            methods: vec!["GET".to_owned(), "POST".to_owned()],
        }),
        Permission::Sockets(SocketPermission {
            to: "db.example.com:5432".parse().expect("an endpoint"),
        }),
        Permission::Files(FolderPermission {
            name: "in".parse().expect("a name"),
            access: FileAccess::Read,
        }),
        Permission::Env(EnvPermission {
            name: "HOME".parse().expect("a name"),
        }),
        Permission::Secrets(SecretPermission {
            name: "TOKEN".parse().expect("a name"),
            hosts: vec![origin("https://*.example.com")],
            reveal: true,
        }),
        Permission::Commands(CommandPermission {
            name: "date".parse().expect("a name"),
        }),
        Permission::Workflows(WorkflowPermission {
            workflow: "nightly".parse().expect("a pattern"),
        }),
    ];
    permissions
        .map(|permission| PermissionRequest {
            permission,
            reason: "to test".into(),
        })
        .to_vec()
}

fn origin(text: &str) -> HttpOrigin {
    text.parse().expect("an origin")
}

/// Returns the permissions of the model `m` with these grants in its definition.
fn with(grants: &str) -> Permissions {
    Permissions::new(
        "m".parse().expect("a name"),
        "@test/asker".parse().expect("a name"),
        asked(),
        &Grants::default(),
        grants_of(grants),
    )
}

fn grants_of(text: &str) -> Grants {
    #[derive(serde::Deserialize)]
    struct File {
        grants: Grants,
    }
    serde_saphyr::from_str::<File>(text).expect(text).grants
}

/// Returns the lines that grant what was denied. Returns `None` if no grant helps.
fn lines(denial: &Denial) -> Option<&str> {
    match &denial.why {
        DenialReason::NotRequested(_) | DenialReason::InCheck => None,
        DenialReason::NotGranted { yaml, .. } => Some(yaml),
    }
}

/// For each kind of permission: the attempt is allowed after the lines of its denial are added, and
/// earlier grants remain.
#[test]
fn lines_of_a_denial_grant_the_attempt() {
    type Attempt = fn(&Permissions) -> Result<(), Denial>;
    let attempts: [Attempt; 10] = [
        |it| it.model("sink", "call"),
        |it| it.http(&origin("https://api.example.com"), "GET").map(drop),
        |it| {
            it.socket(&"db.example.com:5432".parse().expect("one"))
                .map(drop)
        },
        |it| it.folder("in").map(drop),
        |it| it.variable("HOME"),
        |it| it.secret(&"TOKEN".parse().expect("a name")).map(drop),
        |it| it.command(&"date".parse().expect("a name")),
        |it| it.workflow("nightly"),
        |it| {
            let name = "TOKEN".parse().expect("a name");
            let to = origin("https://api.example.com");
            let hosts = it.secret(&name)?.hosts;
            let may = hosts.iter().any(|host| host.covers(&to));
            may.then_some(())
                .ok_or_else(|| it.secret_denied(&name, Some(&to)))
        },
        |it| {
            let name = "TOKEN".parse().expect("a name");
            let may = it.secret(&name)?.reveal;
            may.then_some(())
                .ok_or_else(|| it.secret_denied(&name, None))
        },
    ];
    let mut so_far = "grants: {}".to_owned();
    for (at, attempt) in attempts.iter().enumerate() {
        let before = with(&so_far);
        if attempt(&before).is_err() {
            let denial = attempt(&before).expect_err("it was denied");
            so_far = lines(&denial).expect("it was asked for").to_owned();
        }
        let after = with(&so_far);
        for attempt in &attempts[..=at] {
            assert_eq!(attempt(&after), Ok(()), "{so_far}");
        }
    }
}

#[test]
fn request_for_all_commands_can_be_granted_in_part() {
    let every = PermissionRequest {
        permission: Permission::Commands(CommandPermission {
            name: "*".parse().expect("a pattern"),
        }),
        reason: "to test".into(),
    };
    let check = |granted: &str, command: &str, expect: bool, shown: &[&str]| {
        let it = Permissions::new(
            "it".parse().expect("a name"),
            "@test/it".parse().expect("a name"),
            vec![every.clone()],
            &Grants::default(),
            grants_of(&format!("grants:\n  commands: {granted}\n")),
        );
        let wanted = command.parse().expect("a name");
        assert_eq!(it.command(&wanted).is_ok(), expect, "{granted} {command}");
        assert_eq!(it.explain()[0].effective, shown, "{granted}");
    };
    check("[log]", "log", true, &["log"]);
    check("[log]", "rm", false, &["log"]);
    check("[log, date]", "date", true, &["log", "date"]);
    check("['*']", "rm", true, &["*"]);
    check("[log, '*']", "rm", true, &["*"]);
    check("[]", "rm", false, &[]);
}

#[test]
fn grant_without_a_request_has_no_effect() {
    let everything = "grants:
        models: ['*']
        workflows: [weekly]
        http: [{url: 'https://example.com'}, {url: 'https://api.example.com', methods: [PUT]}]
        sockets: [{to: 'other.example.com:5432'}]
        files: [{name: out, path: out, access: write}]
        env: [PATH]
        secrets: [{name: OTHER, reveal: true}]
        commands: [rm]
        "
    .replace("\n        ", "\n  ");
    let it = with(&everything);
    let denials = [
        it.model("other", "call").expect_err("not asked for"),
        it.workflow("weekly").expect_err("not asked for"),
        it.http(&origin("https://example.com"), "GET")
            .expect_err("not asked for"),
        it.http(&origin("https://api.example.com"), "PUT")
            .expect_err("not asked for"),
        it.http(&origin("http://api.example.com"), "GET")
            .expect_err("not asked for"),
        it.socket(&"other.example.com:5432".parse().expect("one"))
            .expect_err("not asked for"),
        it.secret(&"OTHER".parse().expect("a name"))
            .expect_err("not asked for"),
        it.command(&"rm".parse().expect("a name"))
            .expect_err("not asked for"),
        it.folder("out").expect_err("not asked for"),
        it.variable("PATH").expect_err("not asked for"),
    ];
    for denial in denials {
        assert_eq!(lines(&denial), None, "{denial}");
    }
    assert_eq!(it.folders(), []);
    assert_eq!(it.env().count(), 0);
}

#[test]
fn permission_is_the_narrower_of_request_and_grant() {
    let it = with(
        "grants:\n  models: ['*']\n  http:\n    - {url: 'https://*.api.example.com', methods: [GET, PUT]}\n  files: [{name: in, path: here, access: write}]\n  secrets: [{name: TOKEN, hosts: ['https://api.example.com', 'https://evil.com']}]\n",
    );
    let effective: Vec<String> = it
        .explain()
        .iter()
        .map(|one| one.effective.join("; "))
        .collect();
    assert_eq!(
        effective,
        [
            "sink",
            "GET https://*.api.example.com",
            "",
            "read here",
            "",
            "to https://api.example.com",
            "",
            ""
        ]
    );
    it.http(&origin("https://a.api.example.com"), "GET")
        .expect("both allow it");
    it.http(&origin("https://b.example.com"), "GET")
        .expect_err("only asked for");
    it.model("m", "read").expect("itself");
}

#[test]
fn name_resolves_to_public_addresses_unless_others_are_granted() {
    let check = |grants: &str, to: &str, address: &str, expect: bool| {
        let request = PermissionRequest {
            permission: Permission::Http(HttpPermission {
                url: origin(to),
                methods: Vec::new(),
            }),
            reason: GuestText::default(),
        };
        let it = Permissions::new(
            "m".parse().expect("a name"),
            "@test/asker".parse().expect("a name"),
            vec![request],
            &Grants::default(),
            grants_of(&format!("grants:\n  http: [{grants}]\n")),
        );
        let addresses = it.http(&origin(to), "GET").expect("it is granted");
        let address: IpAddr = address.parse().expect("an address");
        assert_eq!(addresses.allow(address), expect, "{grants} {address}");
        if !expect {
            let denial = it.http_address_denied(&origin(to), "GET", address);
            let yaml = lines(&denial).expect("it was asked for");
            let wider = Permissions {
                granted: grants_of(yaml),
                ..it
            };
            let addresses = wider.http(&origin(to), "GET").expect("it is granted");
            assert!(addresses.allow(address), "{yaml}");
        }
    };
    let one = "{url: 'https://a.example.com'}";
    check(one, "https://a.example.com", "1.1.1.1", true);
    check(one, "https://a.example.com", "127.0.0.1", false);
    check(one, "https://a.example.com", "::ffff:10.0.0.1", false);
    check(one, "https://a.example.com", "169.254.169.254", false);
    let inside = "{url: 'https://a.example.com', addresses: [10.0.0.0/8, 'fd00::1']}";
    check(inside, "https://a.example.com", "10.1.2.3", true);
    check(inside, "https://a.example.com", "::ffff:10.1.2.3", true);
    check(inside, "https://a.example.com", "fd00::1", true);
    check(inside, "https://a.example.com", "fd00::2", false);
    check(inside, "https://a.example.com", "192.168.0.1", false);
    check(
        "{url: 'http://localhost:1'}",
        "http://localhost:1",
        "127.0.0.1",
        true,
    );
    check(
        "{url: 'http://localhost:1'}",
        "http://localhost:1",
        "::1",
        true,
    );
    check(
        "{url: 'http://localhost:1'}",
        "http://localhost:1",
        "10.0.0.1",
        false,
    );
    check(
        "{url: 'http://127.0.0.1:1'}",
        "http://127.0.0.1:1",
        "127.0.0.1",
        true,
    );
    check(
        "{url: 'http://127.0.0.1:1'}",
        "http://127.0.0.1:1",
        "127.0.0.2",
        false,
    );
}

/// A pattern stands for hosts of the internet, so it grants no private host.
#[test]
fn pattern_grants_no_private_host() {
    let request = PermissionRequest {
        permission: Permission::Http(HttpPermission {
            url: origin("https://*:*"),
            methods: Vec::new(),
        }),
        reason: GuestText::default(),
    };
    let check = |granted: &str, to: &str, address: &str, expect: bool| {
        let it = Permissions::new(
            "m".parse().expect("a name"),
            "@test/asker".parse().expect("a name"),
            vec![request.clone()],
            &Grants::default(),
            grants_of(&format!("grants:\n  http: [{{url: '{granted}'}}]\n")),
        );
        let addresses = it.http(&origin(to), "GET").expect("it is granted");
        let address: IpAddr = address.parse().expect("an address");
        assert_eq!(addresses.allow(address), expect, "{granted} {to} {address}");
    };
    check("https://*", "https://a.example.com", "1.1.1.1", true);
    check("https://*", "https://1.1.1.1", "1.1.1.1", true);
    check(
        "https://*:*",
        "https://a.example.com:8443",
        "10.1.2.3",
        false,
    );
    check("https://*", "https://127.0.0.1", "127.0.0.1", false);
    check("https://*", "https://localhost", "127.0.0.1", false);
    check(
        "https://localhost:*",
        "https://localhost:1",
        "127.0.0.1",
        true,
    );
}

/// A use marks the request that allowed it, for each kind of permission.
#[test]
fn use_marks_the_request_that_allowed_it() {
    let check = |used: Use<'_>, expect: &[&str]| {
        let uses = Uses::new(Arc::new(with("grants: {}\n")));
        uses.mark(&used);
        let marked: Vec<String> = uses.used().iter().map(ToString::to_string).collect();
        assert_eq!(marked, expect, "{used:?}");
    };
    let http = "http https://*.example.com GET POST";
    let secret = "secrets TOKEN https://*.example.com reveal";
    let (inside, outside) = (
        origin("https://api.example.com"),
        origin("https://evil.com"),
    );
    let (token, other) = (
        "TOKEN".parse().expect("a name"),
        "OTHER".parse().expect("a name"),
    );
    let endpoint = "db.example.com:5432".parse().expect("an endpoint");
    let (folder, command) = (
        "in".parse().expect("a name"),
        "date".parse().expect("a name"),
    );
    check(Use::Model("sink"), &["models sink"]);
    check(Use::Model("spawn"), &[]);
    check(Use::Http(&inside, "GET"), &[http]);
    check(Use::Http(&inside, "PUT"), &[]);
    check(Use::Http(&outside, "GET"), &[]);
    check(Use::Socket(&endpoint), &["sockets db.example.com:5432"]);
    check(Use::Folder(&folder), &["files in read"]);
    check(Use::Variable("HOME"), &["env HOME"]);
    check(Use::Variable("PATH"), &[]);
    check(Use::SecretSent(&token, &inside), &[secret]);
    check(Use::SecretSent(&token, &outside), &[]);
    check(Use::SecretShown(&token), &[secret]);
    check(Use::SecretShown(&other), &[]);
    check(Use::Command(&command), &["commands date"]);
    check(Use::Workflow("nightly"), &["workflows nightly"]);
    check(Use::Workflow("weekly"), &[]);
}

/// The list of the models that may be read, and the decision about each of them, agree.
#[test]
fn readable_models_are_requested_and_granted() {
    let check = |asked: &[&str], granted: &str, expect: Option<&[&str]>| {
        let request = |model: &&str| PermissionRequest {
            permission: Permission::Models(ModelPermission {
                model: model.parse().expect("a pattern"),
            }),
            reason: "to test".into(),
        };
        let permissions = Permissions::new(
            "m".parse().expect("a name"),
            "@test/asker".parse().expect("a name"),
            asked.iter().map(request).collect(),
            &Grants::default(),
            grants_of(&format!("grants: {granted}")),
        );
        let readable = permissions.models_readable();
        match expect {
            None => assert_eq!(readable, ReadableModels::All, "{asked:?} {granted}"),
            Some(expect) => {
                let names = expect.iter().map(|it| it.parse().expect("a name"));
                let expect = ReadableModels::Only(names.collect());
                assert_eq!(readable, expect, "{asked:?} {granted}");
            }
        }
        for name in ["m", "a", "b", "c"] {
            let is_allowed = permissions.model(name, "read").is_ok();
            assert_eq!(
                readable.contains(name),
                is_allowed,
                "{asked:?} {granted} {name}"
            );
        }
    };
    check(&[], r#"{"models": ["*"]}"#, Some(&["m"]));
    check(&["*"], "{}", Some(&["m"]));
    check(&["*"], r#"{"models": ["*"]}"#, None);
    check(&["*"], r#"{"models": ["b", "a"]}"#, Some(&["a", "b", "m"]));
    check(&["a", "b"], r#"{"models": ["*"]}"#, Some(&["a", "b", "m"]));
    check(&["a", "b"], r#"{"models": ["b", "c"]}"#, Some(&["b", "m"]));
    check(&["a", "*"], r#"{"models": ["*", "c"]}"#, None);
}

/// A model may always call and read itself, which uses no permission.
#[test]
fn model_uses_no_permission_for_itself() {
    let asked = PermissionRequest {
        permission: Permission::Models(ModelPermission {
            model: ModelPattern::Any,
        }),
        reason: "to test".into(),
    };
    let (none, own) = (Grants::default(), Grants::default());
    let (model, type_name) = ("m".parse().expect("a name"), "@test/any".parse());
    let type_name = type_name.expect("a name");
    let permissions = Permissions::new(model, type_name, vec![asked], &none, own);
    let uses = Uses::new(Arc::new(permissions));
    uses.mark(&Use::Model("m"));
    assert_eq!(uses.used(), []);
    uses.mark(&Use::Model("n"));
    assert_eq!(uses.used().len(), 1);
}

/// A check reads whatever its model may read, and changes nothing, whatever is granted.
#[test]
fn check_may_read_and_not_change() {
    let permissions = with(
        r#"{"grants": {"models": ["sink"], "commands": ["date"],
            "sockets": [{"to": "db.example.com:5432"}],
            "http": [{"url": "https://api.example.com", "methods": ["GET", "POST"]}]}}"#,
    );
    let to = origin("https://api.example.com");
    let endpoint = "db.example.com:5432".parse().expect("an endpoint");
    let command = "date".parse().expect("a name");
    let changes = |it: &Permissions| {
        [
            it.model("sink", "call"),
            it.model("m", "call"),
            it.command(&command),
            it.socket(&endpoint).map(drop),
            it.http(&to, "POST").map(drop),
        ]
    };
    for granted in changes(&permissions) {
        assert_eq!(granted, Ok(()));
    }
    let in_check = permissions.for_check();
    for denied in changes(&in_check) {
        let why = denied.expect_err("it changes something").why;
        assert_eq!(why, DenialReason::InCheck);
    }
    assert_eq!(in_check.model("sink", "read"), Ok(()));
    assert!(in_check.http(&to, "GET").is_ok());
    let unknown = in_check.model("other", "read").expect_err("not requested");
    assert!(matches!(unknown.why, DenialReason::NotRequested(_)));
}

#[test]
fn hidden_value_is_revealed_if_requested_and_granted() {
    let permissions = |asked: &[&str], granted: &str| {
        let request = |line: &&str| PermissionRequest {
            permission: line.parse().expect("a permission"),
            reason: "to test".into(),
        };
        let reveal = granted.split_whitespace();
        let own = Grants {
            reveal: reveal.map(|it| it.parse().expect("a pattern")).collect(),
            ..Grants::default()
        };
        Permissions::new(
            "reader".parse().expect("a name"),
            "@test/reader".parse().expect("a type"),
            asked.iter().map(request).collect(),
            &Grants::default(),
            own,
        )
    };
    let check = |asked: &[&str], granted: &str, expect: [bool; 2]| {
        let it = permissions(asked, granted);
        let field = it.field_reveal("vault", "/password").is_ok();
        let argument = it.argument_reveal("/token").is_ok();
        assert_eq!([field, argument], expect, "{asked:?} {granted}");
    };
    let field = "data:vault:/password";
    check(&["reveal data:*:/*"], field, [true, false]);
    check(&["reveal data:vault:/password"], "data:*:/*", [true, false]);
    check(&["reveal data:other:/password"], field, [false, false]);
    check(&["reveal data:vault:/pin"], field, [false, false]);
    check(&["reveal data:*:/*"], "data:vault:/pin", [false, false]);
    check(&[], field, [false, false]);
    check(
        &["reveal argument:/token"],
        "argument:/token",
        [false, true],
    );
    check(&["reveal argument:/token"], "argument:/*", [false, true]);
    check(&["reveal argument:/token"], field, [false, false]);
    let denied = permissions(&["reveal data:*:/*/*"], "").field_reveal("vault", "/a b/c");
    let denied = denied.expect_err("nothing is granted").to_string();
    assert!(
        denied.contains("reveal:\n") && denied.contains("data:vault:/*/c"),
        "{denied}"
    );
    let denied = permissions(&[], "").argument_reveal("/token");
    let denied = denied.expect_err("nothing is requested").to_string();
    let expect = "`reader` may not see the secret in its argument `/token`: its plugin";
    assert!(denied.starts_with(expect), "{denied}");
}

#[test]
fn model_without_a_file_is_granted_permissions_for_its_type() {
    let request = PermissionRequest {
        permission: "env HOME".parse().expect("a permission"),
        reason: "to test".into(),
    };
    let present = Grants {
        env: vec!["LANG".parse().expect("a name")],
        ..Grants::default()
    };
    let permissions = Permissions::new(
        "reader".parse().expect("a name"),
        "@test/reader".parse().expect("a type"),
        vec![request],
        &present,
        Grants::default(),
    );
    let denied = permissions.in_config("sedge.yaml", &present).not_granted(
        "read it".to_owned(),
        &"env HOME".parse().expect("a permission"),
        None,
    );
    let text = denied.to_string();
    for part in [
        "set this in sedge.yaml\n",
        "plugins:\n",
        "@test/reader",
        "LANG",
        "HOME",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
