//! A Kubernetes API server as far as restarts of pods need one: pods of one namespace over TLS, a bearer token,
//! selectors by equality, deletion with preconditions, and an owner that makes another pod.
//!
//! A real one needs etcd and an hour of compiling; what is asked of it here is what its reference says.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// The only namespace.
pub const NAMESPACE: &str = "shop";
/// The node of the agent under test.
pub const NODE: &str = "n1";

/// How the cluster answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    Well,
    /// The owner makes no other pod.
    NoOwner,
    /// Reads are allowed, deletions are not.
    ReadOnly,
    /// Nobody is answered.
    Silent,
}

struct State {
    pods: Vec<Value>,
    token: String,
    mood: Mood,
    made: u64,
    /// Pods to come, and when.
    coming: Vec<(Instant, Value)>,
    deletions: Vec<Value>,
}

/// A running cluster.
pub struct Cluster {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    secrets: TempDir,
    serving: tokio::task::JoinHandle<()>,
}

impl Cluster {
    /// Starts one without pods.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start() -> Self {
        crate::name_cryptography();
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]);
        let made = made.expect("a certificate can be made");
        let secrets = tempfile::tempdir().expect("a temporary folder can be made");
        let put = |name: &str, text: &str| std::fs::write(secrets.path().join(name), text);
        put("ca.crt", &made.cert.pem()).expect("writable");
        put("token", "first\n").expect("writable");
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der());
        let tls = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.expect("a key"));
        let acceptor = TlsAcceptor::from(Arc::new(tls.expect("they belong together")));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (pods, coming, deletions) = Default::default();
        let (token, mood, made) = ("first".to_owned(), Mood::Well, 0);
        let state = Arc::new(Mutex::new(State { pods, token, mood, made, coming, deletions }));
        let serving = tokio::spawn(serve(listener, acceptor, state.clone()));
        Self { address, state, secrets, serving }
    }

    /// The port of loopback that it serves.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What the kubelet mounts into a pod.
    pub fn secrets(&self) -> &Path {
        self.secrets.path()
    }

    /// Another mood from now on.
    pub fn be(&self, mood: Mood) {
        self.state().mood = mood;
    }

    /// Another token, in the folder as in the server.
    ///
    /// # Panics
    /// When the folder is not ours any more.
    pub fn rotate(&self) {
        "second".clone_into(&mut self.state().token);
        std::fs::write(self.secrets.path().join("token"), "second").expect("writable");
    }

    /// A pod that runs, by its name and node; `change` has the last word.
    pub fn add(&self, name: &str, node: &str, change: impl FnOnce(&mut Value)) {
        let mut state = self.state();
        let mut pod = state.pod(name, node);
        change(&mut pod);
        state.pods.push(pod);
    }

    /// Names of the pods.
    pub fn pods(&self) -> Vec<String> {
        let mut state = self.state();
        state.turn();
        state.pods.iter().map(|pod| text(&pod["metadata"]["name"])).collect()
    }

    /// The options of each deletion that was asked for.
    pub fn deletions(&self) -> Vec<Value> {
        self.state().deletions.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code path panics while it holds the state")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl State {
    fn pod(&mut self, name: &str, node: &str) -> Value {
        self.made += 1;
        json!({
            "metadata": {
                "name": name, "namespace": NAMESPACE, "uid": format!("uid-{}", self.made),
                "labels": {"app": "checkout"}, "creationTimestamp": "2026-01-01T00:00:00Z",
                "ownerReferences": [
                    {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "checkout", "uid": "rs-1", "controller": true}
                ],
            },
            "spec": {"nodeName": node, "containers": [{"name": "checkout"}]},
            "status": {
                "phase": "Running",
                "containerStatuses": [{"name": "checkout", "restartCount": 0, "state": {"running": {}}}],
            },
        })
    }

    /// Lets time pass.
    fn turn(&mut self) {
        let now = Instant::now();
        let due = self.coming.extract_if(.., |(at, _)| *at <= now);
        self.pods.extend(due.map(|(_, pod)| pod));
    }

    fn list(&self, query: &str) -> Value {
        let query: Vec<(String, String)> = query.split('&').filter_map(pair).collect();
        let selected = |pod: &&Value| {
            query.iter().all(|(name, wanted)| {
                let Some((key, value)) = wanted.split_once('=') else { return false };
                match (name.as_str(), key) {
                    ("labelSelector", key) => pod["metadata"]["labels"][key] == value,
                    ("fieldSelector", "spec.nodeName") => pod["spec"]["nodeName"] == value,
                    _ => false,
                }
            })
        };
        let items: Vec<&Value> = self.pods.iter().filter(selected).collect();
        json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items})
    }

    fn delete(&mut self, name: &str, options: Value) -> (StatusCode, Value) {
        let meant = self.pods.iter().position(|pod| pod["metadata"]["name"] == name);
        let Some(place) = meant else { return status(StatusCode::NOT_FOUND, "pods not found") };
        if options["preconditions"]["uid"] != self.pods[place]["metadata"]["uid"] {
            return status(StatusCode::CONFLICT, "the UID in the precondition does not match");
        }
        self.deletions.push(options);
        let old = self.pods.remove(place);
        if self.mood != Mood::NoOwner {
            let name = format!("checkout-{}", self.made + 1);
            let fresh = self.pod(&name, "n2");
            self.coming.push((Instant::now() + Duration::from_millis(300), fresh));
        }
        (StatusCode::OK, old)
    }
}

/// A name and its value, percent-decoded.
fn pair(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    let value = value.replace("%3D", "=").replace("%2C", ",").replace('+', " ");
    Some((name.to_owned(), value))
}

fn status(code: StatusCode, message: &str) -> (StatusCode, Value) {
    (
        code,
        json!({"kind": "Status", "status": "Failure", "message": message, "code": code.as_u16()}),
    )
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, state) = (acceptor.clone(), state.clone());
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(|request| answer(request, state.clone()));
            // Who does not like the answer closes the connection.
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<Full<bytes::Bytes>>, std::convert::Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let is_silent = || state.lock().expect("never poisoned").mood == Mood::Silent;
    if is_silent() {
        std::future::pending::<()>().await;
    }
    let (code, value) = decide(&mut state.lock().expect("never poisoned"), &head, &body);
    let mut response = Response::new(Full::new(value.to_string().into()));
    *response.status_mut() = code;
    Ok(response)
}

fn decide(state: &mut State, head: &http::request::Parts, body: &[u8]) -> (StatusCode, Value) {
    state.turn();
    let bearer = head.headers.get("authorization").and_then(|value| value.to_str().ok());
    if bearer != Some(&format!("Bearer {}", state.token)) {
        return status(StatusCode::UNAUTHORIZED, "Unauthorized");
    }
    let pods = format!("/api/v1/namespaces/{NAMESPACE}/pods");
    let rest = head.uri.path().strip_prefix(&pods);
    match (&head.method, rest.map(|rest| rest.trim_start_matches('/'))) {
        (&Method::GET, Some("")) => (StatusCode::OK, state.list(head.uri.query().unwrap_or(""))),
        (&Method::DELETE, Some(_)) if state.mood == Mood::ReadOnly => status(
            StatusCode::FORBIDDEN,
            "pods \"checkout\" is forbidden: cannot delete resource \"pods\"",
        ),
        (&Method::DELETE, Some(name)) => {
            let options = serde_json::from_slice(body).unwrap_or_default();
            state.delete(name, options)
        }
        _ => status(StatusCode::FORBIDDEN, "forbidden: another namespace"),
    }
}
