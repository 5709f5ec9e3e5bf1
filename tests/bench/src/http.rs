//! A body of 1 MiB through the sandbox, from a server in this process, compared with wasmtime's own
//! `wasi:http`.

use std::sync::Arc;
use std::time::Instant;

use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use sedge_app::Repository;
use sedge_app::model::method_run::{ModelMethodRunRequest, model_method_run};
use sedge_test_kit::Server;
use serde_json::{Map, Value, json};
use tokio::net::TcpStream;
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use crate::Result;
use crate::bindings::PluginPre;
use crate::bindings::exports::sedge::model::model::Invocation;
use crate::disk::Disk;
use crate::figures::Figures;
use crate::repository::{TestRepository, cx_of};
use crate::stubs;
use crate::subjects::{HTTP_BARE, HTTP_FLOOR, HTTP_RUN};

/// The size of the body, in bytes.
const BODY_BYTES: usize = 1 << 20;

/// A guest that gets a body, in the host and without it.
pub(crate) struct Http {
    arguments: Map<String, Value>,
    host: Arc<Repository>,
    bare: Bare,
}

impl Http {
    /// Starts the server, and adds the guest to an empty repository.
    pub(crate) fn start(repository: &TestRepository) -> Result<Self> {
        let server = Server::plain();
        repository.run(&[
            "plugin",
            "add",
            sedge_test_artifacts::FETCHER,
            "--grant",
            "none",
        ])?;
        let definition = format!(
            "name: fetcher\ntype: \"@test/fetcher\"\ngrants:\n  http:\n    - url: {}\n",
            server.origin()
        );
        std::fs::write(repository.folder.join("models/fetcher.yaml"), definition)?;
        let arguments = json!({
            "url": server.url(&format!("/large/{BODY_BYTES}")),
            "bytes_max": BODY_BYTES,
        });
        let Value::Object(arguments) = arguments else {
            return Err("arguments are an object".into());
        };
        Ok(Self {
            arguments,
            host: repository.open()?,
            bare: Bare::new()?,
        })
    }

    /// Takes a sample of each.
    pub(crate) async fn sample(&self, disk: &mut Disk, figures: &mut Figures) -> Result<()> {
        self.bare.fetch(&self.arguments).await?;
        let since = Instant::now();
        self.bare.fetch(&self.arguments).await?;
        let since = figures.lap(HTTP_BARE, since);
        self.bare.fetch(&self.arguments).await?;
        disk.commit()?;
        let since = figures.lap(HTTP_FLOOR, since);
        let request = ModelMethodRunRequest {
            model: "fetcher".to_owned(),
            method: "fetch".to_owned(),
            arguments: self.arguments.clone(),
            ..ModelMethodRunRequest::default()
        };
        let report = model_method_run(&cx_of(&self.host), &request).await?;
        figures.lap(HTTP_RUN, since);
        check_complete(&report.value)
    }
}

fn check_complete(value: &Value) -> Result<()> {
    if value["n_bytes"] == json!(BODY_BYTES) {
        return Ok(());
    }
    Err(format!("not all of the body came: {value}").into())
}

/// The guest with wasmtime's `wasi:http`. All other imports are stubs that trap.
struct Bare {
    engine: Engine,
    plugin: PluginPre<State>,
}

struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    table: ResourceTable,
}

/// The same as the library's own client for plain HTTP: one connection per request. The library's
/// client is behind a feature, which would also be built into the program.
struct Hooks;

type Sent = std::result::Result<
    (
        hyper::Response<WasiBody>,
        Box<dyn Future<Output = std::result::Result<(), Error>> + Send>,
    ),
    Error,
>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        mut request: hyper::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Box<dyn Future<Output = std::result::Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        Box::new(async move {
            let place = request.uri().authority().map(|it| it.to_string());
            let place = place.ok_or(Error::HttpRequestUriInvalid)?;
            // A server expects a path, a proxy a whole URL.
            let path = request.uri().path().parse();
            *request.uri_mut() = path.map_err(|_| Error::HttpRequestUriInvalid)?;
            let host = HeaderValue::try_from(place.as_str());
            let host = host.map_err(|_| Error::HttpRequestUriInvalid)?;
            request.headers_mut().insert(HOST, host);
            let stream = TcpStream::connect(place).await;
            let stream = TokioIo::new(stream.map_err(Error::Connect)?);
            let (mut sender, connection) = http1::handshake(stream).await?;
            let io = tokio::spawn(connection);
            let response = sender.send_request(request).await?;
            let response = response.map(|body| body.map_err(Error::from).boxed_unsync());
            let ended = async move { io.await.map_or(Ok(()), |ended| Ok(ended?)) };
            Ok((response, Box::new(ended) as Box<_>))
        })
    }
}

impl Bare {
    fn new() -> Result<Self> {
        let mut config = Config::new();
        config.concurrency_support(false);
        config.epoch_interruption(true);
        config.wasm_component_model_implements(false);
        let engine = Engine::new(&config)?;
        let component = Component::from_file(&engine, sedge_test_artifacts::FETCHER)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
        stubs::define(&engine, &component, &mut linker)?;
        let plugin = PluginPre::new(linker.instantiate_pre(&component)?)?;
        Ok(Self { engine, plugin })
    }

    async fn fetch(&self, arguments: &Map<String, Value>) -> Result<()> {
        let state = State {
            wasi: WasiCtx::builder().build(),
            http: WasiHttpCtx::new(),
            hooks: Hooks,
            table: ResourceTable::new(),
        };
        let mut store = Store::new(&self.engine, state);
        // Nothing advances the epoch here.
        store.set_epoch_deadline(1);
        let plugin = self.plugin.instantiate_async(&mut store).await?;
        let invocation = Invocation {
            method: "fetch".to_owned(),
            arguments: Value::Object(arguments.clone()).to_string(),
            global_arguments: "{}".to_owned(),
        };
        let model = plugin.sedge_model_model();
        let invoked = model.call_invoke(&mut store, &invocation).await?;
        check_complete(&serde_json::from_str(
            &invoked.map_err(|failure| failure.message)?,
        )?)
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.hooks,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}
