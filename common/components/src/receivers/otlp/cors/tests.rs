//! What is said to whom, against the Collector's behaviour as it was observed.

use transport::HeaderValue;

use super::*;

fn settings(origins: &[&str], headers: &[&str]) -> Settings {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Settings {
        allowed_origins: texts(origins),
        allowed_headers: texts(headers),
        exposed_headers: Vec::new(),
        max_age: 0,
    }
}

fn usual(origins: &[&str]) -> Settings {
    settings(origins, &["accept", "content-type", "x-requested-with"])
}

/// What is said to a request with these headers, without `access-control-` in front.
fn said(settings: &Settings, method: &str, headers: &[(&str, &str)]) -> Vec<String> {
    let mut request = Request::new(());
    *request.method_mut() = method.parse().expect("a method");
    for (name, value) in headers {
        let name: HeaderName = name.parse().expect("a name");
        request.headers_mut().append(name, HeaderValue::from_str(value).expect("a value"));
    }
    let crossing = Cors::new(settings).judge(&request);
    let asks = request.headers().get("access-control-request-method").is_some();
    assert_eq!(crossing.is_preflight, method == "OPTIONS" && asks);
    let line = |(name, value): (HeaderName, HeaderValue)| {
        let name = name.as_str().trim_start_matches("access-control-").to_owned();
        format!("{name}: {}", value.to_str().expect("a text"))
    };
    crossing.headers.into_iter().map(line).collect()
}

const PREFLIGHT_VARY: &str =
    "vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

#[test]
fn origins() {
    let page = |origin| [("origin", origin)];
    for (origins, origin, expect) in [
        (&["https://a.example"][..], "https://a.example", true),
        (&["https://a.example"], "https://A.Example", true),
        (&["https://a.example"], "https://a.example.evil", false),
        (&["https://a.example"], "http://a.example", false),
        (&["https://a.example"], "", false),
        (&["http://b", "https://*.example"], "https://shop.example", true),
        (&["https://*.example"], "https://a.b.example", true),
        (&["https://*.example"], "https://.example", true),
        (&["https://*.example"], "https://example", false),
        (&["https://ab*ba"], "https://aba", false),
        (&["https://a:*"], "https://a:8443", true),
        (&["null"], "null", true),
    ] {
        let heard = said(&usual(origins), "POST", &page(origin));
        let mut expected = vec!["vary: Origin".to_owned()];
        if expect {
            expected.push(format!("allow-origin: {origin}"));
            expected.push("allow-credentials: true".to_owned());
        }
        assert_eq!(heard, expected, "{origins:?} {origin}");
    }
    let any = ["vary: Origin", "allow-origin: *", "allow-credentials: true"];
    assert_eq!(said(&usual(&["http://b", "*"]), "GET", &page("https://x")), any);
    assert_eq!(said(&usual(&["*"]), "POST", &[]), any[..1], "no page sent it");
    assert_eq!(said(&usual(&["*"]), "PUT", &page("https://x")), any[..1], "not a method of ours");
    assert_eq!(said(&usual(&["*"]), "OPTIONS", &page("https://x")), any, "asks for nothing");
}

#[test]
fn a_preflight_request_hears_what_it_may_do() {
    let settings = Settings { max_age: 7200, ..usual(&["https://*.example"]) };
    let heard = said(
        &settings,
        "OPTIONS",
        &[
            ("origin", "https://shop.example"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "content-type"),
        ],
    );
    let expected = [
        PREFLIGHT_VARY,
        "allow-origin: https://shop.example",
        "allow-methods: POST",
        "allow-headers: content-type",
        "allow-credentials: true",
        "max-age: 7200",
    ];
    assert_eq!(heard, expected);
    let forbidden = Settings { max_age: -1, ..settings };
    let plain = [("origin", "https://shop.example"), ("access-control-request-method", "HEAD")];
    assert_eq!(said(&forbidden, "OPTIONS", &plain).last().map(String::as_str), Some("max-age: 0"));
    for refused in [
        [("origin", "https://other"), ("access-control-request-method", "POST")],
        [("origin", "https://shop.example"), ("access-control-request-method", "DELETE")],
    ] {
        assert_eq!(said(&forbidden, "OPTIONS", &refused), [PREFLIGHT_VARY], "{refused:?}");
    }
}

#[test]
fn headers_that_a_page_may_send() {
    let few = settings(&["*"], &["x-b", "content-type", "x-a"]);
    let any = settings(&["*"], &["x-a", "*"]);
    for (settings, wanted, expect) in [
        (&few, &["content-type,x-a,x-b"][..], true),
        (&few, &["content-type, x-a\t,x-b"], true),
        (&few, &["content-type", "x-b"], true),
        (&few, &["x-a,content-type"], false),
        (&few, &["x-a,x-a"], false),
        (&few, &["X-A"], false),
        (&few, &["x-a,  x-b"], false),
        (&few, &["x-c"], false),
        (&few, &["x-a,,x-b,"], true),
        (&few, &[",,,,,,,,,,,,,,,,,"], false),
        (&any, &["x-z,anything,Else"], true),
        (&usual(&["*"]), &["accept,content-type,x-requested-with"], true),
        (&usual(&["*"]), &["authorization"], false),
    ] {
        let mut headers = vec![("origin", "https://x"), ("access-control-request-method", "POST")];
        headers.extend(wanted.iter().map(|names| ("access-control-request-headers", *names)));
        let heard = said(settings, "OPTIONS", &headers);
        assert_eq!(heard.len() > 1, expect, "{wanted:?}: {heard:?}");
    }
}

#[test]
fn headers_of_an_answer_that_a_page_may_read() {
    let mut settings = usual(&["*"]);
    settings.exposed_headers = vec!["Retry-After".into(), "x-b".into()];
    let heard = said(&settings, "POST", &[("origin", "https://x")]);
    assert_eq!(heard[2], "expose-headers: Retry-After, x-b");
}
