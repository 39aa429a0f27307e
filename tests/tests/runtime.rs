//! Promise: whatever a container runtime or the kubelet does, the restart of a container ends in time and says how.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use medulla_tests::binaries::binary;
use medulla_tests::containerd::Pod;
use medulla_tests::{Containerd, GLANCE, PATIENCE};

/// Labels of a container that the kubelet has started.
const KUBELETS: &str = "io.kubernetes.pod.uid=u1,io.kubernetes.container.name=checkout";
/// A script that runs for long, but only the first time.
const ONCE: &str = "[ -e /host/ran ] && exit 3; touch /host/ran; exec /busybox sleep 1000000";

fn missing() -> bool {
    let missing = Containerd::missing();
    missing.iter().for_each(|why| println!("skipped: {why}"));
    missing.is_some()
}

/// Gives the order that the keeper gives; how it ended, and in what words.
fn restart(socket: &Path, label: &str) -> (Option<i32>, String) {
    restart_unless(socket, label, &[])
}

/// The same, with what must be left alone.
fn restart_unless(socket: &Path, label: &str, protected: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(binary("medulla-agent"));
    command.arg("restart-container").arg("--socket").arg(socket);
    command.args(protected.iter().flat_map(|entry| ["--protect", entry]));
    let output = command.args(["--label", label, "--grace-s", "1"]).output();
    let output = output.expect("the binary can be run");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Starts a container again when it has ended, as the kubelet does; the new one's id.
fn be_kubelet(containerd: &Containerd, pod: &Pod, old: &str) -> String {
    wait_until("it is stopped", || !containerd.running().iter().any(|id| id == old));
    containerd.container(pod, "checkout", 1, KUBELETS)
}

/// Looks again and again.
fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited too long until {what}");
        std::thread::sleep(10 * GLANCE);
    }
}

#[test]
fn the_kubelet_starts_its_own() {
    if missing() {
        return;
    }
    let containerd = Containerd::start();
    let pod = containerd.pod("shop", "app=checkout");
    let old = containerd.container(&pod, "checkout", 0, KUBELETS);
    let (fresh, (status, said)) = std::thread::scope(|scope| {
        let kubelet = scope.spawn(|| be_kubelet(&containerd, &pod, &old));
        let told = restart(&containerd.socket(), "app=checkout");
        (kubelet.join().expect("the kubelet came"), told)
    });
    assert_eq!(status, Some(0), "{said}");
    assert!(said.starts_with(&format!("checkout runs as container {fresh}")), "{said}");
    assert_eq!(containerd.running(), [fresh]);
}

#[test]
fn where_the_kubelet_does_not_come_its_own_is_started_all_the_same() {
    if missing() {
        return;
    }
    let containerd = Containerd::start();
    let pod = containerd.pod("shop", "app=checkout");
    let old = containerd.container(&pod, "checkout", 0, KUBELETS);
    let begun = Instant::now();
    let (status, said) = restart(&containerd.socket(), "app=checkout");
    println!("without a kubelet: {:?}", begun.elapsed());
    assert_eq!(status, Some(0), "{said}");
    let running = containerd.running();
    assert!(running.len() == 1 && running[0] != old && said.contains(&running[0]), "{said}");
    let (status, _) = containerd.inspect(&running[0]);
    assert_eq!(status.metadata.map(|metadata| metadata.attempt), Some(1));
}

#[test]
fn a_successor_that_ends_at_once_is_a_failure() {
    if missing() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let containerd = Containerd::start();
    let old = containerd.script(&containerd.pod("shop", ""), "checkout", ONCE, folder.path());
    wait_until("the script runs", || folder.path().join("ran").exists());
    let (status, said) = restart(&containerd.socket(), "app=checkout");
    assert!(status == Some(1) && said.ends_with("ended as soon as it ran"), "{said}");
    assert!(!containerd.running().contains(&old));
}

#[test]
fn what_cannot_be_made_again_is_not_stopped() {
    if missing() {
        return;
    }
    let containerd = Containerd::start();
    containerd.container(&containerd.pod("shop", ""), "checkout", 0, "app=checkout");
    containerd.forget_images();
    // The runtime notices a moment later; until then restarts succeed.
    wait_until("it cannot be made", || {
        let before = containerd.running();
        let (status, said) = restart(&containerd.socket(), "app=checkout");
        let refused = said.starts_with("nothing was stopped: cannot create a container: ");
        assert!(status == Some(0) || (refused && containerd.running() == before), "{said}");
        refused
    });
}

#[test]
fn what_is_protected_is_not_stopped() {
    if missing() {
        return;
    }
    let containerd = Containerd::start();
    let id = containerd.container(&containerd.pod("shop", ""), "checkout", 0, "app=checkout");
    let check = |protected: &str, expect: &str| {
        let others = ["process=nobody", "cgroup=/nowhere", protected];
        let told = restart_unless(&containerd.socket(), "app=checkout", &others);
        assert_eq!(told, (Some(3), format!("protected: reflex.protected.{expect}")));
    };
    check("process=busybox", "processes names busybox");
    let group = containerd.cgroup();
    check(&format!("cgroup={group}"), &format!("cgroups names {group}"));
    assert_eq!(containerd.running(), [id]);
}

#[test]
fn earlier_ones_that_have_ended_are_removed_but_the_last() {
    if missing() {
        return;
    }
    let containerd = Containerd::start();
    let pod = containerd.pod("shop", "");
    let first = containerd.container(&pod, "checkout", 7, "app=checkout");
    for _ in 0..2 {
        let (status, said) = restart(&containerd.socket(), "app=checkout");
        assert_eq!(status, Some(0), "{said}");
    }
    let containers = containerd.containers();
    let attempt = |index: usize| containers[index].metadata.as_ref().map(|name| name.attempt);
    assert_eq!((containers.len(), attempt(0), attempt(1)), (2, Some(8), Some(9)));
    assert!(containers.iter().all(|container| container.id != first));
}

#[test]
fn a_socket_that_says_nothing_is_left_after_a_while() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("silent.sock");
    let _silent = UnixListener::bind(&path).expect("the folder is ours");
    let begun = Instant::now();
    let (status, said) = restart(&path, "app=checkout");
    assert_eq!(status, Some(1), "{said}");
    assert_eq!(said, "cannot list pods: no answer within 5 s");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}
