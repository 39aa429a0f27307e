//! The runtime behind one connected socket. Each call is bounded and says what it was for.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use proto::cri::runtime_service_client::RuntimeServiceClient;
use proto::cri::{
    Container, ContainerFilter, ContainerState, ContainerStateValue, ContainerStatusRequest,
    ContainerStatusResponse, CreateContainerRequest, ListContainersRequest, ListPodSandboxRequest,
    PodSandbox, PodSandboxStatusRequest, PodSandboxStatusResponse, RemoveContainerRequest,
    StartContainerRequest, StopContainerRequest,
};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status};

/// How long one call may take.
pub(super) const CALL_WITHIN: Duration = Duration::from_secs(5);
/// The largest answer; the kubelet's own bound.
const ANSWER_MAX_BYTES: usize = 16 << 20;

/// A runtime.
pub(super) struct Runtime {
    client: RuntimeServiceClient<Channel>,
}

impl Runtime {
    /// Speaks over a stream; there is no second one.
    pub(super) async fn over(stream: UnixStream) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("cannot use the socket: {error}");
        stream.set_nonblocking(true).map_err(failed)?;
        let stream = tokio::net::UnixStream::from_std(stream).map_err(failed)?;
        let mut stream = Some(TokioIo::new(stream));
        let connector = tower::service_fn(move |_| {
            let closed = || std::io::Error::other("the runtime hung up");
            std::future::ready(stream.take().ok_or_else(closed))
        });
        // The name is for the header only.
        let endpoint = Endpoint::from_static("http://localhost");
        let connecting = endpoint.connect_with_connector(connector);
        let channel = tokio::time::timeout(CALL_WITHIN, connecting).await;
        let channel = channel.map_err(|_| "the socket does not answer".to_owned())?;
        let channel = channel.map_err(|error| format!("the socket speaks no gRPC: {error}"))?;
        let client = RuntimeServiceClient::new(channel);
        Ok(Self { client: client.max_decoding_message_size(ANSWER_MAX_BYTES) })
    }

    /// Every pod.
    pub(super) async fn pods(&mut self) -> Result<Vec<PodSandbox>, String> {
        let call = self.client.list_pod_sandbox(ListPodSandboxRequest::default());
        Ok(bounded("list pods", CALL_WITHIN, call).await?.items)
    }

    /// Every container that runs.
    pub(super) async fn running(&mut self) -> Result<Vec<Container>, String> {
        let state = Some(ContainerStateValue { state: ContainerState::ContainerRunning.into() });
        self.list(ContainerFilter { state, ..ContainerFilter::default() }).await
    }

    /// Every container of a pod, whatever its state.
    pub(super) async fn of_pod(&mut self, pod: &str) -> Result<Vec<Container>, String> {
        let pod_sandbox_id = pod.to_owned();
        self.list(ContainerFilter { pod_sandbox_id, ..ContainerFilter::default() }).await
    }

    async fn list(&mut self, filter: ContainerFilter) -> Result<Vec<Container>, String> {
        let call = self.client.list_containers(ListContainersRequest { filter: Some(filter) });
        Ok(bounded("list containers", CALL_WITHIN, call).await?.containers)
    }

    /// What a container is, and how it was made.
    pub(super) async fn container(&mut self, id: &str) -> Result<ContainerStatusResponse, String> {
        let request = ContainerStatusRequest { container_id: id.to_owned(), verbose: true };
        bounded("look at a container", CALL_WITHIN, self.client.container_status(request)).await
    }

    /// What a pod is, and how it was made.
    pub(super) async fn pod(&mut self, id: &str) -> Result<PodSandboxStatusResponse, String> {
        let request = PodSandboxStatusRequest { pod_sandbox_id: id.to_owned(), verbose: true };
        bounded("look at a pod", CALL_WITHIN, self.client.pod_sandbox_status(request)).await
    }

    /// Makes a container; its id.
    pub(super) async fn create(
        &mut self,
        wanted: CreateContainerRequest,
    ) -> Result<String, String> {
        let call = self.client.create_container(wanted);
        Ok(bounded("create a container", CALL_WITHIN, call).await?.container_id)
    }

    /// Starts a container.
    pub(super) async fn start(&mut self, id: &str) -> Result<(), String> {
        let request = StartContainerRequest { container_id: id.to_owned() };
        let call = self.client.start_container(request);
        bounded("start a container", CALL_WITHIN, call).await.map(drop)
    }

    /// Ends a container that may take this long to do it itself.
    pub(super) async fn stop(&mut self, id: &str, grace: Duration) -> Result<(), String> {
        let timeout = i64::try_from(grace.as_secs()).unwrap_or(i64::MAX);
        let request = StopContainerRequest { container_id: id.to_owned(), timeout };
        let call = self.client.stop_container(request);
        bounded("stop a container", grace + CALL_WITHIN, call).await.map(drop)
    }

    /// Removes a container.
    pub(super) async fn remove(&mut self, id: &str) -> Result<(), String> {
        let request = RemoveContainerRequest { container_id: id.to_owned() };
        let call = self.client.remove_container(request);
        bounded("remove a container", CALL_WITHIN, call).await.map(drop)
    }
}

/// Waits for an answer, no longer than this.
async fn bounded<T>(
    what: &str,
    limit: Duration,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, String> {
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(answer)) => Ok(answer.into_inner()),
        Ok(Err(status)) if status.code() == Code::Unimplemented => {
            Err(format!("cannot {what}: the runtime does not speak CRI v1"))
        }
        Ok(Err(status)) => Err(format!("cannot {what}: {}", status.message())),
        Err(_) => Err(format!("cannot {what}: no answer within {} s", limit.as_secs())),
    }
}
