//! The gateway put together: the store and its query API beside the service.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use components::builders::Builders;
use components::component::{BuildError, Context, Queued};
use components::config::{ComponentConfig, Config, Loaded};
use components::service::DRAIN;
use pipeline::QueueSettings;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use transport::listener::Server;

use crate::config::PROGRAM;
use crate::exporters::store::StoreExporter;
use crate::query::{self, QuerySettings};
use crate::store::{Store, StoreSettings};

/// Connections to the query API at a time.
const QUERY_CONNECTIONS: usize = 64;
/// How long one commit may take before its senders are asked to come again.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs until a signal.
pub(crate) fn run(files: &[String]) -> ExitCode {
    let loaded = match PROGRAM.load(files) {
        Ok(loaded) => loaded,
        Err(status) => return status,
    };
    PROGRAM.begin(&loaded);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(serve(files, &loaded)),
        Err(error) => fail(&format!("cannot start the runtime: {error}")),
    }
}

async fn serve(files: &[String], loaded: &Loaded) -> ExitCode {
    let context = PROGRAM.context(&loaded.config);
    let stored = match Stored::open(&loaded.config, &context) {
        Ok(stored) => stored,
        Err(error) => return fail(&error),
    };
    let store = stored.as_ref().map(|stored| stored.store.clone());
    let builders =
        Builders::shared().exporter("store", move |section, _| exporter(section, store.as_ref()));
    let status = PROGRAM.run(files, loaded, context, builders, &|_| {}).await;
    if let Some(stored) = stored {
        stored.close().await;
    }
    status
}

fn fail(error: &str) -> ExitCode {
    eprintln!("medulla-gateway: {error}");
    ExitCode::FAILURE
}

/// The store, and the API that reads it. Opened once: a reload does not change it.
struct Stored {
    store: Arc<Store>,
    api: Server,
}

impl Stored {
    /// Opens what the section `store` asks for; without it there is neither store nor API.
    fn open(config: &Config, context: &Context) -> Result<Option<Self>, String> {
        if !config.has_section("store") {
            return Ok(None);
        }
        let settings = config.read_section("store", StoreSettings::read);
        let store = Store::open(settings).map_err(|error| format!("store: {error}"))?;
        let listen = config.read_section("query", QuerySettings::read).listen;
        let api = |error: String| format!("query.listen: {error}");
        let socket = context.ports.bind("query", &listen).map_err(api)?;
        let connections = Arc::new(Semaphore::new(QUERY_CONNECTIONS));
        let server = query::serve(socket, connections, store.clone());
        let server = server.map_err(|error| api(error.to_string()))?;
        tracing::info!("listening query {}", server.address());
        tracing::info!("store at {}", store.path().display());
        Ok(Some(Self { store, api: server }))
    }

    async fn close(self) {
        self.api.stop(Instant::now() + DRAIN, false).await;
        self.store.close().await;
    }
}

/// The store groups what waits for it, so many senders may wait at a time.
fn exporter(section: &ComponentConfig, store: Option<&Arc<Store>>) -> Result<Queued, BuildError> {
    let Some(store) = store else {
        return Err(BuildError::at(section, "", "there is no section store"));
    };
    let exporter = Arc::new(StoreExporter(store.clone()));
    let settings =
        QueueSettings { enabled: false, timeout: COMMIT_TIMEOUT, ..QueueSettings::default() };
    Ok(Queued { exporter, settings, batch: None })
}
