//! The senders and the sink of the harness against each other, so that a failing promise is
//! Medulla's and not ours.

use super::*;
use crate::client::gzip;
use crate::{GrpcClient, HttpClient, records};

#[tokio::test]
async fn bodies_arrive_as_they_were_sent_over_both_protocols() {
    let sink = Sink::start().await;
    let mut http = HttpClient::connect(sink.address()).await;
    let mut grpc = GrpcClient::connect(sink.address()).await;
    let odd = records::odd_traces();
    assert!(http.export(Signal::Traces, odd.clone()).await.is_success());
    assert!(grpc.export(Signal::Traces, &odd).await.is_success());
    assert!(grpc.export_coded(Signal::Logs, "gzip", gzip(&odd)).await.is_success());
    let coded = http.export_coded(Signal::Metrics, "gzip", gzip(&odd)).await;
    assert!(coded.is_success());
    let received = sink.wait_for(4).await;
    assert!(received.iter().all(|request| request.body == odd));
    let seen: Vec<_> =
        received.iter().map(|request| (request.signal().unwrap(), request.grpc)).collect();
    let expect = [
        (Signal::Traces, false),
        (Signal::Traces, true),
        (Signal::Logs, true),
        (Signal::Metrics, false),
    ];
    assert_eq!(seen, expect);
    assert_eq!(received[3].wire, gzip(&odd));
}

#[tokio::test]
async fn scripted_answers_reach_the_sender_in_order() {
    let sink = Sink::start().await;
    let mut http = HttpClient::connect(sink.address()).await;
    let mut grpc = GrpcClient::connect(sink.address()).await;
    let delay = Duration::from_secs(2);
    let refusal = Reply::refuse_for(503, Code::Unavailable, delay);
    sink.answer_once(refusal.clone());
    sink.answer_once(refusal);
    sink.answer_once(Reply::partial(2, "two were bad"));
    sink.answer_once(Reply::close());

    let answer = http.export(Signal::Traces, Bytes::new()).await;
    assert_eq!((answer.status, answer.retry_after()), (503, Some(delay)));
    let answer = grpc.export(Signal::Traces, []).await;
    assert_eq!((answer.code(), answer.retry_after()), (Some(Code::Unavailable), Some(delay)));
    let answer = grpc.export(Signal::Traces, []).await;
    let partial = records::read_partial_success(&answer.body);
    assert_eq!(partial, Some((2, "two were bad".to_owned())));
    assert!(http.try_export(Signal::Traces, Bytes::new()).await.is_err());
    assert!(grpc.export(Signal::Traces, []).await.is_success());
}

#[tokio::test]
async fn a_sink_goes_down_and_comes_back_on_its_address() {
    let mut sink = Sink::start().await;
    sink.go_down().await;
    assert!(HttpClient::try_connect(sink.address()).await.is_err());
    sink.come_back().await;
    let mut http = HttpClient::connect(sink.address()).await;
    assert!(http.export(Signal::Logs, Bytes::new()).await.is_success());
}
