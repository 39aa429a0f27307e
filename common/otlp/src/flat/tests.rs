//! Flat requests against decoded ones, and how large they may be.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::testing::logs;

/// Of each record what it is and what it stands in; as sorted texts, since grouping moves records.
fn records(request: &ExportLogsServiceRequest) -> Vec<String> {
    let mut found = Vec::new();
    for resource in &request.resource_logs {
        for scope in &resource.scope_logs {
            for record in &scope.log_records {
                found.push(format!("{:?}", (around(resource, scope), record)));
            }
        }
    }
    found.sort_unstable();
    found
}

/// Absent and empty are the same.
fn around(resource: &ResourceLogs, scope: &ScopeLogs) -> String {
    let mut resource_of = resource.resource.clone().unwrap_or_default();
    let mut scope_of = scope.scope.clone().unwrap_or_default();
    let sort = |attributes: &mut Vec<_>| attributes.sort_by_key(|it| format!("{it:?}"));
    sort(&mut resource_of.attributes);
    sort(&mut scope_of.attributes);
    format!("{:?}", (resource_of, &resource.schema_url, scope_of, &scope.schema_url))
}

fn decoded(bytes: &[u8]) -> ExportLogsServiceRequest {
    ExportLogsServiceRequest::decode(bytes).expect("a request")
}

proptest! {
    #[test]
    fn each_record_keeps_what_is_around_it(request in logs()) {
        let flat = flatten(&request.encode_to_vec()).unwrap();
        prop_assert_eq!(flat.len(), flat_bytes(&request.encode_to_vec()).unwrap());
        let apart = decoded(&flat);
        prop_assert_eq!(records(&apart), records(&request));
        for resource in &apart.resource_logs {
            prop_assert_eq!(resource.scope_logs.len(), 1);
            prop_assert_eq!(resource.scope_logs[0].log_records.len(), 1);
        }
        let together = decoded(&regroup(&flat).unwrap());
        prop_assert_eq!(records(&together), records(&request));
        let mut pairs = Vec::new();
        for resource in &together.resource_logs {
            pairs.extend(resource.scope_logs.iter().map(|scope| around(resource, scope)));
        }
        let all = pairs.len();
        pairs.sort_unstable();
        pairs.dedup();
        prop_assert_eq!(pairs.len(), all, "no two groups are the same");
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = flatten(&bytes);
        let _ = regroup(&bytes);
    }
}

#[test]
fn how_large_a_flat_request_becomes_is_known_beforehand() {
    let record = || LogRecord { severity_number: 9, ..Default::default() };
    let scope = ScopeLogs { log_records: vec![record(); 100], ..Default::default() };
    let schema_url = "u".repeat(1000);
    let resource = ResourceLogs { scope_logs: vec![scope], schema_url, ..Default::default() };
    let request = ExportLogsServiceRequest { resource_logs: vec![resource] }.encode_to_vec();
    let flat = flatten(&request).unwrap();
    assert!(flat.len() > 100_000, "{}", flat.len());
    assert_eq!((flat_bytes(&request), flat.capacity()), (Ok(flat.len()), flat.len()));
}
