//! The logs of Zeek, once called Bro: fields between tabs.

use super::Pattern;

pub(super) const PATTERNS: &[Pattern] = &[
    ("BRO_BOOL", "[TF]"),
    ("BRO_DATA", r"[^\t]+"),
    (
        "BRO_HTTP",
        concat!(
            r"%{NUMBER:timestamp}\t%{NOTSPACE:zeek.session_id}\t%(source)\t%{INT:source.port:int}",
            r"\t%(destination)\t%{INT:destination.port:int}\t%{INT:zeek.http.trans_depth:int}",
            r"\t%{-WORD:http.request.method}\t%{-BRO_DATA:url.domain}\t%{-BRO_DATA:url.original}",
            r"\t%{-BRO_DATA:http.request.referrer}\t%{-BRO_DATA:user_agent.original}",
            r"\t%{-NUMBER:http.request.body.size:long}\t%{-NUMBER:http.response.body.size:long}",
            r"\t%{-POSINT:http.response.status_code:int}\t%{-DATA:zeek.http.status_msg}",
            r"\t%{-POSINT:zeek.http.info_code:int}\t%{-DATA:zeek.http.info_msg}\t%{-BRO_DATA:zeek.http.filename}",
            r"\t(?:\(empty\)|%{BRO_DATA:zeek.http.tags})\t%{-BRO_DATA:url.username}\t%{-BRO_DATA:url.password}",
            r"\t%{-BRO_DATA:zeek.http.proxied}\t%{-BRO_DATA:zeek.http.orig_fuids}\t%{-BRO_DATA:http.request.mime_type}",
            r"\t%{-BRO_DATA:zeek.http.resp_fuids}\t%{-BRO_DATA:http.response.mime_type}"
        ),
    ),
    (
        "BRO_DNS",
        concat!(
            r"%{NUMBER:timestamp}\t%{NOTSPACE:zeek.session_id}\t%(source)\t%{INT:source.port:int}",
            r"\t%(destination)\t%{INT:destination.port:int}\t%{WORD:network.transport}\t%{-INT:dns.id:int}",
            r"\t%{-BRO_DATA:dns.question.name}\t%{-INT:zeek.dns.qclass:int}\t%{-BRO_DATA:zeek.dns.qclass_name}",
            r"\t%{-INT:zeek.dns.qtype:int}\t%{-BRO_DATA:dns.question.type}\t%{-INT:zeek.dns.rcode:int}",
            r"\t%{-BRO_DATA:dns.response_code}\t%{-BRO_BOOL:zeek.dns.AA}\t%{-BRO_BOOL:zeek.dns.TC}",
            r"\t%{-BRO_BOOL:zeek.dns.RD}\t%{-BRO_BOOL:zeek.dns.RA}\t%{-NONNEGINT:zeek.dns.Z:int}",
            r"\t%{-BRO_DATA:zeek.dns.answers}\t%{-DATA:zeek.dns.TTLs}\t%{-BRO_BOOL:zeek.dns.rejected}"
        ),
    ),
    (
        "BRO_CONN",
        concat!(
            r"%{NUMBER:timestamp}\t%{NOTSPACE:zeek.session_id}\t%(source)\t%{INT:source.port:int}",
            r"\t%(destination)\t%{INT:destination.port:int}\t%{WORD:network.transport}",
            r"\t%{-BRO_DATA:network.protocol.name}\t%{-NUMBER:zeek.connection.duration:float}",
            r"\t%{-INT:zeek.connection.orig_bytes:long}\t%{-INT:zeek.connection.resp_bytes:long}",
            r"\t%{-BRO_DATA:zeek.connection.state}\t%{-BRO_BOOL:zeek.connection.local_orig}",
            r"\t(?:%{-BRO_BOOL:zeek.connection.local_resp}\t)?%{-INT:zeek.connection.missed_bytes:long}",
            r"\t%{-BRO_DATA:zeek.connection.history}\t%{-INT:source.packets:long}\t%{-INT:source.bytes:long}",
            r"\t%{-INT:destination.packets:long}\t%{-INT:destination.bytes:long}",
            r"\t(?:\(empty\)|%{BRO_DATA:zeek.connection.tunnel_parents})"
        ),
    ),
    (
        "BRO_FILES",
        concat!(
            r"%{NUMBER:timestamp}\t%{NOTSPACE:zeek.files.fuid}\t%{-IP:server.address}\t%{-IP:client.address}",
            r"\t%{-BRO_DATA:zeek.files.session_ids}\t%{-BRO_DATA:zeek.files.source}\t%{-INT:zeek.files.depth:int}",
            r"\t%{-BRO_DATA:zeek.files.analyzers}\t%{-BRO_DATA:file.mime_type}\t%{-BRO_DATA:file.name}",
            r"\t%{-NUMBER:zeek.files.duration:float}\t%{-BRO_DATA:zeek.files.local_orig}",
            r"\t%{-BRO_BOOL:zeek.files.is_orig}\t%{-INT:zeek.files.seen_bytes:long}\t%{-INT:file.size:long}",
            r"\t%{-INT:zeek.files.missing_bytes:long}\t%{-INT:zeek.files.overflow_bytes:long}",
            r"\t%{-BRO_BOOL:zeek.files.timedout}\t%{-BRO_DATA:zeek.files.parent_fuid}",
            r"\t%{-BRO_DATA:file.hash.md5}\t%{-BRO_DATA:file.hash.sha1}\t%{-BRO_DATA:file.hash.sha256}",
            r"\t%{-BRO_DATA:zeek.files.extracted}"
        ),
    ),
];
