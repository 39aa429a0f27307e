//! The receiver `otlp`: OTLP over gRPC and over HTTP (protobuf and JSON; plain, gzip or zstd).
//!
//! Both protocols read with the same admission (`admit`) and wait for the same verdict; they
//! differ in framing and in how a verdict is spelt (`reply`). A request is answered when its
//! records were delivered or durably queued. JSON becomes protobuf on arrival and is protobuf from
//! then on; profiles have no JSON form here.

mod admit;
mod cors;
mod grpc;
mod http;
mod reply;

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use pipeline::{Inlet, Inlets, ReceiverLedger, Signal};
use tokio::time::Instant;
use transport::listener::{ConnectionSettings, Server};

use crate::component::{BoxFuture, BuildError, Context, Receiver};
use crate::config::ComponentConfig;
use crate::config::otlp_receiver::OtlpReceiver;
use crate::config::quantity::Address;
use crate::ports::Ports;
use admit::Transport;

/// One ledger per signal.
#[derive(Debug)]
pub(crate) struct Ledgers([Arc<ReceiverLedger>; Signal::ALL.len()]);

impl Ledgers {
    fn new(receiver: &str, transport: &'static str, context: &Context) -> Self {
        Self(Signal::ALL.map(|signal| context.stats.receiver(receiver, transport, signal)))
    }

    fn of(&self, signal: Signal) -> &Arc<ReceiverLedger> {
        &self.0[index(signal)]
    }
}

fn index(signal: Signal) -> usize {
    Signal::ALL.iter().position(|known| *known == signal).expect("every signal is in ALL")
}

struct OtlpServers {
    /// Shared by both protocols.
    inlets: Arc<Inlets>,
    ports: Arc<Ports>,
    grpc: Option<Listening<grpc::Service>>,
    http: Option<Listening<http::Service>>,
}

/// A bound socket that serves once started.
struct Listening<H> {
    component: String,
    path: String,
    settings: ConnectionSettings,
    /// Until it serves.
    socket: Mutex<Option<Arc<TcpListener>>>,
    service: Arc<H>,
    server: Mutex<Option<Arc<Server>>>,
}

/// Builds the receiver and binds its ports.
pub(crate) fn build(
    config: &ComponentConfig,
    context: &Context,
) -> Result<Arc<dyn Receiver>, BuildError> {
    let settings = config.read(OtlpReceiver::read);
    let inlets = Arc::<Inlets>::default();
    let id = config.id.as_str();
    let admission = |transport: Transport, max_bytes, include_metadata| admit::Admission {
        inlets: inlets.clone(),
        ledgers: Ledgers::new(id, transport.name(), context),
        budget: context.budget.clone(),
        connections: context.connections.clone(),
        services: context.services.clone(),
        max_bytes: usize::try_from(max_bytes).unwrap_or(usize::MAX),
        include_metadata,
        looks_at_calls: context.looks_at_calls.clone(),
        transport,
    };
    let bind = |protocol: &str, endpoint: &Address| {
        let path = format!("{}.protocols.{protocol}.endpoint", config.path());
        let component = format!("{id}/{protocol}");
        let socket = context.ports.bind(&component, endpoint);
        let socket = socket.map_err(|message| BuildError { path: path.clone(), message })?;
        Ok((component, path, socket))
    };
    let grpc = settings.grpc.map(|server| {
        let admission =
            admission(Transport::Grpc, server.max_message_bytes, server.include_metadata);
        let bound = bind("grpc", &server.endpoint)?;
        Ok::<_, BuildError>(Listening::new(bound, server.connections, grpc::Service(admission)))
    });
    let http = settings.http.map(|server| {
        let admission = admission(Transport::Http, server.max_body_bytes, server.include_metadata);
        let (bound, connections) = (bind("http", &server.endpoint)?, server.connections.clone());
        Ok(Listening::new(bound, connections, http::Service::new(admission, server)))
    });
    let (grpc, http) = (grpc.transpose()?, http.transpose()?);
    Ok(Arc::new(OtlpServers { inlets, ports: context.ports.clone(), grpc, http }))
}

impl Receiver for OtlpServers {
    fn inlet(&self, signal: Signal) -> &Inlet {
        self.inlets.of(signal)
    }

    fn start(&self) -> Result<(), BuildError> {
        if let Some(grpc) = &self.grpc {
            grpc.start(&grpc.service.0)?;
        }
        if let Some(http) = &self.http {
            http.start(http.service.admission())?;
        }
        Ok(())
    }

    fn stop(&self, deadline: Instant) -> BoxFuture<'_, ()> {
        let servers = [
            self.grpc.as_ref().and_then(Listening::take),
            self.http.as_ref().and_then(Listening::take),
        ];
        let handed_over = self.ports.are_handed_over();
        Box::pin(async move {
            let [grpc, http] = servers;
            let stop = async |server: Option<Arc<Server>>| {
                if let Some(server) = server {
                    server.stop(deadline, handed_over).await;
                }
            };
            tokio::join!(stop(grpc), stop(http));
        })
    }
}

impl<H: transport::listener::Handler> Listening<H> {
    fn new(
        (component, path, socket): (String, String, Arc<TcpListener>),
        settings: ConnectionSettings,
        service: H,
    ) -> Self {
        let (socket, service, server) =
            (Mutex::new(Some(socket)), Arc::new(service), Mutex::default());
        Self { component, path, settings, socket, service, server }
    }

    fn start(&self, admission: &admit::Admission) -> Result<(), BuildError> {
        let connections = admission.connections.clone();
        let socket = self.socket.lock().expect("taking an option cannot panic").take();
        let socket = socket.expect("a receiver is started once");
        let (settings, service) = (self.settings.clone(), self.service.clone());
        let server = Server::start_with(settings, socket, connections, service);
        let server = server
            .map_err(|error| BuildError { path: self.path.clone(), message: error.to_string() })?;
        tracing::info!("listening {} {}", self.component, server.address());
        *self.slot() = Some(Arc::new(server));
        Ok(())
    }

    fn take(&self) -> Option<Arc<Server>> {
        self.slot().take()
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Arc<Server>>> {
        self.server.lock().expect("a plain assignment cannot panic")
    }
}
