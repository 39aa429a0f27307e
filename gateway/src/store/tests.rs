//! The store as its users see it: what was acknowledged is there, also after a crash; what is old or
//! too much goes; what is damaged is said.

use std::path::Path;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;
use tempfile::TempDir;

use super::*;

const SECOND: u64 = 1_000_000_000;

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.into())) });
    KeyValue { key: key.into(), value, ..Default::default() }
}

/// A span of trace `trace` that begins at second `trace` and takes `span` seconds.
fn span(trace: u8, span: u8, name: &str) -> Span {
    let start = u64::from(trace) * SECOND;
    Span {
        trace_id: vec![trace; 16],
        span_id: vec![span; 8],
        name: name.into(),
        kind: 2,
        start_time_unix_nano: start,
        end_time_unix_nano: start + u64::from(span) * SECOND,
        ..Default::default()
    }
}

fn request(service: &str, spans: Vec<Span>) -> Bytes {
    let attributes = vec![attribute("service.name", service), attribute("zone", "a")];
    let resource = Some(Resource { attributes, ..Default::default() });
    let scope_spans = vec![ScopeSpans { spans, ..Default::default() }];
    let resource_spans = vec![ResourceSpans { resource, scope_spans, ..Default::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
}

fn spans(requests: &[Bytes]) -> Vec<Span> {
    let decode = |bytes: &Bytes| ExportTraceServiceRequest::decode(&bytes[..]).unwrap();
    let resources = requests.iter().map(decode).flat_map(|request| request.resource_spans);
    resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
}

fn settings(path: &Path) -> StoreSettings {
    StoreSettings {
        path: path.to_owned(),
        fallback: None,
        retention: Duration::from_secs(3600),
        max_bytes: 256 << 20,
    }
}

fn open(folder: &TempDir) -> Arc<Store> {
    Store::open(settings(folder.path())).unwrap()
}

async fn write(store: &Store, body: Bytes) -> Result<(), WriteError> {
    store.write(Signal::Traces, vec![body], SystemTime::now()).await
}

fn query() -> TraceQuery {
    TraceQuery {
        service: None,
        operation: None,
        attributes: Vec::new(),
        start_ns: 0..=u64::MAX,
        duration_ns: 0..=u64::MAX,
        limit: 100,
    }
}

#[tokio::test]
async fn a_trace_is_gathered_from_its_requests() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    write(&store, request("shop", vec![span(1, 1, "buy"), span(2, 2, "look")])).await.unwrap();
    write(&store, request("bank", vec![span(1, 3, "pay")])).await.unwrap();
    // Sent again, since its sender did not hear of it.
    write(&store, request("bank", vec![span(1, 3, "pay")])).await.unwrap();
    // The same id with other content is not the same span.
    write(&store, request("bank", vec![span(1, 3, "pay twice")])).await.unwrap();

    let found = spans(&store.trace([1; 16]).await.unwrap());
    assert_eq!(found, [span(1, 1, "buy"), span(1, 3, "pay"), span(1, 3, "pay twice")]);
    assert!(store.trace([9; 16]).await.unwrap().is_empty());
    assert_eq!(store.services().await.unwrap(), ["bank", "shop"]);
    let operations = store.operations("shop".into(), Some(2)).await.unwrap();
    let names: Vec<&str> = operations.iter().map(|operation| operation.name.as_str()).collect();
    assert_eq!(names, ["buy", "look"]);
    assert!(store.operations("shop".into(), Some(3)).await.unwrap().is_empty());
}

#[tokio::test]
async fn searches() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    let mut failed = span(3, 3, "buy");
    failed.status = Some(Status { code: 2, ..Default::default() });
    failed.attributes = vec![attribute("http.status_code", "500")];
    write(&store, request("shop", vec![span(1, 1, "buy"), failed])).await.unwrap();
    write(&store, request("shop", vec![span(2, 2, "look")])).await.unwrap();
    write(&store, request("bank", vec![span(2, 5, "pay"), span(4, 4, "pay")])).await.unwrap();

    let check = async |expect: &[u8], change: &dyn Fn(&mut TraceQuery)| {
        let mut query = query();
        change(&mut query);
        let found = store.find(query.clone()).await.unwrap();
        let ids: Vec<u8> = found.traces.iter().map(|(id, _)| id[0]).collect();
        assert_eq!(ids, expect, "{query:?}");
        assert!(!found.cut_short);
        let whole = |(id, requests): &(TraceId, Vec<Bytes>)| {
            spans(requests).iter().all(|span| span.trace_id == id)
        };
        assert!(found.traces.iter().all(whole));
    };
    let is = |key: &str, value: &str| vec![(key.to_owned(), value.to_owned())];
    check(&[4, 3, 2, 1], &|_| {}).await;
    check(&[3, 2, 1], &|query| query.service = Some("shop".into())).await;
    check(&[], &|query| query.service = Some("shops".into())).await;
    check(&[4, 2], &|query| query.operation = Some("pay".into())).await;
    check(&[], &|query| {
        (query.service, query.operation) = (Some("shop".into()), Some("pay".into()));
    })
    .await;
    check(&[3], &|query| query.attributes = is("http.status_code", "500")).await;
    check(&[3], &|query| query.attributes = is("error", "true")).await;
    check(&[4, 3, 2, 1], &|query| query.attributes = is("zone", "a")).await;
    check(&[], &|query| query.attributes = is("zone", "b")).await;
    check(&[3, 2], &|query| query.start_ns = 2 * SECOND..=3 * SECOND).await;
    check(&[4, 2], &|query| query.duration_ns = 4 * SECOND..=u64::MAX).await;
    check(&[2, 1], &|query| query.duration_ns = 0..=2 * SECOND).await;
    check(&[4, 3], &|query| query.limit = 2).await;
    let found = store.find(TraceQuery { limit: 2, ..query() }).await.unwrap();
    assert_eq!(found.traces[1].1.len(), 1, "only the spans of the trace itself");
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_crash() {
    let (folder, image) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = open(&folder);
    for trace in 1..=20 {
        write(&store, request("shop", vec![span(trace, 1, "buy")])).await.unwrap();
    }
    // What is on the disk now is what a killed process leaves: nothing is folded or closed.
    for name in ["FORMAT", "store.db", "store.db-wal"] {
        std::fs::copy(folder.path().join(name), image.path().join(name)).unwrap();
    }
    let survivor = open(&image);
    for trace in 1..=20 {
        assert_eq!(survivor.trace([trace; 16]).await.unwrap().len(), 1, "trace {trace}");
    }
    // A log that lost its end gives the commits before it.
    drop(survivor);
    let log = folder.path().join("store.db-wal");
    let torn = std::fs::read(&log).unwrap();
    std::fs::copy(folder.path().join("store.db"), image.path().join("store.db")).unwrap();
    std::fs::write(image.path().join("store.db-wal"), &torn[..torn.len() - 5000]).unwrap();
    let survivor = open(&image);
    assert_eq!(survivor.trace([1; 16]).await.unwrap().len(), 1);
    assert!(survivor.trace([20; 16]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_store_goes_on_after_it_was_closed_or_dropped() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    write(&store, request("shop", vec![span(1, 1, "buy")])).await.unwrap();
    store.close().await;
    assert_eq!(write(&store, request("shop", Vec::new())).await, Err(WriteError::Closed));
    assert_eq!(store.trace([1; 16]).await.unwrap().len(), 1, "readable to the end");
    drop(store);
    let store = open(&folder);
    write(&store, request("shop", vec![span(2, 1, "look")])).await.unwrap();
    drop(store);
    let store = open(&folder);
    assert_eq!(store.find(query()).await.unwrap().traces.len(), 2);
    assert_eq!(store.operations("shop".into(), None).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_bad_request_does_not_hurt_its_neighbours() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    let good = |trace| write(&store, request("shop", vec![span(trace, 1, "buy")]));
    let bad = write(&store, Bytes::from_static(b"\x0a\x05\x01"));
    let (one, bad, two) = tokio::join!(good(1), bad, good(2));
    assert_eq!((one, bad, two), (Ok(()), Err(WriteError::Malformed), Ok(())));
    assert_eq!(store.find(query()).await.unwrap().traces.len(), 2);
    let large = Bytes::from(vec![0; (64 << 20) + 1]);
    let refused = write(&store, large).await;
    assert_eq!(refused, Err(WriteError::TooLarge { max_bytes: 64 << 20 }));
    // Other signals are kept, and do not show among the traces.
    store.write(Signal::Logs, vec![Bytes::new()], SystemTime::now()).await.unwrap();
    assert_eq!(store.services().await.unwrap(), ["shop"]);
}

#[tokio::test]
async fn what_is_too_old_goes_with_its_index() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    drop(store);
    let settings = settings(folder.path());
    let folder = Folder::open(&settings).unwrap();
    let mut connection = schema::open(&folder).unwrap();
    let insert = |connection: &rusqlite::Connection, segment: i64, received_at| {
        let sql = "INSERT INTO batch(segment, signal, received_ns, bytes, body)
             VALUES(?1, 1, ?2, 0, x'')";
        connection.execute(sql, (segment, nanoseconds(received_at))).unwrap();
        let sql = "INSERT OR IGNORE INTO segment VALUES(?1, 0, 0, 0)";
        connection.execute(sql, [segment]).unwrap();
        let sql = "INSERT INTO trace VALUES(?1, 0, ?2)";
        connection.execute(sql, (segment, connection.last_insert_rowid())).unwrap();
        let sql = "INSERT OR REPLACE INTO service(name, segment) VALUES('s' || ?1, ?1)";
        connection.execute(sql, [segment]).unwrap();
    };
    insert(&connection, 1, at(100));
    insert(&connection, 1, at(200));
    insert(&connection, 2, at(300));
    insert(&connection, 2, at(400));
    let limits = retention::Limits::of(&settings);
    let mut check = |now: u64, batches: i64, rows: i64, services: i64| {
        retention::enforce(&mut connection, &limits, nanoseconds(at(now))).unwrap();
        for (table, expect) in [("batch", batches), ("trace", rows), ("service", services)] {
            let sql = format!("SELECT count(*) FROM {table}");
            let count: i64 = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
            assert_eq!(count, expect, "{table} at {now}");
        }
    };
    check(3600, 4, 4, 2);
    check(3600 + 101, 3, 4, 2);
    check(3600 + 201, 2, 2, 1);
    check(3600 + 500, 0, 0, 0);
}

#[tokio::test]
async fn the_file_stays_under_its_limit() {
    let folder = TempDir::new().unwrap();
    let max_bytes = 4 << 20;
    let limited = StoreSettings { max_bytes, ..settings(folder.path()) };
    let store = Store::open(limited.clone()).unwrap();
    for trace in 1..=60 {
        let mut large = span(trace, 1, &format!("operation {trace}"));
        large.attributes = vec![attribute("filling", &"x".repeat(200 << 10))];
        write(&store, request("shop", vec![large])).await.unwrap();
        let file = std::fs::metadata(folder.path().join("store.db")).unwrap().len();
        assert!(file <= max_bytes, "{file} bytes after trace {trace}");
        assert!(store.size_bytes() <= max_bytes + 2 * LOG_BYTES);
        assert_eq!(store.trace([trace; 16]).await.unwrap().len(), 1, "the newest is there");
    }
    assert!(store.trace([1; 16]).await.unwrap().is_empty(), "the oldest is gone");
    let operations = store.operations("shop".into(), None).await.unwrap();
    assert!((2..30).contains(&operations.len()), "{} names", operations.len());
    // The limit is lowered: the next run deletes, and gives the pages back.
    drop(store);
    let lower = StoreSettings { max_bytes: 1 << 20, ..limited };
    let place = Folder::open(&lower).unwrap();
    let mut connection = schema::open(&place).unwrap();
    let limits = retention::Limits::of(&lower);
    for _ in 0..4 {
        retention::enforce(&mut connection, &limits, 0).unwrap();
    }
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    assert!(place.size_bytes() <= 1 << 20, "{} bytes", place.size_bytes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_readable_while_it_is_written() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    let acknowledged = Arc::new(std::sync::atomic::AtomicU8::new(0));
    let writing = tokio::spawn({
        let (store, acknowledged) = (store.clone(), acknowledged.clone());
        async move {
            for trace in 1..=120 {
                write(&store, request("shop", vec![span(trace, 1, "buy")])).await.unwrap();
                acknowledged.store(trace, std::sync::atomic::Ordering::Release);
            }
        }
    });
    loop {
        let done = writing.is_finished();
        let least = acknowledged.load(std::sync::atomic::Ordering::Acquire);
        let found = store.find(TraceQuery { limit: 1000, ..query() }).await.unwrap();
        assert!(found.traces.len() >= usize::from(least), "an acknowledged trace is missing");
        if done {
            break;
        }
    }
    writing.await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_a_refusal_and_no_more() {
    let folder = TempDir::new().unwrap();
    let settings = settings(folder.path());
    let place = Folder::open(&settings).unwrap();
    let connection = schema::open(&place).unwrap();
    connection.execute_batch("PRAGMA max_page_count = 64").unwrap();
    let queue = Queue::start(Writer::new(connection, &settings).unwrap()).unwrap();
    let push = async |trace, bytes: usize| {
        let small = span(trace, 1, &format!("operation {trace}"));
        let mut large = span(trace, 1, "filled");
        large.attributes = vec![attribute("filling", &"x".repeat(bytes))];
        let bodies = vec![request("shop", vec![small]), request("shop", vec![large])];
        let entries = index::entries(Signal::Traces, bodies, 0).await?;
        queue.push(Signal::Traces, entries, nanoseconds(SystemTime::now())).await
    };
    assert_eq!(push(1, 100).await, Ok(()));
    assert!(matches!(push(2, 1 << 20).await, Err(WriteError::Failed(_))));
    assert_eq!(push(2, 100).await, Ok(()), "names of the failed transaction are not remembered");
    drop(queue);
    drop(place);
    let store = Store::open(settings).unwrap();
    assert_eq!(store.operations("shop".into(), None).await.unwrap().len(), 3);
    assert_eq!(spans(&store.trace([2; 16]).await.unwrap()).len(), 2);
}

#[tokio::test]
async fn an_answer_is_bounded() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    for id in 1..=2 {
        let mut large = span(1, id, "buy");
        large.attributes = vec![attribute("filling", &"x".repeat(20 << 20))];
        write(&store, request("shop", vec![large])).await.unwrap();
    }
    assert!(matches!(store.trace([1; 16]).await, Err(ReadError::TooLarge)));
    assert!(matches!(store.find(query()).await, Err(ReadError::TooLarge)));
    // A search gives the newest that fit.
    let filled = |trace| {
        let mut span = span(trace, 1, "buy");
        span.attributes = vec![attribute("filling", &"x".repeat(MAX_ANSWER_BYTES * 2 / 3))];
        request("shop", vec![span])
    };
    write(&store, filled(2)).await.unwrap();
    write(&store, filled(3)).await.unwrap();
    let found = store.find(query()).await.unwrap();
    let ids: Vec<u8> = found.traces.iter().map(|(id, _)| id[0]).collect();
    assert_eq!((ids, found.cut_short), (vec![3], true));
}

#[test]
fn what_cannot_be_opened_says_why() {
    let fails = |prepare: &dyn Fn(&Path), expect: &str| {
        let folder = TempDir::new().unwrap();
        prepare(folder.path());
        let error = Store::open(settings(folder.path())).unwrap_err().to_string();
        assert!(error.contains(expect), "{error:?} does not say {expect:?}");
    };
    let put = |name: &'static str, content: &'static str| {
        move |folder: &Path| std::fs::write(folder.join(name), content).unwrap()
    };
    fails(&put("FORMAT", "2\n"), "says format 2, this version reads up to 1");
    fails(&put("FORMAT", "one\n"), "is not a store of this program");
    fails(&put("store.db", ""), "is not a store of this program");
    fails(
        &|folder| {
            put("FORMAT", "1\n")(folder);
            std::fs::write(folder.join("store.db"), [7; 8192]).unwrap();
        },
        "is damaged (file is not a database)",
    );
    fails(
        &|folder| {
            drop(Store::open(settings(folder)).unwrap());
            let file = std::fs::OpenOptions::new().write(true).open(folder.join("store.db"));
            file.unwrap().set_len(3 * 4096).unwrap();
        },
        "is damaged",
    );
    fails(&|folder| std::fs::create_dir(folder.join("store.db")).unwrap(), "store.db");
    fails(&|folder| std::mem::forget(Store::open(settings(folder)).unwrap()), "is in use");
    let path = settings(Path::new("/proc/medulla"));
    assert!(matches!(Store::open(path), Err(Error::Io(..))));
}
