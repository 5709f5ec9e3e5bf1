//! The costs that the sandbox adds to a call: epochs, limits, permission checks, and masking of
//! secrets.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use sedge_model::permission::effective::Permissions;
use sedge_model::permission::grants::Grants;
use sedge_model::permission::pattern::HttpOrigin;
use sedge_model::permission::{HttpPermission, ModelPermission, Permission, PermissionRequest};
use sedge_secrets::{Redactor, SecretValue, StreamRedactor};
use serde_json::{Value, json};

use crate::Result;
use crate::bare::Bare;
use crate::figures::Figures;
use crate::subjects::{BARE_INVOKE, HTTP_BARE, HTTP_RUN, PART_CALL};
use crate::table::Row;

const NO_EPOCHS: &str = "bare: invoke, without epochs";
const CHECK_MODEL: &str = "may it call that model?";
const CHECK_HTTP: &str = "may it send that request?";
const REDACT_NOTHING: &str = "take secrets out of a record: there are none";
const REDACT_RECORD: &str = "take secrets out of a record: ten";
const REDACT_BODY: &str = "take ten secrets out of 1 MiB";

/// The number of secrets to mask.
const N_SECRETS: u64 = 10;

/// How often an operation of nanoseconds is repeated for one sample.
const N_CHECKS: u32 = 1_000;

/// The size of a piece of a body.
const PIECE_BYTES: usize = 64 << 10;

/// The permissions and secrets of a call.
pub(crate) struct Sandbox {
    bare: Bare,
    permissions: Permissions,
    origin: HttpOrigin,
    redactor: Arc<Redactor>,
    record: Value,
    body: Vec<u8>,
}

impl Sandbox {
    pub(crate) fn new() -> Result<Self> {
        let asked = [
            Permission::Models(ModelPermission {
                model: "sink".parse()?,
            }),
            Permission::Http(HttpPermission {
                url: "https://*.example.com".parse()?,
                methods: Vec::new(),
            }),
        ];
        let mut grants = Grants::default();
        asked
            .iter()
            .for_each(|it| grants.extend(&Grants::of(it, None)));
        let asked = asked.map(|permission| PermissionRequest {
            permission,
            reason: String::new().into(),
        });
        let permissions = Permissions::new(
            "spawn".parse()?,
            "@sedge/spawn".parse()?,
            asked.to_vec(),
            &Grants::default(),
            grants,
        );
        let secret = |n: u64| {
            let value = format!("{:032x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            Ok((
                format!("S{n}").parse()?,
                SecretValue::new(value.into_bytes())?,
            ))
        };
        let secrets: Result<Vec<_>> = (0..N_SECRETS).map(secret).collect();
        Ok(Self {
            bare: Bare::without_epochs()?,
            permissions,
            origin: "https://api.example.com".parse()?,
            redactor: Arc::new(Redactor::new(secrets?)),
            record: json!({"note": null, "run": "k3v9q2x8w1mz", "call": "k3v9q2x8w1mz/1/2"}),
            body: vec![b'x'; 1 << 20],
        })
    }

    /// Takes a sample of each.
    pub(crate) async fn sample(&self, figures: &mut Figures) -> Result<()> {
        self.bare.invoke().await?;
        let since = Instant::now();
        self.bare.invoke().await?;
        let since = figures.lap(NO_EPOCHS, since);
        for _ in 0..N_CHECKS {
            let may = self.permissions.model(black_box("sink"), "call");
            black_box(may).map_err(|denial| denial.to_string())?;
        }
        figures.add(CHECK_MODEL, since.elapsed() / N_CHECKS);
        let since = Instant::now();
        for _ in 0..N_CHECKS {
            let may = self.permissions.http(black_box(&self.origin), "GET");
            black_box(may).map_err(|denial| denial.to_string())?;
        }
        figures.add(CHECK_HTTP, since.elapsed() / N_CHECKS);
        self.redact(&Redactor::default(), REDACT_NOTHING, figures);
        self.redact(&self.redactor, REDACT_RECORD, figures);
        let since = Instant::now();
        let mut stream = StreamRedactor::new(Arc::clone(&self.redactor));
        for piece in self.body.chunks(PIECE_BYTES) {
            black_box(stream.push(piece));
        }
        black_box(stream.finish());
        figures.lap(REDACT_BODY, since);
        Ok(())
    }

    fn redact(&self, redactor: &Redactor, subject: &str, figures: &mut Figures) {
        let mut record = self.record.clone();
        let since = Instant::now();
        redactor.redact_json(black_box(&mut record));
        figures.lap(subject, since);
    }
}

/// Returns the rows: a call compared with the barest one, and a body compared with a bare fetch of
/// it.
pub(crate) fn rows() -> Vec<Row> {
    let call = [
        NO_EPOCHS,
        BARE_INVOKE,
        PART_CALL,
        CHECK_MODEL,
        CHECK_HTTP,
        REDACT_NOTHING,
        REDACT_RECORD,
    ];
    let body = [HTTP_BARE, HTTP_RUN, REDACT_BODY];
    let call = call.map(|it| Row::new(it, Some(NO_EPOCHS), ""));
    let body = body.map(|it| Row::new(it, Some(HTTP_BARE), ""));
    call.into_iter().chain(body).collect()
}
