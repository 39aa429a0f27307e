//! A container runtime for one test: containerd with folders and a socket of its own, and pods in it.
//!
//! Its images are made here from Debian's static busybox: one file in one layer. Pods share the host's
//! namespaces, so that no network plugin is needed. Dropping it ends every pod, the runtime, and what
//! is left of both, by process id; its mounts lie below its folder and are taken away.

mod image;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use hyper_util::rt::TokioIo;
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use proto::cri::runtime_service_client::RuntimeServiceClient;
use proto::cri::{
    Container, ContainerConfig, ContainerMetadata, ContainerState, ContainerStatus,
    ContainerStatusRequest, CreateContainerRequest, ImageSpec, KeyValue, LinuxContainerConfig,
    LinuxContainerSecurityContext, LinuxPodSandboxConfig, LinuxSandboxSecurityContext,
    ListContainersRequest, ListPodSandboxRequest, Mount, NamespaceMode, NamespaceOption,
    PodSandboxConfig, PodSandboxMetadata, RemovePodSandboxRequest, RunPodSandboxRequest,
    StartContainerRequest, StopPodSandboxRequest, VersionRequest,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tonic::transport::{Channel, Endpoint};

use crate::process::{Process, family, is_alive, wait_for_end};
use crate::{GLANCE, PATIENCE};

/// What it needs, besides being root.
const PROGRAMS: [&str; 4] =
    ["/usr/bin/containerd", "/usr/bin/ctr", "/usr/sbin/runc", image::BUSYBOX];

/// A running containerd.
pub struct Containerd {
    client: RuntimeServiceClient<Channel>,
    runtime: Runtime,
    process: Process,
    folder: TempDir,
}

/// A pod.
#[derive(Clone)]
pub struct Pod {
    id: String,
    config: PodSandboxConfig,
}

impl Containerd {
    /// Why there can be none here.
    pub fn missing() -> Option<String> {
        if !geteuid().is_root() {
            return Some("containers need root".to_owned());
        }
        let missing = PROGRAMS.into_iter().find(|program| !Path::new(program).exists());
        missing.map(|program| format!("{program} is not installed"))
    }

    /// Starts it and gives it an image.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let config = folder.path().join("config.toml");
        std::fs::write(&config, settings(folder.path())).expect("the folder is writable");
        let process = Process::start(Command::new(PROGRAMS[0]).arg("--config").arg(&config));
        let runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = { runtime }.worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime can be started");
        let client = runtime.block_on(connect(socket(folder.path())));
        let containerd = Self { client, runtime, process, folder };
        containerd.import();
        containerd
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        socket(self.folder.path())
    }

    /// The control group that its pods are in.
    ///
    /// # Panics
    /// Never: a folder has a name.
    pub fn cgroup(&self) -> String {
        let name = self.folder.path().file_name().expect("a temporary folder has a name");
        format!("/medulla{}", name.to_string_lossy())
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    fn import(&self) {
        let file = self.folder.path().join("image.tar");
        image::write(&file);
        self.images(&["import", "--snapshotter", "native", &file.display().to_string()]);
    }

    /// Removes every image; what runs runs on.
    ///
    /// # Panics
    /// When the runtime does not.
    pub fn forget_images(&self) {
        let names = self.images(&["list", "--quiet"]);
        let mut command = vec!["remove", "--sync"];
        command.extend(names.lines());
        self.images(&command);
    }

    /// What a command on images prints.
    fn images(&self, arguments: &[&str]) -> String {
        let mut ctr = Command::new(PROGRAMS[1]);
        ctr.arg("--address").arg(self.socket()).args(["--namespace", "k8s.io", "images"]);
        let output = ctr.args(arguments).output().expect("ctr can be run");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Makes a pod with labels (`key=value`, several with commas).
    ///
    /// # Panics
    /// When the runtime does not.
    pub fn pod(&self, name: &str, labels: &str) -> Pod {
        let config = pod_config(name, labels, &self.folder.path().join("logs"), self.cgroup());
        let mut client = self.client.clone();
        let deadline = Instant::now() + PATIENCE;
        // The image becomes known to this side of the runtime a moment after its import.
        loop {
            let request =
                RunPodSandboxRequest { config: Some(config.clone()), ..Default::default() };
            match self.runtime.block_on(client.run_pod_sandbox(request)) {
                Ok(answer) => return Pod { id: answer.into_inner().pod_sandbox_id, config },
                Err(_) if Instant::now() < deadline => std::thread::sleep(10 * GLANCE),
                Err(error) => panic!("no pod: {error}; log:\n{}", self.log()),
            }
        }
    }

    /// Starts a container that sleeps in a pod; its id.
    ///
    /// # Panics
    /// When the runtime does not.
    pub fn container(&self, pod: &Pod, name: &str, attempt: u32, labels: &str) -> String {
        self.start_container(pod, container_config(name, attempt, labels))
    }

    /// Starts a container labelled `app=NAME` that runs a script of busybox's shell, which finds a folder of the host
    /// at `/host`.
    ///
    /// # Panics
    /// When the runtime does not.
    pub fn script(&self, pod: &Pod, name: &str, script: &str, host: &Path) -> String {
        let mount = Mount {
            container_path: "/host".to_owned(),
            host_path: host.display().to_string(),
            ..Mount::default()
        };
        let config = ContainerConfig {
            command: ["/busybox", "sh", "-c", script].map(str::to_owned).to_vec(),
            mounts: vec![mount],
            ..container_config(name, 0, &format!("app={name}"))
        };
        self.start_container(pod, config)
    }

    fn start_container(&self, pod: &Pod, config: ContainerConfig) -> String {
        let mut client = self.client.clone();
        let request = CreateContainerRequest {
            pod_sandbox_id: pod.id.clone(),
            config: Some(config),
            sandbox_config: Some(pod.config.clone()),
        };
        let made = self.runtime.block_on(client.create_container(request));
        let container_id = made.expect("a container can be made").into_inner().container_id;
        let request = StartContainerRequest { container_id: container_id.clone() };
        self.runtime.block_on(client.start_container(request)).expect("a container starts");
        container_id
    }

    /// All containers, whatever their state, the oldest first.
    ///
    /// # Panics
    /// When the runtime does not list them.
    pub fn containers(&self) -> Vec<Container> {
        let request = ListContainersRequest::default();
        let listed = self.runtime.block_on(self.client.clone().list_containers(request));
        let mut containers = listed.expect("containers are listed").into_inner().containers;
        containers.sort_by_key(|container| container.created_at);
        containers
    }

    /// The ids of those that run.
    pub fn running(&self) -> Vec<String> {
        let running = ContainerState::ContainerRunning;
        let containers = self.containers().into_iter();
        let running = containers.filter(|container| container.state() == running);
        running.map(|container| container.id).collect()
    }

    /// What a container is, and how it was made: the runtime's own JSON.
    ///
    /// # Panics
    /// When the runtime does not say.
    pub fn inspect(&self, id: &str) -> (ContainerStatus, serde_json::Value) {
        let request = ContainerStatusRequest { container_id: id.to_owned(), verbose: true };
        let answer = self.runtime.block_on(self.client.clone().container_status(request));
        let answer = answer.expect("the container is known").into_inner();
        let info = serde_json::from_str(&answer.info["info"]).expect("its details are JSON");
        (answer.status.expect("it has a status"), info)
    }

    fn end_pods(&self) -> Result<(), tonic::Status> {
        let mut client = self.client.clone();
        self.runtime.block_on(async {
            let pods = client.list_pod_sandbox(ListPodSandboxRequest::default()).await?;
            for pod in pods.into_inner().items {
                let pod_sandbox_id = pod.id.clone();
                client.stop_pod_sandbox(StopPodSandboxRequest { pod_sandbox_id }).await?;
                let pod_sandbox_id = pod.id;
                client.remove_pod_sandbox(RemovePodSandboxRequest { pod_sandbox_id }).await?;
            }
            Ok(())
        })
    }

    /// Shims belong to nobody; they name our socket.
    fn shims(&self) -> Vec<Pid> {
        let socket = self.socket().display().to_string();
        let processes = std::fs::read_dir("/proc").expect("/proc can be read").flatten();
        let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let is_shim = |id: &i32| {
            let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            line.contains("containerd-shim") && line.contains(&socket)
        };
        ids.filter(is_shim).map(Pid::from_raw).collect()
    }

    /// The runtime removes its containers' control groups, but not what they lie in.
    fn remove_cgroup(&self) {
        let name = self.cgroup();
        let root = Path::new("/sys/fs/cgroup");
        let controllers = std::fs::read_dir(root).into_iter().flatten().flatten();
        let roots = controllers.map(|entry| entry.path()).chain([root.to_owned()]);
        for group in roots.map(|root| root.join(&name[1..])).filter(|group| group.exists()) {
            if let Err(error) = std::fs::remove_dir(&group) {
                eprintln!("{} is left: {error}", group.display());
            }
        }
    }

    fn unmount(&self) {
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
        let ours = points.filter(|point| Path::new(point).starts_with(self.folder.path()));
        // The last made first.
        for point in ours.collect::<Vec<_>>().into_iter().rev() {
            let _ = umount2(point, MntFlags::MNT_DETACH);
        }
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        if let Err(error) = self.end_pods() {
            eprintln!("pods are left, their processes are killed: {error}");
        }
        let left: Vec<Pid> = self.shims().into_iter().flat_map(family).collect();
        for process in left.iter().filter(|process| is_alive(**process)) {
            // It may end by itself just now.
            let _ = kill(*process, Signal::SIGKILL);
        }
        self.process.kill();
        if !std::thread::panicking() {
            left.into_iter().for_each(wait_for_end);
        }
        self.remove_cgroup();
        self.unmount();
    }
}

/// A client of the socket, as soon as it answers.
async fn connect(path: PathBuf) -> RuntimeServiceClient<Channel> {
    crate::eventually("containerd to answer", async || {
        let path = path.clone();
        let connector = tower::service_fn(move |_| {
            let path = path.clone();
            async { tokio::net::UnixStream::connect(path).await.map(TokioIo::new) }
        });
        let endpoint = Endpoint::from_static("http://localhost").timeout(Duration::from_secs(30));
        let mut client = RuntimeServiceClient::new(endpoint.connect_with_connector_lazy(connector));
        let version = client.version(VersionRequest::default()).await.ok();
        version.map(|_| client)
    })
    .await
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("containerd.sock")
}

fn settings(folder: &Path) -> String {
    let (at, image) = (folder.display(), image::NAME);
    format!(
        r#"
version = 2
root = "{at}/root"
state = "{at}/state"
[grpc]
address = "{at}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
path = "{at}/opt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{image}"
disable_apparmor = true
# Nobody gets a better score than we have: root need not be allowed to give one.
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{at}/cni"
conf_dir = "{at}/cni"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
"#
    )
}

fn labels_of(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn pod_config(name: &str, labels: &str, logs: &Path, cgroup_parent: String) -> PodSandboxConfig {
    let metadata = PodSandboxMetadata {
        name: name.to_owned(),
        uid: format!("{name}-uid"),
        namespace: "test".to_owned(),
        attempt: 0,
    };
    let security_context = LinuxSandboxSecurityContext {
        namespace_options: Some(namespaces()),
        ..LinuxSandboxSecurityContext::default()
    };
    PodSandboxConfig {
        metadata: Some(metadata),
        log_directory: logs.join(name).display().to_string(),
        labels: labels_of(labels),
        linux: Some(LinuxPodSandboxConfig {
            cgroup_parent,
            security_context: Some(security_context),
            ..LinuxPodSandboxConfig::default()
        }),
        ..PodSandboxConfig::default()
    }
}

fn container_config(name: &str, attempt: u32, labels: &str) -> ContainerConfig {
    let security_context = LinuxContainerSecurityContext {
        namespace_options: Some(namespaces()),
        ..LinuxContainerSecurityContext::default()
    };
    ContainerConfig {
        metadata: Some(ContainerMetadata { name: name.to_owned(), attempt }),
        image: Some(ImageSpec { image: image::NAME.to_owned(), ..ImageSpec::default() }),
        envs: vec![KeyValue { key: "SHOP".to_owned(), value: "open".to_owned() }],
        labels: labels_of(labels),
        annotations: labels_of("note=kept"),
        log_path: format!("{name}.log"),
        linux: Some(LinuxContainerConfig {
            security_context: Some(security_context),
            ..LinuxContainerConfig::default()
        }),
        ..ContainerConfig::default()
    }
}

fn namespaces() -> NamespaceOption {
    let node = NamespaceMode::Node.into();
    NamespaceOption { network: node, ipc: node, ..NamespaceOption::default() }
}
