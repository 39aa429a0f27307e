//! Restarts of pods through the Kubernetes API, in a process of their own.
//!
//! The keeper starts it; it reads the service account's token and the cluster's certificate with the keeper's
//! rights, gives every right up, and only then begins to talk: what may delete pods is never in the hands of
//! the agent, which reads outside bytes all day. The token is read for each order, so that one
//! that is rotated is followed. Its last line says what became of the order.
//!
//! The service account needs `get`, `list` and `delete` on pods of the namespace. Every wait is bounded;
//! [`limit`] is the bound of the whole.

mod api;
mod pods;
mod restart;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::cri::where_we_are;
use crate::keeper::orders::Answer;
use crate::keeper::restart::helper;
use crate::privilege;
use crate::protected::Protected;
use api::Api;
use restart::Wish;

/// Where the kubelet puts what a pod needs to talk to the API server.
pub(crate) const SECRETS: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const HOST: &str = "KUBERNETES_SERVICE_HOST";
const PORT: &str = "KUBERNETES_SERVICE_PORT";
const NODE: &str = "NODE_NAME";
/// What the environment says of the cluster.
pub(crate) const VARIABLES: [&str; 3] = [HOST, PORT, NODE];

/// One order.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The pod's namespace
    #[arg(long)]
    namespace: String,
    /// A label selector that finds one pod of this node
    #[arg(long)]
    selector: String,
    /// Seconds that it may take to stop
    #[arg(long, default_value_t = 10)]
    grace_s: u8,
    /// What must be left alone: process=NAME or cgroup=PATH
    #[arg(long)]
    protect: Vec<String>,
    /// The folder of the service account
    #[arg(long, default_value = SECRETS)]
    secrets: PathBuf,
}

/// How long an order may take, whatever the API server does.
pub(crate) fn limit(grace: Duration) -> Duration {
    grace + restart::REST_WITHIN
}

/// Why nothing can be restarted from here, if so.
pub(crate) fn missing() -> Option<String> {
    match variable(HOST) {
        None => Some(format!("{HOST} is not set: this agent runs in no pod")),
        // The token itself is for the keeper to read.
        Some(_) if !Path::new(SECRETS).exists() => Some(format!("there is no {SECRETS}")),
        Some(_) => None,
    }
}

/// Carries an order out and says what became of it.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    helper::say(answer(arguments).unwrap_or_else(Answer::Failed))
}

fn answer(arguments: &Arguments) -> Result<Answer, String> {
    let server = server()?;
    let read = |name: &str| {
        let path = arguments.secrets.join(name);
        std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let (token, roots) = (read("token")?, read("ca.crt")?);
    privilege::drop_all()?;
    let wish = Wish {
        namespace: arguments.namespace.clone(),
        selector: arguments.selector.clone(),
        node: node()?,
        grace: Duration::from_secs(arguments.grace_s.into()),
        own: where_we_are(),
        protected: Protected::parse(&arguments.protect),
    };
    let api = Api::new(&server, &String::from_utf8_lossy(&token), &roots)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    Ok(runtime.block_on(wish.fulfil(&api)))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn server() -> Result<String, String> {
    let host = variable(HOST).ok_or_else(|| format!("{HOST} is not set: not in a cluster"))?;
    let port = variable(PORT).unwrap_or_else(|| "443".to_owned());
    let is_v6 = host.contains(':') && !host.starts_with('[');
    Ok(if is_v6 { format!("https://[{host}]:{port}") } else { format!("https://{host}:{port}") })
}

/// What this node is called in the cluster: as the pod was told, else as the host is. And how we know.
fn node() -> Result<(String, &'static str), String> {
    if let Some(name) = variable(NODE) {
        return Ok((name, ""));
    }
    let name = nix::unistd::gethostname().map_err(|error| format!("no host name: {error}"))?;
    Ok((name.to_string_lossy().into_owned(), " (by its host name, NODE_NAME is not set)"))
}
