//! Promise: `restart: { kubernetes }` deletes the one pod of this node that is meant, sees its successor run, and
//! leaves alone what would not come back.

use std::process::Command;
use std::time::{Duration, Instant};

use medulla_tests::binaries::binary;
use medulla_tests::cluster::{Cluster, Mood, NAMESPACE, NODE};
use serde_json::json;

/// Gives the order that the keeper gives; how it ended, and in what words.
async fn restart(cluster: &Cluster, more: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(binary("medulla-agent"));
    command.arg("restart-pod").arg("--secrets").arg(cluster.secrets()).args(["--grace-s", "1"]);
    if !more.contains(&"--namespace") {
        command.args(["--namespace", NAMESPACE]);
    }
    command.args(["--selector", "app=checkout"]).args(more);
    command.env("KUBERNETES_SERVICE_HOST", "127.0.0.1").env("NODE_NAME", NODE);
    command.env("KUBERNETES_SERVICE_PORT", cluster.port().to_string());
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.expect("it does not panic").expect("the binary can be run");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

const DONE: Option<i32> = Some(0);
const FAILED: Option<i32> = Some(1);
const REFUSED: Option<i32> = Some(3);

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_is_deleted_and_its_successor_runs() {
    let cluster = Cluster::start().await;
    cluster.add("checkout-a", NODE, |_| {});
    cluster.add("checkout-elsewhere", "n7", |_| {});
    cluster.add("other", NODE, |pod| pod["metadata"]["labels"] = json!({"app": "other"}));
    let (status, said) = restart(&cluster, &[]).await;
    assert_eq!((status, said.as_str()), (DONE, "pod checkout-4 (uid-4) runs, before checkout-a"));
    assert_eq!(cluster.pods(), ["checkout-elsewhere", "other", "checkout-4"]);
    let options = &cluster.deletions()[0];
    assert_eq!(
        (&options["gracePeriodSeconds"], &options["preconditions"]["uid"]),
        (&json!(1), &json!("uid-1"))
    );
    // The token has changed since; the next order reads it anew.
    cluster.rotate();
    cluster.add("checkout-b", NODE, |_| {});
    assert_eq!(restart(&cluster, &[]).await.0, DONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_one_pod_that_comes_back_is_left_alone() {
    let cluster = Cluster::start().await;
    let place = "app=checkout in namespace shop on node n1";
    let none = format!("no running pod matches {place}");
    assert_eq!(restart(&cluster, &[]).await, (FAILED, none));
    cluster.add("alone", NODE, |pod| pod["metadata"]["ownerReferences"] = json!([]));
    let alone = "alone has no controller: nothing would bring it back".to_owned();
    assert_eq!(restart(&cluster, &[]).await, (REFUSED, alone));
    cluster.add("second", NODE, |_| {});
    let several = format!("2 pods match {place}: alone, second");
    assert_eq!(restart(&cluster, &[]).await, (REFUSED, several));
    assert!(cluster.deletions().is_empty());
    let other = restart(&cluster, &["--namespace", "bank"]).await;
    let forbidden = "cannot list pods: 403 Forbidden: forbidden: another namespace".to_owned();
    assert_eq!(other, (FAILED, forbidden));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_seen_is_protected() {
    let cluster = Cluster::start().await;
    cluster.add("checkout-a", NODE, |_| {});
    let unseen = "protected: whether it is protected cannot be found out".to_owned();
    assert_eq!(restart(&cluster, &["--protect", "process=db"]).await, (REFUSED, unseen));
    assert!(cluster.deletions().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_or_says_nothing_ends_it_in_time() {
    let cluster = Cluster::start().await;
    cluster.add("checkout-a", NODE, |_| {});
    cluster.be(Mood::ReadOnly);
    let (status, said) = restart(&cluster, &[]).await;
    assert_eq!(status, FAILED);
    assert!(said.starts_with("cannot delete the pod: 403 Forbidden: pods"), "{said}");
    cluster.be(Mood::Silent);
    let begun = Instant::now();
    let (status, said) = restart(&cluster, &[]).await;
    assert_eq!(status, FAILED);
    assert!(
        said.starts_with("cannot list pods: ") && begun.elapsed() < Duration::from_secs(15),
        "{said}"
    );
    cluster.be(Mood::NoOwner);
    let begun = Instant::now();
    let (status, said) = restart(&cluster, &[]).await;
    let late = "checkout-a was deleted, but no other pod of its owner runs after 31 s";
    assert_eq!((status, said.as_str()), (FAILED, late));
    assert!(begun.elapsed() < Duration::from_secs(45));
    std::fs::write(cluster.secrets().join("token"), "wrong").expect("writable");
    assert_eq!(restart(&cluster, &[]).await.1, "cannot list pods: 401 Unauthorized: Unauthorized");
}
